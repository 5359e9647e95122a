"""What strangers send is decoded in a child that has limits, or refused with a code that says why."""

import asyncio
import errno
import json
import os
import random
import signal
import subprocess
import sys
import zipfile
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import uvloop

from helpers import media
from helpers.decoding import dominant_frequency
from intone.audio import untrusted
from intone.audio.untrusted import PCM_RATE, DecodeLimits, decode_untrusted
from intone.errors import (
    MediaBrokenError,
    MediaError,
    MediaHasNoAudioError,
    MediaTooLongError,
    MediaTooShortError,
    StorageFullError,
    UnavailableError,
    UnsupportedMediaError,
)

LIMITS = DecodeLimits()
#: Kibibytes of memory that a child may have had at its peak; two of them stay below 200 MiB.
MOST_RSS = 100 * 1024


@pytest.fixture
def decode(tmp_path):
    """Decode bytes; returns what was found and the samples."""

    async def run(data, limits=LIMITS, name="file"):
        (tmp_path / name).write_bytes(data)
        found = await decode_untrusted(tmp_path / name, tmp_path / "pcm", limits)
        return found, np.fromfile(tmp_path / "pcm", "<i2") / 32768

    return run


def _gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# -- What is accepted


@pytest.mark.parametrize("kind", media.KINDS)
async def test_every_kind_that_is_promised_becomes_mono_pcm_at_24_khz(decode, kind):
    found, samples = await decode(media.encoded(kind, 1.5, channels=2))
    assert (found.form, found.channels) == (kind, 2)
    assert found.sample_rate == media.KINDS[kind][2]
    assert abs(found.duration_ms - 1500) < 60
    assert len(samples) * 1000 // PCM_RATE == found.duration_ms
    assert abs(dominant_frequency(samples[4000:-4000], PCM_RATE) - 440) < 2
    assert 0.1 < np.abs(samples).max() < 0.5


async def test_vorbis_is_an_ogg_as_well(decode):
    found, samples = await decode(media.vorbis())
    assert found.form == "ogg"
    assert abs(found.duration_ms - 1000) < 60
    assert abs(dominant_frequency(samples, PCM_RATE) - 440) < 2


@pytest.mark.parametrize("rate", [8_000, 11_025, 96_000, 192_000])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
async def test_wav_files_of_many_rates_and_widths(decode, rate, bits):
    found, _ = await decode(media.wav(rate, rate=rate, bits=bits))
    assert (found.duration_ms, found.sample_rate) == (1000, rate)


@pytest.mark.parametrize("channels", range(1, 9))
async def test_up_to_eight_channels_become_one(decode, channels):
    found, samples = await decode(media.wav(channels=channels))
    assert found.channels == channels
    assert len(samples) == PCM_RATE


async def test_the_content_says_what_a_file_is_and_not_its_name(decode):
    found, _ = await decode(media.encoded("flac"), name="song.mp3")
    assert found.form == "flac"
    with pytest.raises(UnsupportedMediaError):
        await decode(b"#EXTM3U\n", name="song.flac")


@pytest.mark.parametrize("claimed", [0x7FFFFFFF, 0xFFFFFFFF, 2 * 10**9])
async def test_a_wav_header_that_claims_more_than_there_is_does_no_harm(decode, claimed):
    """Whoever streams a WAV file does not know its length."""
    found, _ = await decode(media.wav(claimed=claimed))
    assert found.duration_ms == 1000


@pytest.mark.parametrize("tags", [1, 3])
@pytest.mark.parametrize("kind", ["mp3", "flac"])
async def test_tags_in_front_are_stepped_over(decode, tags, kind):
    found, _ = await decode(media.id3(1_000_000) * tags + media.encoded(kind))
    assert (found.form, found.duration_ms) == (kind, 1000)


async def test_it_works_on_the_servers_event_loop(tmp_path):
    def run():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            (tmp_path / "a").write_bytes(media.wav())
            return runner.run(decode_untrusted(tmp_path / "a", Path(os.devnull), LIMITS))

    assert (await asyncio.to_thread(run)).duration_ms == 1000


# -- What is refused, and with which code


def _zip():
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("song.wav", media.wav())
    return file.getvalue()


_PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
_RIFF_AVI = b"RIFF" + bytes(4) + b"AVI LIST" + bytes(100)
_CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"
_M3U8 = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n"

