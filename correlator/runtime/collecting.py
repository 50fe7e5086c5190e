"""The configured collectors, made ready to run: their secrets, their clients, what is said when one of them gets nothing."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from pyarrow.fs import S3FileSystem

from correlator.config.sections.collectors import CloudTrailSettings, CollectorSettings, EntraSettings, Office365Settings
from correlator.config.settings import Settings
from correlator.errors import InputError, Problem
from correlator.ingest.collect.cloudtrail import CloudTrail
from correlator.ingest.collect.entra import Entra
from correlator.ingest.collect.mqtt import MqttCollector
from correlator.ingest.collect.office365 import Office365
from correlator.ingest.collect.pull import Collector, Puller
from correlator.ingest.collect.web import Application
from correlator.ingest.envelope import Writer
from correlator.model.severity import Severity
from correlator.runtime.front import Service
from correlator.runtime.health import end_health, raise_health
from correlator.store import collected
from correlator.store.database import reading

#: A collector that gets nothing for so long is an incident; a secret is spoken of so long before its end.
_PATIENCE, _NOTICE = timedelta(minutes=30), timedelta(days=30)


def collectors(settings: Settings, engine: sa.Engine, writer: Writer, environ: Mapping[str, str] = os.environ) -> list[Service]:
    """Return one service per collector; raises InputError when the environment lacks a secret."""
    return [_service(one, settings, engine, writer, environ) for one in settings.collector]


def _service(
    one: CollectorSettings, settings: Settings, engine: sa.Engine, writer: Writer, environ: Mapping[str, str]
) -> Service:
    if one.kind == "mqtt":
        return MqttCollector(one, writer, settings.install).serve
    return Collector(one.name, puller_of(one, environ), writer, engine, one.every_s).serve


def puller_of(one: Office365Settings | EntraSettings | CloudTrailSettings, environ: Mapping[str, str]) -> Puller:
    """Return what asks the service of a collector."""
    if isinstance(one, Office365Settings):
        return Office365(one, Application(one, f"{one.api}/.default", secret_of(one.name, one.secret_env, environ)))
    if isinstance(one, EntraSettings):
        return Entra(one, Application(one, f"{one.api}/.default", secret_of(one.name, one.secret_env, environ)))
    return CloudTrail(one, _bucket(one, environ))


def secret_of(name: str, variable: str, environ: Mapping[str, str]) -> str:
    """Return a secret out of the environment; raises InputError when it is not there."""
    if not environ.get(variable):
        expected = f"set {variable}, as a credential of the service or in its environment file"
        raise InputError([Problem(f"[[collector]] {name}", 0, f"the environment has no {variable}", expected)])
    return environ[variable]


def _bucket(one: CloudTrailSettings, environ: Mapping[str, str]) -> S3FileSystem:
    parts = urlsplit(one.endpoint)
    access = secret_of(one.name, one.key_env, environ) if one.key_env else None
    secret = secret_of(one.name, one.secret_env, environ) if one.secret_env else None
    return S3FileSystem(
        region=one.region,
        access_key=access,
        secret_key=secret,
        endpoint_override=parts.netloc or None,
        scheme=parts.scheme or "https",
        connect_timeout=10,
        request_timeout=60,
    )


def watch_collectors(engine: sa.Engine, settings: Settings, now: datetime) -> None:
    """Open an incident for each collector that gets nothing, and for each secret that ends soon; the turn of a duty."""
    with reading(engine) as connection:
        known = {one.name: one for one in collected.standings(connection)}
    for one in settings.collector:
        standing = known.get(one.name)
        key, is_wrong = f"collector:{one.name}", bool(standing and standing.problem and standing.since)
        if standing and standing.since and is_wrong and now - standing.since >= _PATIENCE:
            what = f"Le collecteur « {one.name} » n’obtient rien : {standing.problem}."
            text = f"{what} Vérifier ses droits, son secret et le réseau."
            raise_health(engine, settings, key, text, Severity.HIGH, now)
        elif not is_wrong:
            end_health(engine, settings, key, now, "Le collecteur reçoit de nouveau.")
        _watch_secret(engine, settings, one, now)


def _watch_secret(engine: sa.Engine, settings: Settings, one: CollectorSettings, now: datetime) -> None:
    ends = getattr(one, "secret_ends", None)
    if ends is None:
        return
    left, key = ends - now.date(), f"secret:{one.name}"
    if left > _NOTICE:
        end_health(engine, settings, key, now, "Le secret a été renouvelé.")
        return
    when = f"expire le {ends:%d/%m/%Y}" if left >= timedelta() else f"a expiré le {ends:%d/%m/%Y}"
    text = f"Le secret du collecteur « {one.name} » {when}. Le renouveler au portail Entra, puis mettre à jour secret_ends."
    raise_health(engine, settings, key, text, Severity.MEDIUM if left > timedelta(days=7) else Severity.HIGH, now)
