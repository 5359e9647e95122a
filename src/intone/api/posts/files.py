"""The audio of posts and its captions, by an address that nobody can guess (wire.md §1).

Players on any page and podcast players fetch them without a key, as often as they like; only jobs
of posts are found here.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from litestar import HttpMethod, Request, route
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.audio import StoredAudio, live_response, stored_response
from intone.api.captions import AfterQuery, WordsQuery, captions_response
from intone.api.openapi import operation_id
from intone.api.posts import documentation
from intone.api.posts.gate import by_file, core_of
from intone.api.posts.mapping import DIALECT
from intone.core import job_lists
from intone.core.jobs import ENDED
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from intone.api.captions import Form
    from intone.core.jobs import Job
    from intone.core.service import Core

__all__ = ["CACHE", "FILE_ROUTES", "HEADERS", "find_job"]

Req = Request[Any, Any, Any]

_NONE: Final = "There is no such file, or it is not there any more."
#: An address names one recording for ever; one that is deleted should not be heard for long.
CACHE: Final = "public, max-age=300"
#: Pages that isolate themselves may have it as well.
HEADERS: Final = {"Cross-Origin-Resource-Policy": "cross-origin"}


@route(
    "/v1/public/audio/files/{file:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=operation_id("getPublicFile"),
    summary="Get a post's audio or captions",
    tags=["Posts for readers"],
    security=[],
    before_request=by_file,
    media_type="audio/mpeg",
    opt=documentation.FILE,
)
async def file(
    request: Req,
    file: Annotated[
        str,
        PathParameter(
            description="As in `audio_url`: the audio as .mp3, its captions as .json, .vtt, .srt.",
            examples=[Example(value=documentation.FILE_NAME)],
        ),
    ],
    *,
    live: Annotated[
        bool, QueryParameter(description="Stream audio that is still being made.")
    ] = False,
    after: AfterQuery = 0,
    words: WordsQuery = False,
) -> ASGIResponse:
    """The audio with `Range`, `HEAD` and `ETag`, or its captions."""
    core = core_of(request)
    name, _, ending = file.rpartition(".")
    job = await find_job(core, name)
    if ending in {"json", "vtt", "srt"}:
        return await captions_response(
            core,
            job,
            cast("Form", ending),
            after,
            words=words,
            request=request,
            cache=CACHE,
            headers=HEADERS,
        )
    if ending != "mp3":
        raise NotFoundError(_NONE)
    if job.recording is not None:
        stored = StoredAudio(
            path=job.recording.blob,
            size=job.recording.bytes,
            etag=job.recording.sha256[:32],
            media_type="audio/mpeg",
            filename=file,
            headers=HEADERS,
            cache=CACHE,
        )
        return await stored_response(request, stored, core.listening.read)
    if not live or job.state in ENDED:
        raise NotFoundError("This audio is not ready.")
    return await live_response(
        request,
        core.listening.live(job, "mp3"),
        media_type="audio/mpeg",
        filename=file,
        headers=HEADERS,
    )


async def find_job(core: Core, name: str) -> Job:
    """The job of a post of that id.

    Raises:
        NotFoundError: There is none, it is another dialect's, or it has expired.
    """
    try:
        job_id = str(uuid.UUID(name))
    except ValueError:
        raise NotFoundError(_NONE) from None
    job = await core.database.read(job_lists.find_anywhere, job_id)
    if job.dialect != DIALECT:
        raise NotFoundError(_NONE)
    return job


FILE_ROUTES = [file]
