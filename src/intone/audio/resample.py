"""Changing the sample rate of audio while it is arriving."""

from __future__ import annotations

from intone.audio.formats import FrameAligner

__all__ = ["Resampler"]

_LOUDEST, _LOUDEST_NEGATIVE = 32767, -32768


class Resampler:
    """Resamples one stream of mono PCM, in soxr's high quality.

    The result is n * target / source samples long, to within one, and does not depend on how
    the input is chunked. With equal rates it is the input.

    Args:
        source_rate: Of the PCM fed, in Hz.
        target_rate: Of the PCM returned, in Hz.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = None
        if source_rate != target_rate:
            import soxr

            # Not int16: soxr would dither it, so that silence were noise and chunks would matter.
            self._stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32")
        self._aligner = FrameAligner()

    def feed(self, pcm: bytes) -> bytes:
        """Take in more PCM and return what is resampled so far, about 50 ms behind."""
        return self._resample(self._aligner.feed(pcm), last=False)

    def finish(self) -> bytes:
        """Return the last samples; no call may follow."""
        return self._resample(b"", last=True)

    def _resample(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        resampled = self._stream.resample_chunk(samples, last=last)
        np.rint(resampled, out=resampled)
        np.clip(resampled, _LOUDEST_NEGATIVE, _LOUDEST, out=resampled)
        return bytes(resampled.astype("<i2").tobytes())
