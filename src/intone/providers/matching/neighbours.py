"""Finding, for each frame of the preset, the frames of the target that are most like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from intone.providers.matching.world import cepstra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from intone.providers.matching.model import Sounds

__all__ = ["FEWEST", "Neighbours", "motion"]

#: With fewer frames than this of the target there is nothing to choose from.
FEWEST = 100
#: So many of the nearest are averaged …
_NEAREST = 8
#: … by weights that fall to 1/e where the distance exceeds the least by this share of the mean.
_SOFTNESS = 0.3
#: Frames to either side between which an envelope's motion is taken, and how much motion counts.
_REACH, _MOTION_WEIGHT = 4, 0.5
#: Frames looked up at once: the table of distances is this × `Sounds.frames` large.
_AT_ONCE = 256


def motion(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """How cepstra change around each frame, weighted as it counts in distances."""
    padded = np.pad(shapes, ((_REACH, _REACH), (0, 0)), "edge")
    return np.asarray(_MOTION_WEIGHT * (padded[2 * _REACH :] - padded[: len(shapes)]))


class Neighbours:
    """Answers which envelope of the target goes with one of the preset's.

    Args:
        sounds: One kind of sound; envelopes are compared relative to each voice's own mean, so that
            how a vowel differs from the voice's other vowels counts and not who speaks it.
    """

    def __init__(self, sounds: Sounds) -> None:
        self._source = sounds.source.astype(np.float64)
        self._envelopes = sounds.frames
        shapes = cepstra(sounds.frames.astype(np.float64) - sounds.target)
        self._points = np.hstack([shapes.astype(np.float32), sounds.motion])
        self._sizes = (self._points**2).sum(axis=1)

    def find(self, bands: NDArray[np.float64]) -> NDArray[np.float64]:
        """For each of the preset's envelopes (warped), the mean of the target's nearest."""
        shapes = cepstra(bands - self._source)
        points = np.hstack([shapes, motion(shapes)]).astype(np.float32)
        return np.concatenate(
            [self._nearest(points[at : at + _AT_ONCE]) for at in range(0, len(points), _AT_ONCE)]
        )

    def distance(self, bands: NDArray[np.float64]) -> float:
        """Mean squared distance to the nearest, relative to the variance of `bands`."""
        shapes = cepstra(bands - self._source)
        points = np.hstack([shapes, motion(shapes)]).astype(np.float32)
        nearest = self._distances(points).min(axis=1)
        return float(nearest.mean() / points.var(axis=0).sum())

    def _distances(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        own = (points**2).sum(axis=1, keepdims=True)
        distances = own + self._sizes - 2 * points @ self._points.T
        return np.asarray(np.maximum(distances, 0))

    def _nearest(self, points: NDArray[np.float32]) -> NDArray[np.float64]:
        distances = self._distances(points)
        chosen = np.argpartition(distances, _NEAREST, axis=1)[:, :_NEAREST]
        far = np.take_along_axis(distances, chosen, axis=1)
        scale = _SOFTNESS * far.mean(axis=1, keepdims=True) + 1e-9
        weights = np.exp((far.min(axis=1, keepdims=True) - far) / scale)
        weights /= weights.sum(axis=1, keepdims=True)
        found = np.einsum("tk,tkb->tb", weights, self._envelopes[chosen])
        return np.asarray(found, np.float64)
