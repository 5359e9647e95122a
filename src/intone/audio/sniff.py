"""What the first bytes of an answer say of its format."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["looks_like"]

#: How much of the beginning is looked at, and how much text can be nothing but text: as PCM it
#: would be eight samples that are all loud and all positive.
_HEAD, _ENOUGH_TEXT = 256, 16
#: What stands at which place in the formats that begin with a header. In Ogg, the first packet
#: follows a page header of 28 bytes.
_MAGIC = {
    "wav": ((0, b"RIFF"), (8, b"WAVE")),
    "opus": ((0, b"OggS"), (28, b"OpusHead")),
    "flac": ((0, b"fLaC"),),
}
_ID3 = ((0, b"ID3"),)
_SYNC, _MPEG_HEAD = 0xFF, 3
#: In the second byte of a frame: the sync's last bits and the layer, of ADTS one bit more.
_LAYER_BITS, _LAYER_3, _ADTS_BITS, _ADTS = 0xE6, 0xE2, 0xF6, 0xF0
_RESERVED_VERSION, _RESERVED_BIT_RATE, _RESERVED_RATE, _ADTS_RATES = 1, 15, 3, 13


def looks_like(form: str, head: bytes) -> bool | None:
    """Whether the beginning of a body can be audio of this format.

    PCM can be anything but what is plainly something else: text (an error in JSON or HTML),
    or a file with a header.

    Args:
        form: Name of the format (`intone.audio.formats.FORMATS`).
        head: The first bytes, as many as there are; 36 say what can be said of audio.

    Returns:
        None where there are too few bytes to say.
    """
    head = head[:_HEAD]
    if form in _MAGIC:
        return _has(head, _MAGIC[form])
    if form in _FRAMES:
        tag = _has(head, _ID3)
        return _is_mpeg(head, _FRAMES[form]) if tag is False else tag
    if any(_has(head, magic) for magic in _MAGIC.values()):
        return False
    return _is_no_text(head)


def _has(head: bytes, magic: Iterable[tuple[int, bytes]]) -> bool | None:
    """Whether these bytes stand at these places; None where the last is yet to come."""
    complete = True
    for place, wanted in magic:
        found = head[place : place + len(wanted)]
        if not wanted.startswith(found):
            return False
        complete = complete and len(found) == len(wanted)
    return complete or None


def _is_mpeg(head: bytes, is_frame: Callable[[int, int], bool]) -> bool | None:
    """Whether a frame of MPEG audio begins here, by the two bytes after its first."""
    if head and head[0] != _SYNC:
        return False
    if len(head) < _MPEG_HEAD:
        return None
    return is_frame(head[1], head[2])


def _is_layer_3(second: int, third: int) -> bool:
    """ISO/IEC 11172-3: the rest of the sync and layer III, and nothing that is reserved."""
    version, bit_rate, sample_rate = second >> 3 & 3, third >> 4, third >> 2 & 3
    return (
        second & _LAYER_BITS == _LAYER_3
        and version != _RESERVED_VERSION
        and 0 < bit_rate < _RESERVED_BIT_RATE
        and sample_rate != _RESERVED_RATE
    )


def _is_adts(second: int, third: int) -> bool:
    """ISO/IEC 14496-3: the rest of the sync, layer 0, a sample rate there is."""
    return second & _ADTS_BITS == _ADTS and third >> 2 & 15 < _ADTS_RATES


def _is_no_text(head: bytes) -> bool | None:
    try:
        # A character that is cut off at the end is still text.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return True
    if not all(character.isprintable() or character in "\t\r\n" for character in text):
        return True
    return False if len(head) >= _ENOUGH_TEXT else None


#: What a frame looks like in the formats that have no header, but perhaps an ID3 tag.
_FRAMES = {"mp3": _is_layer_3, "aac": _is_adts}
