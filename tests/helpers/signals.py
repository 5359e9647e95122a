"""Test signals, and ways to cut them up."""

import numpy as np
from hypothesis import strategies as st

__all__ = ["cuts", "pieces", "sine"]

#: Sizes of the chunks a stream is cut into, odd ones and empty ones included.
cuts = st.lists(st.integers(0, 20_000), min_size=1, max_size=12)


def sine(
    frequency: float,
    seconds: float,
    sample_rate: int,
    *,
    dbfs: float = -6.0,
    channels: int = 1,
) -> bytes:
    """A sine whose peaks lie at `dbfs`, the same in all channels."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = 32767 * 10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency * time)
    return np.rint(wave).astype("<i2").repeat(channels).tobytes()


def pieces(pcm: bytes, sizes: list[int]) -> list[bytes]:
    """`pcm` cut into chunks of these sizes, and a last one of what is left."""
    cut: list[bytes] = []
    for size in sizes:
        cut.append(pcm[:size])
        pcm = pcm[size:]
    return [*cut, pcm]
