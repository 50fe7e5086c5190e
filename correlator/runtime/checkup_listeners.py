"""What doctor says of listeners beyond ports, dates and file modes: would they start, and who could read what is sent."""

import os
from collections.abc import Iterator

from correlator.config.sections.listeners import ListenerSettings
from correlator.config.settings import Settings
from correlator.errors import InputError
from correlator.ingest.senders import read_tokens
from correlator.ingest.tls import server_context
from correlator.runtime.finding import Finding, Verdict


def check_listeners(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all listeners."""
    for listener in settings.listener:
        yield _check(f"listener {listener.name}", listener)


def _check(subject: str, listener: ListenerSettings) -> Finding:
    try:
        server_context(listener)
        tokens = len(list(read_tokens(listener, os.environ)))
    except InputError as error:
        return Finding(subject, Verdict.FAILED, str(error), "mend it: without it `tocsin run` does not start")
    if listener.kind == "http" and not listener.tls_cert and listener.host not in {"127.0.0.1", "::1", "localhost"}:
        advice = "give it tls_cert and tls_key: tokens and records cross the network readable by everybody"
        return Finding(subject, Verdict.WARNING, "HTTP without TLS on a network", advice)
    sources = 1 + len(listener.sender)
    return Finding(subject, Verdict.OK, f"{listener.kind}, {sources} source(s)" + (f", {tokens} token(s)" if tokens else ""))
