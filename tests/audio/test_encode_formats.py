"""Opus, AAC and FLAC as streams: decoded again by FFmpeg's libraries and compared."""

import gc
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.decoding import decode, dominant_frequency, level_dbfs
from helpers.signals import cuts, pieces, sine
from helpers.speech import speak
from intone.audio.encode import create_encoder
from intone.audio.formats import FORMATS, to_channels
from intone.errors import InvalidInputError

OPUS_RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000]
AAC_RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000]
FLAC_RATES = [1000, 8000, 9000, 11025, 22050, 24000, 44100, 48000, 96000, 192000, 655350]
COMPRESSED = ["mp3", "opus", "aac", "flac"]
#: FFmpeg's names of the containers, so that a stream that breaks off is not mistaken.
CONTAINERS = {"mp3": "mp3", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav"}


def encoded(name: str, pcm: bytes, sample_rate: int, **options: int) -> bytes:
    encoder = create_encoder(name, sample_rate=sample_rate, **options)
    return encoder.feed(pcm) + encoder.finish()


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2") / 32768


def spectral_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of the two short-time spectra in dB, down to 60 dB below full scale."""
    size = min(len(one), len(other))

    def spectra(samples: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(samples[:size], 512)[::256]
        return 20 * np.log10(np.abs(np.fft.rfft(frames * np.hanning(512))) + 0.1)

    return float(np.abs(spectra(one) - spectra(other)).mean())


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", OPUS_RATES)
def test_opus_keeps_length_pitch_and_level(sample_rate: int, channels: int) -> None:
    """Its container tells players how much run-in and padding to leave out."""
    pcm = sine(440, 2.0, sample_rate, dbfs=-9, channels=channels)
    result = decode(encoded("opus", pcm, sample_rate, channels=channels))
    assert (result.codec, result.sample_rate, result.channels) == ("opus", 48000, channels)
    assert result.duration == pytest.approx(2.0, abs=0.001)
    for channel in result.samples:
        steady = channel[24000:72000]
        assert dominant_frequency(steady, 48000) == pytest.approx(440, abs=2)
        assert level_dbfs(steady) == pytest.approx(-9 - 3.01, abs=0.5)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", AAC_RATES)
def test_aac_keeps_rate_channels_length_pitch_and_level(sample_rate: int, channels: int) -> None:
    pcm = sine(440, 2.0, sample_rate, dbfs=-9, channels=channels)
    result = decode(encoded("aac", pcm, sample_rate, channels=channels))
    assert (result.codec, result.sample_rate, result.channels) == ("aac", sample_rate, channels)
    assert 0 <= result.samples.shape[1] - 2 * sample_rate <= 3 * 1024
    for channel in result.samples:
        steady = channel[sample_rate // 2 : sample_rate * 3 // 2]
        assert dominant_frequency(steady, sample_rate) == pytest.approx(440, abs=2)
        assert level_dbfs(steady) == pytest.approx(-9 - 3.01, abs=0.5)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("sample_rate", FLAC_RATES)
def test_flac_holds_exactly_the_samples(sample_rate: int, channels: int) -> None:
    pcm = sine(300, 0.5, sample_rate, channels=channels)
    result = decode(encoded("flac", pcm, sample_rate, channels=channels))
    assert (result.codec, result.sample_rate, result.channels) == ("flac", sample_rate, channels)
    assert result.pcm == pcm


def test_flac_leaves_its_length_open_and_is_half_the_size() -> None:
    """What has been sent cannot be mended: the header says "unknown" from the start."""
    sample_rate, pcm = speak()
    data = encoded("flac", pcm, sample_rate)
    assert data[:4] == b"fLaC"
    streaminfo = data[8:42]
    assert int.from_bytes(streaminfo[10:18], "big") & 0xFFFFFFFFF == 0
    assert streaminfo[18:] == bytes(16)
    assert len(data) < 0.6 * len(pcm)


def test_opus_sounds_like_the_speech_that_went_in() -> None:
    sample_rate, pcm = speak()
    before = samples_of(pcm)
    after = samples_at(decode(encoded("opus", pcm, sample_rate)), sample_rate)
    assert np.corrcoef(before, after[: len(before)])[0, 1] > 0.98
    assert spectral_distance(before, after) < 3


def test_aac_sounds_like_the_speech_that_went_in() -> None:
    """After the codec's delay of one frame the waveform follows the original closely."""
    sample_rate, pcm = speak()
    before = samples_of(pcm)
    after = decode(encoded("aac", pcm, sample_rate)).samples[0, 1024 : 1024 + len(before)]
    assert level_dbfs(after - before) < level_dbfs(before) - 20
    assert spectral_distance(before, after) < 3


def samples_at(result, sample_rate: int) -> np.ndarray:
    import soxr

    return soxr.resample(result.samples[0], result.sample_rate, sample_rate)


@pytest.mark.parametrize(
    ("name", "sample_rate", "limit_ms"),
    [
        ("wav", 24000, 20),
        ("flac", 24000, 60),
        ("mp3", 24000, 100),
        ("opus", 24000, 100),
        ("opus", 22050, 100),
        ("aac", 24000, 140),
        ("aac", 48000, 80),
    ],
)
def test_the_first_sound_comes_out_early(name: str, sample_rate: int, limit_ms: int) -> None:
    """So much audio has to go in before the first can be heard; each piece is 20 ms long."""
    pcm = sine(440, 1.0, sample_rate)
    piece = sample_rate // 50 * 2
    encoder = create_encoder(name, sample_rate=sample_rate)
    data = b""
    for begin in range(0, limit_ms // 20 * piece, piece):
        data += encoder.feed(pcm[begin : begin + piece])
    heard = decode(data, CONTAINERS[name])
    assert heard.samples.size > 0


@pytest.mark.parametrize("name", COMPRESSED)
def test_audio_comes_out_as_steadily_as_it_goes_in(name: str) -> None:
    """Never more than 0.2 s late: nothing is collected into larger portions."""
    sample_rate, pcm = speak()
    encoder = create_encoder(name, sample_rate=sample_rate)
    data = b""
    for begin in range(0, sample_rate * 2 * 4, sample_rate // 25 * 2):
        data += encoder.feed(pcm[begin : begin + sample_rate // 25 * 2])
        fed = begin / 2 / sample_rate + 0.04
        if round(fed / 0.04) % 20 == 0:
            assert decode(data, CONTAINERS[name]).duration > fed - 0.2


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", COMPRESSED)
def test_an_empty_recording_is_a_playable_moment_of_silence(name: str, channels: int) -> None:
    result = decode(encoded(name, b"", 22050, channels=channels))
    assert 0 < result.duration < 0.2
    assert np.abs(result.samples).max() < 1e-4


@pytest.mark.parametrize("samples", [1, 7, 441, 442, 1153])
@pytest.mark.parametrize("name", COMPRESSED)
def test_the_shortest_recordings_play(name: str, samples: int) -> None:
    result = decode(encoded(name, sine(440, 0.1, 22050)[: samples * 2], 22050))
    assert result.duration >= samples / 22050


@pytest.mark.parametrize("name", ["opus", "aac"])
def test_the_bit_rate_is_about_the_one_asked_for(name: str) -> None:
    """What comes on top are the containers' headers and what the encoder takes for hard parts."""
    _, pcm = speak()
    seconds = len(pcm) / 2 / 24000
    for kbps in (32, 64):
        size = len(encoded(name, pcm, 24000, bitrate_kbps=kbps))
        assert 0.8 * kbps < size * 8 / seconds / 1000 < 1.3 * kbps + 8


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("opus", {"sample_rate": 24000, "channels": 3}, "not 3"),
        ("opus", {"sample_rate": 24000, "bitrate_kbps": 300}, "300 kbit/s"),
        ("opus", {"sample_rate": 24000, "bitrate_kbps": 2}, "2 kbit/s"),
        ("aac", {"sample_rate": 9000}, "9000 Hz"),
        ("aac", {"sample_rate": 24000, "channels": 0}, "not 0"),
        ("aac", {"sample_rate": 8000, "bitrate_kbps": 64}, "64 kbit/s"),
        ("flac", {"sample_rate": 700_000}, "700000 Hz"),
        ("flac", {"sample_rate": 24000, "channels": 9}, "not 9"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name: str, options: dict, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        create_encoder(name, **options)


def without_serial(data: bytes) -> bytes:
    """Ogg without what its pages are told apart by: a random number, and so their checksums."""
    return re.sub(rb"(OggS.{10}).{4}(.{4}).{4}", rb"\1\2", data, flags=re.DOTALL)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["opus", "aac", "flac"]),
    sample_rate=st.sampled_from([22050, 24000]),
    channels=st.sampled_from([1, 2]),
    sizes=cuts,
)
def test_encoded_bytes_do_not_depend_on_the_chunks(
    name: str, sample_rate: int, channels: int, sizes: list[int]
) -> None:
    pcm = to_channels(speak()[1][:40_000], channels)
    encoder = create_encoder(name, sample_rate=sample_rate, channels=channels)
    parts = b"".join(encoder.feed(piece) for piece in pieces(pcm, sizes)) + encoder.finish()
    whole = encoded(name, pcm, sample_rate, channels=channels)
    assert without_serial(parts) == without_serial(whole)


@pytest.mark.parametrize("name", ["mp3", "aac"])
def test_answers_joined_end_to_end_play_as_they_would_alone(name: str) -> None:
    """Some clients read a long text in pieces and put the answers one behind the other."""
    sample_rate, pcm = speak()
    parts = [encoded(name, pcm, sample_rate), encoded(name, pcm, sample_rate)]
    alone = decode(parts[0]).samples
    joined = decode(b"".join(parts), CONTAINERS[name]).samples
    assert joined.shape == (1, 2 * alone.shape[1])
    size = alone.shape[1] - 4096
    assert np.allclose(joined[0, :size], alone[0, :size], atol=1e-4)
    # The decoder makes noise of its own where AAC asks for some.
    second = joined[0, alone.shape[1] + 4096 : alone.shape[1] + size]
    assert np.corrcoef(second, alone[0, 4096:size])[0, 1] > 0.999


def test_the_first_frame_of_an_mp3_needs_none_before_it() -> None:
    """A frame may keep its bits in those before it (the bit reservoir), but not across a join."""
    sample_rate, pcm = speak()
    data = encoded("mp3", pcm, sample_rate)
    kept = [data[at + 4] for at in range(len(data) - 4) if data[at : at + 2] == data[:2]]
    assert kept[0] == 0
    assert max(kept) > 0


def test_opus_streams_have_serial_numbers_of_their_own() -> None:
    """Ogg asks for that of streams that follow each other in one file, and all of both plays."""
    parts = [encoded("opus", sine(440, 1.0, 24000), 24000) for _ in range(2)]
    assert parts[0][14:18] != parts[1][14:18]
    assert decode(b"".join(parts)).duration == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_an_encoder_that_is_left_in_the_middle_goes_quietly(name: str) -> None:
    """A listener who hangs up leaves it behind: no file is finished, nothing is complained of."""
    encoder = create_encoder(name, sample_rate=24000)
    encoder.feed(sine(440, 0.5, 24000))
    del encoder
    gc.collect()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_open_encoders_are_small(name: str) -> None:
    """256 streams at once must not weigh on the server, whatever their format."""
    piece = sine(440, 0.02, 24000)
    open_ones = [create_encoder(name, sample_rate=24000) for _ in range(20)]
    for encoder in open_ones:
        encoder.feed(piece * 10)
    before = resident()
    more = [create_encoder(name, sample_rate=24000) for _ in range(50)]
    for encoder in more:
        for _ in range(20):
            encoder.feed(piece)
    assert (resident() - before) / len(more) < 1_000_000


def resident() -> int:
    """Bytes of memory this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
