"""Run by Alembic: migrates over the connection that `storage.migrate` hands it."""

from alembic import context

from intone.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place; Alembic then copies the table over.
    render_as_batch=True,
)
context.run_migrations()
