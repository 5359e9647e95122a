"""Who a credential turned out to be."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.core import keys, workspaces
from intone.errors import NotFoundError, UnauthenticatedError, UnavailableError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.core.plans import Plan
    from intone.core.tokens import TokenVerifier
    from intone.storage.database import Database, Row, Transaction

__all__ = ["Access", "Principal"]

#: Seconds a looked-up key is trusted without asking again: a revoked key ends within a second.
_TRUST_S = 0.5
#: How many credentials are remembered at most.
_REMEMBERED = 10_000
#: Milliseconds between two notes of a key's last use.
_USE_NOTED_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credential was accepted."""

    workspace_id: str
    workspace_name: str
    plan: Plan
    #: Any of `speak` and `manage`.
    scopes: frozenset[str]
    #: The API key's id; None for an access token.
    key_id: str | None
    #: What logs call the caller: the key's id or the token's subject.
    subject: str


_FIND = """
SELECT k.id, k.scopes, k.expires_at, k.revoked_at, k.last_used_at, k.workspace_id, w.name, w.plan
FROM keys k JOIN workspaces w ON w.id = k.workspace_id
WHERE k.hash = :hash
"""


def _find(tx: Transaction, digest: bytes) -> Row | None:
    return tx.one(_FIND, hash=digest)


def _note_use(tx: Transaction, key_id: str) -> None:
    tx.execute("UPDATE keys SET last_used_at = :now WHERE id = :id", now=now_ms(), id=key_id)


class Access:
    """Turns API keys and access tokens into principals."""

    def __init__(
        self, database: Database, plans: Mapping[str, Plan], tokens: TokenVerifier | None
    ) -> None:
        self._database = database
        self._plans = plans
        self._tokens = tokens
        self._known: OrderedDict[bytes, tuple[float, Row | None]] = OrderedDict()
        self._notes: set[asyncio.Task[None]] = set()

    async def authenticate(self, credential: str) -> Principal:
        """Find out who presents `credential`, an API key or an access token.

        Raises:
            UnauthenticatedError: It opens nothing here, or not any more.
            UnavailableError: The identity provider cannot be asked, or this server does not have
                the workspace's plan.
        """
        digest = keys.digest(credential)
        if digest in self._known or keys.looks_valid(credential):
            return await self._by_key(digest)
        if self._tokens is not None and credential.count(".") == 2:  # noqa: PLR2004 - a JWS has three parts
            return await self._by_token(self._tokens, credential)
        raise UnauthenticatedError

    async def _by_key(self, digest: bytes) -> Principal:
        row = await self._lookup(digest)
        now = now_ms()
        if row is None or row["revoked_at"] is not None:
            raise UnauthenticatedError
        if row["expires_at"] is not None and row["expires_at"] <= now:
            raise UnauthenticatedError("This key has expired; use its successor.")
        self._note(digest, row, now)
        return Principal(
            workspace_id=row["workspace_id"],
            workspace_name=row["name"],
            plan=self._plan(row["plan"]),
            scopes=frozenset(row["scopes"].split()),
            key_id=row["id"],
            subject=row["id"],
        )

    def _plan(self, name: str) -> Plan:
        try:
            return self._plans[name]
        except KeyError:
            raise UnavailableError(
                f"This server's plans do not have {name!r}, the plan of this workspace."
            ) from None

    async def _lookup(self, digest: bytes) -> Row | None:
        # Unknown keys are remembered as well, so that guessing costs no reads.
        remembered = self._known.get(digest)
        if remembered is not None and time.monotonic() - remembered[0] < _TRUST_S:
            return remembered[1]
        asked = time.monotonic()
        row = await self._database.read(_find, digest)
        self._known[digest] = (asked, row)
        self._known.move_to_end(digest)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return row

    def _note(self, digest: bytes, row: Row, now: int) -> None:
        if (row["last_used_at"] or 0) > now - _USE_NOTED_EVERY_MS:
            return
        asked, known = self._known.get(digest, (0.0, None))
        if known is row:  # else somebody has asked again meanwhile, and knows better
            self._known[digest] = (asked, {**row, "last_used_at": now})
        task = asyncio.create_task(self._database.write(_note_use, row["id"]))
        self._notes.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._notes.discard(task)
        if not task.cancelled():
            task.exception()  # a full disk must not make reading impossible; the note is lost

    async def _by_token(self, tokens: TokenVerifier, credential: str) -> Principal:
        identity = await tokens.verify(credential)
        try:
            workspace = await self._database.read(workspaces.find, identity.workspace)
        except NotFoundError:
            raise UnauthenticatedError(
                "The access token names a workspace that this server does not have."
            ) from None
        return Principal(
            workspace_id=workspace.id,
            workspace_name=workspace.name,
            plan=self._plan(workspace.plan),
            scopes=identity.scopes,
            key_id=None,
            subject=identity.subject,
        )
