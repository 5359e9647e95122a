"""What vendors deliver becomes the PCM that it was made of."""

import contextlib
import io
import random
import struct
import wave

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.decoding import dominant_frequency, level_dbfs
from helpers.signals import cuts, pieces, sine
from helpers.speech import speak
from intone.audio.decode import DECODABLE, Decoder, create_decoder
from intone.audio.encode import create_encoder
from intone.audio.formats import to_channels, wav_header
from intone.errors import ProviderInvalidResponseError

LAVC = [name for name in DECODABLE if name != "wav"]
EXTENSIBLE = 0xFFFE
PCM_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def decoded(form: str, data: bytes) -> tuple[int, bytes]:
    decoder = create_decoder(form)
    pcm = decoder.feed(data) + decoder.finish()
    return decoder.sample_rate, pcm


def encoded(name: str, pcm: bytes, sample_rate: int, **options: int) -> bytes:
    encoder = create_encoder(name, sample_rate=sample_rate, **options)
    return encoder.feed(pcm) + encoder.finish()


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2") / 32768


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def wav_file(
    data: bytes,
    *,
    code: int = 1,
    bits: int = 16,
    channels: int = 1,
    rate: int = 24000,
    before: bytes = b"",
    after: bytes = b"",
    size: int | None = None,
    extension: bytes = b"",
) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits) + extension
    declared = len(data) if size is None else size
    body = chunk(b"fmt ", form) + before + b"data" + struct.pack("<I", declared) + data + after
    return b"RIFF" + struct.pack("<I", min(len(body) + 4, 0xFFFFFFFF)) + b"WAVE" + body


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF - 36])
def test_wav_is_read_to_its_end_whatever_its_header_says(size: int | None) -> None:
    pcm = sine(440, 0.5, 24000)
    assert decoded("wav", wav_file(pcm, size=size)) == (24000, pcm)


def test_wav_of_pythons_own_writer_is_read() -> None:
    file = io.BytesIO()
    pcm = speak()[1]
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(22050)
        writer.writeframes(pcm)
    assert decoded("wav", file.getvalue()) == (22050, pcm)


