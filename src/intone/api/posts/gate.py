"""The gates of this dialect: its plan, its limits (wire.md §1), and whose site is meant.

A gate stands in a handler's `before_request`, so that its headers are on every answer, also on
those that the handler never comes to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

from intone.api.auth import principal_of, require
from intone.api.headers import set_answer_header
from intone.api.posts.cors import allow_all_origins, allow_origin
from intone.api.posts.errors import InvalidFieldsError, SubscriptionInactiveError
from intone.core import sites, workspaces
from intone.core.site_domains import normal_domain
from intone.errors import NotFoundError, PlanFeatureError, RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from litestar.connection import ASGIConnection

    from intone.core.access import Principal
    from intone.core.service import Core
    from intone.core.sites import Site
    from intone.storage.database import Transaction

    Connection = ASGIConnection[Any, Any, Any, Any]
    Guard = Callable[..., Coroutine[Any, Any, None]]

__all__ = [
    "PER_MINUTE",
    "TRACKED_PER_MINUTE",
    "admit_domain",
    "announce_limit",
    "by_domain",
    "by_file",
    "by_key",
    "core_of",
    "key_site",
    "site_of",
]

#: Requests a minute by one key.
PER_MINUTE: Final = 60
#: On `POST /v1/events/track`, by one key.
TRACKED_PER_MINUTE: Final = 120

_FEATURE: Final = "posts_api"
_SITE: Final = "site"


def core_of(connection: Connection) -> Core:
    """The core behind this application."""
    return cast("Core", connection.app.state.core)


def announce_limit(connection: Connection, limit: int, remaining: int) -> None:
    """Say in the answer how many requests a minute there may be, and how many are left."""
    set_answer_header(connection, "X-RateLimit-Limit", str(limit))
    set_answer_header(connection, "X-RateLimit-Remaining", str(remaining))


def by_key(
    scope: str | None = "speak", *, per_minute: int = PER_MINUTE, bucket: str = "posts"
) -> Guard:
    """For `before_request`: lets keys through whose plan has this API, so many times a minute.

    Args:
        scope: `speak` or `manage`; None: either will do.
        per_minute: Requests of one key in any 60 seconds.
        bucket: Routes of one bucket are counted together.
    """
    authenticate = require(scope)

    async def guard(connection: Connection) -> None:
        announce_limit(connection, per_minute, per_minute)
        await authenticate(connection)
        principal = principal_of(connection)
        caller = principal.key_id or principal.subject
        await _count(connection, f"{bucket}:{caller}", per_minute)
        if _FEATURE not in principal.plan.features:
            raise PlanFeatureError(
                _FEATURE,
                f"Subscription not allowed: the plan {principal.plan.name!r} does not include"
                " this API.",
            )

    return guard


async def by_domain(connection: Connection) -> None:
    """For `before_request`: lets requests through whose `domain` parameter is a site's.

    The handler asks `site_of` which site it is.
    """
    await admit_domain(connection, connection.query_params.get("domain") or "", "public_requests")


async def by_file(connection: Connection) -> None:
    """For `before_request`: what every page may read, as often as it likes."""
    allow_all_origins(connection)


async def admit_domain(
    connection: Connection, domain: str, what: Literal["public_requests", "public_events"]
) -> Site:
    """The site of a domain, once its limit and its plan allow the request; `site_of` has it too.

    Args:
        connection: The request.
        domain: As the request says it.
        what: What is sent, by the name of its limit in the plan; counted for each domain.

    Raises:
        InvalidFieldsError: The domain is missing.
        NotFoundError: No site has it.
        RateLimitedError: There were too many requests for it in this minute.
        SubscriptionInactiveError: The plan of its workspace does not have this API.
    """
    core = core_of(connection)
    try:
        site, plan_name = await core.database.read(_find, domain)
    except (InvalidFieldsError, NotFoundError):
        await allow_origin(connection, core, None)
        raise
    await allow_origin(connection, core, site)
    plan = core.access.plan(plan_name)
    per_minute: int = getattr(plan, f"{what}_per_minute")
    await _count(connection, f"{what}:{normal_domain(domain)}", per_minute)
    if _FEATURE not in plan.features:
        raise SubscriptionInactiveError("Subscription inactive")
    connection.scope["state"][_SITE] = site
    return site


def site_of(connection: Connection) -> Site:
    """The site that a `by_domain` gate has found."""
    return cast("Site", connection.scope["state"][_SITE])


async def key_site(
    connection: Connection, *, site: str | None = None, url: str | None = None
) -> Site:
    """The site that a request by key is about; its handler has a `by_key` gate.

    A site's own key is for that site alone. A workspace's key is for the site that the request
    names, or else its only one, or else the one that has the host of `url`.

    Args:
        connection: The request.
        site: The site's number, uuid or domain, where the request names it.
        url: The address of the post, where the request says it.

    Raises:
        NotFoundError: The caller has no such site.
        InvalidFieldsError: Nothing says which of its sites is meant, or it has none.
    """
    return await core_of(connection).database.read(_choose, principal_of(connection), site, url)


async def _count(connection: Connection, whose: str, per_minute: int) -> None:
    try:
        left = await core_of(connection).limiter.hit(whose, per_minute)
    except RateLimitedError:
        announce_limit(connection, per_minute, 0)
        raise
    announce_limit(connection, per_minute, left)


def _find(tx: Transaction, domain: str) -> tuple[Site, str]:
    """The site of a domain, and the name of its workspace's plan."""
    if not domain.strip():
        raise InvalidFieldsError({"domain": ["The domain field is required."]})
    site = sites.find_by_domain(tx, domain)
    return site, workspaces.find(tx, site.workspace_id).plan


def _choose(tx: Transaction, principal: Principal, named: str | None, url: str | None) -> Site:
    if named is not None:
        site = sites.find(tx, named, principal.workspace_id)
        if principal.site_id not in {None, site.id}:
            raise NotFoundError("This key is another site's; use a key of this site.")
        return site
    if principal.site_id is not None:
        return sites.find_by_id(tx, principal.site_id)
    found = sites.of_workspace(tx, principal.workspace_id, 2)
    if len(found) == 1:
        return found[0]
    if not found:
        raise InvalidFieldsError(
            {"site": ["There is no site yet; make one with `intone sites create --domain …`."]}
        )
    if url is not None:
        try:
            return sites.find_by_domain(tx, url, principal.workspace_id)
        except NotFoundError:
            pass
    sentence = (
        "The workspace has several sites; name one by its number or domain in `site`, or use a key"
        " of the site itself."
    )
    raise InvalidFieldsError({"site": [sentence]})
