"""Recordings: the finished audio of jobs, as the database knows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.storage.database import Row, Transaction

__all__ = ["COLUMNS", "Recording", "insert", "recording_of", "words_blob"]

#: What to select of a recording `r` for `recording_of`.
COLUMNS = "r.blob, r.format, r.sample_rate, r.channels, r.bytes, r.duration_ms, r.loudness_mlufs"
_INSERT = """
INSERT INTO recordings (job_id, blob, format, sample_rate, channels, bytes, duration_ms,
  loudness_mlufs, created_at)
VALUES (:job_id, :blob, :format, :sample_rate, :channels, :bytes, :duration_ms,
  :loudness_mlufs, :now)
"""


@dataclass(frozen=True, slots=True)
class Recording:
    """The finished audio of a job."""

    #: Its path in the blob store.
    blob: str
    format: str
    sample_rate: int
    channels: int
    bytes: int
    duration_ms: int
    #: Integrated loudness in LUFS after EBU R128; None for silence.
    loudness: float | None

    @property
    def etag(self) -> str:
        """Strong entity tag, without quotes: no two tries at a job write to the same blob."""
        return hashlib.sha256(self.blob.encode()).hexdigest()[:32]


def words_blob(blob: str) -> str:
    """Where it is written when each word of a recording is heard, by the recording's own blob."""
    return f"{blob}.words"


def insert(tx: Transaction, job_id: str, recording: Recording) -> None:
    """Write down the recording of a job."""
    loudness = None if recording.loudness is None else round(recording.loudness * 1000)
    tx.execute(
        _INSERT,
        job_id=job_id,
        blob=recording.blob,
        format=recording.format,
        sample_rate=recording.sample_rate,
        channels=recording.channels,
        bytes=recording.bytes,
        duration_ms=recording.duration_ms,
        loudness_mlufs=loudness,
        now=now_ms(),
    )


def recording_of(row: Row) -> Recording | None:
    """The recording in a row that a left join found, if there is one."""
    if row["blob"] is None:
        return None
    loudness = row["loudness_mlufs"]
    return Recording(
        blob=row["blob"],
        format=row["format"],
        sample_rate=row["sample_rate"],
        channels=row["channels"],
        bytes=row["bytes"],
        duration_ms=row["duration_ms"],
        loudness=None if loudness is None else loudness / 1000,
    )
