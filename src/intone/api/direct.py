"""Routes that are asked for so often that the way to them counts.

Litestar finds a route, and puts layers around its answer, in 40 to 70 µs: a tenth of what a stream
of speech costs. A handler with `opt={**…, DIRECT: True}` is called without: it takes the request
alone, answers with an `ASGIResponse`, and its paths have no parameters. Its documentation holds as
before, and whoever asks by another spelling of its path, or by another method, asks Litestar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from litestar import Request
from litestar.routes import HTTPRoute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar import Litestar
    from litestar.handlers import HTTPRouteHandler
    from litestar.types import ASGIApp, Receive, Send

    from intone.api.failures import ErrorRenderer

    Scope = Any

__all__ = ["DIRECT", "DirectRoutes"]

#: In a handler's `opt`.
DIRECT: Final = "direct"


class DirectRoutes:
    """Calls such handlers itself, and leaves everything else to Litestar.

    Args:
        app: The application, with all of its routes.
        render: Renders what a handler raises.
    """

    def __init__(self, app: Litestar, render: ErrorRenderer) -> None:
        self._app: ASGIApp = app.asgi_handler
        self._render = render
        self._handlers: Mapping[tuple[str, str], HTTPRouteHandler] = {
            (method, route.path): handler
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for method, (handler, _) in route.route_handler_map.items()
            if handler.opt.get(DIRECT) and method != "OPTIONS"
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        handler = None
        if scope["type"] == "http":
            handler = self._handlers.get((scope["method"], scope["path"]))
        if handler is None:
            await self._app(scope, receive, send)
            return
        scope["path_template"], scope["path_params"] = scope["path"], {}
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            if (guard := handler.resolve_before_request()) is not None:
                await guard(request)
            response = await handler.fn(request)
        except Exception as error:  # noqa: BLE001 - rendered, as Litestar would have it rendered
            refusal = self._render(request, error)
            await refusal.to_asgi_response(None, request)(scope, receive, send)
            return
        await response(scope, receive, send)