BAD = {
    "nothing": (lambda: b"", MediaHasNoAudioError),
    "playlist": (lambda: _M3U8, UnsupportedMediaError),
    "playlist behind a tag": (lambda: media.id3(100) + _M3U8, UnsupportedMediaError),
    "list of files": (lambda: _CONCAT, UnsupportedMediaError),
    "archive": (_zip, UnsupportedMediaError),
    "picture": (lambda: _PNG, UnsupportedMediaError),
    "film without a film": (lambda: _RIFF_AVI, UnsupportedMediaError),
    "film in MP4": (media.film, UnsupportedMediaError),
    "film in Matroska": (lambda: media.film("matroska"), UnsupportedMediaError),
    "text": (lambda: b"It is audio, believe me. " * 100, UnsupportedMediaError),
    "web page": (lambda: b"<!doctype html>" * 100, UnsupportedMediaError),
    "noise": (lambda: random.Random(1).randbytes(100_000), UnsupportedMediaError),
    "noise called WAV": (
        lambda: b"RIFF\0\0\0\0WAVE" + random.Random(2).randbytes(99_999),
        MediaBrokenError,
    ),
    "noise called FLAC": (lambda: b"fLaC" + random.Random(3).randbytes(99_999), MediaBrokenError),
    "noise called Ogg": (lambda: b"OggS" + random.Random(4).randbytes(99_999), MediaBrokenError),
    "noise called M4A": (
        lambda: b"\0\0\0\x10ftypM4A \0\0\0\0" + random.Random(5).randbytes(99_999),
        MediaBrokenError,
    ),
    "a compressed WAV": (lambda: media.encoded("wav", codec="adpcm_ms"), UnsupportedMediaError),
    "WAV without samples": (lambda: media.wav(0), MediaHasNoAudioError),
    "WAV without channels": (lambda: media.wav(channels=0), MediaBrokenError),
    "WAV of nine channels": (lambda: media.wav(channels=9), UnsupportedMediaError),
    "WAV of a thousand million hertz": (lambda: media.wav(rate=10**9), UnsupportedMediaError),
    "WAV of 4 kHz": (lambda: media.wav(rate=4000), UnsupportedMediaError),
    "3 ms": (lambda: media.wav(72), MediaTooShortError),
    "a 2 GB header and 3 ms": (lambda: media.wav(72, claimed=2 * 10**9), MediaTooShortError),
    "tag alone": (lambda: media.id3(100_000), MediaBrokenError),
    "tag of a length that is not there": (lambda: media.id3(100_000)[:500], MediaBrokenError),
    "half a FLAC": (lambda: _half(media.encoded("flac", 3)), MediaBrokenError),
    "half an M4A": (lambda: _half(media.encoded("m4a", 3)), MediaBrokenError),
    "half an M4A, table first": (
        lambda: _half(media.encoded("m4a", 9, options={"movflags": "faststart"})),
        MediaBrokenError,
    ),
    **{
        f"the beginning of {kind}": (lambda kind=kind: media.encoded(kind)[:60], MediaError)
        for kind in media.KINDS
    },
}


