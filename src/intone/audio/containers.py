"""Taking apart the files audio arrives in, piece by piece: WAV, Ogg, FLAC.

All of them raise ProviderInvalidResponseError for what is no such file, and hold no more of it
than a header or a page.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from intone.errors import ProviderInvalidResponseError

__all__ = ["FlacReader", "OggPacket", "OggReader", "WavFormat", "WavReader"]

#: RIFF's chunk header, and its file header, which is one with a word behind it.
_CHUNK, _RIFF = struct.Struct("<4sI"), struct.Struct("<4sI4s")
_FMT = struct.Struct("<HHIIHH")
#: Formats of a WAV file; EXTENSIBLE names one of the others at the start of a longer field.
_INTEGER, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT_AT = 24
_LARGEST_FMT = 1024
_WIDTHS = {_INTEGER: (8, 16, 24, 32), _FLOAT: (32,)}
_MOST_CHANNELS, _HIGHEST_RATE = 8, 384_000
#: Lengths that mean "not known yet": they are written by who streams.
_UNKNOWN_LENGTHS = (0, 0xFFFFFFFF)

#: Ogg page: version, flags, granule position, serial, sequence, checksum, count of segments.
_PAGE = struct.Struct("<4sBBqIIIB")
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_FULL_SEGMENT = 255
#: More than any speech packet; bounds what a page that never ends its packet can make us hold.
_LARGEST_PACKET = 1 << 20

_FLAC = b"fLaC"
_BLOCK_HEADER = 4
_STREAMINFO, _STREAMINFO_SIZE = 0, 34
_LAST_BLOCK = 0x80


@dataclass(frozen=True, slots=True)
class WavFormat:
    """What the samples of a WAV file are."""

    sample_rate: int
    channels: int
    #: Bits of one sample.
    bits: int
    is_float: bool


class WavReader:
    """Finds the samples in a WAV file, however long its header says they are."""

    def __init__(self) -> None:
        #: Known before the first samples come out.
        self.format: WavFormat | None = None
        self._held = bytearray()
        self._is_riff = self._is_data = False
        #: Bytes still to come of a chunk nobody needs.
        self._skip = 0
        #: Bytes of samples still to come; None where all that comes are samples.
        self._left: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Take in more of the file and return what of it are samples."""
        if not self._is_data:
            self._held += data
            self._is_data = self._read_header()
            if not self._is_data:
                return b""
            data, self._held = bytes(self._held), bytearray()
        if self._left is None:
            return data
        samples = data[: self._left]
        self._left -= len(samples)
        return samples

    def _read_header(self) -> bool:
        """Read what is there of the header; returns whether the samples begin."""
        held = self._held
        if not self._is_riff:
            if len(held) < _RIFF.size:
                return False
            riff, _, wave = _RIFF.unpack_from(held)
            if (riff, wave) != (b"RIFF", b"WAVE"):
                raise ProviderInvalidResponseError
            del held[: _RIFF.size]
            self._is_riff = True
        while True:
            skipped = min(self._skip, len(held))
            del held[:skipped]
            self._skip -= skipped
            if len(held) < _CHUNK.size:
                return False
            name, size = _CHUNK.unpack_from(held)
            if name == b"data":
                return self._begin_data(size)
            if name == b"fmt ":
                if not _FMT.size <= size <= _LARGEST_FMT:
                    raise ProviderInvalidResponseError
                if len(held) < _CHUNK.size + size:
                    return False
                self.format = _wav_format(held[_CHUNK.size : _CHUNK.size + size])
            # A chunk of odd length has a byte behind it that does not count.
            self._skip = _CHUNK.size + size + size % 2

    def _begin_data(self, size: int) -> bool:
        if self.format is None:
            raise ProviderInvalidResponseError
        del self._held[: _CHUNK.size]
        self._left = None if size in _UNKNOWN_LENGTHS else size
        return True


