"""The content policy: what may be spoken, decided before anything is charged or stored.

A text that is refused leaves no trace: it is neither stored nor logged, and errors name a
category at most.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import structlog

from intone.core.outbound import JsonClient, OutboundError
from intone.errors import PolicyBlockedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from intone.core.blocklist import BlockList

__all__ = ["ModerationClient", "Policy", "Verdict", "create_policy"]

_log = structlog.get_logger(__name__)

#: Characters sent for judgement at once, and how many of them two neighbours share, so that
#: nothing hides in a cut.
_PIECE = 4000
_OVERLAP = 200
#: Pieces of one text judged at the same time.
_AT_ONCE = 4
#: Largest answer read, in bytes.
_MAX_BYTES = 256 * 1024
#: Seconds a caller is told to wait when the moderation service fails.
_RETRY_S = 5.0
#: Categories named in an error, at most, and what a name may look like: it comes from outside.
_NAMED = 5
_CATEGORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 /_-]{0,63}")


class _Result(msgspec.Struct):
    flagged: bool
    categories: dict[str, Any] = {}


class _Answer(msgspec.Struct):
    results: Annotated[list[_Result], msgspec.Meta(min_length=1)]


@dataclass(slots=True)
class Verdict:
    """What the moderation service thinks of a text."""

    flagged: bool = False
    #: The service's names of what is wrong with it.
    categories: set[str] = field(default_factory=set)


class ModerationClient:
    """Asks a moderation service that speaks OpenAI's `POST /v1/moderations`.

    Long texts are sent in overlapping pieces, four at a time, until one is flagged.

    Args:
        url: The endpoint's full address.
        api_key: Sent as a bearer token.
        model: Which of the service's models judges; None leaves it to the service.
        timeout_s: Seconds for each piece.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._extra = {"model": model} if model else {}
        self._client = JsonClient(timeout_s=timeout_s, max_bytes=_MAX_BYTES)

    async def judge(self, text: str) -> Verdict:
        """Have the whole text judged.

        Raises:
            OutboundError: The service cannot be reached or its answer cannot be used, and
                nothing was flagged.
        """
        verdict, failures, pieces = Verdict(), list[OutboundError](), _pieces(text)

        async def work() -> None:
            for piece in pieces:
                if verdict.flagged or failures:
                    return
                try:
                    await self._ask(piece, verdict)
                except OutboundError as error:
                    failures.append(error)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, 1 + len(text) // _PIECE)):
                group.create_task(work())
        if failures and not verdict.flagged:
            raise failures[0]
        return verdict

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._client.close()

    async def _ask(self, piece: str, verdict: Verdict) -> None:
        body = {"input": piece, **self._extra}
        for result in (await self._client.post(self._url, body, _Answer, self._headers)).results:
            if result.flagged:
                verdict.flagged = True
                verdict.categories.update(n for n, hit in result.categories.items() if hit is True)


class Policy:
    """Decides whether a text may be spoken.

    Args:
        blocklist: The operator's phrases, or None.
        moderation: The operator's moderation service, or None.
        fail_open: Whether a text passes when the moderation service cannot be asked. By
            default it does not.
    """

    def __init__(
        self,
        blocklist: BlockList | None,
        moderation: ModerationClient | None,
        *,
        fail_open: bool = False,
    ) -> None:
        self._blocklist = blocklist
        self._moderation = moderation
        self._fail_open = fail_open

    async def check(self, text: str) -> None:
        """Return if `text` may be spoken.

        Raises:
            PolicyBlockedError: It may not.
            UnavailableError: That cannot be found out now.
        """
        if self._blocklist is not None:
            await self._check_phrases(self._blocklist, text)
        if self._moderation is not None:
            await self._check_judgement(self._moderation, text)

    async def close(self) -> None:
        """Close the connections to the moderation service; safe to call twice."""
        if self._moderation is not None:
            await self._moderation.close()

    async def _check_phrases(self, blocklist: BlockList, text: str) -> None:
        if blocklist.due():
            await asyncio.to_thread(blocklist.refresh)
        if blocklist.is_heavy(text):
            blocked = await asyncio.to_thread(blocklist.blocks, text)
        else:
            blocked = blocklist.blocks(text)
        if blocked:
            raise PolicyBlockedError("This text holds a phrase that this server does not speak.")

    async def _check_judgement(self, moderation: ModerationClient, text: str) -> None:
        try:
            verdict = await moderation.judge(text)
        except OutboundError as error:
            _log.warning("moderation_failed", reason=str(error), passed=self._fail_open)
            if self._fail_open:
                return
            raise UnavailableError(
                "The content policy cannot be checked right now; try again shortly.",
                retry_after=_RETRY_S,
            ) from None
        if verdict.flagged:
            raise PolicyBlockedError(_refusal(verdict.categories))


def create_policy(
    *,
    blocklist: Path | None = None,
    moderation_url: str | None = None,
    moderation_key: str | None = None,
    fail_open: bool = False,
) -> Policy:
    """The policy that settings describe; with none of them, one that allows everything.

    Raises:
        InvalidInputError: The block list cannot be used.
    """
    phrases = None
    if blocklist is not None:
        from intone.core.blocklist import BlockList  # late: most servers have none

        phrases = BlockList(blocklist)
    moderation = None
    if moderation_url is not None:
        moderation = ModerationClient(moderation_url, api_key=moderation_key)
    return Policy(phrases, moderation, fail_open=fail_open)


def _refusal(categories: set[str]) -> str:
    named = ", ".join(sorted(filter(_CATEGORY.fullmatch, categories))[:_NAMED])
    because = f" ({named})" if named else ""
    return f"This text is not allowed by this server's content policy{because}."


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while (end := start + _PIECE) < len(text):
        gap = text.rfind(" ", start + _PIECE // 2, end)
        end = gap if gap > 0 else end
        yield text[start:end]
        start = end - _OVERLAP
    yield text[start:]
