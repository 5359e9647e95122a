"""Sending samples of voices: in a form, or to a signed address."""

# No `from __future__ import annotations` here: Litestar reads handlers' annotations at run time.

import re
import uuid
from typing import Annotated, Any, Final

from litestar import Request, delete, get, post, put
from litestar.openapi.spec import OpenAPIType, Parameter, Schema
from litestar.params import PathParameter
from msgspec import UNSET, structs

from intone.api.addresses import server_url
from intone.api.auth import SECURITY, require
from intone.api.bodies import decode_json
from intone.api.described import JSON, Answer, describe
from intone.api.exchange import BodyLimits
from intone.api.generations.gate import admit, core_of
from intone.api.generations.upload_schemas import CreateUpload, UploadBody, UploadList
from intone.api.moments import moment
from intone.api.multipart import body_of, content_type, read_file
from intone.core.access import Principal
from intone.core.uploads import Upload
from intone.errors import (
    InvalidInputError,
    MediaBrokenError,
    MediaHasNoAudioError,
    MediaTooLongError,
    MediaTooShortError,
    NotFoundError,
    PlanFeatureError,
    SignatureError,
    StorageFullError,
    TooManyUploadsError,
    UnsupportedMediaError,
    UploadUsedError,
)

__all__ = ["UPLOAD_ROUTES", "upload_limits"]

Req = Request[Any, Any, Any]

_COMMON: dict[str, Any] = {
    "before_request": require("speak"),
    "security": SECURITY,
    "tags": ["Uploads"],
}
#: Bytes of a form beside its file, and of a body in JSON.
_FORM_BYTES: Final = 256 * 1024
_JSON_BYTES: Final = 16 * 1024
#: A file has half a minute, and beyond that as long as it comes at this rate, in bytes a second.
_SECONDS: Final = 30.0
_MIN_RATE: Final = 32 * 1024
_EXPIRES: Final = re.compile(r"[1-9][0-9]{0,11}")
_ID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
_READY: Final = UploadBody(
    id=_ID,
    path=f"uploads/{_ID}.wav",
    status="ready",
    filename="sample1.wav",
    format="wav",
    bytes=960_044,
    duration_ms=10_000,
    sample_rate=48_000,
    channels=1,
    created_at="2026-11-20T12:00:00.000Z",
    expires_at="2026-11-21T12:00:00.000Z",
)
_BYTES: Final = {"type": "string", "format": "binary"}
_FORM: Final = {
    "type": "object",
    "properties": {"file": {**_BYTES, "description": "WAV, MP3, FLAC, Ogg or M4A."}},
    "required": ["file"],
}
_NO_API: Final = PlanFeatureError("public_api_requires_scale")
_MEDIA_ERRORS: Final = (
    UnsupportedMediaError(),
    MediaTooLongError(),
    MediaTooShortError(),
    MediaHasNoAudioError(),
    MediaBrokenError(),
    StorageFullError(),
)

UploadId = Annotated[str, PathParameter(description="The upload's id.", format="uuid")]


def upload_limits(max_upload_bytes: int) -> dict[str, BodyLimits]:
    """For the dialect's `body_limits`: what these routes take, and how slowly.

    Args:
        max_upload_bytes: Of one file.
    """
    return {"/v1/uploads": BodyLimits(max_upload_bytes + _FORM_BYTES, _SECONDS, _MIN_RATE)}


@post(
    "/v1/uploads",
    operation_id="createUpload",
    summary="Send a sample",
    opt=describe(
        {
            201: Answer(
                "The file is there; or, where JSON was sent, the address to send it to.",
                {JSON: _READY},
            )
        },
        body=CreateUpload,
        examples={"an address to send to": {"filename": "sample1.wav"}},
        files={"multipart/form-data": _FORM},
        errors=[_NO_API, TooManyUploadsError(), *_MEDIA_ERRORS],
    ),
    **_COMMON,
)
async def create(request: Req) -> UploadBody:
    """Send a file as the field `file` of a form, or ask in JSON for an address to send it to.

    The answer to JSON has `uploadUrl`, `method` and `expiresAt`.
    """
    principal = await admit(request)
    kind, _ = content_type(request)
    if kind == "application/json":
        return await _presign(request, principal)
    file = await read_file(request, "file")
    upload = await core_of(request).uploads.accept(principal.workspace_id, file.name, file.body)
    return _body(upload)