def _wav_format(chunk: bytes | bytearray) -> WavFormat:
    code, channels, sample_rate, _, _, bits = _FMT.unpack_from(chunk)
    if code == _EXTENSIBLE and len(chunk) >= _SUBFORMAT_AT + 2:
        code = int.from_bytes(chunk[_SUBFORMAT_AT : _SUBFORMAT_AT + 2], "little")
    possible = bits in _WIDTHS.get(code, ()) and 0 < channels <= _MOST_CHANNELS
    if not possible or not 0 < sample_rate <= _HIGHEST_RATE:
        raise ProviderInvalidResponseError
    return WavFormat(sample_rate, channels, bits, is_float=code == _FLOAT)


@dataclass(frozen=True, slots=True)
class OggPacket:
    """A packet of a logical stream."""

    data: bytes
    #: Whether it is the first of its stream.
    is_first: bool
    #: Where the stream ends, in the codec's own unit, with its last packet.
    end: int | None


class OggReader:
    """Finds the packets in an Ogg file (RFC 3533) of one stream, or of several in a row."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._packet = bytearray()

    def feed(self, data: bytes) -> list[OggPacket]:
        """Take in more of the file and return the packets that are complete."""
        self._held += data
        packets: list[OggPacket] = []
        while (page := self._page()) is not None:
            packets += page
        return packets

    def _page(self) -> list[OggPacket] | None:
        """The packets that end on the next page; None where it has not come yet."""
        held = self._held
        if not b"OggS".startswith(held[:4]):
            raise ProviderInvalidResponseError
        if len(held) < _PAGE.size:
            return None
        _, _, flags, granule, _, _, _, count = _PAGE.unpack_from(held)
        body = _PAGE.size + count
        sizes = bytes(held[_PAGE.size : body])
        end = body + sum(sizes)
        if len(held) < end or len(sizes) < count:
            return None
        content = bytes(held[body:end])
        del held[:end]
        if not flags & _CONTINUED:
            self._packet.clear()
        packets = self._packets(content, sizes, is_first=bool(flags & _FIRST))
        if packets and flags & _LAST:
            packets[-1] = replace(packets[-1], end=granule)
        return packets

    def _packets(self, content: bytes, sizes: bytes, *, is_first: bool) -> list[OggPacket]:
        packets: list[OggPacket] = []
        place = 0
        for size in sizes:
            self._packet += content[place : place + size]
            place += size
            if size < _FULL_SEGMENT:
                packets.append(OggPacket(bytes(self._packet), is_first and not packets, None))
                self._packet.clear()
        if len(self._packet) > _LARGEST_PACKET:
            raise ProviderInvalidResponseError
        return packets


class FlacReader:
    """Finds the audio in a FLAC file (RFC 9639): it is what follows the metadata."""

    def __init__(self) -> None:
        #: The block a decoder needs; known before the first audio comes out.
        self.streaminfo = b""
        self._held = bytearray()
        self._is_flac = self._is_last_block = self._is_audio = False
        #: Bytes still to come of a block nobody needs.
        self._skip = 0

    def feed(self, data: bytes) -> bytes:
        """Take in more of the file and return what of it is audio."""
        if self._is_audio:
            return data
        self._held += data
        self._is_audio = self._read_metadata()
        if not self._is_audio:
            return b""
        audio, self._held = bytes(self._held), bytearray()
        return audio

    def _read_metadata(self) -> bool:
        """Read what is there of the metadata; returns whether the audio begins."""
        held = self._held
        if not self._is_flac:
            if not _FLAC.startswith(held[: len(_FLAC)]):
                raise ProviderInvalidResponseError
            if len(held) < len(_FLAC):
                return False
            del held[: len(_FLAC)]
            self._is_flac = True
        while True:
            skipped = min(self._skip, len(held))
            del held[:skipped]
            self._skip -= skipped
            if self._is_last_block and not self._skip:
                return True
            if len(held) < _BLOCK_HEADER + (0 if self.streaminfo else _STREAMINFO_SIZE):
                return False
            kind, size = held[0], int.from_bytes(held[1:_BLOCK_HEADER], "big")
            if not self.streaminfo:
                if kind & ~_LAST_BLOCK != _STREAMINFO or size != _STREAMINFO_SIZE:
                    raise ProviderInvalidResponseError
                self.streaminfo = bytes(held[_BLOCK_HEADER : _BLOCK_HEADER + size])
            self._is_last_block = bool(kind & _LAST_BLOCK)
            self._skip = _BLOCK_HEADER + size
