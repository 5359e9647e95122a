"""Uploads: counted while they come, kept once they are known to be audio, seen by their own alone."""

import asyncio
import time

import numpy as np
import pytest

from helpers import media
from helpers.work import count, expire, make_workspace
from intone.audio.untrusted import DecodeLimits
from intone.core import uploading, uploads
from intone.core.retention import Retention
from intone.core.signing import Signer
from intone.core.uploading import UploadRules, Uploads
from intone.errors import (
    InvalidInputError,
    MediaTooLongError,
    NotFoundError,
    PayloadTooLargeError,
    SignatureError,
    TooManyUploadsError,
    UnsupportedMediaError,
    UploadUsedError,
)

WAV = media.wav(2 * media.RATE)
RULES = UploadRules(max_bytes=200_000, max_live=5, limits=DecodeLimits(max_seconds=3))


@pytest.fixture
def clock():
    return [time.time()]


@pytest.fixture
def taking(database, blobs, spool, clock):
    signer = Signer(database, clock=lambda: clock[0])
    return Uploads(database, blobs, signer, spool, RULES, clock=lambda: clock[0])


async def pieces(data, size=10_000, fails=None):
    for start in range(0, len(data), size):
        yield data[start : start + size]
    if fails is not None:
        raise fails


async def kept(blobs):
    return {path async for path in blobs.list("")}


async def content(blobs, upload):
    return b"".join([piece async for piece in blobs.read_range(upload.blob, 0, upload.bytes)])


# -- Taking in


async def test_a_file_is_kept_as_it_was_sent(taking, blobs, spool, workspace_id):
    upload = await taking.accept(workspace_id, "sample1.wav", pieces(WAV))
    assert (upload.state, upload.form, upload.name) == ("ready", "wav", "sample1.wav")
    assert (upload.bytes, upload.duration_ms) == (len(WAV), 2000)
    assert (upload.sample_rate, upload.channels) == (media.RATE, 1)
    assert upload.path == f"uploads/{upload.id}.wav"
    assert upload.blob.startswith(f"uploads/{workspace_id}/{upload.id}/")
    assert await content(blobs, upload) == WAV
    day = 24 * 3_600_000
    assert 0 <= upload.expires_at - upload.created_at - day < 60_000
    assert await taking.get(workspace_id, upload.id) == upload
    assert list(spool.iterdir()) == []


async def test_an_uploads_audio_is_given_out_as_pcm(taking, tmp_path, spool, workspace_id):
    upload = await taking.accept(workspace_id, None, pieces(media.encoded("flac")))
    pcm = tmp_path / "pcm"
    found = await taking.decode(workspace_id, upload.path, pcm)
    assert (found.form, found.sample_rate) == ("flac", 48_000)
    samples = np.fromfile(pcm, "<i2")
    assert len(samples) == 24_000
    assert np.abs(samples).max() > 5_000
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"#EXTM3U\n", UnsupportedMediaError),
        (media.wav(4 * media.RATE), MediaTooLongError),
        (bytes(RULES.max_bytes + 1), PayloadTooLargeError),
    ],
)
async def test_what_is_refused_leaves_nothing(
    taking, database, blobs, spool, workspace_id, data, error
):
    with pytest.raises(error):
        await taking.accept(workspace_id, "sample1.wav", pieces(data))
    assert await kept(blobs) == set()
    assert await count(database, "uploads") == 0
    assert list(spool.iterdir()) == []


async def test_a_file_that_breaks_off_leaves_nothing(taking, database, blobs, spool, workspace_id):
    torn = pieces(WAV, fails=InvalidInputError("The connection ended."))
    with pytest.raises(InvalidInputError):
        await taking.accept(workspace_id, None, torn)
    assert (await kept(blobs), list(spool.iterdir())) == (set(), [])
    assert await count(database, "uploads") == 0


async def test_reading_stops_at_the_limit(taking, workspace_id):
    taken = 0

    async def endless():
        nonlocal taken
        while True:
            taken += 10_000
            yield bytes(10_000)

    with pytest.raises(PayloadTooLargeError):
        await taking.accept(workspace_id, None, endless())
    assert taken <= RULES.max_bytes + 10_000


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\My Files\\a b.wav", "a b.wav"),
        ("a\0\r\nb\u202e.wav", "ab.wav"),
        ("x" * 1000, "x" * 255),
        ("/", None),
        ("\ud800", None),
        ("Grüße.wav", "Grüße.wav"),
    ],
)
async def test_of_a_name_only_what_is_harmless_is_kept(taking, workspace_id, sent, shown):
    made = await taking.presign(workspace_id, sent)
    assert made.upload.name == shown


