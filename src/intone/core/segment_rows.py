"""What the database knows of spoken segments: where each is kept, and which jobs use it.

The segments that one try at a job speaks are kept in packs, a blob each. A pack's rows are
written in one unit of work when all of it is on disk, so a row names bytes that are there, until
its pack is erased or damaged: whoever reads one must be ready to find nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from intone.core.jobs import Job
    from intone.storage.database import Row, Transaction

__all__ = [
    "FOLDER",
    "Batch",
    "Place",
    "Tally",
    "erase_voice",
    "erase_workspace",
    "find",
    "keep",
    "orphans",
    "pack_path",
    "release",
]

_T = TypeVar("_T")

#: Where packs are in the blob store.
FOLDER = "segments"
#: How many values one statement asks for.
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment is, see `intone.core.kept`."""

    #: The pack's path in the blob store.
    blob: str
    #: The first byte in the pack.
    start: int
    #: In bytes.
    size: int
    #: SHA-256 of those bytes.
    sha256: bytes

    def is_of(self, job: Job) -> bool:
        """Whether this very job had it spoken, in this try or in one before."""
        return self.blob.startswith(f"{FOLDER}/{job.id}/")


@dataclass(frozen=True, slots=True)
class Batch:
    """Segments of a job that are to be written down, by their keys."""

    #: Those that it spoke.
    spoken: dict[bytes, Place]
    #: Those that were kept already.
    found: frozenset[bytes] = frozenset()
    #: Slugs of the voices that spoke, where it is another than the order's own.
    voices: Mapping[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a whole job was made of."""

    #: Segments in all, and those that other jobs had spoken.
    total: int
    reused: int
    #: Characters of the text that this job had spoken itself.
    characters: int
    #: What is still to be written down.
    rest: Batch


def _any(name: str) -> str:
    """A list of parameters, for values that `_slices` gives."""
    return ", ".join(f":{name}{number}" for number in range(_AT_ONCE))


_FIND = f"""
SELECT key, blob, start, bytes, sha256 FROM segments
WHERE workspace_id = :workspace_id AND key IN ({_any("key")})
"""
_KEEP = """
INSERT INTO segments (workspace_id, key, voice, blob, start, bytes, sha256, created_at)
VALUES (:workspace_id, :key, :voice, :blob, :start, :bytes, :sha256, :now)
ON CONFLICT (workspace_id, key) DO UPDATE SET
  blob = excluded.blob, start = excluded.start, bytes = excluded.bytes, sha256 = excluded.sha256
"""
_USE = """
INSERT INTO job_segments (job_id, key, workspace_id) VALUES (:job_id, :key, :workspace_id)
ON CONFLICT (job_id, key) DO NOTHING
"""
_USED = """
SELECT key FROM job_segments WHERE job_id = :job_id ORDER BY key LIMIT :most
"""
_ERASE_UNUSED = """
DELETE FROM segments
WHERE (workspace_id, key) IN (
    SELECT workspace_id, key FROM job_segments WHERE job_id = :job_id AND key <= :last
  )
  AND NOT EXISTS (
    SELECT 1 FROM job_segments AS other
    WHERE other.workspace_id = segments.workspace_id AND other.key = segments.key
      AND other.job_id <> :job_id
  )
RETURNING blob
"""
_FORGET_USE = """
DELETE FROM job_segments WHERE job_id = :job_id AND key <= :last
"""
_ERASE_WORKSPACE = """
DELETE FROM segments WHERE workspace_id = :workspace_id RETURNING blob
"""
_ERASE_VOICE = """
DELETE FROM segments WHERE workspace_id = :workspace_id AND voice = :voice RETURNING blob
"""
_NAMED = f"""
SELECT DISTINCT blob FROM segments WHERE blob IN ({_any("blob")})
"""
_IS_RUNNING = """
SELECT 1 AS one FROM jobs WHERE id = :job_id AND state IN ('running', 'enhancing')
"""


def pack_path(job: Job, number: int) -> str:
    """Where a pack of this try at a job is; `number` counts them."""
    return f"{FOLDER}/{job.id}/{job.attempts}.{number}.pack"


def find(tx: Transaction, workspace_id: str, keys: Sequence[bytes]) -> dict[bytes, Place]:
    """Where the segments of those keys are that the workspace has."""
    found = {}
    for some in _slices("key", keys, b""):
        for row in tx.all(_FIND, workspace_id=workspace_id, **some):
            found[row["key"]] = Place(row["blob"], row["start"], row["bytes"], row["sha256"])
    return found


def keep(tx: Transaction, job: Job, batch: Batch) -> None:
    """Write down segments that a job uses; those that it spoke take the place of older ones.

    Only for whoever holds the job's lease, in a unit of work that makes sure of it.
    """
    now = now_ms()
    for key, place in sorted(batch.spoken.items()):  # in one order: two jobs wait, never lock up
        tx.execute(
            _KEEP,
            workspace_id=job.workspace_id,
            key=key,
            voice=batch.voices.get(key, job.order.voice),
            blob=place.blob,
            start=place.start,
            bytes=place.size,
            sha256=place.sha256,
            now=now,
        )
    for key in sorted(batch.found.union(batch.spoken)):
        tx.execute(_USE, job_id=job.id, key=key, workspace_id=job.workspace_id)


def release(tx: Transaction, job_id: str, most: int) -> tuple[list[str], bool]:
    """Forget `most` segments of a job that is to be erased, and erase those that no other uses.

    Returns:
        Packs that no row names any more, and whether this was all of the job.
    """
    used = tx.all(_USED, job_id=job_id, most=most)
    if not used:
        return [], True
    last = used[-1]["key"]
    rows = tx.all(_ERASE_UNUSED, job_id=job_id, last=last)
    tx.execute(_FORGET_USE, job_id=job_id, last=last)
    return _unnamed(tx, _blobs(rows)), len(used) < most


def erase_voice(tx: Transaction, workspace_id: str, voice: str) -> list[str]:
    """Erase all that a workspace keeps of a voice; returns the packs that no row names any more.

    The packs are for `SegmentCache.discard` once this has been committed; a sweep finds those
    that it does not come to.

    Args:
        tx: The unit of work.
        workspace_id: Whose segments.
        voice: The voice's slug.
    """
    rows = tx.all(_ERASE_VOICE, workspace_id=workspace_id, voice=voice)
    return _unnamed(tx, _blobs(rows))


def erase_workspace(tx: Transaction, workspace_id: str) -> list[str]:
    """Erase all segments of a workspace; returns their packs, as `erase_voice`."""
    rows = tx.all(_ERASE_WORKSPACE, workspace_id=workspace_id)
    return _unnamed(tx, _blobs(rows))


def orphans(tx: Transaction, packs: Collection[str]) -> list[str]:
    """Those packs that no row names, nor ever will: the job that could is not being rendered."""
    return [
        pack
        for pack in _unnamed(tx, packs)
        if tx.one(_IS_RUNNING, job_id=pack.split("/")[1]) is None
    ]


def _blobs(rows: Sequence[Row]) -> set[str]:
    return {row["blob"] for row in rows}


def _unnamed(tx: Transaction, packs: Collection[str]) -> list[str]:
    named: set[str] = set()
    for some in _slices("blob", list(packs), ""):
        named |= _blobs(tx.all(_NAMED, **some))
    return [pack for pack in packs if pack not in named]


def _slices(name: str, values: Sequence[_T], nothing: _T) -> Iterator[dict[str, _T]]:
    """The values in parameters of a statement with `_any(name)`, as often as it takes."""
    for start in range(0, len(values), _AT_ONCE):
        some = [*values[start : start + _AT_ONCE]]
        some += [nothing] * (_AT_ONCE - len(some))
        yield {f"{name}{number}": value for number, value in enumerate(some)}
