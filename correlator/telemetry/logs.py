"""Structured logs on stderr: a sentence, then fields; JSON where no person watches. Secrets are cut out by key."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from correlator.telemetry.terminal import plain_fields

_SECRET_WORDS = ("password", "secret", "token", "authorization", "api_key", "apikey", "cookie")


def hide_secrets(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field whose name speaks of a secret."""
    for key in entry:
        if any(word in key.lower() for word in _SECRET_WORDS):
            entry[key] = "***"
    return entry


def set_up_logs(level: str = "info") -> None:
    """Send logs to stderr: readable lines on a terminal, one JSON object a line elsewhere."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_secrets,
            plain_fields,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
