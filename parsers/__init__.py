"""RAW → EVENTS, one module per log source. The listing of this folder is the catalogue; nothing is registered."""