async def test_two_decoders_run_at_a_time_and_no_more(taking, workspace_id, monkeypatch):
    running, most = 0, 0
    decode = uploading.decode_untrusted

    async def counted(*args):
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await decode(*args)
        finally:
            running -= 1

    monkeypatch.setattr(uploading, "decode_untrusted", counted)
    await asyncio.gather(*[taking.accept(workspace_id, None, pieces(WAV)) for _ in range(5)])
    assert most == 2


# -- Whose it is


async def test_a_path_finds_what_is_the_workspaces_own(taking, database, workspace_id):
    upload = await taking.accept(workspace_id, "sample1.wav", pieces(WAV))
    for path in (upload.path, f"uploads/{upload.id}", f"uploads/{upload.id}.mp3"):
        assert await database.read(uploads.find, workspace_id, path) == upload


async def test_everything_else_is_missing_in_the_same_words(taking, database, workspace_id):
    """What is somebody else's, has expired or never was; and no path leads anywhere else."""
    other = await database.write(make_workspace, "other")
    foreign = await taking.accept(other, None, pieces(WAV))
    pending = (await taking.presign(workspace_id, None)).upload
    gone = await taking.accept(workspace_id, None, pieces(WAV))
    await taking.delete(workspace_id, gone.id)
    own = await taking.accept(workspace_id, None, pieces(WAV))
    said = set()
    for path in (
        foreign.path,
        pending.path,
        gone.path,
        own.blob,
        own.id,
        f"uploads/{own.id}.wav/../../x",
        f"uploads/../uploads/{own.id}.wav",
        f"/uploads/{own.id}.wav",
        f"uploads//{own.id}.wav",
        f"uploads/{own.id}.wav\n",
        f"uploads/{own.id.upper()}.wav",
        f"uploads/{own.id}.w\0v",
        f"uploads/{own.id}%2e",
        "uploads/sample1.wav",
        "../intone.db",
        "",
    ):
        with pytest.raises(NotFoundError) as missing:
            await database.read(uploads.find, workspace_id, path)
        said.add(missing.value.message)
    for upload in (foreign, gone):
        with pytest.raises(NotFoundError) as missing:
            await taking.get(workspace_id, upload.id)
        said.add(missing.value.message)
    with pytest.raises(NotFoundError) as missing:
        await taking.delete(workspace_id, foreign.id)
    assert said == {missing.value.message}
    assert await taking.get(other, foreign.id) == foreign


async def test_a_list_has_the_newest_first_and_nobody_elses(taking, database, workspace_id):
    other = await database.write(make_workspace, "other")
    await taking.accept(other, None, pieces(WAV))
    made = [(await taking.presign(workspace_id, str(n))).upload for n in range(3)]
    assert await taking.list_all(workspace_id) == made[::-1]


async def test_a_workspace_keeps_only_so_many(taking, database, workspace_id):
    other = await database.write(make_workspace, "other")
    made = await asyncio.gather(
        *[taking.presign(workspace_id, None) for _ in range(8)], return_exceptions=True
    )
    assert sum(isinstance(one, TooManyUploadsError) for one in made) == 3
    with pytest.raises(TooManyUploadsError):
        await taking.accept(workspace_id, None, pieces(WAV))
    await taking.accept(other, None, pieces(WAV))
    await taking.delete(workspace_id, (await taking.list_all(workspace_id))[0].id)
    await taking.accept(workspace_id, None, pieces(WAV))


# -- Signed addresses


async def test_a_signed_address_takes_one_file(taking, blobs, workspace_id):
    made = await taking.presign(workspace_id, "Sample.FLAC")
    assert made.upload.path == f"uploads/{made.upload.id}.flac"
    address = (made.upload.id, made.expires_at_s, made.signature)
    upload = await taking.receive(*address, pieces(WAV))
    assert (upload.id, upload.state, upload.path[-4:]) == (made.upload.id, "ready", ".wav")
    with pytest.raises(UploadUsedError):
        await taking.receive(*address, pieces(WAV))
    assert await kept(blobs) == {upload.blob}


