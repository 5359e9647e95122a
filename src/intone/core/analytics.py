"""Counting who listens: events of players become counts by post and day (UTC), and nothing else.

No address, no cookie and no session is written down; of an event nothing is left but the number it
raised. Counts are gathered in memory for up to a second and added to the database in few units of
work, so that a page that many read at once costs it no more than any other. What a stopped server
has gathered it writes first; a process that is killed loses at most that last second. Where the
network breaks while PostgreSQL commits, a second's counts may be added twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from intone.core.post_events import COUNTED, MILESTONES
from intone.errors import IntoneError, NotFoundError, UnavailableError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from intone.core.post_events import PostEvent
    from intone.storage.database import Database, Transaction

__all__ = ["DAY_MS", "Analytics"]

_log = structlog.get_logger(__name__)

DAY_MS: Final = 86_400_000
#: Seconds for which counts are gathered.
_GATHER_S: Final = 1.0
#: How many posts are counted in memory at most; a database that is away leaves them there.
_MOST_POSTS: Final = 5_000
#: How many of them one unit of work writes: others wait for it on SQLite.
_AT_ONCE: Final = 500
#: How many posts are known to exist without asking, and for how many seconds.
_REMEMBERED: Final = 10_000
_REMEMBERED_S: Final = 30.0
#: How many milestones of page views are remembered, and for how many seconds since the last one.
_SEEN: Final = 20_000
_SEEN_S: Final = 3600.0
#: How many posts one statement looks for.
_ASKED: Final = 32
_COUNTS: Final = {name: index for index, name in enumerate(COUNTED)}
_HEARD: Final = _COUNTS["heard_ms"]

#: Site, post and language.
_Post = tuple[str, str, str]
#: A post and a day (since the epoch).
_Key = tuple[str, str, str, int]

_FIND = f"""
SELECT post_id, language FROM posts
WHERE site_id = :site_id AND post_id IN ({", ".join(f":post{n}" for n in range(_ASKED))})
"""
# By the post's names, so that a post that was deleted meanwhile is left out and none that has got
# its number is taken for it.
_ADD = f"""
INSERT INTO post_days (post_number, day, {", ".join(COUNTED)})
SELECT number, CAST(:day AS INTEGER), {", ".join(f"CAST(:{name} AS BIGINT)" for name in COUNTED)}
FROM posts WHERE site_id = :site_id AND post_id = :post_id AND language = :language
ON CONFLICT (post_number, day) DO UPDATE SET
  {", ".join(f"{name} = post_days.{name} + excluded.{name}" for name in COUNTED)}
"""


class Analytics:
    """Counts events; any number of processes may add to the same figures.

    Args:
        database: Where the counts go.
        clock: Monotonic seconds.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._gathered: dict[_Key, list[int]] = {}
        self._posts: OrderedDict[_Post, float] = OrderedDict()
        self._seen: OrderedDict[int, float] = OrderedDict()
        self._writer: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def count(self, site_id: str, events: Sequence[PostEvent]) -> None:
        """Count events of a site's players; those of posts that it does not have are left out.

        Args:
            site_id: Whose players.
            events: Each without `faults`.

        Raises:
            NotFoundError: None of them is of a post of this site.
            UnavailableError: The database cannot be asked, or has taken no counts for so long
                that there is no room for more; none of these events was counted.
        """
        posts = {(site_id, event.post_id, event.language) for event in events}
        known = await self._known(site_id, posts)
        if not known:
            raise NotFoundError("This site has no such post in this language.")
        day = now_ms() // DAY_MS
        new = sum((*post, day) not in self._gathered for post in known)
        if len(self._gathered) + new > _MOST_POSTS:
            raise UnavailableError("Too much is waiting to be counted; try again.", retry_after=1)
        for event in events:
            if (post := (site_id, event.post_id, event.language)) in known:
                self._add((*post, day), event)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Write down what was gathered; what the database does not take stays gathered."""
        while self._gathered:
            keys = sorted(self._gathered)[:_AT_ONCE]  # in one order: two processes never lock up
            counts = {key: self._gathered.pop(key) for key in keys}
            try:
                await self._database.write(_add, counts)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing was counted
                self._take_back(counts)
                known = isinstance(error, IntoneError)
                _log.warning("analytics.not_written", posts=len(counts), exc_info=not known)
                return

    async def close(self) -> None:
        """Write down what is left."""
        self._closing.set()
        if self._writer is not None:
            await self._writer
        await self.flush()
        if self._gathered:
            _log.error("analytics.lost", posts=len(self._gathered))

    async def _write(self) -> None:
        while self._gathered and not self._closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_S):
                    await self._closing.wait()
            await self.flush()

    def _add(self, key: _Key, event: PostEvent) -> None:
        counts = self._gathered.setdefault(key, [0] * len(COUNTED))
        counts[_HEARD] += event.heard_ms
        name = event.counts_as
        if name is not None and self._is_first(event, key, name):
            counts[_COUNTS[name]] += 1

    def _is_first(self, event: PostEvent, key: _Key, name: str) -> bool:
        """Whether the event's page view has not come to this milestone before."""
        if event.session_id is None or name not in MILESTONES:
            return True
        # Python's hash is salted by the process: nothing can be told from it.
        view, now = hash((event.session_id, key[:3], name)), self._clock()
        before = self._seen.pop(view, None)
        self._seen[view] = now
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return before is None or before < now - _SEEN_S

    def _take_back(self, counts: Mapping[_Key, Sequence[int]]) -> None:
        for key, old in counts.items():
            new = self._gathered.get(key, [0] * len(COUNTED))
            self._gathered[key] = [a + b for a, b in zip(old, new, strict=True)]

    async def _known(self, site_id: str, posts: Collection[_Post]) -> set[_Post]:
        """Those posts that exist."""
        now = self._clock()
        known = {post for post in posts if self._posts.get(post, now) > now}
        if unsure := [post for post in posts if post not in known]:
            post_ids = sorted({post_id for _, post_id, _ in unsure})
            found = await self._database.read(_find, site_id, post_ids)
            for post in unsure:
                self._posts.pop(post, None)
                if post[1:] in found:
                    self._posts[post] = now + _REMEMBERED_S
                    known.add(post)
        while len(self._posts) > _REMEMBERED:
            self._posts.popitem(last=False)
        return known


def _find(tx: Transaction, site_id: str, post_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Which posts of these ids the site has, and in which languages."""
    found = set()
    for start in range(0, len(post_ids), _ASKED):
        some = [*post_ids[start : start + _ASKED]]
        some += [some[0]] * (_ASKED - len(some))
        asked = {f"post{number}": post_id for number, post_id in enumerate(some)}
        rows = tx.all(_FIND, site_id=site_id, **asked)
        found |= {(row["post_id"], row["language"]) for row in rows}
    return found


def _add(tx: Transaction, counts: Mapping[_Key, Sequence[int]]) -> None:
    for (site_id, post_id, language, day), numbers in counts.items():
        tx.execute(
            _ADD,
            site_id=site_id,
            post_id=post_id,
            language=language,
            day=day,
            **dict(zip(COUNTED, numbers, strict=True)),
        )
