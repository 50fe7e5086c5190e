"""Alembic's entry: migrates the connection that ``open_database`` gives it, inside its transaction."""

from alembic import context

from correlator.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
