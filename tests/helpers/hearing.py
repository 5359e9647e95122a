"""Whether what a client got is the speech that it asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from helpers.decoding import Decoded, decode, level_dbfs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMATS", "MEDIA_TYPES", "TEXT", "hear", "same_speech"]

TEXT = "The weather is fine today, and we are walking to the park together."
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/l16",
}
FORMATS = list(MEDIA_TYPES)
#: FFmpeg's names of the formats.
_CONTAINERS = {"mp3": "mp3", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav"}
#: Seconds from one look at the loudness to the next, and how many of them a look is long.
_LOOK_S, _LOOKS = 0.01, 10
#: Seconds by which a codec may shift or lengthen a recording: MP3 and AAC begin with silence,
#: and some players lose a packet while they find out what they play.
_SHIFT_S = 0.15


def hear(audio: Path | bytes, form: str) -> Decoded:
    """Decode what a client got, as a listener's player would; PCM is 24 kHz mono s16le."""
    data = audio if isinstance(audio, bytes) else audio.read_bytes()
    if form == "pcm":
        samples = np.frombuffer(data, "<i2") / 32768
        return Decoded(24_000, 1, samples[np.newaxis], "pcm_s16le")
    return decode(data, _CONTAINERS[form])


def same_speech(heard: Decoded, expected: Decoded) -> bool:
    """Whether two recordings say the same at the same moments, whatever codec they went through."""
    assert heard.channels == expected.channels == 1
    assert level_dbfs(heard.samples) > -40, "it is silent"
    if abs(heard.duration - expected.duration) > _SHIFT_S:
        return False
    first, second = _loudness(heard), _loudness(expected)
    shifts = range(int(_SHIFT_S / _LOOK_S))
    later = max(_likeness(first[by:], second) for by in shifts)
    earlier = max(_likeness(first, second[by:]) for by in shifts)
    return max(later, earlier) > 0.9


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    length = min(len(first), len(second))
    return float(np.corrcoef(first[:length], second[:length])[0, 1])


def _loudness(recording: Decoded) -> np.ndarray:
    size = int(recording.sample_rate * _LOOK_S)
    samples = recording.samples[0]
    looks = samples[: len(samples) // size * size].reshape(-1, size)
    power = np.mean(np.square(looks), axis=1)
    return np.sqrt(np.convolve(power, np.ones(_LOOKS) / _LOOKS, "valid"))
