"""Logins of devices without a browser (RFC 8628), in the words of seed 004's service.

The device gets two codes: a long one that it polls with, and a short one that a person types
where somebody who may manage a workspace approves it. An approved code is exchanged for a
session exactly once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.core import sessions
from intone.core.credentials import digest
from intone.errors import (
    AuthorizationPendingError,
    DeviceCodeExpiredError,
    InvalidDeviceCodeError,
    NotFoundError,
    UnavailableError,
)
from intone.storage.database import LostRaceError, now_ms

if TYPE_CHECKING:
    from intone.core.sessions import NewSession
    from intone.storage.database import Transaction

__all__ = ["INTERVAL_S", "LIFETIME_S", "Login", "approve", "check", "redeem", "start", "sweep"]

#: Seconds that a code can be approved and exchanged.
LIFETIME_S = 600
#: Seconds that a device waits between two polls.
INTERVAL_S = 5
#: How many logins may be under way at once, so that nobody fills the disk with them.
_MOST = 1_000
_DEVICE_CODE_BYTES = 32
#: RFC 8628 §6.1: no vowels, so no words; nothing that looks like a digit. 34 bits.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_USER_CODE_LENGTH = 8
#: Milliseconds for which a code that has expired is still known as such.
_REMEMBERED_MS = 600_000


@dataclass(frozen=True, slots=True)
class Login:
    """A login that has begun; its codes are shown this once."""

    device_code: str
    #: Eight letters with a hyphen between, e.g. `BCDF-GHJK`.
    user_code: str
    #: Milliseconds since the epoch.
    expires_at: int


def start(tx: Transaction) -> Login:
    """Begin a login.

    Raises:
        UnavailableError: Too many have been begun and not ended.
    """
    now = now_ms()
    row = tx.one("SELECT count(*) AS n FROM device_codes WHERE expires_at > :now", now=now)
    if row is not None and row["n"] >= _MOST:
        raise UnavailableError("Too many logins are under way; try again in a few minutes.")
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_USER_CODE_LENGTH))
    login = Login(
        device_code=secrets.token_urlsafe(_DEVICE_CODE_BYTES),
        user_code=_hyphenated(letters),
        expires_at=now + LIFETIME_S * 1000,
    )
    inserted = tx.execute(
        "INSERT INTO device_codes (hash, user_code, created_at, expires_at)"
        " VALUES (:hash, :user_code, :now, :expires_at) ON CONFLICT (user_code) DO NOTHING",
        hash=digest(login.device_code),
        user_code=login.user_code,
        now=now,
        expires_at=login.expires_at,
    )
    if not inserted:
        raise LostRaceError  # another login has this code; the next run draws another one
    return login


def approve(tx: Transaction, user_code: str, workspace_id: str) -> None:
    """Let the device that shows `user_code` into a workspace.

    Args:
        tx: The unit of work.
        user_code: As people type it: case, spaces and hyphens do not matter.
        workspace_id: Whose session it becomes.

    Raises:
        NotFoundError: No device shows this code, or it has expired or was approved before.
    """
    letters = "".join(filter(str.isalnum, user_code.upper()))
    approved = set(letters) <= set(_ALPHABET) and tx.execute(
        "UPDATE device_codes SET workspace_id = :workspace_id"
        " WHERE user_code = :user_code AND workspace_id IS NULL AND expires_at > :now",
        workspace_id=workspace_id,
        user_code=_hyphenated(letters),
        now=now_ms(),
    )
    if not approved:
        raise NotFoundError(
            "No device shows this code now; check it, or begin the login again for a new one."
        )


def check(tx: Transaction, device_code: str) -> None:
    """Return if a code can be exchanged for a session now.

    Raises:
        AuthorizationPendingError: Nobody has approved it yet.
        InvalidDeviceCodeError: There is no such code, or it was exchanged before.
        DeviceCodeExpiredError: Its time is over.
    """
    row = tx.one(
        "SELECT workspace_id, expires_at FROM device_codes WHERE hash = :hash",
        hash=digest(device_code),
    )
    if row is None:
        raise InvalidDeviceCodeError
    if row["expires_at"] <= now_ms():
        raise DeviceCodeExpiredError
    if row["workspace_id"] is None:
        raise AuthorizationPendingError


def redeem(tx: Transaction, device_code: str) -> NewSession:
    """Exchange an approved code for a session; raises as `check` does."""
    check(tx, device_code)
    row = tx.one(
        "DELETE FROM device_codes WHERE hash = :hash RETURNING workspace_id",
        hash=digest(device_code),
    )
    if row is None:  # another poll came first
        raise InvalidDeviceCodeError
    return sessions.create(tx, row["workspace_id"])


def sweep(tx: Transaction, limit: int) -> int:
    """Forget up to `limit` codes that expired a while ago; returns how many."""
    return tx.execute(
        "DELETE FROM device_codes WHERE hash IN"
        " (SELECT hash FROM device_codes WHERE expires_at <= :before LIMIT :limit)",
        before=now_ms() - _REMEMBERED_MS,
        limit=limit,
    )


def _hyphenated(letters: str) -> str:
    half = _USER_CODE_LENGTH // 2
    return f"{letters[:half]}-{letters[half:]}"
