"""When sound begins after a pause, measured on the samples."""

import numpy as np

__all__ = ["onsets"]

#: Peaks up to this part of the loudest are silence.
_QUIET = 0.02


def onsets(samples: np.ndarray, sample_rate: int, shortest_ms: float = 60) -> list[float]:
    """The milliseconds at which sound begins that follows a pause, the first sound included.

    Args:
        samples: One channel, of any scale.
        sample_rate: In Hz.
        shortest_ms: What counts as a pause.
    """
    loud = np.flatnonzero(np.abs(samples) > _QUIET * np.abs(samples).max())
    gaps = np.diff(loud, prepend=-sample_rate * shortest_ms)
    return [float(at) * 1000 / sample_rate for at in loud[gaps > sample_rate * shortest_ms / 1000]]