def _half(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_recording_is_refused_by_its_own_code(decode, name):
    make, error = BAD[name]
    with pytest.raises(error) as caught:
        await decode(make())
    assert caught.value.code in {kind.code for kind in MediaError.__subclasses__()}


async def test_audio_that_is_too_long_is_noticed_while_it_is_decoded(decode, tmp_path):
    limits = DecodeLimits(max_seconds=2)
    found, _ = await decode(media.wav(2 * media.RATE), limits)
    assert found.duration_ms == 2000
    with pytest.raises(MediaTooLongError):
        await decode(media.wav(3 * media.RATE), limits)
    assert (tmp_path / "pcm").stat().st_size <= limits.pcm_bytes


@pytest.mark.parametrize("seed", range(30))
async def test_damaged_files_are_decoded_or_refused_and_nothing_else(decode, seed):
    chance = random.Random(seed)
    data = bytearray(media.encoded(chance.choice(list(media.KINDS)), 1.0))
    for _ in range(chance.choice([1, 10, 100])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    try:
        found, samples = await decode(bytes(data))
    except MediaError:
        return
    assert len(samples) * 1000 // PCM_RATE == found.duration_ms
    assert 1 <= found.channels <= 8


# -- What it may cost


def _peak(data, folder, limits=LIMITS):
    """What the child says of a file, and the most memory it had, in KiB.

    Between it and this process stands a small one: a child counts its parent's memory until it
    begins to be a program of its own.
    """
    (folder / "bomb").write_bytes(data)
    script = (
        "import json, os, subprocess, sys\n"
        "with open(sys.argv[2], 'rb') as file, open(sys.argv[3], 'wb') as pcm:\n"
        "    child = subprocess.Popen([sys.executable, '-P', '-m', 'intone.audio.untrusted_child',"
        " sys.argv[1]], stdin=file, stdout=pcm, stderr=subprocess.PIPE)\n"
        "report = child.stderr.read()\n"
        "_, status, usage = os.wait4(child.pid, 0)\n"
        "print(json.dumps([json.loads(report or 'null'), status, usage.ru_maxrss]))\n"
    )
    arguments = [json.dumps(asdict(limits)), str(folder / "bomb"), str(folder / "pcm")]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True)
    report, _, peak = json.loads(done.stdout)
    return report, peak


def _flac_with_pictures():
    """A FLAC file with three pictures of 16 MB each."""
    sound = media.encoded("flac")
    size = 0xFFFFF0
    picture = (3).to_bytes(4, "big") + bytes(4) * 6 + (size - 32).to_bytes(4, "big")
    block = b"\x06" + size.to_bytes(3, "big") + picture + bytes(size - len(picture))
    return sound[:42] + block * 3 + sound[42:]


BOMBS = {
    "hours of silence in FLAC": (media.flac_bomb, "media_too_long"),
    "a header of 2 GB": (lambda: media.wav(claimed=2 * 10**9), None),
    "40 MB of tag": (lambda: media.id3(40_000_000) + media.encoded("mp3"), None),
    "40 MB of pictures": (_flac_with_pictures, None),
    "ten million samples in a table": (media.greedy_m4a, "media_broken"),
    "eight channels at 192 kHz": (
        lambda: media.wav(10 * 192_000, rate=192_000, channels=8, bits=24),
        None,
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits that other systems do not keep")
@pytest.mark.parametrize("name", BOMBS)
async def test_no_file_makes_the_decoder_large(tmp_path, name):
    make, code = BOMBS[name]
    report, peak = await asyncio.to_thread(_peak, make(), tmp_path)
    assert report.get("error") == code
    assert 10_000 < peak < MOST_RSS
    assert (tmp_path / "pcm").stat().st_size <= LIMITS.pcm_bytes


async def test_a_decoder_that_takes_too_long_is_killed(decode, monkeypatch):
    started = []
    start = untrusted._start

    async def hung(*args):
        process = await start(*args)
        os.kill(process.pid, signal.SIGSTOP)
        started.append(process.pid)
        return process

    monkeypatch.setattr(untrusted, "_start", hung)
    with pytest.raises(MediaBrokenError, match="too long"):
        await decode(media.wav(), DecodeLimits(timeout_s=0.3))
    assert _gone(started[0])


async def test_a_decoder_that_works_too_long_is_ended_by_the_system(decode):
    with pytest.raises(MediaBrokenError):
        await decode(media.flac_bomb(), DecodeLimits(max_seconds=4 * 3600, cpu_seconds=1))


async def test_a_decoder_whose_caller_goes_away_is_killed(decode, monkeypatch):
    started = asyncio.get_running_loop().create_future()
    start = untrusted._start

    async def noted(*args):
        process = await start(*args)
        os.kill(process.pid, signal.SIGSTOP)
        started.set_result(process.pid)
        return process

    monkeypatch.setattr(untrusted, "_start", noted)
    task = asyncio.create_task(decode(media.wav()))
    pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _gone(pid)


async def test_a_decoder_that_dies_costs_its_sender_an_error(decode, monkeypatch):
    start = untrusted._start

    async def killed(*args):
        process = await start(*args)
        os.kill(process.pid, signal.SIGSEGV)
        return process

    monkeypatch.setattr(untrusted, "_start", killed)
    with pytest.raises(MediaBrokenError):
        await decode(media.wav())


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"Traceback", b'{"error": 5}', b'{"error": "new"}', b"{" * 9999]
)
def test_a_decoder_that_says_nonsense_is_not_believed(said):
    with pytest.raises(MediaBrokenError):
        untrusted._outcome(said)


async def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "real").write_bytes(media.wav())
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(UnavailableError):
        await decode_untrusted(tmp_path / "link", Path(os.devnull), LIMITS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_is_no_fault_of_the_file(tmp_path):
    (tmp_path / "file").write_bytes(media.wav())
    with pytest.raises(StorageFullError):
        await decode_untrusted(tmp_path / "file", Path("/dev/full"), LIMITS)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_decoder_can_open_nothing_and_knows_no_secret(tmp_path, monkeypatch):
    """Neither a file nor a socket, once FFmpeg is loaded and before the file is looked at."""
    script = (
        "import os, socket, sys\n"
        "from intone.audio import untrusted_child as child\n"
        "def outcome(limits):\n"
        "    found = {}\n"
        "    for name, attempt in {'file': lambda: open('/etc/hostname'), 'socket': socket.socket,"
        " 'pipe': os.pipe}.items():\n"
        "        try:\n"
        "            attempt()\n"
        "        except OSError as error:\n"
        "            found[name] = error.errno\n"
        "    return found\n"
        "child._outcome = outcome\n"
        "child.main()\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, "{}"], capture_output=True, stdin=-3
    )
    assert json.loads(done.stderr) == dict.fromkeys(("file", "socket", "pipe"), errno.EMFILE)

    monkeypatch.setenv("INTONE_BOOTSTRAP_KEY", "a secret")
    (tmp_path / "file").write_bytes(media.wav())
    process = await untrusted._start(tmp_path / "file", Path(os.devnull), LIMITS)
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    await untrusted._end(process)
    assert b"secret" not in environment
    assert b"HOME=" not in environment
