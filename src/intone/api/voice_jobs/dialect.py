"""Voice jobs: durable jobs with idempotency and quota (seed 003)."""

from __future__ import annotations

from intone.api.dialect import Dialect
from intone.api.voice_jobs.audio import AUDIO_ROUTES
from intone.api.voice_jobs.captions import CAPTION_ROUTES
from intone.api.voice_jobs.errors import render_error
from intone.api.voice_jobs.requests import DIALECT
from intone.api.voice_jobs.routes import ROUTES

__all__ = ["VOICE_JOBS"]

VOICE_JOBS = Dialect(
    name=DIALECT,
    prefixes=("/v1/voice", "/v2/voice", "/v1/quota"),
    handlers=[*ROUTES, *AUDIO_ROUTES, *CAPTION_ROUTES],
    render_error=render_error,
)
