"""What a file says of itself: who made it, and that its speech is synthetic.

Two fields under FFmpeg's names, `encoder` and `comment`, as every container has places for them:
RIFF's INFO list, Vorbis comments, ID3. ADTS has none of its own; HTTP Live Streaming puts an
ID3v2.4 tag (https://id3.org/id3v2.4.0-structure) before it, and players know it there. MP3 gets an
ID3v1 tag behind it: MP3 files are joined end to end, and FFmpeg's decoder takes an ID3v2 tag amid
the audio for a broken frame, while it passes over ID3v1.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from intone import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["id3v1_tag", "id3v2_tag", "provenance", "riff_info"]

#: IPTC's term for what a model has made, which C2PA manifests use as well
#: (https://cv.iptc.org/newscodes/digitalsourcetype/).
_SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
#: Title, artist, album, year, comment, genre; of the genres, one is speech.
_ID3V1: Final = struct.Struct("3s30s30s30s4s30sB")
_ID3V1_FIELD: Final = 30
_SPEECH: Final = 101
_UTF_8: Final = b"\x03"
_NO_LANGUAGE: Final = b"und\0"


def provenance(*, cloned: bool = False) -> Mapping[str, str]:
    """The tags of all audio that is encoded here.

    Args:
        cloned: Whether it is spoken by a voice made after somebody's own.
    """
    generator = f"Intone/{__version__}"
    facts = [
        "INTONE_PROVENANCE=synthetic",
        f"generator={generator}",
        *(["voice=cloned"] if cloned else []),
        f"digitalSourceType={_SOURCE_TYPE}",
    ]
    return {"encoder": generator, "comment": "; ".join(facts)}


def riff_info(tags: Mapping[str, str]) -> bytes:
    """The tags as a LIST chunk of a WAV file; nothing where there are none."""
    names = {"encoder": b"ISFT", "comment": b"ICMT"}
    fields = b"".join(_chunk(names[name], text.encode() + b"\0") for name, text in tags.items())
    return _chunk(b"LIST", b"INFO" + fields) if fields else b""


def id3v2_tag(tags: Mapping[str, str]) -> bytes:
    """The tags as ID3v2.4, to stand before ADTS; nothing where there are none.

    No byte of it is 0xFF, so nothing in it looks like a frame to who enters amid joined files.
    """
    frames = b""
    for name, text in tags.items():
        kind, before = (b"TSSE", b"") if name == "encoder" else (b"COMM", _NO_LANGUAGE)
        body = _UTF_8 + before + text.encode()
        frames += kind + _synchsafe(len(body)) + b"\0\0" + body
    return b"ID3\x04\0\0" + _synchsafe(len(frames)) + frames if frames else b""


def id3v1_tag(tags: Mapping[str, str]) -> bytes:
    """What of the tags fits into the 128 bytes of ID3v1, to stand behind MP3; perhaps nothing.

    The comment holds the first of the facts, the title which kind of voice it is.
    """
    if not tags:
        return b""
    facts = tags.get("comment", "").split("; ")
    voice = next((fact for fact in facts if fact.startswith("voice=")), "")
    fields = (voice, tags.get("encoder", ""), "", "\0" * 4, facts[0])
    texts = [text.encode("ascii", "replace")[:_ID3V1_FIELD] for text in fields]
    title, artist, album, year, comment = texts
    return _ID3V1.pack(b"TAG", title, artist, album, year, comment, _SPEECH)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _synchsafe(number: int) -> bytes:
    """Seven bits a byte, as ID3 counts."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
