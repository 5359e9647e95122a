"""The HTTP application: dialects over one core, on one platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.routes import HTTPRoute

from intone.api.direct import DirectRoutes
from intone.api.docs import docs_routes
from intone.api.exchange import BodyLimits
from intone.api.failures import ErrorRenderer
from intone.api.metrics import Metrics
from intone.api.middleware import Platform
from intone.api.openapi import openapi_config
from intone.api.operations import operations_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from litestar.types import ASGIApp

    from intone.api.dialect import Dialect

__all__ = ["create_app"]


def create_app(
    core: Any,
    dialects: Sequence[Dialect],
    *,
    readiness: Callable[[], Awaitable[Mapping[str, str]]],
    metrics: Metrics | None = None,
    limits: BodyLimits | None = None,
    public_url: str | None = None,
    lifespan: Sequence[Callable[[Litestar], AbstractAsyncContextManager[Any]]] = (),
) -> Litestar:
    """Put an application together; nothing is started.

    Args:
        core: The product's rules; handlers find it at `request.app.state.core`, and guards its
            `access` (see `intone.api.auth.Access`).
        dialects: The APIs to serve.
        readiness: Answers `/ready`: by name, `ok` or a sentence about what is wrong.
        metrics: Where requests are counted; a fresh one by default.
        limits: What a request body may be; 1 MiB within 30 seconds by default.
        public_url: Where clients find this server, for links; None where they know better.
        lifespan: Context managers around the server's life.
    """
    metrics = metrics or Metrics()
    render = ErrorRenderer(dialects)
    app = Litestar(
        route_handlers=[
            *operations_routes(readiness, metrics),
            *docs_routes(dialects),
            *(handler for dialect in dialects for handler in dialect.handlers),
        ],
        exception_handlers={Exception: render},
        lifespan=list(lifespan),
        openapi_config=openapi_config(public_url or "/"),
        request_max_body_size=None,  # the platform counts, and answers in the envelope
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    _complete_options(app)
    app.state.core = core
    app.state.public_url = public_url
    by_path = {"/": limits or BodyLimits()}
    served: ASGIApp = DirectRoutes(app, render)
    for dialect in dialects:
        by_path |= dialect.body_limits
        if dialect.layer is not None:
            served = dialect.layer(served, core)
    app.asgi_handler = Platform(served, render, metrics, by_path)
    return app


def _complete_options(app: Litestar) -> None:
    """Have OPTIONS name all methods of a path: Litestar's answer knows its first handler alone."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            options, _ = route.route_handler_map["OPTIONS"]
            options(route.create_options_handler(route.path).fn)