async def test_a_file_that_fails_leaves_the_address_good(taking, blobs, workspace_id):
    made = await taking.presign(workspace_id, None)
    address = (made.upload.id, made.expires_at_s, made.signature)
    for bad in (pieces(WAV, fails=InvalidInputError("torn")), pieces(b"#EXTM3U\n")):
        with pytest.raises(InvalidInputError):
            await taking.receive(*address, bad)
    assert await kept(blobs) == set()
    assert (await taking.receive(*address, pieces(WAV))).state == "ready"


async def test_of_files_that_come_together_one_is_kept(taking, blobs, workspace_id):
    made = await taking.presign(workspace_id, None)
    address = (made.upload.id, made.expires_at_s, made.signature)
    files = [media.wav(media.RATE + n * 2400) for n in range(4)]
    results = await asyncio.gather(
        *[taking.receive(*address, pieces(file)) for file in files], return_exceptions=True
    )
    (kept_one,) = [result for result in results if isinstance(result, uploads.Upload)]
    assert all(isinstance(result, UploadUsedError | uploads.Upload) for result in results)
    assert await kept(blobs) == {kept_one.blob}
    assert await content(blobs, kept_one) == files[results.index(kept_one)]


async def test_an_address_is_good_for_ten_minutes_and_for_one_place(taking, clock, workspace_id):
    made, other = [await taking.presign(workspace_id, None) for _ in range(2)]
    with pytest.raises(SignatureError):
        await taking.receive(other.upload.id, made.expires_at_s, made.signature, pieces(WAV))
    with pytest.raises(SignatureError):
        await taking.receive(made.upload.id, made.expires_at_s + 1, made.signature, pieces(WAV))
    clock[0] = made.expires_at_s + 0.5
    with pytest.raises(SignatureError):
        await taking.receive(made.upload.id, made.expires_at_s, made.signature, pieces(WAV))
    clock[0] = made.expires_at_s
    await taking.receive(made.upload.id, made.expires_at_s, made.signature, pieces(WAV))
    assert made.expires_at_s - other.upload.created_at // 1000 in range(599, 602)


async def test_a_place_that_was_deleted_takes_nothing(taking, database, blobs, workspace_id):
    made = await taking.presign(workspace_id, None)

    async def deleted_meanwhile():
        yield WAV
        await taking.delete(workspace_id, made.upload.id)

    with pytest.raises(NotFoundError):
        await taking.receive(made.upload.id, made.expires_at_s, made.signature, deleted_meanwhile())
    assert await kept(blobs) == set()
    assert await count(database, "uploads") == 0


# -- Going


async def test_what_has_expired_is_erased_and_what_has_not_stays(
    taking, database, queue, blobs, spool, workspace_id
):
    old = await taking.accept(workspace_id, None, pieces(WAV))
    # A process that died while it took a file in has left this.
    torn = (await taking.presign(workspace_id, None)).upload
    await blobs.put(f"{uploads.folder_of(workspace_id, torn.id)}/left.wav", WAV)
    await expire(database, "uploads")
    fresh = await taking.accept(workspace_id, None, pieces(WAV))
    with pytest.raises(NotFoundError):
        await database.read(uploads.find, workspace_id, old.path)
    await Retention(database, queue, blobs, spool).sweep()
    assert await kept(blobs) == {fresh.blob}
    assert await taking.list_all(workspace_id) == [fresh]
    assert await count(database, "uploads") == 1


async def test_an_upload_that_somebody_is_about_to_use_is_kept_longer_and_never_shorter(
    taking, database, workspace_id
):
    upload = await taking.accept(workspace_id, None, pieces(WAV))
    for until in (upload.expires_at + 1000, upload.expires_at - 1000):
        await database.write(uploads.prolong, upload.id, until)
    prolonged = await taking.get(workspace_id, upload.id)
    assert prolonged.expires_at == upload.expires_at + 1000


async def test_a_deleted_upload_is_gone_from_the_disk(taking, database, blobs, workspace_id):
    upload = await taking.accept(workspace_id, None, pieces(WAV))
    await taking.delete(workspace_id, upload.id)
    assert await kept(blobs) == set()
    assert await count(database, "uploads") == 0
