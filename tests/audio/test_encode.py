"""Encoded audio is decoded again by FFmpeg's libraries and compared with what went in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.decoding import decode, dominant_frequency, level_dbfs
from helpers.signals import cuts, pieces, sine
from helpers.speech import speak
from intone.audio.encode import create_encoder
from intone.audio.formats import to_channels
from intone.errors import InvalidInputError

MP3_RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]


def encoded(name: str, pcm: bytes, sample_rate: int, **options: int) -> bytes:
    encoder = create_encoder(name, sample_rate=sample_rate, **options)
    return encoder.feed(pcm) + encoder.finish()


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2") / 32768


def mp3_frame(sample_rate: int) -> int:
    """Samples of one MP3 frame: MPEG-1 has twice as many as MPEG-2 and 2.5."""
    return 1152 if sample_rate >= 32000 else 576


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", MP3_RATES)
def test_mp3_keeps_rate_channels_length_pitch_and_level(sample_rate: int, channels: int) -> None:
    pcm = sine(440, 2.0, sample_rate, dbfs=-9, channels=channels)
    result = decode(encoded("mp3", pcm, sample_rate, channels=channels))
    assert (result.sample_rate, result.channels) == (sample_rate, channels)
    surplus = result.samples.shape[1] - 2 * sample_rate
    assert 0 <= surplus <= 3 * mp3_frame(sample_rate)
    for channel in result.samples:
        steady = channel[sample_rate // 2 : sample_rate * 3 // 2]
        assert dominant_frequency(steady, sample_rate) == pytest.approx(440, abs=2)
        assert level_dbfs(steady) == pytest.approx(-9 - 3.01, abs=0.5)


def test_mp3_sounds_like_the_speech_that_went_in() -> None:
    """After the decoder's delay the waveform follows the original closely."""
    sample_rate, pcm = speak()
    before = samples_of(pcm)
    result = decode(encoded("mp3", pcm, sample_rate))
    delay = 1105  # LAME's 576 samples and a decoder's 529
    after = result.samples[0, delay : delay + len(before)]
    assert level_dbfs(after - before) < level_dbfs(before) - 15


def test_mp3_of_levelled_speech_does_not_clip() -> None:
    """What is limited to -1 dBFS stays under full scale when the codec has added its part."""
    from intone.audio.loudness import apply_gain

    sample_rate, pcm = speak()
    loud = apply_gain(pcm, 3.0)
    assert np.abs(samples_of(loud)).max() > 0.8
    assert np.abs(decode(encoded("mp3", loud, sample_rate)).samples).max() < 1.0


def test_mp3_begins_with_a_frame_and_has_no_length_header() -> None:
    """A Xing header would name the length of a stream's first part for the whole."""
    sample_rate, pcm = speak()
    data = encoded("mp3", pcm, sample_rate)
    assert data[0] == 0xFF
    assert data[1] & 0xE0 == 0xE0
    second = data.index(data[:3], 4)
    assert not any(tag in data[:second] for tag in (b"Xing", b"Info", b"LAME"))
    assert data[-128:-125] != b"TAG"


def test_joined_mp3_streams_play_to_the_end() -> None:
    """The second stream is heard where the first one ends."""
    first = encoded("mp3", sine(400, 2.0, 24000), 24000)
    second = encoded("mp3", sine(1000, 2.0, 24000), 24000)
    result = decode(first + second)
    assert result.duration == pytest.approx(4.0, abs=6 * 576 / 24000)
    assert dominant_frequency(result.samples[0, 12000:36000], 24000) == pytest.approx(400, abs=2)
    assert dominant_frequency(result.samples[0, 60000:84000], 24000) == pytest.approx(1000, abs=2)


def test_mp3_listened_to_from_the_middle_plays() -> None:
    """A listener who joins a stream late finds the next frame."""
    sample_rate, pcm = speak()
    data = encoded("mp3", pcm, sample_rate)
    tail = data[len(data) // 2 + 37 :]
    frame = next(i for i in range(len(tail)) if tail[i : i + 2] == data[:2])
    half = decode(tail[frame:], "mp3").duration
    assert half == pytest.approx(len(pcm) / 2 / sample_rate / 2, abs=0.2)


def test_mp3_comes_while_the_audio_is_still_arriving() -> None:
    sample_rate, pcm = speak()
    encoder = create_encoder("mp3", sample_rate=sample_rate)
    early = encoder.feed(pcm[: sample_rate // 5 * 2])
    assert decode(early, "mp3").samples.size > 0


def test_mp3_bit_rate_is_the_one_asked_for() -> None:
    sample_rate, pcm = speak()
    seconds = len(pcm) / 2 / sample_rate
    for kbps in (32, 128):
        size = len(encoded("mp3", pcm, sample_rate, bitrate_kbps=kbps))
        assert size * 8 / seconds == pytest.approx(kbps * 1000, rel=0.03)


@pytest.mark.parametrize(("sample_rate", "kbps"), [(48000, 32), (44100, 32), (24000, 8)])
def test_mp3_keeps_its_sample_rate_at_the_lowest_bit_rate(sample_rate: int, kbps: int) -> None:
    """LAME by itself would halve it there, and a stream would not be what its headers say."""
    data = encoded("mp3", sine(440, 1.0, sample_rate), sample_rate, bitrate_kbps=kbps)
    assert decode(data).sample_rate == sample_rate


@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_of_an_empty_recording_is_a_playable_moment_of_silence(channels: int) -> None:
    result = decode(encoded("mp3", b"", 22050, channels=channels))
    assert result.duration < 0.2
    assert np.abs(result.samples).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("vox", {"sample_rate": 24000}, "vox"),
        ("mp3", {"sample_rate": 96000}, "96000 Hz"),
        ("mp3", {"sample_rate": 9000}, "9000 Hz"),
        ("mp3", {"sample_rate": 24000, "channels": 3}, "not 3"),
        ("mp3", {"sample_rate": 24000, "channels": 0}, "not 0"),
        ("mp3", {"sample_rate": 24000, "bitrate_kbps": 320}, "320 kbit/s"),
        ("mp3", {"sample_rate": 8000, "bitrate_kbps": 80}, "80 kbit/s"),
        ("mp3", {"sample_rate": 44100, "bitrate_kbps": 24}, "24 kbit/s"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name: str, options: dict, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        create_encoder(name, **options)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("known", [True, False])
def test_wav_holds_exactly_the_samples(known: bool, channels: int) -> None:
    sample_rate, pcm = speak()
    pcm = to_channels(pcm, channels)
    total = len(pcm) if known else None
    data = encoded("wav", pcm, sample_rate, channels=channels, total_bytes=total)
    assert int.from_bytes(data[40:44], "little") == (len(pcm) if known else 0xFFFFFFFF)
    result = decode(data)
    assert (result.sample_rate, result.channels) == (sample_rate, channels)
    assert result.pcm == pcm


def test_empty_wav_is_its_header() -> None:
    assert len(encoded("wav", b"", 24000, total_bytes=0)) == 44


@given(
    name=st.sampled_from(["pcm", "wav", "mp3"]),
    channels=st.sampled_from([1, 2]),
    sizes=cuts,
)
def test_encoded_bytes_do_not_depend_on_the_chunks(
    name: str, channels: int, sizes: list[int]
) -> None:
    pcm = to_channels(speak()[1][:60_000], channels)
    encoder = create_encoder(name, sample_rate=22050, channels=channels)
    parts = b"".join(encoder.feed(piece) for piece in pieces(pcm, sizes)) + encoder.finish()
    assert parts == encoded(name, pcm, 22050, channels=channels)
