"""The gate of this dialect: its plan and its rate (seed 002)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from intone.api.auth import principal_of
from intone.core.cloning import require_cloning
from intone.errors import PlanFeatureError

if TYPE_CHECKING:
    from litestar import Request

    from intone.core.access import Principal
    from intone.core.service import Core

__all__ = ["admit", "core_of"]


def core_of(request: Request[Any, Any, Any]) -> Core:
    """The core behind this application."""
    return cast("Core", request.app.state.core)


async def admit(request: Request[Any, Any, Any], *, clones: bool = False) -> Principal:
    """Who is calling, once the plan and the rate allow it; the handler has a `require` guard.

    Args:
        request: The request.
        clones: Whether it is about to clone a voice.

    Raises:
        PlanFeatureError: The plan does not have this API, or no cloned voices.
        RateLimitedError: The workspace has made too many requests in this minute.
    """
    principal = principal_of(request)
    if "public_api" not in principal.plan.features:
        raise PlanFeatureError(
            "public_api_requires_scale",
            f"The plan {principal.plan.name!r} does not include this API.",
        )
    if clones:
        require_cloning(principal.plan)
    await core_of(request).admit(principal)
    return principal
