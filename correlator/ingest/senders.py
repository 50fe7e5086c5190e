"""Who sent it, and so which source it is: by client certificate, by token, by network, else the listener's own name."""

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from correlator.config.sections.listeners import ListenerSettings
from correlator.errors import InputError, Problem

_HASHED = "sha256:"
_SHORTEST_TOKEN = 16
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Token:
    """The hash of a token and the source it stands for; the token itself is nowhere in memory, log or error."""

    digest: bytes
    source: str


class Senders:
    """Tells the source of what comes in at one listener. Raises InputError for tokens that cannot be used."""

    def __init__(self, settings: ListenerSettings, environ: Mapping[str, str] = os.environ) -> None:
        self._name = settings.name
        self._allowed = settings.allow
        networks = [(network, sender.source) for sender in settings.sender for network in sender.networks]
        self._networks = sorted(networks, key=lambda pair: -pair[0].prefixlen)
        self._certificates = {
            certificate.casefold(): sender.source for sender in settings.sender for certificate in sender.certificates
        }
        self._tokens = tuple(read_tokens(settings, environ))
        self._of_address = lru_cache(maxsize=4096)(self._look_up)

    def of_address(self, peer: str) -> str | None:
        """Return the source of an address; None when it may not send."""
        return self._of_address(peer)

    def of_certificate(self, certificate: Mapping[str, Any] | None, encoded: bytes | None) -> str | None:
        """Return the source of a client certificate (as ``getpeercert`` gives it, and its DER bytes); None when none says."""
        names = [f"{_HASHED}{hashlib.sha256(encoded).hexdigest()}"] if encoded else []
        names += _names(certificate or {})
        return next((self._certificates[name] for name in names if name in self._certificates), None)

    def of_token(self, token: str) -> str | None:
        """Return the source of a token; None when nobody has it. All are compared, in constant time."""
        digest = hashlib.sha256(token.encode()).digest()
        found = None
        for known in self._tokens:
            if hmac.compare_digest(known.digest, digest):
                found = known.source
        return found

    def _look_up(self, peer: str) -> str | None:
        address = ip_address(peer.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if self._allowed and not any(address in network for network in self._allowed):
            return None
        return next((source for network, source in self._networks if address in network), self._name)


def _names(certificate: Mapping[str, Any]) -> list[str]:
    """Return the DNS names and the common names of a certificate, folded."""
    found = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    found += [value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"]
    return [name.casefold() for name in found]


def read_tokens(settings: ListenerSettings, environ: Mapping[str, str]) -> Iterator[Token]:
    """Yield the tokens of a listener; raises InputError with every fault, none of which quotes a token."""
    problems: list[Problem] = []
    where = f"listener {settings.name}"
    for sender in settings.sender:
        if sender.token_env and len(environ.get(sender.token_env, "")) < _SHORTEST_TOKEN:
            expected = f"{_SHORTEST_TOKEN} characters or more, for example from `openssl rand -hex 32`"
            problems.append(Problem(where, 0, f"the environment variable {sender.token_env} holds no usable token", expected))
        elif sender.token_env:
            yield Token(_digest(environ[sender.token_env]), sender.source)
    if settings.tokens_file:
        sources = {settings.name, *(sender.source for sender in settings.sender)}
        yield from _from_file(settings.tokens_file, sources, problems)
    if problems:
        raise InputError(problems)


def _from_file(path: Path, sources: set[str], problems: list[Problem]) -> Iterator[Token]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        expected = "one `source token` a line, readable by this user"
        problems.append(Problem(str(path), 0, getattr(error, "strerror", None) or "not UTF-8 text", expected))
        return
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if fault := _fault(words, sources):
            problems.append(Problem(str(path), number, *fault))
        else:
            yield Token(_digest(words[1]), words[0])


def _fault(words: list[str], sources: set[str]) -> tuple[str, str] | None:
    if len(words) != 2:  # noqa: PLR2004 - a name and a token
        return "not two words", "source token"
    if words[0] not in sources:
        return f"no source {words[0]!r} at this listener", f"one of {', '.join(sorted(sources))}"
    if words[1].startswith(_HASHED):
        digits = words[1].removeprefix(_HASHED)
        is_hash = len(digits) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in digits)  # noqa: PLR2004 - SHA-256 in hex
        return None if is_hash else ("not a SHA-256 in hex", "sha256: and 64 digits: printf %s TOKEN | sha256sum")
    return ("the token is too short", f"{_SHORTEST_TOKEN} characters or more") if len(words[1]) < _SHORTEST_TOKEN else None


def _digest(token: str) -> bytes:
    if token.startswith(_HASHED):
        return bytes.fromhex(token.removeprefix(_HASHED))
    return hashlib.sha256(token.encode()).digest()
