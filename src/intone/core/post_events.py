"""What a player says of a post, and what of it is counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COUNTED", "LONGEST_S", "MILESTONES", "EventName", "PostEvent"]

EventName = Literal["impression", "play", "pause", "progress", "seek", "complete", "error"]

#: What is counted of a post on a day: the columns of `post_days`, in the order of a list of counts.
COUNTED: Final = (
    "impressions",
    "plays",
    "pauses",
    "seeks",
    "errors",
    "quarters",
    "halves",
    "three_quarters",
    "completes",
    "heard_ms",
)
_COUNT_OF: Final = {
    "impression": "impressions",
    "play": "plays",
    "pause": "pauses",
    "seek": "seeks",
    "complete": "completes",
    "error": "errors",
}
_QUARTERS: Final = (None, "quarters", "halves", "three_quarters")
#: What a page view reaches once, however often it says so.
MILESTONES: Final = frozenset(
    {"impressions", "plays", "quarters", "halves", "three_quarters", "completes"}
)
#: No recording is longer than a week; in seconds.
LONGEST_S: Final = 604_800.0
#: Nobody listens for longer between two events, in seconds: 6 hours.
_LONGEST_HEARD_S: Final = 21_600.0
#: Browsers estimate the length of an MP3 file, so a position may lie behind it by a second, or by
#: so much of it.
_SLACK_S: Final = 1.0
_SLACK: Final = 0.05
#: Of the whole: a player that rounds is as far as it says.
_ROUNDING: Final = 0.01


@dataclass(frozen=True, slots=True)
class PostEvent:
    """Something that happened in a player; all times are in seconds of audio."""

    #: The publisher's own id of the post.
    post_id: str
    name: EventName
    #: The post's, as the publisher says it.
    language: str = "en"
    position_s: float | None = None
    #: How long the audio is; None or 0 where the player does not know yet.
    duration_s: float | None = None
    #: What was really played since the event before.
    heard_s: float = 0.0
    #: One page view's; it only keeps a milestone of that view from being counted twice.
    session_id: str | None = None

    def faults(self) -> dict[str, str]:
        """What cannot be, by the field's name on the wire; empty where nothing is wrong."""
        return dict(self._faults())

    def _faults(self) -> Iterator[tuple[str, str]]:
        times = {"position_seconds": self.position_s, "duration_seconds": self.duration_s}
        for field, seconds in times.items():
            if seconds is not None and not 0 <= seconds <= LONGEST_S:  # NaN is not, either
                yield field, f"This must be a time from 0 to {LONGEST_S:.0f} seconds."
        if not 0 <= self.heard_s < math.inf:
            yield "heard_seconds", "This must be a time of 0 seconds or more."
        if self.position_s is not None and self.duration_s:
            slack = max(_SLACK_S, _SLACK * self.duration_s)
            if self.position_s > self.duration_s + slack:
                yield "position_seconds", "This is behind the end of the audio (duration_seconds)."
        if self.name == "progress":
            if self.position_s is None:
                yield "position_seconds", "This is required of the event 'progress'."
            if not self.duration_s:
                yield "duration_seconds", "This is required of the event 'progress', above 0."

    @property
    def counts_as(self) -> str | None:
        """The one of `COUNTED` that it adds one to; None of progress before the first quarter."""
        if self.name != "progress":
            return _COUNT_OF[self.name]
        share = (self.position_s or 0.0) / (self.duration_s or math.inf) + _ROUNDING
        return _QUARTERS[min(int(share * 4), 3)]

    @property
    def heard_ms(self) -> int:
        """How long was listened, in milliseconds: never more than can be true."""
        longest = min(self.duration_s or _LONGEST_HEARD_S, _LONGEST_HEARD_S)
        return round(1000 * min(self.heard_s, longest))
