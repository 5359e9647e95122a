"""What the head of an MP3 stream says of its speed (ISO/IEC 11172-3 and 13818-3, ID3v2.4)."""

from __future__ import annotations

from typing import Final

__all__ = ["MPEG1_KBPS", "MPEG2_KBPS", "byte_rate"]

#: Bit rates of layer III in kbit/s by their index, from 1 on.
MPEG1_KBPS: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2_KBPS: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

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