def test_wav_of_ffmpeg_with_its_list_chunk_is_read() -> None:
    """FFmpeg, to which many servers pipe, writes its name before the samples."""
    file = io.BytesIO()
    pcm = sine(440, 0.5, 16000)
    with av.open(file, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert b"LIST" in file.getvalue()
    assert decoded("wav", file.getvalue()) == (16000, pcm)


def test_chunks_around_the_samples_are_no_sound() -> None:
    pcm = sine(440, 0.1, 24000)
    before = chunk(b"LIST", b"INFOISFT" + bytes(9)) + chunk(b"fact", bytes(4))
    data = wav_file(pcm, before=before, after=chunk(b"LIST", b"adtl" * 500))
    assert decoded("wav", data) == (24000, pcm)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bits", [8, 16, 24, 32, -32])
@pytest.mark.parametrize("is_extensible", [False, True])
def test_wav_samples_of_every_kind(bits: int, channels: int, is_extensible: bool) -> None:
    """-32 stands for float; several channels are the same here and so is their mean."""
    pcm = sine(440, 0.5, 24000, channels=channels)
    samples = np.frombuffer(pcm, "<i2")
    data = {
        8: (samples // 256 + 128).astype(np.uint8),
        16: samples,
        24: (samples.astype("<i4") * 256).view(np.uint8).reshape(-1, 4)[:, :3],
        32: samples.astype("<i4") * 65536,
        -32: (samples / 32768).astype("<f4"),
    }[bits].tobytes()
    code, extension = (3 if bits < 0 else 1), b""
    if is_extensible:
        extension = struct.pack("<HHIH", 22, abs(bits), 0, code) + PCM_GUID_TAIL
        code = EXTENSIBLE
    file = wav_file(data, code=code, bits=abs(bits), channels=channels, extension=extension)
    sample_rate, result = decoded("wav", file)
    expected = sine(440, 0.5, 24000)
    assert sample_rate == 24000
    assert len(result) == len(expected)
    tolerance = 256 if bits == 8 else 0
    difference = np.frombuffer(result, "<i2").astype(int) - np.frombuffer(expected, "<i2")
    assert np.abs(difference).max() <= tolerance


def test_channels_are_mixed() -> None:
    left, right = np.array([1000, -32768, 32767]), np.array([3000, -32768, 32767])
    data = wav_file(np.stack([left, right], axis=1).astype("<i2").tobytes(), channels=2)
    assert decoded("wav", data)[1] == np.array([2000, -32768, 32767], "<i2").tobytes()


def test_wav_floats_beyond_full_scale_are_limited() -> None:
    values = np.array([0.5, 1.5, -2.0, np.nan, np.inf, -np.inf], "<f4")
    result = np.frombuffer(decoded("wav", wav_file(values.tobytes(), code=3, bits=32))[1], "<i2")
    assert result.tolist() == [16384, 32767, -32768, 0, 32767, -32768]


def test_a_wav_without_sound_is_no_error() -> None:
    assert decoded("wav", wav_header(24000, 1, None)) == (24000, b"")


@pytest.mark.parametrize(
    "data",
    [
        wav_file(bytes(100), code=7, bits=8),
        wav_file(bytes(100), code=1, bits=12),
        wav_file(bytes(100), channels=0),
        wav_file(bytes(100), rate=0),
        wav_file(bytes(100), code=3, bits=16),
        b"RIFF\xff\xff\xff\xffWAVEdata" + bytes(100),
        b"RIFF\xff\xff\xff\xffAVI " + bytes(100),
        b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\x7f" + bytes(100),
        wav_header(24000, 1, None)[:30],
    ],
)
def test_wav_files_that_cannot_be_read_are_refused(data: bytes) -> None:
    with pytest.raises(ProviderInvalidResponseError):
        decoded("wav", data)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("form", "sample_rate"),
    [(form, rate) for form in LAVC for rate in (8000, 16000, 22050, 24000, 44100, 48000)],
)
def test_compressed_audio_keeps_its_length_pitch_and_level(
    form: str, sample_rate: int, channels: int
) -> None:
    pcm = sine(440, 1.5, sample_rate, dbfs=-9, channels=channels)
    rate, result = decoded(form, encoded(form, pcm, sample_rate, channels=channels))
    assert rate == (48000 if form == "opus" else sample_rate)
    surplus = len(result) / 2 / rate - 1.5
    assert -0.001 <= surplus <= {"mp3": 3456, "aac": 3072, "opus": 1, "flac": 0}[form] / sample_rate
    steady = samples_of(result)[rate // 2 : rate]
    assert dominant_frequency(steady, rate) == pytest.approx(440, abs=3)
    assert level_dbfs(steady) == pytest.approx(-9 - 3.01, abs=0.5)


@pytest.mark.parametrize("channels", [1, 2])
def test_flac_is_decoded_to_the_sample(channels: int) -> None:
    sample_rate, pcm = speak()
    data = encoded("flac", to_channels(pcm, channels), sample_rate, channels=channels)
    assert decoded("flac", data) == (sample_rate, pcm)


@pytest.mark.parametrize("form", ["mp3", "aac", "opus"])
def test_audio_comes_out_while_bytes_are_arriving(form: str) -> None:
    """After a second of encoded speech, at least 0.8 s of it have been returned."""
    sample_rate, pcm = speak()
    decoder = create_decoder(form)
    encoder = create_encoder(form, sample_rate=sample_rate)
    result = decoder.feed(encoder.feed(pcm[: sample_rate * 2]))
    assert len(result) / 2 / decoder.sample_rate > 0.8


@pytest.mark.parametrize("form", DECODABLE)
def test_the_sample_rate_is_known_with_the_first_samples(form: str) -> None:
    sample_rate, pcm = speak()
    data = encoded(form, pcm[:100_000], sample_rate)
    decoder = create_decoder(form)
    assert decoder.sample_rate == 0
    for begin in range(0, len(data), 100):
        if decoder.feed(data[begin : begin + 100]):
            break
    assert decoder.sample_rate == (48000 if form == "opus" else sample_rate)


@settings(max_examples=60, deadline=None)
@given(form=st.sampled_from(sorted(DECODABLE)), sizes=cuts, small=st.integers(1, 40))
def test_the_result_does_not_depend_on_the_chunks(form: str, sizes: list[int], small: int) -> None:
    """The first bytes come in the smallest pieces: it is headers that could be cut wrongly."""
    data = encoded(form, speak()[1][:60_000], 22050)
    decoder = create_decoder(form)
    parts = [data[at : at + small] for at in range(0, 400 // small * small, small)]
    parts += pieces(data[400 // small * small :], sizes)
    result = b"".join(decoder.feed(part) for part in parts) + decoder.finish()
    assert result == decoded(form, data)[1]


def id3(size: int) -> bytes:
    """An ID3v2 tag whose content looks like audio."""
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + length + (b"\xff\xfb\x90\x64" * size)[:size]


@pytest.mark.parametrize("size", [0, 500, 300_000])
def test_a_tag_before_mp3_is_no_sound(size: int) -> None:
    data = encoded("mp3", sine(440, 0.5, 24000), 24000)
    assert decoded("mp3", id3(size) + data) == decoded("mp3", data)
    assert decoded("mp3", id3(0) * 5000 + data) == decoded("mp3", data)


def test_the_encoders_note_in_an_mp3_is_no_sound() -> None:
    """FFmpeg and others begin with a frame that only tells the file's length."""
    pcm = sine(440, 1.0, 24000)
    sizes = []
    for is_noted in ("0", "1"):
        file = io.BytesIO()
        with av.open(file, "w", format="mp3", options={"write_xing": is_noted}) as container:
            stream = container.add_stream("libmp3lame", rate=24000, layout="mono", format="s16p")
            frame = av.AudioFrame.from_ndarray(
                np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono"
            )
            frame.sample_rate = 24000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert (b"Info" in file.getvalue() or b"Xing" in file.getvalue()) == (is_noted == "1")
        sizes.append(len(decoded("mp3", file.getvalue())[1]))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("form", ["mp3", "aac", "opus"])
def test_streams_joined_end_to_end_are_one(form: str) -> None:
    one = encoded(form, sine(440, 0.5, 24000), 24000)
    rate, alone = decoded(form, one)
    assert decoded(form, one + one)[0] == rate
    assert len(decoded(form, one + one)[1]) == 2 * len(alone)


@pytest.mark.parametrize("form", ["mp3", "aac"])
def test_a_change_of_rate_amid_a_stream_keeps_the_first_rate(form: str) -> None:
    data = encoded(form, sine(440, 1.0, 24000), 24000)
    data += encoded(form, sine(440, 1.0, 48000, channels=2), 48000, channels=2)
    rate, pcm = decoded(form, data)
    assert rate == 24000
    assert len(pcm) / 2 / rate == pytest.approx(2.0, abs=0.3)
    assert dominant_frequency(samples_of(pcm)[30_000:42_000], rate) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("form", LAVC)
def test_an_answer_that_breaks_off_gives_what_was_there(form: str) -> None:
    data = encoded(form, speak()[1], 22050)
    rate, pcm = decoded(form, data[: len(data) // 2 + 7])
    assert len(pcm) / 2 / rate > 4


@pytest.mark.parametrize("form", ["mp3", "aac"])
def test_damage_amid_a_stream_costs_only_what_it_hit(form: str) -> None:
    data = bytearray(encoded(form, speak()[1], 22050))
    middle = len(data) // 2
    data[middle : middle + 3000] = random.Random(4).randbytes(3000)
    rate, pcm = decoded(form, bytes(data))
    assert len(pcm) / 2 / rate == pytest.approx(len(speak()[1]) / 2 / 22050, abs=1.0)


@pytest.mark.parametrize("form", DECODABLE)
@pytest.mark.parametrize("body", [b"", b"\xff", b'{"error":"quota"}', bytes(100_000)])
def test_what_is_no_audio_is_refused(form: str, body: bytes) -> None:
    with pytest.raises(ProviderInvalidResponseError):
        decoded(form, body)


#: A beginning that each format is known by, so that garbage gets past it.
BEGINNINGS = {
    "wav": b"RIFF\xff\xff\xff\xffWAVEjunk\xff\xff\xff\xff",
    "mp3": b"\xff\xfb\x90\x64",
    "aac": b"\xff\xf1\x58\x40",
    "opus": encoded("opus", b"", 24000)[:150],
    "flac": encoded("flac", b"", 24000)[:90],
}


@pytest.mark.parametrize("form", DECODABLE)
def test_ten_megabytes_of_garbage_end_at_their_beginning(form: str) -> None:
    """Also behind a header that is right: so much without a sound is no speech."""
    garbage = random.Random(form).randbytes(10_000_000)
    for body in (garbage, BEGINNINGS[form] + bytes(10_000_000)):
        decoder = create_decoder(form)
        assert accepted(decoder, body) < 1_000_000


def accepted(decoder: Decoder, body: bytes) -> int:
    """How many bytes of a body a decoder takes before it has enough."""
    for begin in range(0, len(body), 65_536):
        try:
            decoder.feed(body[begin : begin + 65_536])
        except ProviderInvalidResponseError:
            return begin
    return len(body)


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(sorted(DECODABLE)),
    head=st.booleans(),
    body=st.binary(max_size=3000),
    sizes=cuts,
)
def test_garbage_never_raises_anything_else(
    form: str, head: bool, body: bytes, sizes: list[int]
) -> None:
    decoder = create_decoder(form)
    data = (BEGINNINGS[form] if head else b"") + body
    try:
        for part in pieces(data, sizes):
            assert len(decoder.feed(part)) % 2 == 0
        decoder.finish()
    except ProviderInvalidResponseError:
        pass


@settings(max_examples=100, deadline=None)
@given(
    form=st.sampled_from(sorted(DECODABLE)),
    damage=st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), max_size=30),
)
def test_damaged_audio_never_raises_anything_else(form: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(form, speak()[1][:20_000], 22050))
    for place, value in damage:
        data[place % len(data)] = value
    with contextlib.suppress(ProviderInvalidResponseError):
        decoded(form, bytes(data))
