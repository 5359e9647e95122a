"""The yardstick of `create`: a bare Litestar route that validates the same body and echoes it.

`python -m bench.echo PORT` serves it under the settings that `intone serve` gives to uvicorn.
"""

from __future__ import annotations

import sys

import uvicorn
import uvloop
from litestar import Litestar, get, post

from intone.api.voice_jobs.schemas import CreateVoiceJobRequest  # noqa: TC001 - Litestar reads it

__all__: list[str] = []


@post("/v1/voice/jobs")
async def echo(data: CreateVoiceJobRequest) -> CreateVoiceJobRequest:
    """The body, once it fits."""
    return data


@get("/ready")
async def ready() -> str:
    """That it is up."""
    return "OK"


def main() -> None:
    """Serve until told to stop."""
    app = Litestar([echo, ready], openapi_config=None, logging_config=None)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="on",
        timeout_keep_alive=75,
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
