"""Posts: articles of a site that are read aloud once, and again when they change.

A post is known by its site, the publisher's id and its language (seed 000). Who sends one that
is ready, or being rendered, starts nothing; who forces it, or says that it may have changed, has
it rendered anew while what there is goes on being served.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from intone.core import jobs, ledger, post_rows, post_takes
from intone.core.post_orders import in_voice, order_of, preset_for
from intone.core.voices import speaks
from intone.errors import (
    InvalidInputError,
    NotFoundError,
    PostLimitError,
    QuotaExceededError,
)
from intone.storage.database import LostRaceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.jobs import Job, JobState, Order
    from intone.core.policy import Policy
    from intone.core.post_orders import PostRequest, Update
    from intone.core.post_rows import Post
    from intone.core.sites import Site
    from intone.core.voices import CatalogueVoice, VoiceCatalogue
    from intone.core.watch import Watchers
    from intone.queue.base import Queue
    from intone.storage.database import Database, Transaction

__all__ = ["DIALECT", "Outcome", "PostReply", "Posts"]

#: What the core calls jobs that came by this API.
DIALECT: Final = "posts"
#: More languages than any post is in.
_MOST_LANGUAGES: Final = 1000
#: The language in which new posts count towards the plan's (seed 000).
_COUNTED: Final = "en"

#: What became of a request: a job was queued for it, one is at work already, or it was done before.
Outcome = Literal["queued", "generating", "exists"]


@dataclass(frozen=True, slots=True)
class PostReply:
    """What became of a request, and the post as it stands."""

    outcome: Outcome
    post: Post


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A request as the unit of work takes it."""

    site: Site
    request: PostRequest
    order: Order
    #: Of what is read, and how.
    sha256: bytes


class Posts:
    """The posts of all sites.

    Args:
        database: Where they are.
        queue: Where their jobs go.
        voices: Knows who reads which language.
        policy: Knows what may be read.
        watchers: Are told of jobs that are ended.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        voices: VoiceCatalogue,
        policy: Policy,
        watchers: Watchers,
    ) -> None:
        self._database = database
        self._queue = queue
        self._voices = voices
        self._policy = policy
        self._watchers = watchers

    def speaks(self, language: str) -> bool:
        """Whether some preset speaks a language."""
        return bool(self._voices.speaking(language))

    async def voice_of(self, site: Site, language: str) -> CatalogueVoice:
        """The voice that reads a language on the site unless a post says.

        The site's own, where it speaks the language; else the first preset that does, of the same
        gender if there is one.

        Raises:
            NotFoundError: No voice speaks it.
        """
        gender = ""
        try:
            own = await self._voices.find(site.workspace_id, site.voice)
        except (NotFoundError, InvalidInputError):  # it is no more, or not yet
            own = None
        if own is not None:
            if speaks(own.languages, language):
                return own
            gender = own.gender
        found = preset_for(self._voices, language, gender)
        if found is None:
            raise NotFoundError(f"No voice here speaks {language!r}.")
        return found

    async def voice_numbered(self, workspace_id: str, number: int) -> CatalogueVoice | None:
        """The voice of that integer id with which the workspace can speak."""
        preset = self._voices.preset(str(number))
        if preset is not None and preset.number == number:
            return preset
        cloned = await self._voices.cloned(workspace_id)
        return next((voice for voice in cloned if voice.number == number), None)

    async def voice_named(self, workspace_id: str, slug: str) -> CatalogueVoice | None:
        """The voice of that slug with which the workspace can speak; None where there is none."""
        try:
            return await self._voices.find(workspace_id, slug)
        except (NotFoundError, InvalidInputError):
            return None

    async def submit(self, site: Site, request: PostRequest) -> PostReply:
        """Have a post be read aloud, unless that was done or is being done.

        Raises:
            PolicyBlockedError: The text is not allowed; nothing was stored.
            PostLimitError: It is a new one, and the month's are used up; nothing was stored.
            QuotaExceededError: The workspace cannot pay for the characters; nothing was stored.
            StorageFullError: There is no room to write it down.
        """
        await self._policy.check(request.text)
        order = order_of(self._voices, request)
        content = (request.text, order.voice, order.language, order.switches)
        wanted = _Wanted(
            site, request, order, hashlib.sha256(msgspec.json.encode(content)).digest()
        )
        return await self._database.write(_submit, self._queue, wanted)

    async def find(self, site: Site, post_id: str, language: str, voice: str | None = None) -> Post:
        """The site's post as it stands, in its own voice or in that of a slug.

        Raises:
            NotFoundError: There is no such post.
        """
        return await self._database.read(post_rows.find, site.id, post_id, language, voice)

    async def find_for_reader(
        self, site: Site, post_id: str, language: str, voice: str | None = None
    ) -> Post:
        """As `find`; a voice that readers may choose and that has not read it yet begins to.

        It begins once the post is ready in its own voice; until then the answer has no take.

        Raises:
            NotFoundError: There is no such post or no audio of it, or readers may not choose this
                voice.
            QuotaExceededError: The workspace cannot pay for another voice.
        """
        post = await self.find(site, post_id, language)
        if post.take is None:
            raise NotFoundError("There is no audio of this post.")
        if voice is None or voice == post.voice:
            return post
        speaker = await self.voice_named(site.workspace_id, voice)
        is_listed = voice in {site.voice, *site.voices}
        if not is_listed or speaker is None or not speaks(speaker.languages, language):
            raise NotFoundError("Readers cannot choose this voice here.")
        chosen = await self.find(site, post_id, language, voice)
        if chosen.take is not None or post.ready is None or post.take.state != "ready":
            return chosen
        job = await self._database.read(jobs.find, post.workspace_id, post.ready.job_id)
        order = in_voice(self._voices, job.order, speaker)
        return await self._database.write(_add_voice, self._queue, post, order)

    async def list_posts(
        self,
        site: Site,
        *,
        limit: int,
        before: int | None = None,
        states: Sequence[JobState] = (),
        language: str | None = None,
        post_id: str | None = None,
    ) -> list[Post]:
        """The site's posts, newest first; see `post_rows.page`."""
        return await self._database.read(
            post_rows.page,
            site.id,
            limit=limit,
            before=before,
            states=states,
            language=language,
            post_id=post_id,
        )

    async def delete(self, site: Site, post_id: str, language: str | None = None) -> int:
        """Delete a post in one language, or in all; returns how many there were.

        Raises:
            NotFoundError: There is no such post.
        """
        gone = await self._database.write(_delete, self._queue, site.id, post_id, language)
        for post in gone:
            if post.take is not None:
                self._watchers.publish(post.take.id)
        return len(gone)

    def ended(self, tx: Transaction, job: Job) -> None:
        """Serve a job that has ended ready; for the renderer's `announce`."""
        post_takes.ended(tx, self._queue, job)


