"""PCM arithmetic and the WAV header."""

import io
import wave

import numpy as np
import pytest

from helpers.decoding import decode
from intone.audio.formats import (
    FORMATS,
    FrameAligner,
    audio_format,
    duration_ms,
    to_channels,
    wav_header,
)
from intone.errors import InvalidInputError


def test_known_formats_and_their_media_types() -> None:
    assert {name: known.media_type for name, known in FORMATS.items()} == {
        "pcm": "application/octet-stream",
        "wav": "audio/wav",
        "mp3": "audio/mpeg",
        "opus": "audio/opus",
        "aac": "audio/aac",
        "flac": "audio/flac",
    }
    assert audio_format("mp3").extension == "mp3"
    with pytest.raises(InvalidInputError, match=r"'vox'.*pcm, wav, mp3, opus, aac, flac"):
        audio_format("vox")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100])
def test_wav_of_known_length_is_read_by_others(sample_rate: int, channels: int) -> None:
    """The stdlib reader trusts every field of the header, so it checks them all."""
    samples = np.arange(-500, 500, dtype="<i2").tobytes()
    data = wav_header(sample_rate, channels, len(samples)) + samples
    with wave.open(io.BytesIO(data)) as file:
        assert file.getframerate() == sample_rate
        assert file.getnchannels() == channels
        assert file.getsampwidth() == 2
        assert file.readframes(10_000) == samples
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert decode(data).pcm == samples


@pytest.mark.parametrize("data_bytes", [None, 2**32 - 36, 10 * 2**30])
def test_wav_of_unknown_or_unspeakable_length_plays_to_the_end(data_bytes: int | None) -> None:
    samples = np.arange(3000, dtype="<i2").tobytes()
    header = wav_header(16000, 1, data_bytes)
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"
    assert decode(header + samples).pcm == samples


def test_longest_wav_that_riff_can_name_is_named() -> None:
    header = wav_header(16000, 1, 2**32 - 38)
    assert int.from_bytes(header[40:44], "little") == 2**32 - 38
    assert int.from_bytes(header[4:8], "little") == 2**32 - 2


def test_two_channels_hold_the_same() -> None:
    mono = np.array([1, -2, 32767, -32768], "<i2")
    stereo = np.frombuffer(to_channels(mono.tobytes(), 2), "<i2").reshape(-1, 2)
    assert (stereo[:, 0] == mono).all()
    assert (stereo[:, 1] == mono).all()
    assert to_channels(mono.tobytes(), 1) == mono.tobytes()


def test_duration_is_rounded_up() -> None:
    assert duration_ms(0, 24000) == 0
    assert duration_ms(2, 24000) == 1
    assert duration_ms(48000, 24000) == 1000
    assert duration_ms(48002, 24000) == 1001
    assert duration_ms(4 * 44100, 44100, channels=2) == 1000


def test_aligner_gives_every_whole_frame_and_nothing_else() -> None:
    aligner = FrameAligner(channels=2)
    fed = [b"a", b"", b"bc", b"defgh", b"ijk"]
    assert [aligner.feed(piece) for piece in fed] == [b"", b"", b"", b"abcdefgh", b""]
    assert aligner.feed(b"l") == b"ijkl"
