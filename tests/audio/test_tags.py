"""Every encoded file says that it is synthetic, and plays as one that says nothing."""

import io
import wave

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.decoding import decode
from helpers.signals import cuts, pieces, sine
from intone import __version__
from intone.audio.encode import create_encoder
from intone.audio.sniff import looks_like
from intone.audio.tags import id3v1_tag, id3v2_tag, provenance, riff_info

FORMS = ["wav", "mp3", "opus", "aac", "flac"]
RATE = 24_000
PCM = sine(440, 1.0, RATE)
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def encoded(form: str, pcm: bytes = PCM, *, streamed: bool = True, tags=None) -> bytes:
    size = None if streamed else len(pcm)
    tags = provenance() if tags is None else tags
    encoder = create_encoder(form, sample_rate=RATE, total_bytes=size, tags=tags)
    return encoder.feed(pcm) + encoder.finish()


def metadata(data: bytes) -> dict[str, str]:
    """What a player reads, of the file or of the stream in it, names in lower case."""
    with av.open(io.BytesIO(data)) as file:
        found = {**file.metadata, **file.streams.audio[0].metadata}
        return {name.lower(): text for name, text in found.items()}


def facts(data: bytes) -> dict[str, str]:
    return dict(part.split("=", 1) for part in metadata(data)["comment"].split("; "))


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_a_player_reads_that_it_is_synthetic_and_who_made_it(form: str, streamed: bool) -> None:
    told = facts(encoded(form, streamed=streamed))
    assert told["INTONE_PROVENANCE"] == "synthetic"
    if form != "mp3":  # whose tag has no room for them
        assert told["generator"] == f"Intone/{__version__}"
        assert told["digitalSourceType"] == SOURCE_TYPE


@pytest.mark.parametrize("form", FORMS)
def test_a_cloned_voice_is_told(form: str) -> None:
    data = encoded(form, tags=provenance(cloned=True))
    assert "voice=cloned" in metadata(data)["title" if form == "mp3" else "comment"]
    assert b"voice=cloned" not in encoded(form)


@pytest.mark.parametrize("form", ["wav", "mp3", "aac", "flac"])
def test_the_software_has_its_own_field(form: str) -> None:
    found = metadata(encoded(form))
    software = found.get("encoder") or found.get("software") or found["artist"]
    assert software.startswith(f"Intone/{__version__}")


@pytest.mark.parametrize("form", FORMS)
def test_the_audio_is_the_same_as_without(form: str) -> None:
    with_tags, without = decode(encoded(form)), decode(encoded(form, tags={}))
    assert (with_tags.samples == without.samples).all()


@pytest.mark.parametrize("form", ["mp3", "aac"])
def test_without_tags_there_is_none(form: str) -> None:
    assert b"ID3" not in encoded(form, tags={})
    assert b"TAG" not in encoded(form, tags={})
    assert id3v1_tag({}) == id3v2_tag({}) == riff_info({}) == b""


def test_pcm_is_samples_and_nothing_else() -> None:
    assert encoded("pcm") == PCM


@pytest.mark.parametrize("form", ["mp3", "aac"])
def test_files_joined_end_to_end_play_through(form: str) -> None:
    """Tags in the middle are neither errors nor sound, whichever file comes first."""
    parts = [encoded(form, sine(f, 1.0, RATE)) for f in (300, 600, 900)]
    whole, alone = decode(b"".join(parts), form), [decode(part) for part in parts]
    lengths = [one.samples.shape[1] for one in alone]
    assert whole.samples.shape[1] == pytest.approx(sum(lengths), abs=2 * 1152)
    for number, frequency in enumerate((300, 600, 900)):
        start = sum(lengths[:number]) + RATE // 3
        piece = whole.samples[0, start : start + RATE // 3]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        assert np.argmax(spectrum) * RATE / len(piece) == pytest.approx(frequency, abs=4)


@pytest.mark.parametrize("tag", [id3v1_tag, id3v2_tag])
def test_nothing_in_an_id3_tag_looks_like_a_frame(tag) -> None:
    assert b"\xff" not in tag(provenance(cloned=True))
    assert b"\xff" not in tag({"encoder": "ÿ", "comment": "ÿ " * 300})


def test_an_id3v1_tag_is_128_bytes_whatever_is_in_it() -> None:
    assert len(id3v1_tag(provenance(cloned=True))) == 128
    assert len(id3v1_tag({"encoder": "long " * 50, "comment": "long " * 50})) == 128


@pytest.mark.parametrize("size", [1, 2, 999])
def test_a_wav_with_tags_is_read_by_those_who_trust_its_sizes(size: int) -> None:
    """Whether its text has an odd or an even length."""
    pcm = PCM[: 2 * size]
    for comment in ("odd", "even"):
        data = encoded("wav", pcm, streamed=False, tags={"encoder": "x", "comment": comment})
        with wave.open(io.BytesIO(data)) as file:
            assert file.readframes(size + 1) == pcm
        assert int.from_bytes(data[4:8], "little") == len(data) - 8


@pytest.mark.parametrize("form", FORMS)
def test_our_own_files_are_known_for_what_they_are(form: str) -> None:
    """One Intone is another's vendor."""
    assert looks_like(form, encoded(form)[:64])
    assert not looks_like("pcm", encoded("wav")[:64])


@pytest.mark.parametrize("form", FORMS)
def test_the_first_bytes_come_no_later(form: str) -> None:
    """At the same piece of audio as without tags."""

    def pieces_until_bytes(tags) -> int:
        encoder = create_encoder(form, sample_rate=RATE, tags=tags)
        return next(n for n in range(100) if encoder.feed(PCM[960 * n : 960 * (n + 1)]))

    assert pieces_until_bytes(provenance()) == pieces_until_bytes({})


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_recording_says_so_too(form: str) -> None:
    data = encoded(form, b"", streamed=False)
    assert b"INTONE_PROVENANCE=synthetic" in data


@settings(max_examples=20, deadline=None)
@given(form=st.sampled_from(["wav", "mp3", "aac", "flac"]), sizes=cuts)
def test_the_result_does_not_depend_on_the_chunks(form: str, sizes: list[int]) -> None:
    encoder = create_encoder(form, sample_rate=RATE, tags=provenance())
    parts = b"".join(encoder.feed(piece) for piece in pieces(PCM, sizes)) + encoder.finish()
    assert parts == encoded(form)
