"""Hearing of a job's changes without asking the database over and over.

Changes made in this process wake their watchers at once; changes made by another
process (a separate worker) are noticed by looking again after a short while.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Watchers"]


class Watchers:
    """Who in this process waits for news of which job. Lives on one event loop."""

    def __init__(self) -> None:
        #: By job, who waits, and whether for its sound as well.
        self._waiting: defaultdict[str, dict[asyncio.Event, bool]] = defaultdict(dict)

    def publish(self, job_id: str) -> None:
        """Wake everybody who watches the job."""
        for event in self._waiting.get(job_id, ()):
            event.set()

    def publish_sound(self, job_id: str) -> None:
        """There is more to hear of the job; nothing else has changed."""
        for event, listens in self._waiting.get(job_id, {}).items():
            if listens:
                event.set()

    async def changes(
        self, job_id: str, look_again_s: float, *, sound: bool = False
    ) -> AsyncGenerator[None, None]:
        """Yield now, and again whenever the job may have changed, at least every while.

        Args:
            job_id: Which job.
            look_again_s: The longest time in seconds between two looks.
            sound: Whether more sound is a change.
        """
        event = asyncio.Event()
        self._waiting[job_id][event] = sound
        try:
            while True:
                event.clear()
                yield
                try:
                    async with asyncio.timeout(look_again_s):
                        await event.wait()
                except TimeoutError:
                    continue
        finally:
            del self._waiting[job_id][event]
            if not self._waiting[job_id]:
                del self._waiting[job_id]
