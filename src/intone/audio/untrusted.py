"""Decoding what strangers send, in a process of its own.

A decoder is native code fed with anybody's bytes: it may crash, hang or ask for all memory. It
does that in a child with limits of its own, which costs whoever sent the file an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec
import structlog

from intone.audio.untrusted_file import PCM_RATE, Decoded, DecodeLimits
from intone.errors import (
    IntoneError,
    MediaBrokenError,
    MediaHasNoAudioError,
    MediaTooLongError,
    MediaTooShortError,
    StorageFullError,
    UnavailableError,
    UnsupportedMediaError,
)

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

__all__ = ["PCM_RATE", "DecodeLimits", "Decoded", "decode_untrusted"]

_log = structlog.get_logger(__name__)

#: Bytes of a report; one that is longer is none.
_LONGEST_REPORT = 4096
#: What the child may know of the environment: where Python and its libraries are.
_PASSED_ON = ("LD_LIBRARY_PATH", "PYTHONPATH", "SYSTEMROOT")
_ERRORS: dict[str, type[IntoneError]] = {
    kind.code: kind
    for kind in (
        UnsupportedMediaError,
        MediaTooLongError,
        MediaTooShortError,
        MediaHasNoAudioError,
        MediaBrokenError,
        StorageFullError,
    )
}


class _Report(msgspec.Struct):
    """What the child says; it may have been taken over, so it is believed little."""

    error: str | None = None
    form: str = ""
    duration_ms: int = 0
    sample_rate: int = 0
    channels: int = 0


async def decode_untrusted(path: Path, pcm: Path, limits: DecodeLimits) -> Decoded:
    """Find out what a file is and write its audio as mono s16le PCM at `PCM_RATE`.

    Args:
        path: The file; no link is followed.
        pcm: Where the PCM goes, in place of what is there; whoever calls removes it, whether
            this succeeds or not. `os.devnull` where nobody needs it.
        limits: How far to go.

    Raises:
        UnsupportedMediaError: It is of no kind that is accepted, has pictures that move, or its
            sample rate or number of channels is out of bounds.
        MediaTooLongError: It is longer than the limits allow.
        MediaTooShortError: It is shorter.
        MediaHasNoAudioError: There is no sound in it.
        MediaBrokenError: It cannot be decoded, or not within the limits of memory and time.
        StorageFullError: There is no room for the PCM.
        UnavailableError: The process cannot be started.
    """
    process = await _start(path, pcm, limits)
    try:
        async with asyncio.timeout(limits.timeout_s):
            report = await _report_of(process)
            status = await process.wait()
    except TimeoutError:
        _log.warning("upload.decoder_stopped", seconds=limits.timeout_s)
        raise MediaBrokenError("The file takes too long to decode.") from None
    finally:
        await _end(process)
    if status:
        _log.warning("upload.decoder_died", status=status)
        raise MediaBrokenError
    return _outcome(report)


async def _start(path: Path, pcm: Path, limits: DecodeLimits) -> Process:
    try:
        source, sink = await asyncio.to_thread(_open, path, pcm)
    except OSError as error:
        raise UnavailableError("The server's disk cannot be used; see its log.") from error
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "intone.audio.untrusted_child"),
            json.dumps(asdict(limits)),
            stdin=source,
            stdout=sink,
            stderr=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            start_new_session=True,
            limit=_LONGEST_REPORT,
        )
    except OSError as error:
        raise UnavailableError("The server cannot start another process now.") from error
    finally:
        os.close(source)
        os.close(sink)


def _open(path: Path, pcm: Path) -> tuple[int, int]:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    source = os.open(path, os.O_RDONLY | flags)
    try:
        return source, os.open(pcm, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags, 0o600)
    except OSError:
        os.close(source)
        raise


async def _report_of(process: Process) -> bytes:
    assert process.stderr is not None
    report = b""
    while piece := await process.stderr.read(_LONGEST_REPORT):
        report = (report + piece)[: _LONGEST_REPORT + 1]
    return report


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            _kill(process)
        await process.wait()


def _kill(process: Process) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _outcome(text: bytes) -> Decoded:
    try:
        report = msgspec.json.decode(text, type=_Report)
    except msgspec.MsgspecError:
        _log.warning("upload.decoder_said_nonsense")
        raise MediaBrokenError from None
    if report.error is not None:
        kind = _ERRORS.get(report.error, MediaBrokenError)
        raise kind
    return Decoded(report.form, report.duration_ms, report.sample_rate, report.channels)
