"""What ``doctor`` looks at besides the flow: ports, certificates, secrets, calls, backups, periods, service, last end."""

import os
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from correlator.config.catalogue import load_catalogue
from correlator.config.settings import Settings
from correlator.errors import TocsinError
from correlator.runtime.backup import backups, read_manifest
from correlator.runtime.checkup import Finding, Verdict
from correlator.runtime.deliveries import configured_sinks
from correlator.runtime.disk import DiskState, Level
from correlator.runtime.life import LIFE
from correlator.runtime.oncall import estate_of, plan_of
from correlator.runtime.retention import last_run
from correlator.store.database import open_database
from correlator.store.heartbeat import heartbeats

_SOON, _STALE = timedelta(days=30), timedelta(minutes=10)
_UNITS = (Path("/etc/systemd/system/tocsin.service"), Path("/lib/systemd/system/tocsin.service"))
_PRIVILEGED = 1024
_SYSTEMCTL = "/usr/bin/systemctl"
#: Signs of life that come round; the others say something that happened once.
_COME_ROUND = ("pipeline", "deliver", "oncall", "disk", "board")


def check_install(settings: Settings) -> Iterator[Finding]:
    """Yield the findings, one check after the other; none stops the next."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _guard, _zone, _catalogue, _ports, _certificates, _secrets, _sinks, _ladder, _backup, _periods, _unit, _lives,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check(settings)
        except (TocsinError, OSError) as error:
            yield Finding(check.__name__.strip("_"), Verdict.FAILED, str(error), "mend it, then run doctor again")


def _guard(settings: Settings) -> Iterator[Finding]:
    state = DiskState(settings.data_dir, settings.disk)
    level, bounds = state.look(), settings.disk
    seen = f"{state.used_percent:.0f} % used; said at {bounds.warn_percent:.0f} %, sources wait at {bounds.stop_percent:.0f} %"
    if bounds.warn_percent >= bounds.stop_percent:
        yield Finding("disk guard", Verdict.WARNING, seen, "[disk] warn_percent must be below stop_percent")
    elif level is Level.FREE:
        yield Finding("disk guard", Verdict.OK, seen)
    else:
        verdict = Verdict.FAILED if level is Level.FULL else Verdict.WARNING
        yield Finding("disk guard", verdict, seen, "`tocsin retention` shows what is over its time; `tocsin backup` keeps it")


def _zone(settings: Settings) -> Iterator[Finding]:
    yield Finding("time zone", Verdict.OK, f"people read {settings.time_zone}; inside everything is UTC")


def _catalogue(settings: Settings) -> Iterator[Finding]:
    del settings
    found = load_catalogue()
    yield Finding("catalogue", Verdict.OK, f"{len(found.services)} services, {len(found.clocks)} kinds of deadlines")


def _ports(settings: Settings) -> Iterator[Finding]:
    wanted = [(f"listener {one.name}", one.host, one.port, one.kind == "syslog-udp") for one in settings.listener]
    if settings.console.port:
        wanted.append(("console", settings.console.host, settings.console.port, False))
    for subject, host, port, datagrams in wanted:
        seen = f"{host} port {port}"
        if port < _PRIVILEGED:
            advice = "take 5140 or 6514 and redirect the port: docs/install.md; the service has no right to open this one"
            yield Finding(subject, Verdict.WARNING, seen, advice)
        elif _is_taken(host, port, datagrams=datagrams):
            yield Finding(subject, Verdict.OK, f"{seen}: open (by Tocsin itself, if it runs: `ss -lnp` says)")
        else:
            yield Finding(subject, Verdict.OK, f"{seen}: free")
        if subject == "console" and host not in {"127.0.0.1", "::1", "localhost"} and not settings.console.tls_cert:
            yield Finding(subject, Verdict.FAILED, "no certificate", "set [console] tls_cert and tls_key: docs/install.md")


def _is_taken(host: str, port: int, *, datagrams: bool) -> bool:
    kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0 if datagrams else 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _certificates(settings: Settings) -> Iterator[Finding]:
    named = [(f"listener {one.name}", one.tls_cert) for one in settings.listener]
    for subject, path in [*named, ("console", settings.console.tls_cert)]:
        if path is not None:
            yield _certificate(f"certificate of {subject}", path, datetime.now(UTC))


def _certificate(subject: str, path: Path, now: datetime) -> Finding:
    try:
        ends = certificate_end(path)
    except (OSError, ssl.SSLError, ValueError) as error:
        return Finding(subject, Verdict.FAILED, f"{path}: {error}", "a PEM file that the service may read: docs/install.md")
    seen, mend = f"{path}: valid until {ends:%Y-%m-%d}", "renew it: docs/install.md has the command"
    if ends < now:
        return Finding(subject, Verdict.FAILED, seen, mend)
    return Finding(subject, Verdict.WARNING, seen, mend) if ends - now < _SOON else Finding(subject, Verdict.OK, seen)


def certificate_end(path: Path) -> datetime:
    """Return when the first certificate of a PEM file ends; raises OSError or ssl.SSLError when it is none."""
    decode = ssl._ssl._test_decode_cert  # type: ignore[attr-defined]  # noqa: SLF001 - the standard library's only reader of dates
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(decode(str(path))["notAfter"]), UTC)


def _secrets(settings: Settings) -> Iterator[Finding]:
    found = [path for path in _secret_files(settings) if path.exists()]
    open_ones = [path for path in found if stat.S_IMODE(path.stat().st_mode) & 0o027]
    for path in open_ones:
        advice = f"chmod 0640 {path}, owner root, group of the service"
        yield Finding("secrets", Verdict.FAILED, f"{path} can be read by others or written by its group", advice)
    if settings.data_dir.exists() and stat.S_IMODE(settings.data_dir.stat().st_mode) & 0o077:
        advice = f"chmod 0700 {settings.data_dir}"
        yield Finding("secrets", Verdict.FAILED, f"{settings.data_dir} is open to others: logs of people lie there", advice)
    if not open_ones:
        yield Finding("secrets", Verdict.OK, f"{len(found)} file(s), none open to others")


def _secret_files(settings: Settings) -> Iterator[Path]:
    for sink in settings.sink:
        yield from (Path(str(value)) for name, value in sink.own.items() if name.endswith("_file") and name != "ca_file")
    keys = [settings.console.tls_key, *(one.tls_key for one in settings.listener)]
    tokens = [getattr(one, "tokens_file", None) for one in settings.listener]
    yield from (path for path in (*keys, *tokens, Path("/etc/tocsin/secrets.env")) if path is not None)


def _sinks(settings: Settings) -> Iterator[Finding]:
    for name, sink in configured_sinks(settings).items():
        problems = sink.check()
        seen = "; ".join(map(str, problems)) or "ready"
        yield Finding(
            f"sink {name}", Verdict.FAILED if problems else Verdict.OK, seen, "docs/install.md#sinks" if problems else ""
        )


def _ladder(settings: Settings) -> Iterator[Finding]:
    if not settings.oncall.ladder:
        yield Finding("on call", Verdict.WARNING, "nobody is on the ladder", "[oncall] ladder and sinks: who is woken at night")
        return
    plan_of(settings, estate_of(settings))  # raises what is wrong with it
    seen = f"{' → '.join(settings.oncall.ladder)} by {', '.join(settings.oncall.sinks)}"
    yield Finding("on call", Verdict.OK, seen)


def _backup(settings: Settings) -> Iterator[Finding]:
    folder = settings.backup.dir
    if folder is None:
        advice = "[backup] dir, and systemctl enable --now tocsin-backup.timer"
        yield Finding("backup", Verdict.WARNING, "no folder for backups is set", advice)
        return
    found = backups(folder) if folder.is_dir() else []
    if not found:
        young = not settings.database_url and not settings.database.exists()
        verdict = Verdict.WARNING if young else Verdict.FAILED
        yield Finding("backup", verdict, f"{folder} holds none", "`tocsin backup`; systemctl enable tocsin-backup.timer")
        return
    made = datetime.fromisoformat(read_manifest(found[-1])["created"])
    age = datetime.now(UTC) - made
    seen = f"{len(found)} in {folder}, the newest of {made:%Y-%m-%d %H:%M} UTC"
    if age > timedelta(hours=settings.backup.max_age_hours):
        yield Finding("backup", Verdict.FAILED, seen, "systemctl status tocsin-backup says why; then `tocsin backup`")
    else:
        yield Finding("backup", Verdict.OK, seen)
    if folder.stat().st_dev == _nearest(settings.data_dir).stat().st_dev:
        advice = "put them on another machine: this disk dies with both"
        yield Finding("place of backups", Verdict.WARNING, f"{folder} is on the disk of the data", advice)


def _nearest(path: Path) -> Path:
    return next(one for one in (path, *path.absolute().parents) if one.exists())


def _periods(settings: Settings) -> Iterator[Finding]:
    chosen = settings.retention
    seen = f"events {chosen.lake_days} days, text of mail and web {chosen.text_days}, evidence {chosen.evidence_days}"
    if not chosen.apply:
        yield Finding(
            "retention", Verdict.WARNING, f"{seen}; nothing is removed", "look at `tocsin retention`, then apply = true"
        )
        return
    if settings.database_url or settings.database.exists():
        engine = open_database(settings.database, url=settings.database_url)
        planned, applied = last_run(engine)
        engine.dispose()
        last = applied or planned
        seen = f"{seen}; last done {last:%Y-%m-%d}" if last else f"{seen}; not done yet"
    yield Finding("retention", Verdict.OK, seen)


def _unit(settings: Settings) -> Iterator[Finding]:
    del settings
    if not Path("/run/systemd/system").is_dir():
        yield Finding("service", Verdict.OK, "no systemd here")
        return
    if not any(unit.exists() for unit in _UNITS):
        yield Finding("service", Verdict.WARNING, "tocsin.service is not installed", "docs/install.md#check-then-start")
        return
    shown = subprocess.run([_SYSTEMCTL, "is-active", "tocsin"], capture_output=True, text=True, check=False)  # noqa: S603 - fixed
    state = shown.stdout.strip()
    verdict = Verdict.OK if state == "active" else Verdict.WARNING
    yield Finding("service", verdict, state, "" if state == "active" else "systemctl status tocsin; journalctl -u tocsin")


def _lives(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url and not settings.database.exists():
        return
    engine = open_database(settings.database, url=settings.database_url)
    try:
        yield from _signs(engine, datetime.now(UTC))
    finally:
        engine.dispose()


def _signs(engine: sa.Engine, now: datetime) -> Iterator[Finding]:
    beats = heartbeats(engine)
    last = beats.get(LIFE)
    if last is None:
        return
    state = str(last.detail.get("state", ""))
    stale = {name: sign.at for name, sign in beats.items() if name in _COME_ROUND and abs(now - sign.at) > _STALE}
    if state == "failed":
        reason = f"ended {last.at:%Y-%m-%d %H:%M} UTC: {last.detail.get('reason', '')}"
        yield Finding("last run", Verdict.FAILED, reason, "journalctl -u tocsin has the rest")
    elif state == "running" and not _is_alive(last.detail.get("pid")):
        seen = f"begun {last.detail.get('since')}, cut short: killed, or the machine went down"
        yield Finding("last run", Verdict.WARNING, seen, "nothing is lost; journalctl -u tocsin -b -1 may say why")
    else:
        cut = last.detail.get("cut_short")
        seen = f"{state} since {last.at:%Y-%m-%d %H:%M} UTC" + (f"; the one before was cut short ({cut})" if cut else "")
        yield Finding("last run", Verdict.OK, seen)
    for name, at in stale.items() if state == "running" else ():
        seen = f"no sign of life since {at:%Y-%m-%d %H:%M} UTC"
        yield Finding(f"heartbeat {name}", Verdict.FAILED, seen, "systemctl restart tocsin, and report it")


def _is_alive(pid: object) -> bool:
    return isinstance(pid, int) and Path(f"/proc/{pid}").exists() and pid != os.getpid()
