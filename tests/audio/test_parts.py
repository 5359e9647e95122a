"""MP3 in parts: end to end they are one stream, to the sample, and nobody hears where they meet."""

import numpy as np
import pytest

from helpers.decoding import decode, level_dbfs
from helpers.speech import speak
from intone.audio.encode import DELAYS, create_encoder
from intone.audio.joins import trim
from intone.audio.loudness import apply_gain
from intone.audio.mpeg import frame_bytes
from intone.audio.parts import PartCoder
from intone.audio.resample import Resampler

SENTENCES = ("Ask, and it shall be given you.", "Pack my box.", "Who would have thought that?")
PAUSE_S = 0.3
KINDS = [(rate, channels) for rate in (8_000, 22_050, 24_000, 44_100) for channels in (1, 2)]


def spoken(text, rate):
    """A sentence as a take has it: mono, trimmed."""
    source, pcm = speak(text)
    resampler = Resampler(source, rate)
    return trim(resampler.feed(pcm) + resampler.finish(), rate)[0]


def frames_of(stream):
    """The frames' sizes; raises where something else is amid them."""
    sizes, at = [], 0
    while at < len(stream):
        assert stream[at] == 0xFF, "this is no frame"
        assert stream[at + 1] & 0xE6 == 0xE2, "this is no layer III"
        sizes.append(frame_bytes(stream[at : at + 4]))
        at += sizes[-1]
    assert at == len(stream)
    return sizes


def joined(coder, pieces, rate):
    """The parts with pauses between them, and the PCM as it is to be heard."""
    stream, pcm, before = b"", [], 0
    for piece in pieces:
        pause = coder.pause(round(PAUSE_S * rate), before) if before else 0
        stream += coder.silence(pause) + coder.encode(piece, 0.0)
        before = len(piece) // 2
        samples = np.frombuffer(piece, "<i2")
        pcm += [np.zeros(pause * coder.frame, "<i2"), samples]
        pcm.append(np.zeros(coder.frames(before) * coder.frame - before, "<i2"))
    return stream, np.concatenate(pcm) / 32768


@pytest.mark.parametrize(("rate", "channels"), KINDS)
def test_parts_end_to_end_are_one_stream_of_exactly_their_length(rate, channels):
    coder = PartCoder(rate, channels)
    stream, pcm = joined(coder, [spoken(text, rate) for text in SENTENCES], rate)
    heard = decode(stream, "mp3")
    assert (heard.sample_rate, heard.channels) == (rate, channels)
    assert heard.samples.shape[1] == len(pcm) == len(frames_of(stream)) * coder.frame
    assert b"Xing" not in stream
    assert b"Info" not in stream
    assert b"ID3" not in stream


@pytest.mark.parametrize(("rate", "channels"), KINDS)
def test_what_is_heard_is_what_was_said_when_it_was_said_and_nothing_at_the_seams(rate, channels):
    coder = PartCoder(rate, channels)
    pieces = [spoken(text, rate) for text in SENTENCES]
    stream, pcm = joined(coder, pieces, rate)
    heard = decode(stream, "mp3").samples[0][DELAYS["mp3"] :]
    pcm = pcm[: len(heard)]
    assert np.corrcoef(heard, pcm)[0, 1] > 0.99
    # As far from the PCM as one encoder's stream is, everywhere.
    encoder = create_encoder("mp3", sample_rate=rate, channels=channels)
    mono = np.rint(pcm * 32768).astype("<i2")
    whole = encoder.feed(mono.repeat(channels).tobytes()) + encoder.finish()
    alone = decode(whole, "mp3").samples[0][DELAYS["mp3"] :][: len(pcm)]
    assert np.abs(heard - pcm).max() < 1.5 * np.abs(alone - pcm).max()
    at = 0
    for piece in pieces[:-1]:
        at += coder.frames(len(piece) // 2) * coder.frame
        assert np.abs(heard[at - 300 : at]).max() < 4e-4, "something is heard where two parts meet"
        at += coder.pause(round(PAUSE_S * rate), len(piece) // 2) * coder.frame


def test_an_encoder_begins_each_part_anew():
    coder = PartCoder(24_000, 1)
    one, other = (spoken(text, 24_000) for text in SENTENCES[:2])
    assert coder.encode(one, -3.0) == coder.encode(one, -3.0)
    for part in (coder.encode(one, 0.0), coder.encode(other, 0.0), coder.silence(1)):
        assert part[4] == 0, "its first frame needs what was before it"


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_the_size_of_a_part_depends_on_its_length_alone(rate):
    coder = PartCoder(rate, 1)
    piece = spoken(SENTENCES[0], rate)
    sizes = {len(coder.encode(apply_gain(piece, gain), 0.0)) for gain in (-40, -6, 0, 6)}
    assert len(sizes) == 1


def test_pauses_are_right_to_half_a_frame():
    coder = PartCoder(24_000, 1)
    for before in (1, 5_000, 5_555, 6_000):
        tail = coder.frames(before) * coder.frame - before
        for wanted in (2_400, 7_200, 16_800):
            pause = tail + coder.pause(wanted, before) * coder.frame
            assert abs(pause - max(wanted, tail)) <= coder.frame / 2


def test_silence_is_digital_silence():
    coder = PartCoder(24_000, 2)
    assert not decode(coder.silence(40), "mp3").samples.any()


@pytest.mark.parametrize(("rate", "channels"), [(24_000, 1), (44_100, 2)])
def test_a_part_at_another_level_has_its_length_and_its_place(rate, channels):
    coder = PartCoder(rate, channels)
    piece = spoken(SENTENCES[0], rate)
    part = coder.encode(piece, -6.0)
    louder = coder.relevel(part, len(piece) // 2, 4.0)
    assert len(louder) == len(part)
    before, after = (decode(mp3, "mp3").samples[0] for mp3 in (part, louder))
    assert level_dbfs(after) - level_dbfs(before) == pytest.approx(4.0, abs=0.5)
    assert np.corrcoef(before, after)[0, 1] > 0.99


def test_nothing_is_a_part_of_no_frames():
    assert PartCoder(24_000, 1).encode(b"", 0.0) == b""
