"""What the core counts of jobs, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry

    from intone.core.jobs import Job
    from intone.core.recordings import Recording
    from intone.queue.base import QueueDepth

__all__ = ["JobMetrics"]

#: Upper bounds in seconds: from one sentence to a book.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class JobMetrics:
    """The counters of one process.

    Args:
        registry: Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter(
            "intone_jobs_ended", "Jobs that this process ended.", ("state",), registry=registry
        )
        self._retries = Counter(
            "intone_job_retries", "Tries of jobs that failed.", ("error",), registry=registry
        )
        self._audio = Counter("intone_audio_seconds", "Seconds of audio made.", registry=registry)
        self._waited = Histogram(
            "intone_job_wait_seconds",
            "Seconds from a job's creation to its first try.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._took = Histogram(
            "intone_job_seconds",
            "Seconds from a job's first try to its recording.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._depth = Gauge(
            "intone_queue_entries", "Work in the queue.", ("kind", "state"), registry=registry
        )

    def began(self, job: Job) -> None:
        """A try at the job has begun."""
        if job.attempts == 1 and job.started_at is not None:
            self._waited.observe((job.started_at - job.created_at) / 1000)

    def ready(self, job: Job, recording: Recording) -> None:
        """The job has its recording."""
        self._ended.labels("ready").inc()
        self._audio.inc(recording.duration_ms / 1000)
        if job.started_at is not None:
            self._took.observe((now_ms() - job.started_at) / 1000)

    def failed(self) -> None:
        """A job has failed for good."""
        self._ended.labels("failed").inc()

    def retried(self, error_code: str) -> None:
        """A try has failed, and another will be made."""
        self._retries.labels(error_code).inc()

    def queue(self, depths: Iterable[QueueDepth]) -> None:
        """The queue as it stands."""
        for depth in depths:
            for state in ("ready", "delayed", "running", "dead"):
                self._depth.labels(depth.kind, state).set(getattr(depth, state))
