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


@dataclass(slots=True)
class _Known:
    """What the last look at a key has found."""

    #: Monotonic seconds, before the look.
    asked: float
    #: None where there is no such key, or it was revoked.
    principal: Principal | None = None
    #: Milliseconds since the epoch.
    expires_at: int | None = None
    last_used_at: int = 0


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
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
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
        known, now = await self._lookup(digest), now_ms()
        if known.principal is None:
            raise UnauthenticatedError
        if known.expires_at is not None and known.expires_at <= now:
            raise UnauthenticatedError("This key has expired; use its successor.")
        if known.last_used_at <= now - _USE_NOTED_EVERY_MS:
            known.last_used_at = now
            self._note(known.principal.subject)
        return known.principal

    def _plan(self, name: str) -> Plan:
        try:
            return self._plans[name]
        except KeyError:
            raise UnavailableError(
                f"This server's plans do not have {name!r}, the plan of this workspace."
            ) from None

    async def _lookup(self, digest: bytes) -> _Known:
        # Unknown keys are remembered as well, so that guessing costs no reads.
        known, asked = self._known.get(digest), time.monotonic()
        if known is not None and asked - known.asked < _TRUST_S:
            return known
        row = await self._database.read(_find, digest)
        known = self._known[digest] = _Known(asked) if row is None else self._found(asked, row)
        self._known.move_to_end(digest)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _found(self, asked: float, row: Row) -> _Known:
        if row["revoked_at"] is not None:
            return _Known(asked)
        principal = Principal(
            workspace_id=row["workspace_id"],
            workspace_name=row["name"],
            plan=self._plan(row["plan"]),
            scopes=frozenset(row["scopes"].split()),
            key_id=row["id"],
            subject=row["id"],
        )
        return _Known(asked, principal, row["expires_at"], row["last_used_at"] or 0)

    def _note(self, key_id: str) -> None:
        task = asyncio.create_task(self._database.write(_note_use, key_id))
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
