"""Collectors: sources that do not send and must be asked."""
