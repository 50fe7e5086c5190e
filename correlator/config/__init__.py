"""Settings from TOML and environment as typed values; all errors at once with path and line."""
