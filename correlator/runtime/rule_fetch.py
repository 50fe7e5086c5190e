"""An archive of rules from a file or an https address: bounded in size and time, its SHA-256 taken while it comes."""

import hashlib
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import IO
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from correlator.config.sections.rules import RuleSetSettings
from correlator.errors import InputError, Problem, Retry
from correlator.store.rule_archives import ARCHIVE_LIMIT

_TIMEOUT_S, _WHOLE_S = 30.0, 600.0
_REDIRECTS = 5
_PIECE = 1 << 20


def fetch(one: RuleSetSettings, target: Path) -> str:
    """Write the archive of the set into ``target`` and return its SHA-256.

    Raises Retry when it cannot be had now, InputError when it is none that may be taken: too large, another scheme, no file.
    """
    if one.url.startswith("https:"):
        with target.open("wb") as file:
            return _download(one, file)
    source = Path(unquote(urlsplit(one.url).path)) if one.url else one.path or Path()
    try:
        with source.open("rb") as content, target.open("wb") as file:
            return _keep(iter(lambda: content.read(_PIECE), b""), file, str(source))
    except OSError as error:
        raise Retry(f"{source}: {error.strerror or error}") from error


def _download(one: RuleSetSettings, file: IO[bytes]) -> str:
    url = one.url
    host = urlsplit(url).hostname or ""
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    try:
        context = ssl.create_default_context(cafile=str(one.ca_file) if one.ca_file else None)
    except OSError as error:
        raise InputError([Problem(str(one.ca_file), 0, f"cannot be used: {error}", "certificates in PEM")]) from error
    try:
        # not from the environment: a .netrc could give away a password to whom a redirect names
        with httpx.Client(timeout=_TIMEOUT_S, verify=context, trust_env=False, proxy=proxy) as client:
            for _ in range(_REDIRECTS + 1):
                with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                    if not answer.is_redirect:
                        return _taken(answer, file)
                    url = _next(answer)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Retry(f"{shown(url)}: {str(error) or type(error).__name__}") from error
    raise Retry(f"{shown(one.url)}: more than {_REDIRECTS} redirects")


def _next(answer: httpx.Response) -> str:
    target = str(answer.next_request.url) if answer.next_request else ""
    if urlsplit(target).scheme != "https":
        raise Retry(f"{shown(str(answer.url))}: sends to {shown(target)!r}, which is not https")
    return target


def _taken(answer: httpx.Response, file: IO[bytes]) -> str:
    where = shown(str(answer.url))
    if answer.status_code != httpx.codes.OK:
        raise Retry(f"{where}: the server says {answer.status_code}")
    return _keep(_in_time(answer.iter_raw(_PIECE), where), file, where)


def _in_time(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    until = monotonic() + _WHOLE_S
    for piece in pieces:
        if monotonic() > until:
            raise Retry(f"{where}: not there after {_WHOLE_S / 60:.0f} minutes")
        yield piece


def _keep(pieces: Iterable[bytes], file: IO[bytes], where: str) -> str:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > ARCHIVE_LIMIT:
            raise InputError([Problem(where, 0, f"larger than {ARCHIVE_LIMIT >> 20} MiB", "an archive of rules")])
        digest.update(piece)
        file.write(piece)
    return digest.hexdigest()


def shown(url: str) -> str:
    """Return ``url`` without what may be secret in it: a redirect to a storage has its key in the query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
