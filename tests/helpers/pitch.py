"""A meter of pitch for tests, by another method than the server's: YIN, after de Cheveigné 2002."""

import functools

import numpy as np

__all__ = ["median_pitch", "pitch_track", "semitones_between"]

_FRAME_S = 0.01
#: A frame has a pitch where it differs from itself one period later by less than this part.
_VOICED = 0.3


@functools.lru_cache(maxsize=16)
def pitch_track(pcm: bytes, sample_rate: int, low: float = 50, high: float = 700) -> np.ndarray:
    """The pitch of mono s16le in Hz at every hundredth of a second, between `low` and `high`.

    0 where no pitch is heard. `low` also says how long a stretch is looked at: two of its periods.
    """
    samples = np.frombuffer(pcm, "<i2") / 32768
    longest, shortest = int(sample_rate / low), int(sample_rate / high)
    padded = np.concatenate((np.zeros(longest), samples, np.zeros(longest)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * longest)
    frames = frames[:: round(sample_rate * _FRAME_S)]
    found = np.zeros(len(frames))
    loud = np.flatnonzero(np.abs(frames).max(axis=1) >= 0.02)
    for number, difference in zip(loud, _differences(frames[loud], longest), strict=True):
        normal = difference[1:] * np.arange(1, longest) / (np.cumsum(difference[1:]) + 1e-12)
        below = np.flatnonzero(normal[shortest:-1] < _VOICED)
        if not len(below):
            continue
        at = shortest + below[0]
        while at + 2 < len(normal) and normal[at + 1] < normal[at]:
            at += 1
        before, least, after = normal[at - 1 : at + 2]
        bend = before - 2 * least + after
        shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
        found[number] = sample_rate / (at + 1 + shift)
    return found


def _differences(frames: np.ndarray, longest: int) -> np.ndarray:
    """How much the first half of each differs from what comes so many samples later."""
    # A product with the first half alone goes around the end of a frame at no lag in question.
    spectrum, first = np.fft.rfft(frames), np.fft.rfft(frames[:, :longest], frames.shape[1])
    products = np.fft.irfft(spectrum * first.conj(), frames.shape[1])[:, :longest]
    power = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    energy = power[:, longest : 2 * longest] - power[:, :longest]
    return energy[:, :1] + energy - 2 * products


def median_pitch(pcm: bytes, sample_rate: int, low: float = 50, high: float = 700) -> float:
    """The median pitch in Hz of where there is one."""
    track = pitch_track(pcm, sample_rate, low, high)
    return float(np.median(track[track > 0]))


def semitones_between(before: bytes, after: bytes, sample_rate: int, expected: float) -> float:
    """By how many semitones `after` is higher than `before`, moment by moment: the median.

    Moments are compared, not the medians of both: of a lowered voice that creaks, a meter hears
    other moments than of the voice itself. It looks an octave up and down from what is expected.
    """
    usual, ratio = median_pitch(before, sample_rate), 2 ** (expected / 12)
    low, high = usual * 0.45, usual * 2.2
    then = pitch_track(before, sample_rate, low, high)
    now = pitch_track(after, sample_rate, low * ratio, high * ratio)
    size = min(len(then), len(now))
    both = (then[:size] > 0) & (now[:size] > 0)
    assert both.sum() > 0.1 * (then > 0).sum(), "hardly any voice is left"
    return float(np.median(12 * np.log2(now[:size][both] / then[:size][both])))