def _submit(tx: Transaction, queue: Queue, wanted: _Wanted) -> PostReply:
    site, request = wanted.site, wanted.request
    row = post_rows.lock(tx, site.id, request.post_id, request.language)
    if row is None:
        number = _insert(tx, wanted)
        return _queued(tx, queue, wanted, number, before=wanted.order.voice)
    number = int(row["number"])
    post_rows.note(tx, number, request.title, request.url)
    post = post_rows.find(tx, site.id, request.post_id, request.language)
    outcome = _outcome(post, request.update, changed=bytes(row["sha256"]) != wanted.sha256)
    if outcome is not None:
        return PostReply(outcome, post)
    if post.take is not None and (post.ready is None or post.take.id != post.ready.job_id):
        # First: what it has reserved may be what pays for its successor.
        post_takes.retire(tx, queue, site.workspace_id, post.take.id)
    return _queued(tx, queue, wanted, number, before=row["voice"])


def _outcome(post: Post, update: Update, *, changed: bool) -> Outcome | None:
    """What a request comes to that starts nothing; None where it has the post rendered."""
    is_wanted = update == "always" or (update == "if-changed" and changed)
    match None if post.take is None else post.take.state:
        case "ready":
            return None if is_wanted else "exists"
        case "running" | "enhancing":
            # Forced or not: what is being rendered need not be rendered twice.
            return None if changed and is_wanted else "generating"
        case "queued":
            return None if changed else "queued"
        case _:
            return None


def _insert(tx: Transaction, wanted: _Wanted) -> int:
    """Write down a new post, and count it if it is in English."""
    site, request = wanted.site, wanted.request
    if request.language == _COUNTED:
        try:
            hold_id, _ = ledger.hold(tx, site.workspace_id, "posts", 1)
        except QuotaExceededError:
            raise PostLimitError("Monthly post limit reached") from None
        ledger.settle(tx, hold_id)
    number = post_rows.insert(
        tx,
        site_id=site.id,
        workspace_id=site.workspace_id,
        post_id=request.post_id,
        language=request.language,
        title=request.title,
        url=request.url,
        voice=wanted.order.voice,
        sha256=wanted.sha256,
    )
    if number is None:
        raise LostRaceError  # another request for it came first; seen anew, it is found
    return number


def _queued(
    tx: Transaction, queue: Queue, wanted: _Wanted, number: int, *, before: str
) -> PostReply:
    site, request, order = wanted.site, wanted.request, wanted.order
    job_id = _start(tx, queue, site.workspace_id, order)
    post_takes.put(
        tx, number, voice=order.voice, before=before, job_id=job_id, sha256=wanted.sha256
    )
    return PostReply("queued", post_rows.find(tx, site.id, request.post_id, request.language))


def _start(tx: Transaction, queue: Queue, workspace_id: str, order: Order) -> str:
    """Reserve what an order costs and queue it; returns the job's id."""
    characters = len(order.text)
    hold_id, balance = ledger.hold(tx, workspace_id, "characters", characters)
    return jobs.insert(
        tx,
        queue,
        workspace_id=workspace_id,
        dialect=DIALECT,
        order=order,
        hold_id=hold_id,
        backlog=balance.held - characters,
        tag=None,
    )


def _add_voice(tx: Transaction, queue: Queue, post: Post, order: Order) -> Post:
    """Have a post be read in one more voice, unless somebody else has just asked for that."""
    locked = post_rows.lock(tx, post.site_id, post.post_id, post.language)
    found = post_rows.find(tx, post.site_id, post.post_id, post.language, order.voice)
    if locked is None or locked["voice"] == order.voice or found.take is not None:
        return found
    post_takes.add(tx, post.number, order.voice, _start(tx, queue, post.workspace_id, order))
    return post_rows.find(tx, post.site_id, post.post_id, post.language, order.voice)


def _delete(
    tx: Transaction, queue: Queue, site_id: str, post_id: str, language: str | None
) -> list[Post]:
    found = post_rows.page(tx, site_id, limit=_MOST_LANGUAGES, post_id=post_id, language=language)
    if not found:
        raise NotFoundError("There is no such post.")
    for post in found:
        post_rows.delete(tx, queue, post)
    return found
