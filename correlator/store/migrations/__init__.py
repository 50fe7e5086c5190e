"""Schema migrations, oldest first; each is explicit and never edited once released."""
