"""The composition root: settings in, a running server or worker out. The only place that wires."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from msgspec import structs
from prometheus_client import CollectorRegistry

from intone.api.generations.announcements import Announcements
from intone.api.generations.mapping import DIALECT as GENERATIONS
from intone.config import listed
from intone.core import jobs, keys, workspaces
from intone.core.access import Access
from intone.core.analytics import Analytics
from intone.core.captions import Captions
from intone.core.clone_models import CloneModels
from intone.core.cloned_voices import CLONE
from intone.core.cloner import Cloner
from intone.core.cloning import Cloning
from intone.core.egress import Egress
from intone.core.job_metrics import JobMetrics
from intone.core.limits import RateLimiter, Slots
from intone.core.listening import Listening
from intone.core.listings import Catalogue, Listings
from intone.core.models import ModelDirectory, RoutePlan
from intone.core.plans import load_plans
from intone.core.policy import create_policy
from intone.core.posts import DIALECT as POSTS
from intone.core.posts import Posts
from intone.core.rendering import Renderer
from intone.core.retention import Retention
from intone.core.routing import Router
from intone.core.segment_cache import SegmentCache
from intone.core.service import Core
from intone.core.signing import Signer
from intone.core.speech import Speech
from intone.core.synthesis import Synthesizer
from intone.core.uploading import UploadRules, Uploads
from intone.core.voices import ClonedVoices, VoiceCatalogue
from intone.core.watch import Watchers
from intone.core.webhook_deliveries import DELIVER
from intone.core.webhook_delivery import AT_ONCE, Deliverer
from intone.errors import IntoneError, InvalidInputError
from intone.machine import usable_cores
from intone.providers.registry import create_clone_engines, create_providers, running
from intone.queue.open import open_queue
from intone.storage.blobs import BlobStore
from intone.storage.database import LostRaceError
from intone.storage.open import open_database
from intone.text.segments import split
from intone.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from intone.config import Settings
    from intone.core.plans import Plan
    from intone.core.tokens import TokenVerifier
    from intone.providers.base import Provider
    from intone.queue.base import Queue
    from intone.storage.database import Database, Transaction

_log = structlog.get_logger(__name__)

__all__ = ["DEFAULT_WORKSPACE", "Runtime", "open_runtime"]

#: The workspace that an empty data folder gets.
DEFAULT_WORKSPACE = "default"
#: Seconds between two looks at the queue for the metrics.
_MEASURE_EVERY_S = 10.0
#: Seconds for which an answer to `/ready` is given again.
_READY_FOR_S = 1.0


@dataclass(slots=True)
class _Readiness:
    """The last answer to `/ready`: anybody may ask, and each asking writes to the disk."""

    checks: dict[str, str] = field(default_factory=dict)
    #: On the monotonic clock.
    good_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything of one process, open and ready."""

    settings: Settings
    plans: Mapping[str, Plan]
    database: Database
    queue: Queue
    blobs: BlobStore
    providers: Mapping[str, Provider]
    core: Core
    router: Router
    renderer: Renderer
    deliverer: Deliverer
    cloner: Cloner
    retention: Retention
    #: What `/metrics` shows.
    registry: CollectorRegistry
    job_metrics: JobMetrics
    #: The first key of an empty data folder, to be shown once; else None.
    first_key: str | None
    _readiness: _Readiness = field(default_factory=_Readiness)

    async def warm_up(self) -> None:
        """Have ready what the first stream would else wait for."""
        if self.settings.engine:
            await asyncio.to_thread(_warm_up)
        await self.core.listings.listings.voices()

    async def work(self) -> None:
        """Render jobs, clone voices and deliver webhooks' events until cancelled."""
        await asyncio.to_thread(_warm_up)
        concurrency = self.settings.worker_concurrency or 2 * usable_cores()
        handlers = {jobs.RENDER: self.renderer.run}
        # Receivers of webhooks may be slow, so they have places of their own.
        deliveries = Worker(self.queue, {DELIVER: self.deliverer.run}, concurrency=AT_ONCE)
        # To learn a voice takes a core for a while; renderers keep their places meanwhile.
        clones = Worker(self.queue, {CLONE: self.cloner.run}, concurrency=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(Worker(self.queue, handlers, concurrency=concurrency).run())
            group.create_task(deliveries.run())
            if self.settings.engine:
                group.create_task(clones.run())

    async def measure(self) -> None:
        """Look at the queue every while, for the metrics, until cancelled."""
        while True:
            try:
                self.job_metrics.queue(await self.queue.depth())
            except IntoneError as error:
                _log.warning("metrics.queue_unknown", error=error.code)
            await asyncio.sleep(_MEASURE_EVERY_S)

    async def ready(self) -> dict[str, str]:
        """What each part says of itself: `ok`, or what is wrong; asked at most once a second."""
        if time.monotonic() < self._readiness.good_until:
            return self._readiness.checks
        checks = {
            "database": self.database.read(_ping),
            "blobs": self.blobs.check(),
            "queue": self.queue.wait([jobs.RENDER], 0),
        }
        results = await asyncio.gather(*checks.values(), return_exceptions=True)
        self._readiness.checks = {
            name: "ok" if not isinstance(result, BaseException) else type(result).__name__
            for name, result in zip(checks, results, strict=True)
        }
        self._readiness.good_until = time.monotonic() + _READY_FOR_S
        return self._readiness.checks


@contextlib.asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Open everything, and close it in the opposite order.

    Args:
        settings: How to run.
    """
    await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True, mode=0o700)
    plans = load_plans(settings.plans_file)
    if settings.retention_hours is not None:
        hours = settings.retention_hours
        plans = {n: structs.replace(plan, retention_hours=hours) for n, plan in plans.items()}
    async with AsyncExitStack() as stack:
        database = open_database(settings.database)
        await database.start()
        stack.push_async_callback(database.close)
        first_key = await database.write(_bootstrap, plans, settings.bootstrap_key)
        queue = open_queue(database)
        await queue.start()
        stack.push_async_callback(queue.close)
        blobs, spool = BlobStore(settings.data_dir / "blobs"), settings.data_dir / "spool"
        clone_models = CloneModels(blobs)
        providers = create_providers(
            settings.providers,
            processes=settings.engine_processes or None,
            engine=settings.engine,
            clones=clone_models.resolve,
        )
        await stack.enter_async_context(running(providers))
        tokens = _token_verifier(settings)
        if tokens is not None:
            stack.push_async_callback(tokens.close)
        policy = create_policy(
            blocklist=settings.policy_blocklist,
            moderation_url=settings.policy_moderation_url,
            moderation_key=settings.policy_moderation_key,
            fail_open=settings.policy_fail_open,
        )
        stack.push_async_callback(policy.close)
        registry = CollectorRegistry()
        job_metrics = JobMetrics(registry)
        cloned = ClonedVoices(database, clone_models)
        voices, watchers = VoiceCatalogue(providers.values(), cloned), Watchers()
        limiter, router = RateLimiter(), Router()
        listings = Listings(providers)
        stack.push_async_callback(listings.close)
        models = ModelDirectory(
            providers,
            router,
            listed=listings.listed,
            aliases=settings.models,
            routes={name: RoutePlan(r.models, r.by) for name, r in settings.routes.items()},
        )
        signer = Signer(database)
        announcements = Announcements(
            queue,
            signer,
            server_url=settings.public_url or f"http://{settings.host}:{settings.port}",
            url_lifetime_s=round(settings.webhooks_url_hours * 3600),
        )
        uploads = Uploads(database, blobs, signer, spool, _upload_rules(settings))
        cloning = Cloning(
            database=database,
            queue=queue,
            blobs=blobs,
            catalogue=voices,
            clones=cloned,
            segments=SegmentCache(database, blobs),
            requires_consent=settings.cloning_require_consent,
        )
        speech = Speech(
            database=database,
            models=models,
            voices=voices,
            router=router,
            policy=policy,
            limiter=limiter,
            slots=Slots(),
        )
        stack.push_async_callback(speech.close)
        egress = Egress(listed(settings.egress_allow), allow_http=settings.webhooks_allow_http)
        deliverer = Deliverer(database=database, queue=queue, egress=egress)
        stack.push_async_callback(deliverer.close)
        posts = Posts(database, queue, voices, policy, watchers)
        analytics = Analytics(database)
        stack.push_async_callback(analytics.close)
        yield Runtime(
            settings=settings,
            plans=plans,
            database=database,
            queue=queue,
            blobs=blobs,
            providers=providers,
            core=Core(
                database=database,
                queue=queue,
                access=Access(database, plans, tokens),
                limiter=limiter,
                policy=policy,
                voices=voices,
                watchers=watchers,
                listening=Listening(database, blobs, watchers, spool),
                captions=Captions(blobs, spool),
                listings=Catalogue(models, listings),
                signer=signer,
                uploads=uploads,
                speech=speech,
                cloning=cloning,
                egress=egress,
                posts=posts,
                analytics=analytics,
            ),
            router=router,
            renderer=Renderer(
                database=database,
                queue=queue,
                blobs=blobs,
                voices=voices,
                synthesizer=Synthesizer(providers, router, SegmentCache(database, blobs)),
                watchers=watchers,
                metrics=job_metrics,
                spool=spool,
                charge_reused=settings.charge_reused,
                announce={GENERATIONS: announcements.generation_ended, POSTS: posts.ended},
            ),
            deliverer=deliverer,
            cloner=Cloner(
                database=database,
                queue=queue,
                blobs=blobs,
                uploads=uploads,
                voices=cloned,
                engines=create_clone_engines(providers),
                spool=spool,
                announce=announcements.voice_ended,
            ),
            job_metrics=job_metrics,
            registry=registry,
            retention=Retention(database, queue, blobs, spool, cloning),
            first_key=first_key,
        )


def _token_verifier(settings: Settings) -> TokenVerifier | None:
    if settings.oidc_issuer is None:
        return None
    from intone.core.tokens import TokenPolicy, TokenVerifier

    return TokenVerifier(
        TokenPolicy(
            issuer=settings.oidc_issuer,
            audience=listed(settings.oidc_audience or ""),
            workspace_claim=settings.oidc_workspace_claim,
            algorithms=listed(settings.oidc_algorithms),
            jwks_url=settings.oidc_jwks_url,
        )
    )


def _upload_rules(settings: Settings) -> UploadRules:
    return UploadRules(max_bytes=settings.max_upload_bytes, hours=settings.upload_hours)


def _warm_up() -> None:
    """Import and prepare what the first job would else wait for."""
    for name in ("numpy", "soxr", "lameenc", "av", "soundfile"):
        importlib.import_module(name)
    list(split("1 word.", "en"))  # compiles the rules


def _ping(tx: Transaction) -> None:
    tx.one("SELECT 1 AS one")


def _bootstrap(tx: Transaction, plans: Mapping[str, Plan], preset_key: str | None) -> str | None:
    """Make the default workspace and its first key where there is no workspace yet."""
    if workspaces.list_all(tx):
        return None
    plan = plans.get("unlimited") or next(iter(plans.values()))
    try:
        workspace = workspaces.create(tx, DEFAULT_WORKSPACE, plan)
    except InvalidInputError:
        raise LostRaceError from None  # another process started at the same moment
    new = keys.create(tx, workspace.id, "first", ("speak", "manage"), secret=preset_key)
    return new.secret
