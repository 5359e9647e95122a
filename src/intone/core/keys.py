"""API keys: made once, kept as a hash, seen never again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, get_args

from intone.core.credentials import (
    CHECKSUM_LENGTH,
    RANDOM_LENGTH,
    digest,
    is_well_formed,
    new_secret,
)
from intone.core.ids import new_id
from intone.core.key_limits import NO_LIMITS, KeyLimits
from intone.errors import InvalidInputError, NotFoundError
from intone.storage.database import LostRaceError, now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intone.storage.database import Row, Transaction

__all__ = [
    "NO_LIMITS",
    "Key",
    "KeyLimits",
    "NewKey",
    "Scope",
    "create",
    "delete",
    "import_key",
    "list_keys",
    "looks_valid",
    "revoke",
    "rotate",
    "set_limits",
]

#: `speak`: make audio and read one's own; `manage`: keys, webhooks and settings of the workspace.
Scope = Literal["speak", "manage"]

_PREFIX = "in_live_"
#: Prefixes of the services whose keys can be imported (wire.md §7).
_IMPORTED_PREFIXES = ("vg_live_", "vk_live_", "pk_")
#: Shortest and longest secret we import, in characters.
_IMPORT_LENGTH = range(16, 257)
_SHOWN = 4
#: Longest name, in characters.
_MAX_NAME = 100
_HOUR_MS = 3_600_000
#: Longest time, in hours, that a rotated key goes on working.
MAX_OVERLAP_HOURS = 24

_FIELDS = (
    "id, workspace_id, name, prefix, suffix, scopes, created_at, expires_at, revoked_at,"
    " replaced_by, last_used_at, requests_per_minute, max_concurrency, daily_micros,"
    " monthly_micros, site_id"
)


@dataclass(frozen=True, slots=True)
class Key:
    """What may be shown of a key. Times are milliseconds since the epoch."""

    id: str
    workspace_id: str
    name: str
    #: Its first characters, e.g. `in_live_Ab3x`.
    prefix: str
    #: Its last four characters.
    suffix: str
    scopes: frozenset[str]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    replaced_by: str | None
    last_used_at: int | None
    limits: KeyLimits
    #: The site whose alone it is; None: the whole workspace's.
    site_id: str | None = None

    def active(self, now: int) -> bool:
        """Whether the key opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the secret that is shown this once."""

    key: Key
    secret: str


def generate() -> str:
    """A fresh secret."""
    return new_secret(_PREFIX)


def looks_valid(secret: str) -> bool:
    """Whether the text has the shape of a key; says nothing about whether it opens anything."""
    if secret.startswith(_PREFIX):
        return is_well_formed(secret, _PREFIX)
    return secret.startswith(_IMPORTED_PREFIXES) and len(secret) in _IMPORT_LENGTH


def create(
    tx: Transaction,
    workspace_id: str,
    name: str,
    scopes: Iterable[str] = ("speak",),
    *,
    secret: str | None = None,
    limits: KeyLimits = NO_LIMITS,
    site_id: str | None = None,
) -> NewKey:
    """Make a key.

    Args:
        tx: The unit of work.
        workspace_id: Whose key.
        name: What people call it.
        scopes: Any of `speak` and `manage`.
        secret: A secret to use instead of a fresh one; its shape must be ours.
        limits: What it may do of streamed speech.
        site_id: The site of the workspace whose alone it is, if it is.

    Raises:
        InvalidInputError: A scope is unknown, the name is empty or too long, or the secret is
            malformed or taken.
    """
    if secret is not None and not (secret.startswith(_PREFIX) and looks_valid(secret)):
        raise InvalidInputError(
            f"A key is {_PREFIX!r}, {RANDOM_LENGTH} letters or digits and a checksum of"
            f" {CHECKSUM_LENGTH}; make one with `intone keys create`, or bring a key of another"
            " service with `intone keys import`."
        )
    return _insert(
        tx,
        workspace_id,
        name,
        scopes,
        secret=secret or generate(),
        limits=limits,
        site_id=site_id,
    )


def import_key(
    tx: Transaction,
    workspace_id: str,
    name: str,
    scopes: Iterable[str],
    secret: str,
    *,
    site_id: str | None = None,
) -> NewKey:
    """Accept a key that another service issued, so that its clients move without a new secret.

    Raises:
        InvalidInputError: The secret is too short to be safe, of unknown origin, or taken.
    """
    if not looks_valid(secret):
        raise InvalidInputError(
            f"Only keys that begin with {', '.join(_IMPORTED_PREFIXES)} or {_PREFIX} and have"
            f" {_IMPORT_LENGTH.start} to {_IMPORT_LENGTH.stop - 1} characters can be imported."
        )
    return _insert(tx, workspace_id, name, scopes, secret=secret, limits=NO_LIMITS, site_id=site_id)


def list_keys(tx: Transaction, workspace_id: str | None = None) -> list[Key]:
    """The keys of a workspace, or of all, oldest first."""
    if workspace_id is None:
        rows = tx.all(f"SELECT {_FIELDS} FROM keys ORDER BY number")
    else:
        rows = tx.all(
            f"SELECT {_FIELDS} FROM keys WHERE workspace_id = :workspace_id ORDER BY number",
            workspace_id=workspace_id,
        )
    return [_key(row) for row in rows]


def find(tx: Transaction, key_id: str) -> Key:
    """The key of that id.

    Raises:
        NotFoundError: There is none.
    """
    row = tx.one(f"SELECT {_FIELDS} FROM keys WHERE id = :id", id=key_id)
    if row is None:
        raise NotFoundError(f"There is no key {key_id!r}; see `intone keys list`.")
    return _key(row)


def rotate(
    tx: Transaction, key_id: str, overlap_hours: float, limits: KeyLimits | None = None
) -> NewKey:
    """Make a successor with the same name and scopes; the old one works `overlap_hours` more.

    Args:
        tx: The unit of work.
        key_id: Of the key that is to be replaced.
        overlap_hours: 0 to `MAX_OVERLAP_HOURS`.
        limits: What the successor may do; None: what the old one may.

    Raises:
        NotFoundError: There is no such key.
        InvalidInputError: It has ended or was rotated before, or the overlap is not 0 to 24 hours.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
        raise InvalidInputError(f"The overlap is 0 to {MAX_OVERLAP_HOURS} hours.")
    old, now = find(tx, key_id), now_ms()
    if not old.active(now) or old.replaced_by is not None:
        raise InvalidInputError("This key has ended or was rotated before; rotate its successor.")
    new = _insert(
        tx,
        old.workspace_id,
        old.name,
        old.scopes,
        secret=generate(),
        limits=limits or old.limits,
        site_id=old.site_id,
    )
    end = now + int(overlap_hours * _HOUR_MS)
    rotated = tx.execute(
        "UPDATE keys SET expires_at = CASE WHEN expires_at < :end THEN expires_at ELSE :end END,"
        " replaced_by = :successor WHERE id = :id AND replaced_by IS NULL",
        end=end,
        successor=new.key.id,
        id=key_id,
    )
    if not rotated:
        raise LostRaceError  # another rotation came first; seen anew, it is refused
    return new


