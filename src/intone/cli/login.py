"""`intone login`, `logout` and `whoami`: a session with a server, without typing a key."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intone.cli import account
from intone.cli.common import DataDir, Json, in_database, print_json, runs, settings
from intone.errors import IntoneError, InvalidInputError

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from intone.storage.database import Transaction

BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="The server. [env: INTONE_BASE_URL; default: the one of the last login,"
        " or http://127.0.0.1:8420]",
    ),
]
Workspace = Annotated[
    str, typer.Option("--workspace", "-w", help="With --approve or --all: its name or id.")
]
#: Seconds between two polls, whatever a server says.
_INTERVALS_S = (1.0, 60.0)
#: Longest code and address that a server may have us print, in characters.
_LONGEST = 500


@runs
async def login(
    base_url: BaseUrl = None,
    approve: Annotated[
        str | None,
        typer.Option(
            "--approve",
            metavar="CODE",
            help="Beside the server: let the device in that shows this code.",
        ),
    ] = None,
    workspace: Workspace = "default",
    data_dir: DataDir = None,
) -> None:
    """Log in to a server: approve the code in a browser, with a key that may manage.

    The session is saved for the commands that talk to a server. On the server's own machine,
    `intone login --approve CODE` approves a code without a browser.
    """
    if approve is not None:
        if base_url is not None:
            raise InvalidInputError("--approve works beside the server, without --base-url.")
        name = await in_database(settings(data_dir=data_dir), _approve, approve, workspace)
        print(f"The device that shows {approve.upper()} is let into the workspace {name}.")
        return
    import aiohttp

    saved = None
    with suppress(InvalidInputError):  # a damaged file is about to be replaced
        saved = account.load()
    url = account.server_url(base_url, saved)
    _warn_of(url)
    async with aiohttp.ClientSession() as http:
        session = await _session(http, url)
    account.save(account.Account(base_url=url, **session))
    print(f"Logged in to {url} until {session['expires_at']}; saved in {account.place()}.")


@runs
async def logout(
    all_: Annotated[
        bool, typer.Option("--all", help="Beside the server: end every session of a workspace.")
    ] = False,
    workspace: Workspace = "default",
    data_dir: DataDir = None,
) -> None:
    """End the saved session, here and on its server."""
    if all_:
        ended = await in_database(settings(data_dir=data_dir), _end_all, workspace)
        print(f"Ended {ended} sessions of the workspace {workspace}.")
        return
    saved = account.load()
    if saved is None:
        print("There is no session to end.")
        return
    import aiohttp

    async with aiohttp.ClientSession() as http:
        path, credential = f"{saved.base_url}/v1/auth/logout", saved.session_token
        reply = await account.ask(http, "POST", path, credential=credential)
    reply.expected()  # else the session might live on, with nobody left who knows of it
    account.remove()
    print(f"Logged out of {saved.base_url}.")


@runs
async def whoami(base_url: BaseUrl = None, as_json: Json = False) -> None:
    """Say who the server takes you for: by INTONE_API_KEY, or by the saved session."""
    url, credential = account.caller(base_url)
    import aiohttp

    async with aiohttp.ClientSession() as http:
        reply = await account.ask(http, "GET", f"{url}/v1/auth/whoami", credential=credential)
    found = reply.expected()
    if as_json:
        print_json({"base_url": url, **found})
        return
    until = f" until {found['expires_at']}" if found.get("expires_at") else ""
    scopes = " and ".join(found.get("scopes", ()))
    print(
        f"{url}: workspace {found.get('workspace')}, by {found.get('auth')}{until}, may {scopes}."
    )


async def _session(http: ClientSession, url: str) -> dict[str, str]:
    """Begin a login, show its code, and wait until somebody has approved it."""
    begun = (await account.ask(http, "POST", f"{url}/v1/auth/device-code")).expected()
    code, page = _text(begun, "user_code"), _text(begun, "verification_uri_complete")
    device_code = _text(begun, "device_code")
    print(f"Open {page}\nand approve the code {code}.", file=sys.stderr)
    interval = min(max(_number(begun, "interval"), _INTERVALS_S[0]), _INTERVALS_S[1])
    deadline = time.monotonic() + _number(begun, "expires_in")
    pause = interval
    while time.monotonic() < deadline:
        await _wait(pause, deadline)
        poll = f"{url}/v1/auth/poll"
        try:
            reply = await account.ask(http, "POST", poll, body={"device_code": device_code})
        except IntoneError:
            pause = 2 * interval  # a server that restarts comes back
            continue
        if reply.code != "authorization_pending" and reply.retry_after is None:
            _clear_line()
            session = reply.expected()
            return {
                name: _text(session, name) for name in ("session_token", "expires_at", "user_id")
            }
        pause = max(interval, reply.retry_after or 0)
    _clear_line()
    raise IntoneError("Nobody approved the login in time; run `intone login` again.")


async def _wait(seconds: float, deadline: float) -> None:
    """Sleep, with a line on a terminal that says how long there is still."""
    end = min(time.monotonic() + seconds, deadline)
    while (left := end - time.monotonic()) > 0:
        if sys.stderr.isatty():
            minutes, rest = divmod(round(deadline - time.monotonic()), 60)
            line = f"\rWaiting for the approval, {minutes}:{rest:02} left … "
            print(line, end="", file=sys.stderr, flush=True)
        await asyncio.sleep(min(left, 1.0))


def _clear_line() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _warn_of(url: str) -> None:
    from intone.core.jwks import is_protected

    if not is_protected(url):
        print(f"intone: {url} is not encrypted; others may read the session.", file=sys.stderr)
    if os.environ.get("INTONE_API_KEY"):
        print("intone: INTONE_API_KEY is set, and wins over the session.", file=sys.stderr)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _LONGEST:
        raise IntoneError(f"The server's answer has no {name} that can be used.")
    return value


def _number(body: dict[str, Any], name: str) -> float:
    value = body.get(name)
    if not isinstance(value, int | float):
        raise IntoneError(f"The server's answer has no {name} that can be used.")
    return value


def _approve(tx: Transaction, code: str, workspace: str) -> str:
    from intone.core import logins, workspaces

    found = workspaces.find(tx, workspace)
    logins.approve(tx, code, found.id)
    return found.name


def _end_all(tx: Transaction, workspace: str) -> int:
    from intone.core import sessions, workspaces

    return sessions.end_all(tx, workspaces.find(tx, workspace).id)