@put(
    "/v1/uploads/{upload_id:str}",
    operation_id="putUpload",
    summary="Send a file to a signed address",
    tags=["Uploads"],
    security=[],
    opt=describe(
        {200: Answer("The file is there.", {JSON: _READY})},
        files={"application/octet-stream": _BYTES},
        parameters=[
            Parameter(
                name=name,
                param_in="query",
                description="As in `uploadUrl`.",
                schema=Schema(type=OpenAPIType.STRING),
                required=True,
            )
            for name in ("expires", "signature")
        ],
        errors=[SignatureError(), UploadUsedError(), *_MEDIA_ERRORS],
    ),
)
async def send(request: Req, upload_id: UploadId) -> UploadBody:
    """Send the file's bytes; once it is there, the address works no more."""
    query = request.query_params
    expires, signature = (query.getall(name, [""]) for name in ("expires", "signature"))
    if len(expires) != 1 or len(signature) != 1 or not _EXPIRES.fullmatch(expires[0]):
        raise SignatureError
    upload = await core_of(request).uploads.receive(
        upload_id, int(expires[0]), signature[0], body_of(request)
    )
    return _body(upload)


@get(
    "/v1/uploads",
    operation_id="listUploads",
    summary="List samples",
    opt=describe(
        {200: Answer("The uploads.", {JSON: UploadList(items=[_READY])})}, errors=[_NO_API]
    ),
    **_COMMON,
)
async def list_(request: Req) -> UploadList:
    """The workspace's uploads that have not expired, newest first."""
    principal = await admit(request)
    found = await core_of(request).uploads.list_all(principal.workspace_id)
    return UploadList(items=[_body(upload) for upload in found])


@get(
    "/v1/uploads/{upload_id:str}",
    operation_id="getUpload",
    summary="Look at a sample",
    opt=describe({200: Answer("The upload.", {JSON: _READY})}, errors=[_NO_API]),
    **_COMMON,
)
async def one(request: Req, upload_id: UploadId) -> UploadBody:
    """What is known of an upload."""
    principal = await admit(request)
    found = await core_of(request).uploads.get(principal.workspace_id, _canonical(upload_id))
    return _body(found)


@delete(
    "/v1/uploads/{upload_id:str}",
    status_code=204,
    operation_id="deleteUpload",
    summary="Delete a sample",
    opt=describe({204: Answer("It is gone.")}, errors=[_NO_API]),
    **_COMMON,
)
async def delete_(request: Req, upload_id: UploadId) -> None:
    """Erase an upload; a voice that was made of it stays."""
    principal = await admit(request)
    await core_of(request).uploads.delete(principal.workspace_id, _canonical(upload_id))


async def _presign(request: Req, principal: Principal) -> UploadBody:
    body = bytearray()
    async for piece in body_of(request):  # not `read_json`: here a body may be as large as a file
        body += piece
        if len(body) > _JSON_BYTES:
            raise InvalidInputError(f"A body in JSON may have {_JSON_BYTES} bytes.")
    wanted = decode_json(bytes(body), CreateUpload).value
    made = await core_of(request).uploads.presign(principal.workspace_id, wanted.filename)
    query = f"expires={made.expires_at_s}&signature={made.signature}"
    return structs.replace(
        _body(made.upload),
        upload_url=f"{server_url(request)}/v1/uploads/{made.upload.id}?{query}",
        method="PUT",
        expires_at=moment(made.expires_at_s * 1000),
    )


def _canonical(upload_id: str) -> str:
    try:
        return str(uuid.UUID(upload_id))
    except ValueError:
        raise NotFoundError("There is no such upload, or it has expired.") from None


def _body(upload: Upload) -> UploadBody:
    found = {
        "filename": upload.name,
        "format": upload.form,
        "bytes": upload.bytes,
        "duration_ms": upload.duration_ms,
        "sample_rate": upload.sample_rate,
        "channels": upload.channels,
    }
    return UploadBody(
        id=upload.id,
        path=upload.path,
        status=upload.state,
        created_at=moment(upload.created_at),
        expires_at=moment(upload.expires_at),
        **{name: UNSET if value is None else value for name, value in found.items()},  # type: ignore[arg-type]
    )


UPLOAD_ROUTES = [create, send, list_, one, delete_]
