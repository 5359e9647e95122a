"""The audio of posts and its captions, by an address that nobody can guess (wire.md §1).

Players on any page and podcast players fetch them without a key, as often as they like; only jobs
of posts are found here.
"""

from __future__ import annotations

import re
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
from intone.core import job_lists, post_files
from intone.core.jobs import ENDED
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from intone.api.captions import Form
    from intone.core.jobs import Job
    from intone.core.post_files import PostFile
    from intone.core.service import Core

__all__ = ["CACHE", "FILE_ROUTES", "HEADERS", "find_job"]

Req = Request[Any, Any, Any]

_NONE: Final = "There is no such file, or it is not there any more."
#: An address names one recording for ever; one that is deleted should not be heard for long.
CACHE: Final = "public, max-age=300"
#: Pages that isolate themselves may have it as well.
HEADERS: Final = {"Cross-Origin-Resource-Policy": "cross-origin"}
#: What some system does not allow in a file's name, and how long that may be.
_UNSAFE: Final = re.compile(
    r'[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069"*/:<>?\\|]+'
)
_LONGEST_NAME: Final = 80


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
    download: Annotated[
        bool,
        QueryParameter(
            description="Have the audio saved under the post's title, where the site allows it."
        ),
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
    if download:
        file = _file_name(await core.database.read(post_files.for_download, job.id))
    if job.recording is not None:
        stored = StoredAudio(
            path=job.recording.blob,
            size=job.recording.bytes,
            etag=job.recording.etag,
            media_type="audio/mpeg",
            filename=file,
            headers=HEADERS,
            cache=CACHE,
            is_download=download,
        )
        return await stored_response(request, stored, core.listening.read)
    if not live or download or job.state in ENDED:
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


def _file_name(post: PostFile) -> str:
    """How a post's audio is called on its reader's disk: by its title, on any system."""
    words = " ".join(_UNSAFE.sub(" ", post.title or post.post_id).split())
    return f"{words[:_LONGEST_NAME].strip('. ') or 'audio'}.mp3"


FILE_ROUTES = [file]
