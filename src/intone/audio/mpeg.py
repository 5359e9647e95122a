"""What the head of an MP3 stream says of its speed (ISO/IEC 11172-3 and 13818-3, ID3v2.4)."""

from __future__ import annotations

from typing import Final

__all__ = ["MPEG1_KBPS", "MPEG2_KBPS", "byte_rate", "frame_bytes"]

#: Bit rates of layer III in kbit/s by their index, from 1 on.
MPEG1_KBPS: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2_KBPS: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

#: Samples a second by their index, of MPEG-1; of MPEG-2 half of it, of MPEG-2.5 a quarter.
_MPEG1_HZ: Final = (44_100, 48_000, 32_000)
_DIVISORS: Final = {3: 1, 2: 2, 0: 4}
#: Bytes of a frame by kbit/s and kHz: its samples by 8 bits.
_MPEG1_SLOTS, _MPEG2_SLOTS = 144_000, 72_000

_SYNC: Final = 0xFF
_MPEG1: Final = 3
_FRAME_HEAD: Final = 4
_ID3_HEAD: Final = 10


def byte_rate(head: bytes) -> int:
    """Bytes a second of the MP3 stream that begins with `head`; 0 where that cannot be told.

    It goes by the first frame, so of a variable bit rate it is an estimate.
    """
    start = 0
    if head[:3] == b"ID3" and len(head) >= _ID3_HEAD:
        start = _ID3_HEAD + sum(
            byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
    frame = head[start : start + _FRAME_HEAD]
    if len(frame) < _FRAME_HEAD or frame[0] != _SYNC:
        return 0
    table = MPEG1_KBPS if frame[1] >> 3 & 3 == _MPEG1 else MPEG2_KBPS
    index = frame[2] >> 4
    return table[index - 1] * 125 if 0 < index <= len(table) else 0


def frame_bytes(head: bytes) -> int:
    """Bytes of the layer III frame that begins with these four, padding included."""
    version, index = head[1] >> 3 & 3, head[2] >> 4
    rate = _MPEG1_HZ[head[2] >> 2 & 3] // _DIVISORS[version]
    is_first = version == _MPEG1
    kbps = (MPEG1_KBPS if is_first else MPEG2_KBPS)[index - 1]
    return (_MPEG1_SLOTS if is_first else _MPEG2_SLOTS) * kbps // rate + (head[2] >> 1 & 1)
