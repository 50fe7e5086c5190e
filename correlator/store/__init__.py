"""What survives a restart: database, lake, content."""
