"""SMTP relays in their order: connect, encrypt, sign in, hand over. Resolves no name when relays are addresses."""

import os
import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from correlator.errors import Fatal, Problem, Reject, Retry

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LASTING = 500


class Relays:
    """The relays of one sink."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._security = str(settings.get("security", "starttls"))
        self._places = tuple(_place(str(one), _PORTS[self._security]) for one in settings["relays"])
        self._timeout_s = float(settings.get("timeout_s", 10))
        self._tls_name = settings.get("tls_name")
        self._ca_file = settings.get("ca_file")
        self._user = str(settings.get("user", ""))
        self._password_env, self._password_file = settings.get("password_env"), settings.get("password_file")
        # The machine's own short name, never its "full" one: smtplib would ask the DNS for that.
        self._hello = str(settings.get("hello") or socket.gethostname() or "tocsin").encode("ascii", "ignore").decode()

    def __repr__(self) -> str:
        """Return the places; no password is held."""
        return f"Relays({', '.join(f'{host}:{port}' for host, port in self._places)})"

    def send(self, sender: str, to: Sequence[str], mail: bytes) -> None:
        """Give ``mail`` to the first relay that takes it.

        Raises Reject when a relay refuses sender, recipients or text for good, Fatal when every relay refuses our password
        (with the directory down one may, and another not), Retry when none answers.
        """
        said, stopped = [], []
        for host, port in self._places:
            try:
                with self._session(host, port) as client:
                    refused = client.sendmail(sender, list(to), mail)
            except (smtplib.SMTPException, OSError) as error:
                said.append(f"{host}:{port}: {_judged(error)}")
                continue
            except Fatal as error:
                stopped.append(f"{host}:{port}: {error}")
                continue
            if refused:
                raise Reject(f"{host}:{port} refused {', '.join(refused)}; the others got the mail")
            return
        raise Retry("; ".join([*said, *stopped])) if said else Fatal("; ".join(stopped))

    def check(self, where: str) -> list[Problem]:
        """Return what is wrong with each relay."""
        problems = []
        for host, port in self._places:
            try:
                with self._session(host, port) as client:
                    client.noop()
            except (smtplib.SMTPException, OSError, Fatal) as error:
                right = "check address, port, security, certificate name (tls_name), user and password"
                problems.append(Problem(where, 0, f"{host}:{port}: {type(error).__name__}: {error}", right))
        return problems

    @contextmanager
    def _session(self, host: str, port: int) -> Iterator[smtplib.SMTP]:
        client = self._connected(host, port)
        try:
            if self._security == "starttls":
                client.starttls(context=self._context())
            if self._user:
                self._sign_in(client)
            yield client
        finally:
            client.close()

    def _connected(self, host: str, port: int) -> smtplib.SMTP:
        if self._security == "tls":
            return smtplib.SMTP_SSL(host, port, self._hello, timeout=self._timeout_s, context=self._context())
        return smtplib.SMTP(host, port, self._hello, timeout=self._timeout_s)

    def _sign_in(self, client: smtplib.SMTP) -> None:
        try:
            client.login(self._user, self._password())
        except smtplib.SMTPAuthenticationError as error:
            raise Fatal(f"the relay refused user {self._user}: {error.smtp_code}; check user and password") from None

    def _context(self) -> ssl.SSLContext:
        try:
            context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
            context.named = self._tls_name
            if self._ca_file:
                context.load_verify_locations(cafile=self._ca_file)
            else:
                context.load_default_certs()
        except (OSError, ssl.SSLError) as error:
            raise Fatal(f"{self._ca_file}: no certificate authority can be read from it: {error}") from error
        return context

    def _password(self) -> str:
        """Return the password, read anew each time: it is held nowhere."""
        source = f"environment variable {self._password_env}" if self._password_env else str(self._password_file)
        try:
            text = (
                os.environ.get(str(self._password_env), "") if self._password_env else Path(source).read_text("utf-8").strip()
            )
        except (OSError, UnicodeDecodeError) as error:
            raise Fatal(f"the password cannot be read from {source}: {type(error).__name__}") from None
        if not text:
            raise Fatal(f"the password is missing: {source} is empty or not set")
        return text


class _NamedContext(ssl.SSLContext):
    """Checks the certificate against a configured name: a relay given by address seldom has the address in it."""

    named: str | None = None

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:  # noqa: ANN401 - the standard library's own signature
        """Return the encrypted socket, or raise when the certificate does not bear the name."""
        if self.named:
            options["server_hostname"] = self.named
        return super().wrap_socket(*args, **options)


def _judged(error: Exception) -> str:
    """Return what a relay said when the next one may do better; raise Reject where any would say the same."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        if all(code >= _LASTING for code, _ in error.recipients.values()):
            raise Reject(f"every recipient was refused: {_told(error.recipients)}") from None
        return _told(error.recipients)
    if isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code >= _LASTING:
        raise Reject(f"the sender was refused: {error.smtp_code} {_text(error.smtp_error)}") from None
    if isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= _LASTING:
        raise Reject(f"the mail was refused: {error.smtp_code} {_text(error.smtp_error)}") from None
    return f"{type(error).__name__}: {error}"


def _told(recipients: Mapping[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{one}: {code} {_text(said)}" for one, (code, said) in recipients.items())


def _text(said: bytes | str) -> str:
    return (said.decode(errors="replace") if isinstance(said, bytes) else said)[:200]


def _place(relay: str, default: int) -> tuple[str, int]:
    host, colon, port = relay.rpartition(":")
    if not colon or relay.endswith("]"):
        return relay.strip("[]"), default
    return host.strip("[]"), int(port)
