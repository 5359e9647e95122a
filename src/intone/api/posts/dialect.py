"""The posts dialect: its paths, its envelope, what stands around its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intone.api.dialect import Dialect
from intone.api.exchange import BodyLimits
from intone.api.posts.analytics import FIGURE_ROUTES
from intone.api.posts.cors import Preflights
from intone.api.posts.errors import posts_envelope
from intone.api.posts.events import EVENT_ROUTES
from intone.api.posts.feed import FEED_ROUTES
from intone.api.posts.files import FILE_ROUTES
from intone.api.posts.paths import PostPaths
from intone.api.posts.player import PLAYER_ROUTES
from intone.api.posts.public import PUBLIC_ROUTES
from intone.api.posts.routes import ROUTES
from intone.api.posts.transcripts import TRANSCRIPT_ROUTES

if TYPE_CHECKING:
    from litestar.types import ASGIApp

__all__ = ["posts_dialect"]

#: Bytes of an article with its markup, and seconds in which it must have come.
_LARGEST_ARTICLE = 8 * 1024 * 1024
_SECONDS = 60.0


def posts_dialect() -> Dialect:
    """The dialect."""
    return Dialect(
        name="posts",
        prefixes=(
            # A post may be called as a route of the speech API is.
            *("/v1/audio", "/v1/audio/speech/status"),
            *("/v1/public", "/v1/sites", "/v1/events", "/v1/analytics", "/player.js"),
        ),
        handlers=[
            *(*ROUTES, *PUBLIC_ROUTES, *FILE_ROUTES, *FEED_ROUTES, *TRANSCRIPT_ROUTES),
            *(*EVENT_ROUTES, *FIGURE_ROUTES, *PLAYER_ROUTES),
        ],
        render_error=posts_envelope,
        body_limits={"/v1/audio/generate": BodyLimits(_LARGEST_ARTICLE, _SECONDS)},
        layer=_layer,
    )


def _layer(app: ASGIApp, core: Any) -> ASGIApp:
    return Preflights(PostPaths(app), core)
