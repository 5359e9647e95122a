"""Voices that workspaces make, and the samples for them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from intone.storage.tables.base import SERIAL, metadata

__all__ = ["uploads", "voices"]

#: What clients have sent: samples for cloning.
uploads = Table(
    "uploads",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("state", Text, nullable=False),  # pending (an address was given), ready
    Column("name", Text),  # the client's own, only ever shown
    Column("form", Text),  # what the content is, e.g. flac
    Column("bytes", BigInteger),
    Column("duration_ms", BigInteger),
    Column("sample_rate", Integer),  # Hz
    Column("channels", Integer),
    Column("blob", Text),  # path in the blob store
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Index("ix_uploads_workspace_id_number", "workspace_id", "number"),
)

#: Voices that a workspace has made; presets are in the code.
voices = Table(
    "voices",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),  # BCP 47, that it is to speak
    # queued, running, ready, failed; deleted, until all that came of it is erased
    Column("state", Text, nullable=False),
    Column("samples", Text, nullable=False),  # JSON array of uploads' paths
    Column("consent", Text),  # JSON {given_by, given_at}; NULL where the operator wants none
    Column("engine", Text),  # which engine speaks it, e.g. matching
    Column("base_voice", Text),  # slug of the preset that it is spoken from
    Column("model", Text),  # path in the blob store of what the engine needs
    Column("analysis", Text),  # JSON: what was found in the samples
    Column("attempts", Integer, nullable=False),
    Column("lease", Text),  # token of the claim that may write, see queue.base
    Column("error_code", Text),
    Column("error_message", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_voices_workspace_id_number", "workspace_id", "number"),
)
