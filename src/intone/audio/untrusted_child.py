"""The process that decodes one stranger's file: `python -m intone.audio.untrusted_child LIMITS`.

Standard input is the file, standard output takes the PCM, and on standard error comes the report,
one JSON object: what was found, or the code of an error. Limits are set before any of FFmpeg is
loaded; once it is, the process can open nothing any more, neither a file nor a socket.
"""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import sys
from dataclasses import asdict
from typing import Any

from intone.audio.untrusted_file import DecodeLimits, decode
from intone.errors import MediaBrokenError, MediaError, StorageFullError

__all__ = ["main"]

_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
#: More than loading FFmpeg's libraries needs, one after the other.
_FILES_WHILE_LOADING = 64
#: Address space, which counts what libraries only map.
_ADDRESS_SPACE = 1 << 30


def main() -> None:
    """Decode standard input within the limits that the command line gives."""
    limits = DecodeLimits(**json.loads(sys.argv[1]))
    report = os.fdopen(os.dup(2), "w")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)  # what native code says of strangers' files is no news
    os.close(nothing)
    _confine(limits)
    _load()
    _seal()
    with report:
        json.dump(_outcome(limits), report)


def _outcome(limits: DecodeLimits) -> dict[str, Any]:
    try:
        with os.fdopen(0, "rb") as file, os.fdopen(1, "wb") as sink:
            return asdict(decode(file, sink, limits))
    except MediaError as error:
        return {"error": error.code}
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        return {"error": StorageFullError.code if full else MediaBrokenError.code}
    except Exception:  # noqa: BLE001 - whatever a file makes of the decoder, it is the file's fault
        return {"error": MediaBrokenError.code}


def _confine(limits: DecodeLimits) -> None:
    """Set the limits of memory, processor time and files; die when the parent does."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    try:
        import resource
    except ImportError:  # Windows has none; the parent's clock is left
        return
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_FSIZE": limits.pcm_bytes,
        "RLIMIT_NOFILE": _FILES_WHILE_LOADING,
        "RLIMIT_AS": _ADDRESS_SPACE,
        "RLIMIT_DATA": limits.memory_bytes,
    }
    for name, value in wanted.items():
        _limit(resource, name, value)


def _load() -> None:
    """Load all that decoding needs: FFmpeg, and the parts of PyAV that come only when used."""
    import av.subtitles.codeccontext
    import av.video.codeccontext  # noqa: F401 - for films, which have to be seen as such

    frames = DecodeLimits().min_rate
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + frames, b"WAVE", b"fmt ", 16)
    form = struct.pack("<HHIIHH4sI", 1, 1, frames, frames, 1, 8, b"data", frames)
    decode(io.BytesIO(head + form + bytes(frames)), io.BytesIO(), DecodeLimits())


def _seal() -> None:
    """No file descriptor beyond those that are open: no file, no socket."""
    try:
        import resource
    except ImportError:
        return
    _limit(resource, "RLIMIT_NOFILE", os.dup(0))


def _limit(resource: Any, name: str, value: int) -> None:
    kind = getattr(resource, name)
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        if sys.platform == "linux":
            raise


if __name__ == "__main__":
    main()