def revoke(tx: Transaction, key_id: str) -> Key:
    """End a key now; every process refuses it within a second.

    Raises:
        NotFoundError: There is no such key.
    """
    find(tx, key_id)
    tx.execute(
        "UPDATE keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL",
        now=now_ms(),
        id=key_id,
    )
    return find(tx, key_id)


def set_limits(tx: Transaction, workspace_id: str, key_id: str, limits: KeyLimits) -> Key:
    """Replace a key's limits; every process keeps to them within a second.

    Raises:
        NotFoundError: The workspace has no such key, or it was revoked.
    """
    changed = tx.execute(
        "UPDATE keys SET requests_per_minute = :requests_per_minute,"
        " max_concurrency = :max_concurrency, daily_micros = :daily_micros,"
        " monthly_micros = :monthly_micros"
        " WHERE id = :id AND workspace_id = :workspace_id AND revoked_at IS NULL",
        id=key_id,
        workspace_id=workspace_id,
        **asdict(limits),
    )
    if not changed:
        raise NotFoundError("There is no such key, or it was revoked.")
    return find(tx, key_id)


def delete(tx: Transaction, workspace_id: str, key_id: str) -> None:
    """As `revoke`, for the workspace itself, to whom a revoked key is gone.

    Raises:
        NotFoundError: The workspace has no such key, or it was revoked before.
    """
    revoked = tx.execute(
        "UPDATE keys SET revoked_at = :now"
        " WHERE id = :id AND workspace_id = :workspace_id AND revoked_at IS NULL",
        now=now_ms(),
        id=key_id,
        workspace_id=workspace_id,
    )
    if not revoked:
        raise NotFoundError("There is no such key, or it was deleted.")


def _insert(
    tx: Transaction,
    workspace_id: str,
    name: str,
    scopes: Iterable[str],
    *,
    secret: str,
    limits: KeyLimits,
    site_id: str | None = None,
) -> NewKey:
    wanted = frozenset(scopes)
    unknown = wanted.difference(get_args(Scope))
    if unknown or not wanted:
        raise InvalidInputError(f"A key's scopes are any of {', '.join(get_args(Scope))}.")
    name = name.strip()
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise InvalidInputError(f"A key's name has 1 to {_MAX_NAME} printable characters.")
    stem = next(p for p in (_PREFIX, *_IMPORTED_PREFIXES) if secret.startswith(p))
    key = Key(
        id=new_id(),
        workspace_id=workspace_id,
        name=name,
        prefix=secret[: len(stem) + _SHOWN],
        suffix=secret[-_SHOWN:],
        scopes=wanted,
        created_at=now_ms(),
        expires_at=None,
        revoked_at=None,
        replaced_by=None,
        last_used_at=None,
        limits=limits,
        site_id=site_id,
    )
    inserted = tx.execute(
        "INSERT INTO keys (id, workspace_id, name, hash, prefix, suffix, scopes, created_at,"
        " requests_per_minute, max_concurrency, daily_micros, monthly_micros, site_id)"
        " VALUES (:id, :workspace_id, :name, :hash, :prefix, :suffix, :scopes, :created_at,"
        " :requests_per_minute, :max_concurrency, :daily_micros, :monthly_micros, :site_id)"
        " ON CONFLICT (hash) DO NOTHING",
        id=key.id,
        workspace_id=workspace_id,
        name=name,
        hash=digest(secret),
        prefix=key.prefix,
        suffix=key.suffix,
        scopes=" ".join(sorted(wanted)),
        created_at=key.created_at,
        site_id=site_id,
        **asdict(limits),
    )
    if not inserted:
        raise InvalidInputError("This key is known already.")
    return NewKey(key, secret)


def _key(row: Row) -> Key:
    return Key(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        prefix=row["prefix"],
        suffix=row["suffix"],
        scopes=frozenset(row["scopes"].split()),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        replaced_by=row["replaced_by"],
        last_used_at=row["last_used_at"],
        limits=KeyLimits.of(row),
        site_id=row["site_id"],
    )
