"""MP3 in parts: pieces of whole frames, each encoded by itself, that make one stream end to end.

A fresh encoder's first frame needs nothing of any frame before it, and no frame ever needs a
later one. So the frames of an encoder may be cut off anywhere, and another's may follow. What a
player hears is late by the codec's delay (`DELAYS`), in every part alike: a part ends in so much
silence that the delay and the transform's last window lose nothing, and is filled to whole frames.

Pauses are frames too, all of them the same: the first one of an encoder that hears silence.
"""

from __future__ import annotations

from functools import cached_property

from intone.audio.decode import create_decoder
from intone.audio.encode import DELAYS, create_encoder
from intone.audio.formats import BYTES_PER_SAMPLE, to_channels
from intone.audio.loudness import apply_gain
from intone.audio.mpeg import frame_bytes

__all__ = ["PartCoder"]

#: From this sample rate on a frame has two granules, and half of it below.
_MPEG1_FROM_HZ = 32_000
_GRANULE = 576
#: Silence at a part's end: the delay, and the second half of a window that overlaps it. Of what
#: is said before, less than -80 dBFS is left behind the end.
_TAIL = DELAYS["mp3"] + _GRANULE
#: Silent frames that push the last sample of a part through a decoder.
_FLUSHING = 3


class PartCoder:
    """Encodes parts of one kind; may be used in several threads at once.

    Args:
        sample_rate: Of the PCM and of the MP3, in Hz.
        channels: Of the MP3; the PCM is mono.

    Raises:
        InvalidInputError: MP3 has no such rate or number of channels.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        #: Samples of a frame.
        self.frame = 2 * _GRANULE if sample_rate >= _MPEG1_FROM_HZ else _GRANULE
        self._rate, self._channels = sample_rate, channels
        create_encoder("mp3", sample_rate=sample_rate, channels=channels)

    def frames(self, samples: int) -> int:
        """How many frames hold a part of so many samples; none where there are none."""
        return -(-(samples + _TAIL) // self.frame) if samples else 0

    def encode(self, pcm: bytes, gain_db: float) -> bytes:
        """A part: `frames` frames, whose size in bytes depends on their number alone.

        Args:
            pcm: Mono, whole samples.
            gain_db: By which the level is changed first.
        """
        count = self.frames(len(pcm) // BYTES_PER_SAMPLE)
        levelled = apply_gain(pcm, gain_db).ljust(count * self.frame * BYTES_PER_SAMPLE, b"\0")
        return self._encoded(levelled, count)

    def silence(self, frames: int) -> bytes:
        """So many frames of digital silence."""
        return self._silent_frame * frames

    def pause(self, samples: int, before: int) -> int:
        """How many silent frames make a pause, to the nearest.

        Args:
            samples: Of the pause.
            before: Of the part that it follows, whose end is silent already.
        """
        tail = self.frames(before) * self.frame - before
        return max(0, round((samples - tail) / self.frame))

    def relevel(self, part: bytes, samples: int, by_db: float) -> bytes:
        """A part at another level; it is decoded for that and encoded once more.

        Args:
            part: Of as many frames as `encode` makes of so many samples.
            samples: Of its PCM.
            by_db: Change of the level in dB.
        """
        decoder = create_decoder("mp3")
        mono = decoder.feed(part + self.silence(_FLUSHING)) + decoder.finish()
        begin = DELAYS["mp3"] * BYTES_PER_SAMPLE
        return self.encode(mono[begin : begin + samples * BYTES_PER_SAMPLE], by_db)

    @cached_property
    def _silent_frame(self) -> bytes:
        return self._encoded(bytes(self.frame * BYTES_PER_SAMPLE), 1)

    def _encoded(self, mono: bytes, count: int) -> bytes:
        """The first frames of an encoder of its own that hears this."""
        encoder = create_encoder("mp3", sample_rate=self._rate, channels=self._channels)
        stream = encoder.feed(to_channels(mono, self._channels)) + encoder.finish()
        end = 0
        for _ in range(count):
            end += frame_bytes(stream[end : end + 4])
        return stream[:end]
