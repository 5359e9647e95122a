"""What webhooks are told of generations and cloned voices (seeds 001 and 002).

Built in the transaction that ends the work, so that there is no end without its event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from intone.api.generations.downloads import download_path_within
from intone.api.generations.mapping import (
    form_of,
    generation_body,
    generation_id,
    voice_name,
)
from intone.api.moments import moment
from intone.core import webhooks
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.core.cloned_voices import ClonedVoice
    from intone.core.jobs import Job
    from intone.core.signing import Signer
    from intone.queue.base import Queue
    from intone.storage.database import Transaction

__all__ = ["Announcements"]


class Announcements:
    """Tells webhooks.

    Args:
        queue: Where deliveries go.
        signer: Signs addresses of audio.
        server_url: Where receivers reach this server.
        url_lifetime_s: Seconds for which an address of audio works in an event.
    """

    def __init__(
        self,
        queue: Queue,
        signer: Signer,
        *,
        server_url: str,
        url_lifetime_s: int,
    ) -> None:
        self._queue = queue
        self._signer = signer
        self._server_url = server_url.rstrip("/")
        self._lifetime_s = url_lifetime_s

    def generation_ended(self, tx: Transaction, job: Job) -> None:
        """Tell of a generation that is ready, or has failed."""
        url = None
        if job.recording is not None:
            path = download_path_within(tx, self._signer, job.id, self._lifetime_s)
            url = self._server_url + path
        event: webhooks.EventName = "generation.ready" if url else "generation.failed"
        bodies = {event: _envelope(event, generation_body(job, url))}
        if url is not None:
            bodies["generation.completed"] = _completed(job, url)
        webhooks.publish(tx, self._queue, job.workspace_id, bodies)

    def voice_ended(self, tx: Transaction, voice: ClonedVoice) -> None:
        """Tell of a cloned voice that is ready, or could not be made."""
        data: dict[str, Any] = {
            "id": voice.id,
            "name": voice.name,
            "kind": "cloned",
            "status": voice.state,
        }
        if voice.error_code is not None:
            data["error"] = {"code": voice.error_code, "message": voice.error_message}
        event: webhooks.EventName = "voice.cloned" if voice.state == "ready" else "voice.failed"
        bodies = {event: _envelope(event, data)}
        webhooks.publish(tx, self._queue, voice.workspace_id, bodies)


def _envelope(event: str, data: Any) -> bytes:
    """Seed 002's: event, time, data."""
    return msgspec.json.encode({"event": event, "timestamp": moment(now_ms()), "data": data})


def _completed(job: Job, url: str) -> bytes:
    """Seed 001's: event and data."""
    assert job.recording is not None
    assert job.ended_at is not None
    data = {
        "id": generation_id(job.id, form_of(job)),
        "status": "completed",
        "voiceId": voice_name(job.order, form_of(job)),
        "format": job.order.format,
        "durationMs": job.recording.duration_ms,
        "audioUrl": url,
        "completedAt": moment(job.ended_at),
    }
    return msgspec.json.encode({"event": "generation.completed", "data": data})
