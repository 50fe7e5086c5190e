"""What doctor says of listeners."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from correlator.config.sections.listeners import ListenerSettings
from correlator.config.settings import Settings
from correlator.runtime.checkup_listeners import check_listeners
from tests.flow.listening import free_port


def said(*listeners: ListenerSettings) -> list[tuple[str, str]]:
    """Return verdict and what was seen."""
    return [(finding.verdict, finding.seen) for finding in check_listeners(Settings(listener=listeners))]


def test_ports(tmp_path: Path) -> None:
    """Free, or taken: by ourselves or by another program."""
    del tmp_path
    port = free_port()
    listener = ListenerSettings(name="a", kind="syslog-tcp", port=port)
    free = said(listener)
    with socket.create_server(("127.0.0.1", port)):
        taken = said(listener)

    assert free == [("ok", f"syslog-tcp on 127.0.0.1 port {port}, free")]
    assert [verdict for verdict, _ in taken] == ["warning"]


def test_certificates(tmp_path: Path) -> None:
    """Good, soon to expire, expired, not there."""
    found = []
    for days in (90, 10, -1):
        made = trustme.CA().issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=days))
        made.cert_chain_pems[0].write_to_path(tmp_path / "a.pem")
        made.private_key_pem.write_to_path(tmp_path / "a.key")
        listener = ListenerSettings(
            name="a", kind="syslog-tls", port=free_port(), tls_cert=tmp_path / "a.pem", tls_key=tmp_path / "a.key"
        )
        found.append(said(listener)[1][0])
    (tmp_path / "a.pem").unlink()

    assert found == ["ok", "warning", "failed"]
    assert said(listener)[1][0] == "failed"


def test_tokens(tmp_path: Path) -> None:
    """Who may read the file; HTTP without TLS on a network is said."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a 11111111-aaaa-4bbb-8ccc-000000000001\n")
    listener = ListenerSettings(name="a", kind="http", host="0.0.0.0", port=free_port(), tokens_file=tokens)  # noqa: S104 - what is warned of
    tokens.chmod(0o644)
    open_to_all = said(listener)
    tokens.chmod(0o640)

    assert open_to_all[1:] == [("warning", "HTTP without TLS on a network"), ("failed", f"{tokens}: mode 0644")]
    assert said(listener)[2] == ("ok", "1 token(s)")
