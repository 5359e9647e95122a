"""Who a credential turned out to be."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from intone.core import credentials, keys, sessions, workspaces
from intone.core.key_limits import NO_LIMITS, KeyLimits
from intone.errors import NotFoundError, UnauthenticatedError, UnavailableError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    import asyncio
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
_EXPIRED = {
    "api_key": "This key has expired; use its successor.",
    "session": "This session has expired; log in again.",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credential was accepted."""

    workspace_id: str
    workspace_name: str
    plan: Plan
    #: Any of `speak` and `manage`.
    scopes: frozenset[str]
    #: The API key's id; None for the other kinds.
    key_id: str | None
    #: What logs call the caller: the key's or session's id, or the token's subject.
    subject: str
    #: What the API key may do of streamed speech; nothing is limited for the other kinds.
    limits: KeyLimits = NO_LIMITS
    kind: Literal["api_key", "access_token", "session"] = "api_key"
    #: When the credential ends, in milliseconds since the epoch; None: not by itself.
    expires_at: int | None = None
    #: The site whose alone the API key is; None: it is the whole workspace's.
    site_id: str | None = None


@dataclass(slots=True)
class _Known:
    """What the last look at a key or session has found."""

    #: Monotonic seconds, before the look.
    asked: float
    #: None where there is none, or it was revoked.
    principal: Principal | None = None
    #: Milliseconds since the epoch.
    expires_at: int | None = None
    last_used_at: int = 0


#: A key, or a session, which may do everything.
_FIND = """
SELECT 'api_key' AS kind, k.id, k.scopes, k.expires_at, k.revoked_at, k.last_used_at,
    k.requests_per_minute, k.max_concurrency, k.daily_micros, k.monthly_micros, k.site_id,
    k.workspace_id, w.name, w.plan
FROM keys k JOIN workspaces w ON w.id = k.workspace_id
WHERE k.hash = :hash
UNION ALL
SELECT 'session', s.id, 'manage speak', s.expires_at, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL,
    s.workspace_id, w.name, w.plan
FROM sessions s JOIN workspaces w ON w.id = s.workspace_id
WHERE s.hash = :hash
"""


def _find(tx: Transaction, digest: bytes) -> Row | None:
    return tx.one(_FIND, hash=digest)


def _is_secret(credential: str) -> bool:
    return keys.looks_valid(credential) or sessions.looks_valid(credential)


def _note_use(tx: Transaction, key_id: str) -> None:
    tx.execute("UPDATE keys SET last_used_at = :now WHERE id = :id", now=now_ms(), id=key_id)


class Access:
    """Turns API keys, sessions' tokens and access tokens into principals."""

    def __init__(
        self, database: Database, plans: Mapping[str, Plan], tokens: TokenVerifier | None
    ) -> None:
        self._database = database
        self._plans = plans
        self._tokens = tokens
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._notes: set[asyncio.Future[None]] = set()

    async def authenticate(self, credential: str) -> Principal:
        """Find out who presents `credential`: an API key, a session's token or an access token.

        Raises:
            UnauthenticatedError: It opens nothing here, or not any more.
            UnavailableError: The identity provider cannot be asked, or this server does not have
                the workspace's plan.
        """
        digest = credentials.digest(credential)
        if digest in self._known or _is_secret(credential):
            return await self._by_secret(digest)
        if self._tokens is not None and credential.count(".") == 2:  # noqa: PLR2004 - a JWS has three parts
            return await self._by_token(self._tokens, credential)
        raise UnauthenticatedError

    def plan(self, name: str) -> Plan:
        """The plan of that name.

        Raises:
            UnavailableError: This server's plans do not have it.
        """
        return self._plan(name)

    async def _by_secret(self, digest: bytes) -> Principal:
        known, now = await self._lookup(digest), now_ms()
        if known.principal is None:
            raise UnauthenticatedError
        if known.expires_at is not None and known.expires_at <= now:
            raise UnauthenticatedError(_EXPIRED[known.principal.kind])
        key_id = known.principal.key_id
        if key_id is not None and known.last_used_at <= now - _USE_NOTED_EVERY_MS:
            known.last_used_at = now
            self._note(key_id)
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
            key_id=row["id"] if row["kind"] == "api_key" else None,
            subject=row["id"],
            limits=KeyLimits.of(row),
            kind=row["kind"],
            expires_at=row["expires_at"],
            site_id=row["site_id"],
        )
        return _Known(asked, principal, row["expires_at"], row["last_used_at"] or 0)

    def _note(self, key_id: str) -> None:
        note = self._database.write(_note_use, key_id)
        self._notes.add(note)
        note.add_done_callback(self._forget)

    def _forget(self, note: asyncio.Future[None]) -> None:
        self._notes.discard(note)
        if not note.cancelled():
            note.exception()  # a full disk must not make reading impossible; the note is lost

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
            kind="access_token",
            expires_at=identity.expires_at,
        )
