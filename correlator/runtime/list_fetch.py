"""Lists of indicators had from where they are published: a file over https, a TAXII 2.1 collection, a MISP server.

What comes is written beside the one in use and takes its place when it is whole and holds indicators, so a bad night of the
publisher blinds nobody. Tokens come from the environment and are shown to the address that was configured, nobody else.
"""

import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import sqlalchemy as sa
import structlog

from correlator.config.indicator_lists import read_list
from correlator.config.sections.enriching import IndicatorListSettings
from correlator.config.settings import Settings
from correlator.errors import InputError, Reject, Retry
from correlator.ingest.collect.web import as_json, checked, send
from correlator.model.severity import Severity
from correlator.runtime.health import end_health, raise_health
from correlator.store.durable import sync_folder

_TIMEOUT_S = 120.0
_MOST_PAGES = 1_000
_TAXII = "application/taxii+json;version=2.1"
_PATIENCE = 3  # turns that may fail before somebody is told
log = structlog.get_logger()


@dataclass(slots=True)
class ListFetch:
    """Fetches the lists that have a ``url``, each when it is due; ``turn`` is the turn of a duty."""

    settings: Settings
    engine: sa.Engine
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _failures: dict[str, int] = field(default_factory=dict)

    def turn(self, now: datetime) -> None:
        """Fetch what is due; a list that cannot be had several times is an incident."""
        for one in self.settings.enrich.indicators:
            if one.url and _is_due(one, now):
                self._fetched(one, now)

    def _fetched(self, one: IndicatorListSettings, now: datetime) -> None:
        key = f"indicators:{one.name}"
        try:
            count = fetch(one, self.environ, now)
        except (Retry, Reject, InputError) as error:
            self._failures[one.name] = self._failures.get(one.name, 0) + 1
            log.warning("A list of indicators was not had; the one before stays.", list=one.name, reason=str(error))
            if self._failures[one.name] >= _PATIENCE:
                text = f"La liste d’indicateurs « {one.name} » n’est plus mise à jour : {error}. L’ancienne reste en usage."
                raise_health(self.engine, self.settings, key, text, Severity.MEDIUM, now)
            return
        self._failures.pop(one.name, None)
        log.info("A list of indicators is fresh.", list=one.name, values=count)
        end_health(self.engine, self.settings, key, now, "La liste est de nouveau à jour.")


def fetch(one: IndicatorListSettings, environ: Mapping[str, str], now: datetime) -> int:
    """Have a list, put it in the place of the one in use, and return how many values it holds.

    Raises Retry or Reject as the publisher answers, InputError when what came is no list of indicators.
    """
    ways: dict[str, Callable[[httpx.Client, IndicatorListSettings, str], bytes]] = {
        "file": _file,
        "taxii": _taxii,
        "misp": _misp,
    }
    token = environ.get(one.token_env, "") if one.token_env else ""
    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, verify=_context(one)) as http:
        content = ways[one.how](http, one, token)
    fresh = one.path.with_name(f".{one.path.name}.new")
    one.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fresh.write_bytes(content)
        count = read_list(fresh, one.confidence, written=now).frame.height
        fresh.replace(one.path)
        sync_folder(one.path.parent)
    except OSError as error:
        raise Retry(f"{one.path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return count


def _is_due(one: IndicatorListSettings, now: datetime) -> bool:
    try:
        written = datetime.fromtimestamp(one.path.stat().st_mtime, UTC)
    except OSError:
        return True
    return not timedelta() <= now - written < timedelta(hours=one.every_h)


def _context(one: IndicatorListSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(one.ca_file) if one.ca_file else None)
    except OSError as error:
        raise Retry(f"{one.ca_file}: {error}") from error


def _file(http: httpx.Client, one: IndicatorListSettings, token: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return checked(send(http, "GET", one.url, headers=headers)).content


def _taxii(http: httpx.Client, one: IndicatorListSettings, token: str) -> bytes:
    """Return every object of a collection (``…/collections/ID/``) as one bundle."""
    headers = {"Accept": _TAXII, **({"Authorization": f"Bearer {token}"} if token else {})}
    objects = [member for page in _pages(http, f"{one.url.rstrip('/')}/objects/", headers) for member in page]
    return orjson.dumps({"type": "bundle", "objects": objects})


def _pages(http: httpx.Client, url: str, headers: Mapping[str, str]) -> Iterator[list[Any]]:
    query: dict[str, str] = {"match[type]": "indicator", "limit": "1000"}
    for _ in range(_MOST_PAGES):
        said = as_json(checked(send(http, "GET", url, headers=dict(headers), params=query)))
        yield said.get("objects", [])
        if not (said.get("more") and said.get("next")):
            return
        query = {**query, "next": str(said["next"])}
    raise Retry(f"{url}: more than {_MOST_PAGES} pages")


def _misp(http: httpx.Client, one: IndicatorListSettings, token: str) -> bytes:
    """Return the attributes of a MISP server that are marked for detection and published."""
    body = {"returnFormat": "json", "to_ids": 1, "published": 1, "enforceWarninglist": 1, "deleted": 0}
    headers = {"Accept": "application/json", "Authorization": token}
    url = f"{one.url.rstrip('/')}/attributes/restSearch"
    return checked(send(http, "POST", url, headers=headers, json=body)).content
