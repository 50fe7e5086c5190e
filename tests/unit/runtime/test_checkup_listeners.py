"""What doctor says of listeners: would they start, and who could read what is sent."""

from pathlib import Path
from typing import Any

import trustme

from correlator.config.sections.listeners import ListenerSettings
from correlator.config.settings import Settings
from correlator.runtime.checkup_listeners import check_listeners


def said(kind: str, **more: Any) -> tuple[str, str]:
    """Return verdict and what was seen."""
    listener = ListenerSettings(name="a", kind=kind, port=6514, **more)
    (finding,) = check_listeners(Settings(listener=(listener,)))
    return finding.verdict, finding.seen


def test_certificates_and_keys(tmp_path: Path) -> None:
    """A pair; another one's key; a file that is gone."""
    made, other = trustme.CA().issue_cert("localhost"), trustme.CA().issue_cert("localhost")
    made.cert_chain_pems[0].write_to_path(tmp_path / "a.pem")
    made.private_key_pem.write_to_path(tmp_path / "a.key")
    other.private_key_pem.write_to_path(tmp_path / "b.key")

    assert said("syslog-tls", tls_cert=tmp_path / "a.pem", tls_key=tmp_path / "a.key") == ("ok", "syslog-tls, 1 source(s)")
    assert said("syslog-tls", tls_cert=tmp_path / "a.pem", tls_key=tmp_path / "b.key")[0] == "failed"
    assert "No such file" in said("syslog-tls", tls_cert=tmp_path / "c.pem", tls_key=tmp_path / "a.key")[1]


def test_tokens_and_plain_http(tmp_path: Path) -> None:
    """Tokens nobody can use; tokens that cross a network in the open."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a 11111111-aaaa-4bbb-8ccc-000000000001\n")
    fine = said("http", tokens_file=tokens)
    plain = said("http", tokens_file=tokens, host="0.0.0.0")  # noqa: S104 - what is warned of
    tokens.write_text("a short\n")

    assert fine == ("ok", "http, 1 source(s), 1 token(s)")
    assert plain == ("warning", "HTTP without TLS on a network")
    assert said("http", tokens_file=tokens)[0] == "failed"
