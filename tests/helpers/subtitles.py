"""Reading caption files as players do: with FFmpeg's demuxers (PyAV)."""

import html
import io
import re
from typing import NamedTuple

import av

__all__ = ["Shown", "read_srt", "read_vtt"]

_TIMES = re.compile(r"(\d\d+:[0-5]\d:[0-5]\d\.\d{3}) --> (\d\d+:[0-5]\d:[0-5]\d\.\d{3})")


class Shown(NamedTuple):
    """A cue; times in milliseconds."""

    from_ms: int
    to_ms: int
    text: str


def read_vtt(data: bytes) -> list[Shown]:
    """The cues of a WebVTT file whose every block is one that the specification allows."""
    header, *blocks = data.decode().rstrip("\n").split("\n\n")
    assert re.fullmatch(r"WEBVTT(?:[ \t].*)?", header)
    for block in blocks:
        first, *payload = block.split("\n")
        if not first.startswith("NOTE"):
            assert _TIMES.fullmatch(first), first
            assert payload
            assert all(line.strip() and "-->" not in line for line in payload)
            assert not re.search(r"<(?!\d\d+:\d\d:\d\d\.\d{3}>)|&(?!(?:amp|lt|gt);)", block)
    return [one._replace(text=html.unescape(one.text)) for one in _demuxed(data, "webvtt")]


def read_srt(data: bytes) -> list[Shown]:
    """The cues of a SubRip file whose numbers count from 1."""
    blocks = data.decode().split("\r\n\r\n")[:-1]
    assert [block.split("\r\n")[0] for block in blocks] == [
        str(number + 1) for number in range(len(blocks))
    ]
    return _demuxed(data, "srt")


def _demuxed(data: bytes, form: str) -> list[Shown]:
    with av.open(io.BytesIO(data), format=form) as file:
        packets = [packet for packet in file.demux(subtitles=0) if packet.size]
        return [
            Shown(packet.pts, packet.pts + packet.duration, bytes(packet).decode())
            for packet in packets
        ]
