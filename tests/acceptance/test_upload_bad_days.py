"""A server that strangers send the worst to: it says what is wrong, and stays as small as it was."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from helpers import media
from helpers.processes import children

#: Bytes; what the service and all its processes may grow by.
MOST_GROWTH = 200 * 1000 * 1000
LARGE = (50 * 1024 * 1024 - 44) // 4


def _resident(pid):
    """Bytes in memory of a process and of those that it has started."""
    try:
        found = [pid, *children(pid)]
    except FileNotFoundError:  # one of its threads has just ended
        return _resident(pid)
    pages = 0
    for one in found:
        with suppress(FileNotFoundError, ProcessLookupError):
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


class Watched:
    """The most memory that a process tree has while this lasts."""

    def __init__(self, pid):
        self._pid, self._over = pid, threading.Event()
        self.before = self.most = _resident(pid)

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.wait(0.01):
            self.most = max(self.most, _resident(self._pid))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_file_makes_the_service_large_or_fail(make_server):
    server = make_server().start()
    files = [
        (media.flac_bomb(), "media_too_long"),
        (media.wav(LARGE, rate=48_000, channels=2), None),
        (media.id3(40_000_000) + media.encoded("mp3"), None),
        (media.greedy_m4a(), "media_broken"),
        (media.wav(72, claimed=2 * 10**9), "media_too_short"),
        (media.film(), "unsupported_media"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "unsupported_media"),
        (bytes(60 * 1024 * 1024), "payload_too_large"),
    ]

    def send(file):
        with server.client() as client:
            answer = client.post("/v1/uploads", files={"file": ("a.wav", file)}, timeout=120)
            return answer.status_code, answer.json().get("error")

    with server.client() as client:
        assert send(media.encoded("flac"))[0] == 201
        with Watched(server.process.pid) as memory, ThreadPoolExecutor(8) as senders:
            answers = list(senders.map(send, [file for file, _ in files] * 2))
        assert [code for _, code in answers] == [code for _, code in files] * 2
        assert {status for status, _ in answers} == {201, 400, 413}
        assert memory.most - memory.before < MOST_GROWTH
        ready = client.get("/v1/uploads").json()["items"]
        assert [one["status"] for one in ready] == ["ready"] * 5
    assert list((server.data_dir / "spool").iterdir()) == []
    blobs = [path for path in (server.data_dir / "blobs" / "uploads").rglob("*") if path.is_file()]
    assert len(blobs) == 5
