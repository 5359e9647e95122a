"""What is to be spoken: a text, and by which voice each stretch of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from intone.core.kept import in_parts
from intone.text.segments import pause_at, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from itertools import count

    from intone.core.jobs import Order
    from intone.core.voices import CatalogueVoice
    from intone.text.segments import Segment

__all__ = ["Script", "Stretch", "Turn"]

#: Longest first segment of a stretch that is not the first: nobody waits for its beginning.
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Turn:
    """From here on, another voice speaks."""

    #: Where in the text, in code points.
    start: int
    voice: CatalogueVoice
    #: BCP 47 tag of the text from there on.
    language: str


@dataclass(frozen=True, slots=True)
class Script:
    """What to speak and how."""

    text: str
    voice: CatalogueVoice
    #: BCP 47 tag of the text.
    language: str
    style: str = "neutral"
    #: Speed multiplier, 0.5–2.0.
    rate: float = 1.0
    #: Semitones above the voice's own pitch, -12 to 12.
    pitch: float = 0.0
    #: Of the audio wanted, in Hz.
    sample_rate: int = 24_000

    #: Whose kept segments are used again, where they are; None: every one is spoken.
    workspace_id: str | None = None
    #: Channels of the MP3 whose parts the segments are kept as; 0: they are kept as PCM.
    part_channels: int = 0
    #: Where other voices take over, in the order of the text.
    turns: tuple[Turn, ...] = ()

    @classmethod
    def of(
        cls,
        order: Order,
        voice: CatalogueVoice,
        workspace_id: str | None = None,
        voices: Mapping[str, CatalogueVoice] = MappingProxyType({}),
    ) -> Self:
        """What an order asks to be spoken, by the voices it names.

        Args:
            order: The order.
            voice: Its own voice.
            workspace_id: Whose order; needed where it asks for reuse.
            voices: Those it switches to, by their slugs.
        """
        return cls(
            text=order.text,
            voice=voice,
            language=order.language,
            style=order.style,
            rate=order.rate,
            pitch=order.pitch,
            sample_rate=order.sample_rate,
            workspace_id=workspace_id if order.reuse else None,
            part_channels=order.channels if in_parts(order) else 0,
            turns=tuple(
                Turn(switch.start, voices[switch.voice], switch.language)
                for switch in order.switches
            ),
        )

    def stretches(self) -> Iterator[Stretch]:
        """The stretches of the text in their order, each with one voice."""
        turns = (Turn(0, self.voice, self.language), *self.turns)
        for turn, following in zip(turns, (*self.turns, None), strict=True):
            end = len(self.text) if following is None else following.start
            text = self.text[turn.start : end]
            script = replace(self, text=text, voice=turn.voice, language=turn.language, turns=())
            yield Stretch(script, turn.start, pause_at(self.text, end))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a text that one voice speaks."""

    #: As if there were no text around it.
    script: Script
    #: Where in the whole text it begins, in code points.
    start: int
    #: Silence after it in milliseconds, where anything follows.
    pause_ms: int

    def segments(self, numbers: count[int], *, together: bool) -> Iterator[Segment]:
        """Its segments, with offsets in the whole text.

        Args:
            numbers: Counts the segments of the whole.
            together: As of `split`.
        """
        script, limits = self.script, {"first_limit": _LONGEST} if self.start else {}
        waiting: Segment | None = None
        for segment in split(script.text, script.language, together=together, **limits):
            if waiting:
                yield waiting
            waiting = replace(
                segment,
                index=next(numbers),
                start=segment.start + self.start,
                end=segment.end + self.start,
            )
        if waiting:
            yield replace(waiting, pause_ms=self.pause_ms)
