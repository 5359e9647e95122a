"""What all tables share: their names for constraints, and their running numbers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

__all__ = ["SERIAL", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: An autoincrementing key: SQLite only does that for INTEGER, PostgreSQL wants 64 bits.
SERIAL = BigInteger().with_variant(Integer, "sqlite")
