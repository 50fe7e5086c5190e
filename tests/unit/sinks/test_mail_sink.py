"""Mail against a real SMTP server on this machine: what arrives, which relay is next, what is refused."""

import email
import email.policy
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from correlator.deliver.contract import Change, IncidentChange, Message, Messenger
from correlator.deliver.registry import find_sinks
from correlator.errors import Fatal, InputError, Reject, Retry

SINK = find_sinks()["mail"]
INCIDENT = {
    "number": "26-0412",
    "title": "Été à Brévanne",
    "severity": "critical",
    "updated": "2026-11-20T22:10:00Z",
    "count": 3,
}
OPENED = IncidentChange(Change.OPENED, 1, "sim9:26-0412", INCIDENT)
CALL = Message("sim9:page:1.1", "sim9:26-0412", "Appel", "court", "Bonsoir,\nà l'aide <b>")
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


@dataclass
class Post:
    """What a relay got, and how it answers to recipients."""

    rcpt: str = "250 OK"
    got: list[bytes] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """Answer as told."""
        del server, session, options
        if self.rcpt.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep the mail."""
        del server, session
        self.got.append(envelope.content)
        return "250 kept"


@contextmanager
def relay(**options: Any) -> Iterator[Post]:
    """Give a running SMTP server."""
    post = Post()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        post.port = free.getsockname()[1]
    controller = Controller(post, hostname="127.0.0.1", port=post.port, **options)
    controller.start()
    try:
        yield post
    finally:
        controller.stop()


def mail_sink(*ports: int, **more: Any) -> Any:
    """Return a sink on these ports of this machine."""
    relays = [f"127.0.0.1:{port}" for port in ports]
    return SINK.make("mail", {"relays": relays, "from": "tocsin@sim9.example.org", "security": "none", **more})


def test_a_change_is_one_mail_in_its_conversation() -> None:
    """Subject and text are French and whole; the id is the change's, the reference the incident's, the same at every try."""
    with relay() as post:
        sink = mail_sink(post.port, to=["dsi@sim9.example.org"], changes=["opened", "closed"])
        for change in (OPENED, OPENED, IncidentChange(Change.CLOSED, 2, "sim9:26-0412", INCIDENT)):
            sink.send(sink.render(change, None), None)
    first, again, closed = (email.message_from_bytes(raw, policy=email.policy.default) for raw in post.got)

    assert first["Subject"] == "[Tocsin 26-0412] Nouvel incident, gravité critique : Été à Brévanne"
    assert first["Message-ID"] == again["Message-ID"] != closed["Message-ID"]
    assert first["References"] == closed["References"]
    assert "Événements : 3" in first.get_body(("plain",)).get_content()
    assert sink.render(OPENED, None) == sink.render(OPENED, None)


def test_only_chosen_changes_are_mailed_and_none_without_people() -> None:
    """An incident that grows sends nothing; a sink that only carries calls mails no change at all."""
    updated = IncidentChange(Change.UPDATED, 2, "sim9:26-0412", INCIDENT)

    assert mail_sink(25, to=["dsi@sim9.example.org"]).render(updated, None) == ()
    assert mail_sink(25).render(OPENED, None) == ()


def test_a_log_cannot_inject_headers_or_markup() -> None:
    """A title with line ends adds no header; markup is shown, not interpreted."""
    title = "x\r\nBcc: evil@example.org\r\n\r\n<script>"
    with relay() as post:
        sink = mail_sink(post.port, to=["dsi@sim9.example.org"])
        sink.send(sink.render(IncidentChange(Change.OPENED, 1, "sim9:26-0412", {**INCIDENT, "title": title}), None), None)
    mail = email.message_from_bytes(post.got[0], policy=email.policy.default)

    assert mail["Bcc"] is None
    assert "<script>" not in mail.get_body(("html",)).get_content()


def test_a_call_goes_to_one_person_and_the_next_relay() -> None:
    """A relay that is closed gives way to the next; nothing in the path resolves a name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with relay() as post:
            sink = mail_sink(free.getsockname()[1], post.port)
            assert isinstance(sink, Messenger)
            sink.send_message("astreinte@sim9.example.org", CALL)

    assert email.message_from_bytes(post.got[0])["To"] == "astreinte@sim9.example.org"


def test_a_silent_relay_is_left_after_its_time() -> None:
    """A black hole costs timeout_s, then the mail may be tried again."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        with pytest.raises(Retry, match="timed out"):
            mail_sink(hole.getsockname()[1], timeout_s=0.1).send_message("astreinte@sim9.example.org", CALL)


@pytest.mark.parametrize(("answer", "kind"), [("550 nobody of that name", Reject), ("451 later", Retry)])
def test_refusals_are_for_good_or_for_now(answer: str, kind: type[Exception]) -> None:
    """5xx is refused for good, 4xx is tried again."""
    with relay() as post:
        post.rcpt = answer
        with pytest.raises(kind, match=answer[:3]):
            mail_sink(post.port).send_message("astreinte@sim9.example.org", CALL)


@pytest.mark.parametrize("to", ["", "a@b\r\nRCPT TO:<c@d>", "a@b, c@d", "astreinte"])
def test_what_is_no_address_is_refused(to: str) -> None:
    """An address that is none never reaches a relay."""
    with pytest.raises(Reject):
        mail_sink(1).send_message(to, CALL)


def test_encrypted_and_signed_in_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STARTTLS to an IP address checks the configured name; a wrong password stops the sink and shows in no message."""
    authority = trustme.CA()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("mail.sim9.example.org").configure_cert(served)
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("MAIL_PASSWORD", "right-horse")
    own = {"security": "starttls", "ca_file": str(tmp_path / "ca.pem"), "user": "tocsin", "password_env": "MAIL_PASSWORD"}

    def authenticate(*args: Any) -> AuthResult:
        return AuthResult(success=args[-1].password == b"right-horse", handled=False)

    with relay(tls_context=served, require_starttls=True, auth_required=True, authenticator=authenticate) as post:
        mail_sink(post.port, tls_name="mail.sim9.example.org", **own).send_message("a@sim9.example.org", CALL)
        with pytest.raises(Retry, match="certificate"):
            mail_sink(post.port, tls_name="other.example.org", **own).send_message("a@sim9.example.org", CALL)
        monkeypatch.setenv("MAIL_PASSWORD", "wrong-horse")
        with pytest.raises(Fatal, match="refused user tocsin") as refused:
            mail_sink(post.port, tls_name="mail.sim9.example.org", **own).send_message("a@sim9.example.org", CALL)

    assert len(post.got) == 1
    assert "horse" not in str(refused.value)


def test_settings_say_all_their_faults() -> None:
    """Every wrong setting is told at once."""
    with pytest.raises(InputError) as error:
        SINK.make("mail", {"relays": ["a b"], "from": "x", "security": "none", "user": "u", "timout": 3, "timeout_s": 99})

    told = str(error.value)
    assert all(
        word in told for word in ("timout", "relay 'a b'", "from: 'x'", "password_env", "timeout_s = 99", "security = none")
    )
