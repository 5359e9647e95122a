"""Signed addresses of audio (seed 002): they work for ten minutes, without a key, for reading.

The whole of an address is signed or compared letter by letter, so that none but those given out
leads anywhere; one that was changed or is too old is forbidden, whether or not its audio exists.
"""

from __future__ import annotations

import re
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import HttpMethod, Request, route
from litestar.openapi.spec import Example
from litestar.params import PathParameter
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.audio import StoredAudio, stored_response
from intone.api.described import Answer, describe
from intone.api.generations.gate import core_of
from intone.api.openapi import operation_id
from intone.audio.formats import FORMATS
from intone.core import job_lists
from intone.errors import NotFoundError, SignatureError

if TYPE_CHECKING:
    from intone.core.signing import Signer
    from intone.storage.database import Transaction

__all__ = ["DOWNLOAD_ROUTES", "LIFETIME_S", "download_path", "download_path_within"]

#: Seconds for which an address works (seed 002).
LIFETIME_S: Final = 600
_PURPOSE: Final = "download"
_TOKEN: Final = re.compile(r"([0-9a-f]{32})\.([1-9][0-9]{0,11})\.([0-9a-f]{64})")


async def download_path(signer: Signer, job_id: str) -> str:
    """The path of a job's audio, signed for ten minutes."""
    expires = int(time.time()) + LIFETIME_S
    return _path(job_id, expires, await signer.sign(_PURPOSE, job_id, expires))


def download_path_within(tx: Transaction, signer: Signer, job_id: str, lifetime_s: int) -> str:
    """As `download_path`, in a unit of work."""
    expires = int(time.time()) + lifetime_s
    return _path(job_id, expires, signer.sign_within(tx, _PURPOSE, job_id, expires))


def _path(job_id: str, expires: int, signature: str) -> str:
    return f"/v1/downloads/{job_id.replace('-', '')}.{expires}.{signature}"


@route(
    "/v1/downloads/{token:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=operation_id("downloadGeneration"),
    summary="Download the audio of a generation",
    tags=["Generations"],
    security=[],
    media_type="audio/mpeg",
    opt=describe(
        {200: Answer("The audio.", {form.media_type: None for form in FORMATS.values()})},
        errors=[SignatureError(), NotFoundError("The audio has expired.")],
    ),
)
async def download(
    request: Request[Any, Any, Any],
    token: Annotated[
        str,
        PathParameter(
            description="As in `downloadUrl`; nothing else works.",
            examples=[Example(value="5b2a5b7a6c2d4d409e7b1f25c08e6a1f.1795255487.c2lnbmF0dXJl")],
        ),
    ],
) -> ASGIResponse:
    """The audio, with `Range`, `HEAD` and `ETag`."""
    core = core_of(request)
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise SignatureError
    job_id = str(uuid.UUID(parts[1]))
    await core.signer.verify(_PURPOSE, job_id, int(parts[2]), parts[3])
    recording = None
    with suppress(NotFoundError):
        recording = (await core.database.read(job_lists.find_anywhere, job_id)).recording
    if recording is None:
        raise NotFoundError("The audio has expired.")
    form = FORMATS[recording.format]
    stored = StoredAudio(
        path=recording.blob,
        size=recording.bytes,
        etag=recording.etag,
        media_type=form.media_type,
        filename=f"{job_id}.{form.extension}",
    )
    return await stored_response(request, stored, core.listening.read)


DOWNLOAD_ROUTES = [download]
