"""Where engines find what they need to speak with cloned voices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.providers.cloning import ResolvedClone

if TYPE_CHECKING:
    from intone.core.voices import SpeakingClone
    from intone.storage.blobs import BlobStore

__all__ = ["CloneModels"]


class CloneModels:
    """Remembers the cloned voices that this process has been about to speak with.

    Whoever asks for a voice by its name learns here, before anybody speaks; engines are then
    answered at once and without a question to the database.

    Args:
        blobs: Where the models are.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        #: By the voice's id.
        self._known: dict[str, ResolvedClone] = {}

    def remember(self, clone: SpeakingClone) -> None:
        """From now on the clone may be spoken with."""
        if clone.local_id not in self._known:
            self._known[clone.local_id] = ResolvedClone(
                base_local_id=clone.base.local_id, model=self._blobs.file(clone.model)
            )

    def forget(self, voice_id: str) -> None:
        """The voice was deleted."""
        self._known.pop(voice_id, None)

    def resolve(self, voice_id: str) -> ResolvedClone:
        """What the voice is spoken with.

        Raises:
            KeyError: There is no such voice, or it was deleted.
        """
        return self._known[voice_id]
