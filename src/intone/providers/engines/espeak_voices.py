"""The eSpeak NG presets: who they are and what makes their sound.

`espeak_voices.csv` is the catalogue, a line a voice. Numbers, slugs and local ids in it
are what clients keep: a line may be added or retired, never renumbered.
"""

from __future__ import annotations

import csv
import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import msgspec

from intone.providers.base import PresetVoice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.providers.base import Gender

__all__ = [
    "ENGINE_VERSION",
    "OPENAI_NAMES",
    "STYLES",
    "EspeakSettings",
    "EspeakVoice",
    "load_voices",
]

#: The eSpeak NG whose sound the voices' versions stand for.
ENGINE_VERSION = "1.52.0"


#: Which of our voices answers to a name that OpenAI's clients send.
OPENAI_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "alloy": "en-us.emma",
        "ash": "en-us.james",
        "ballad": "en-gb.oliver",
        "cedar": "en-us.henry",
        "coral": "en-us.olivia",
        "echo": "en-us.caleb",
        "fable": "en-gb.charlotte",
        "marin": "en-us.ava",
        "nova": "en-us.hannah",
        "onyx": "en-us.mason",
        "sage": "en-us.grace",
        "shimmer": "en-gb.amelia",
        "verse": "en-us.ethan",
    }
)


class EspeakSettings(msgspec.Struct, frozen=True):
    """What the library is set to for one voice in one style."""

    #: The library's identifier with its variant, e.g. `gmw/en-US+f2`.
    voice: str
    #: 0–99; 50 is the variant's own pitch.
    pitch: int
    #: How lively the melody is, 0–99; 50 is normal.
    range: int
    #: 0–200; 100 is the library's own.
    volume: int
    #: Speed multiplier against 175 words a minute.
    speed: float
    #: Words a minute at which the language takes twice as long as at 175.
    half: int
    #: Words a minute at which the language takes half as long as at 175.
    double: int


@dataclass(frozen=True, slots=True)
class _Style:
    """How a style changes a voice."""

    pitch: int = 0
    range: int = 0
    #: Factors.
    volume: float = 1.0
    speed: float = 1.0
    whispers: bool = False

    def apply(self, settings: EspeakSettings, gender: Gender) -> EspeakSettings:
        voice = settings.voice
        if self.whispers:
            variant = "whisperf" if gender == "female" else "whisper"
            voice = f"{voice.partition('+')[0]}+{variant}"
        return EspeakSettings(
            voice=voice,
            pitch=_within(settings.pitch + self.pitch, 99),
            range=_within(settings.range + self.range, 99),
            volume=_within(round(settings.volume * self.volume), 200),
            speed=round(settings.speed * self.speed, 3),
            half=settings.half,
            double=settings.double,
        )


_STYLES = {
    "neutral": _Style(),
    "cheerful": _Style(pitch=14, range=30, speed=1.08),
    "calm": _Style(pitch=-3, range=-24, speed=0.85, volume=0.85),
    "serious": _Style(pitch=-20, range=-8, speed=0.96),
    "whisper": _Style(speed=0.92, whispers=True),
}

#: What shapes the sound of every voice.
_COMMON_SOUND = f"{ENGINE_VERSION} {_STYLES!r}"

#: What every voice can speak in.
STYLES = tuple(_STYLES)


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A preset and its sound."""

    preset: PresetVoice
    neutral: EspeakSettings

    def settings(self, style: str) -> EspeakSettings:
        """What the library is set to for a style.

        Raises:
            KeyError: There is no such style.
        """
        return _STYLES[style].apply(self.neutral, self.preset.gender)


@functools.cache
def load_voices() -> Mapping[str, EspeakVoice]:
    """The whole catalogue by local id, in its order; read once a process."""
    source = resources.files(__package__).joinpath("espeak_voices.csv")
    with source.open(encoding="utf-8") as lines:
        voices = [_voice(row) for row in csv.DictReader(lines)]
    return {voice.preset.local_id: voice for voice in voices}


def _voice(row: dict[str, str]) -> EspeakVoice:
    neutral = EspeakSettings(
        voice=f"{row['voice']}+{row['variant']}" if row["variant"] else row["voice"],
        pitch=int(row["pitch"]),
        range=int(row["range"]),
        volume=int(row["volume"]),
        speed=float(row["speed"]),
        half=int(row["half"]),
        double=int(row["double"]),
    )
    preset = PresetVoice(
        number=int(row["number"]),
        slug=row["slug"],
        name=row["name"],
        provider="espeak",
        local_id=row["local_id"],
        languages=tuple(row["languages"].split()),
        gender=cast("Gender", row["gender"]),
        description=row["description"],
        styles=STYLES,
        version=_version(neutral),
    )
    return EspeakVoice(preset, neutral)


def _version(neutral: EspeakSettings) -> str:
    """A digest of everything that shapes the sound."""
    sound = f"{_COMMON_SOUND} {neutral!r}"
    return hashlib.sha256(sound.encode()).hexdigest()[:12]


def _within(value: int, most: int) -> int:
    return max(0, min(most, value))
