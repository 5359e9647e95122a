"""The generations dialect: its paths, its envelope and how large a file may be."""

from __future__ import annotations

from intone.api.dialect import Dialect
from intone.api.generations.captions import CAPTION_ROUTES
from intone.api.generations.downloads import DOWNLOAD_ROUTES
from intone.api.generations.errors import generation_envelope
from intone.api.generations.routes import ROUTES
from intone.api.generations.uploads import UPLOAD_ROUTES, upload_limits
from intone.api.generations.voices import CLONE_ROUTES
from intone.api.generations.webhooks import WEBHOOK_ROUTES

__all__ = ["generations_dialect"]


def generations_dialect(*, max_upload_bytes: int) -> Dialect:
    """The dialect.

    Args:
        max_upload_bytes: Of one file; other bodies keep the platform's limit.
    """
    return Dialect(
        name="generations",
        prefixes=(
            *("/v1/generations", "/v1/downloads", "/v1/uploads"),
            *("/v1/voices/clone", "/v1/webhooks"),
        ),
        handlers=[
            *(*ROUTES, *CAPTION_ROUTES, *DOWNLOAD_ROUTES),
            *(*UPLOAD_ROUTES, *CLONE_ROUTES, *WEBHOOK_ROUTES),
        ],
        render_error=generation_envelope,
        body_limits=upload_limits(max_upload_bytes),
    )
