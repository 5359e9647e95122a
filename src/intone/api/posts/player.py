"""`GET /player.js`: the script that puts a player into a publisher's pages (docs/player.md)."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from litestar import HttpMethod, Request, route
from litestar.response.base import ASGIResponse

from intone.api.described import Answer, describe
from intone.api.openapi import operation_id

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PLAYER_ROUTES", "player_script"]

#: Its files in `intone.web.player`, in the order in which they build on each other.
_PARTS: Final = (
    "languages",
    "colours",
    "style",
    "elements",
    "server",
    "memory",
    "figures",
    "captions",
    "article",
    "sound",
    "transcript",
    "view",
    "words",
    "voices",
    "keys",
    "player",
    "start",
)
_MEDIA_TYPE: Final = "text/javascript; charset=utf-8"
_HEADERS: Final = {
    # Pages hold its address for years: an hour later they have the new one, and never wait for it.
    "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
    "vary": "accept-encoding",
    # Every page may load it, with `crossorigin` or under an embedder policy as well.
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
}


@dataclass(frozen=True, slots=True)
class Script:
    """The player, ready to be sent."""

    plain: bytes
    packed: bytes
    #: Names these bytes, without quotes.
    etag: str


@cache
def player_script() -> Script:
    """The player's files joined into one, read and packed at the first call."""
    folder = resources.files("intone.web") / "player"
    parts = ((folder / f"{name}.js").read_text("utf-8") for name in _PARTS)
    lines = (line for part in parts for line in _needed(part))
    plain = "\n".join(
        ("// Intone's player; docs/player.md says how it is embedded.", "(() => {",
         '"use strict";', *lines, "})();\n")
    ).encode()  # fmt: skip
    packed = gzip.compress(plain, 9, mtime=0)
    return Script(plain, packed, hashlib.sha256(plain).hexdigest()[:32])


def _needed(part: str) -> Iterator[str]:
    """The lines of a file without indentation and comments, which a reader would download."""
    for line in map(str.strip, part.splitlines()):
        if line and not line.startswith("//"):
            yield line


@route(
    "/player.js",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=operation_id("getPlayer"),
    summary="Get the player's script",
    tags=["Posts"],
    media_type="text/javascript",
    sync_to_thread=False,
    opt=describe(
        {
            200: Answer("The script.", {"text/javascript": "(() => {})();"}),
            304: Answer("The script is still the one that `If-None-Match` names."),
        }
    ),
)
def player(request: Request[Any, Any, Any]) -> ASGIResponse:
    """One file without dependencies, with an `ETag`; packed with gzip for those who accept it."""
    script = player_script()
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    etag = f'"{script.etag}{"-gzip" if is_packed else ""}"'
    headers = {**_HEADERS, "etag": etag}
    tags = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in tags or f"W/{etag}" in tags:
        return ASGIResponse(status_code=304, headers=headers)
    body = script.packed if is_packed else script.plain
    headers["content-type"] = _MEDIA_TYPE
    if is_packed:
        headers["content-encoding"] = "gzip"
    if request.method == "HEAD":
        headers["content-length"] = str(len(body))
        return ASGIResponse(status_code=200, headers=headers, is_head_response=True)
    return ASGIResponse(body=body, headers=headers)


PLAYER_ROUTES = [player]
