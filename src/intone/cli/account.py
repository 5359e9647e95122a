"""The session that `intone login` has saved, and how commands reach a server with it."""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intone.errors import IntoneError, InvalidInputError, UnauthenticatedError

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["Account", "Reply", "ask", "caller", "load", "place", "remove", "save", "server_url"]

#: Where `intone serve` listens unless it is told otherwise.
_DEFAULT_URL = "http://127.0.0.1:8420"
#: Seconds that a server may take for an answer.
_TIMEOUT_S = 30.0
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Account:
    """A session, and whose and where it is."""

    base_url: str
    session_token: str
    expires_at: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server has answered."""

    status: int
    body: dict[str, Any]
    #: Seconds after which to ask again, where it said so.
    retry_after: float | None

    @property
    def code(self) -> str:
        """What kind of failure it is, if it is one."""
        return str(self.body.get("code", ""))

    def expected(self) -> dict[str, Any]:
        """The body of a success.

        Raises:
            UnauthenticatedError: The credential was refused.
            IntoneError: Anything else went wrong; the sentence is the server's.
        """
        if self.status < 400:  # noqa: PLR2004 - HTTP
            return self.body
        refused = self.status == _UNAUTHORIZED
        sentence = _printable(self.body.get("details")) or f"The server answered {self.status}."
        raise UnauthenticatedError(sentence) if refused else IntoneError(sentence)


def place() -> Path:
    """Where the session is kept: in `INTONE_CONFIG_HOME`, XDG's folder or `~/.intone`."""
    if home := os.environ.get("INTONE_CONFIG_HOME"):
        return Path(home) / "config.json"
    if xdg := os.environ.get("XDG_CONFIG_HOME"):
        return Path(xdg) / "intone" / "config.json"
    return Path.home() / ".intone" / "config.json"


def load() -> Account | None:
    """The saved session, if there is one.

    Raises:
        InvalidInputError: Its file is damaged.
    """
    import msgspec

    try:
        return msgspec.json.decode(place().read_bytes(), type=Account)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        raise InvalidInputError(
            f"{place()} is damaged; run `intone login`, which writes it anew."
        ) from None


def save(account: Account) -> None:
    """Keep a session, in place of an earlier one, where only this user can read it."""
    import msgspec

    target = place()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(asdict(account))))
    beside.replace(target)


def remove() -> None:
    """Forget the saved session."""
    place().unlink(missing_ok=True)


def server_url(flag: str | None = None, saved: Account | None = None) -> str:
    """The server to talk to: a flag's, `INTONE_BASE_URL`, the saved one or this machine's.

    Raises:
        InvalidInputError: It is no address of a server.
    """
    url = flag or os.environ.get("INTONE_BASE_URL") or (saved.base_url if saved else _DEFAULT_URL)
    if not url.startswith(("http://", "https://")):
        raise InvalidInputError(f"{url!r} is no server's address; it begins with https://.")
    return url.rstrip("/").removesuffix("/v1")


def caller(flag: str | None = None) -> tuple[str, str]:
    """The server and the credential to use; `INTONE_API_KEY` wins over the saved session.

    Raises:
        UnauthenticatedError: There is none for that server.
    """
    if key := os.environ.get("INTONE_API_KEY"):
        return server_url(flag, None if flag else load()), key
    saved = load()
    url = server_url(flag, saved)
    if saved is None or saved.base_url != url:  # a session is shown to no other server
        raise UnauthenticatedError(
            f"There is no session for {url}; run `intone login`, or set INTONE_API_KEY."
        )
    return url, saved.session_token


async def ask(
    http: ClientSession,
    method: str,
    url: str,
    *,
    credential: str | None = None,
    body: dict[str, Any] | None = None,
) -> Reply:
    """Send a request to a server of ours.

    Raises:
        IntoneError: It cannot be reached, or something else answers there.
    """
    import aiohttp

    headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    try:
        async with http.request(
            method, url, headers=headers, json=body, timeout=timeout, allow_redirects=False
        ) as answer:
            document = await answer.json()
            retry_after = answer.headers.get("retry-after", "")
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise IntoneError(f"{url} cannot be reached ({type(error).__name__}).") from None
    except (aiohttp.ClientError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise IntoneError(f"What answers at {url} is no Intone server.")
    seconds = float(retry_after) if retry_after.isdecimal() else None
    return Reply(answer.status, document, seconds)


def _printable(text: object) -> str:
    """A server's sentence, without what a terminal would obey."""
    return "".join(c for c in str(text or "")[:500] if c.isprintable())
