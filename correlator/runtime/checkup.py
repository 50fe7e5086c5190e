"""What an operator should know before, or when, something does not work: one check per thing, each with what to do."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from glob import glob
from pathlib import Path

import sqlalchemy as sa

from correlator.config.settings import Settings, SourceSettings
from correlator.detect.plan import Rule
from correlator.errors import InputError, TocsinError
from correlator.parse.registry import find_parsers
from correlator.runtime.checkup_enrich import check_collectors, check_enrich
from correlator.runtime.checkup_listeners import check_listeners
from correlator.runtime.checkup_rules import check_rule_sets
from correlator.runtime.content import Content, load_content
from correlator.runtime.finding import Finding, Verdict
from correlator.runtime.fresh import runs_on
from correlator.runtime.timing import LATENESS, usual_lateness
from correlator.store import noise, schema
from correlator.store.database import database_name, open_database, reading
from correlator.store.schema_people import person

__all__ = ["Finding", "Verdict", "check_sources", "check_up", "load_or_explain"]

_FREE_BYTES, _FREE_SHARE = 2 << 30, 0.05
#: A clock before this is wrong: this Tocsin did not exist then.
_BORN = datetime(2026, 11, 1, tzinfo=UTC)


def check_up(settings: Settings) -> Iterator[Finding]:
    """Yield the findings, one check after the other; none stops the next."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _disk, _clock, _parsers, _rules, check_sources, check_listeners, check_collectors, check_enrich, _database,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check(settings)
        except TocsinError as error:
            yield Finding(
                check.__name__.removeprefix("check").strip("_"), Verdict.FAILED, str(error), "mend it, then run doctor again"
            )


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        yield Finding("disk", Verdict.FAILED, f"{existing} cannot be written", "run as the owner of the data folder")
        return
    usage = shutil.disk_usage(existing)
    seen = f"{usage.free / 2**30:.1f} GiB free of {usage.total / 2**30:.1f} at {existing}"
    if usage.free < _FREE_BYTES or usage.free < usage.total * _FREE_SHARE:
        yield Finding("disk", Verdict.WARNING, seen, "free space: on a full disk nothing more is committed")
    else:
        yield Finding("disk", Verdict.OK, seen)


def _clock(settings: Settings) -> Iterator[Finding]:
    del settings
    now = datetime.now(UTC)
    if now < _BORN:
        yield Finding(
            "clock", Verdict.WARNING, f"{now:%Y-%m-%d %H:%M} UTC", "set the clock: it is before this version was made"
        )
        return
    synchronised = (
        Path("/run/systemd/timesync/synchronized").exists() or Path("/run/chrony").exists() or Path("/run/ntpd.pid").exists()
    )
    seen = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if synchronised:
        yield Finding("clock", Verdict.OK, f"{seen}, synchronised")
    else:
        yield Finding(
            "clock", Verdict.WARNING, f"{seen}, no time service seen", "check that systemd-timesyncd, chrony or ntpd runs"
        )


def _parsers(settings: Settings) -> Iterator[Finding]:
    parsers = find_parsers(site_dir=settings.parsers_dir)
    shipped = find_parsers() if settings.parsers_dir else parsers
    own = sorted(parsers.keys() - shipped.keys())
    said = f"{len(parsers)}, see `tocsin parsers list`" + (f"; of this site: {', '.join(own)}" if own else "")
    yield Finding("parsers", Verdict.OK if parsers else Verdict.FAILED, said)


def _rules(settings: Settings) -> Iterator[Finding]:
    content = load_content(settings)
    yield _estate(content)
    told = content.gathered.troubles if content.gathered else ()  # below, set by set
    refused = [problem for problem in content.refused if problem not in told]
    loaded = f"{len(content.ruleset.rules)} rules and {len(content.correlations)} correlations loaded"
    for problem in refused[:10]:
        still = "; its previous version runs on, mend it within a month" if runs_on(problem, content) else ""
        yield Finding("rules", Verdict.FAILED, f"{problem}{still}", "`tocsin rules check` shows all")
    waiting = [one for one in content.inert if _waits(one.rule)]
    if len(waiting) < len(content.inert):
        seen = f"{loaded}; {len(content.inert)} cannot fire with these parsers"
        yield Finding("rules", Verdict.WARNING, seen, "`tocsin rules check` says why, rule by rule")
    else:
        yield Finding("rules", Verdict.OK, loaded + (f"; {len(waiting)} wait for a parser to come" if waiting else ""))
    yield from check_rule_sets(settings, content)


def _waits(rule: Rule) -> bool:
    """Say whether a rule says of itself that no parser gives its log source yet."""
    ours = rule.custom.get("tocsin")
    lint = ours.get("lint") if isinstance(ours, dict) else None
    return isinstance(lint, dict) and "source-unknown" in lint


def _estate(content: Content) -> Finding:
    communes = len(content.estate.communes)
    if not communes:
        return Finding(
            "estate", Verdict.WARNING, "no commune declared", "write estate.toml: all events are unattributed without it"
        )
    return Finding("estate", Verdict.OK, f"{communes} communes, {len(content.estate.networks)} networks")


def check_sources(settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of each configured source: are its files there, may this user read them."""
    if not (settings.source or settings.listener or settings.collector):
        yield Finding("sources", Verdict.WARNING, "none is configured", "`tocsin run` needs one; `replay` and `try` do not")
    for source in settings.source:
        files = [Path(match) for pattern in source.paths for match in glob(pattern, recursive=True)]  # noqa: PTH207 - absolute patterns
        closed = [file for file in files if file.is_file() and not os.access(file, os.R_OK)]
        subject = f"source {source.name}"
        if closed:
            yield Finding(
                subject, Verdict.FAILED, f"{closed[0]} cannot be read", "give this user the group that may read logs (adm)"
            )
        elif not files:
            yield Finding(
                subject,
                Verdict.WARNING,
                f"no file matches {', '.join(source.paths)}",
                "is the path right, and the product logging?",
            )
        else:
            yield Finding(subject, Verdict.OK, f"{len(files)} file(s){_patience(source)}")


def _patience(source: SourceSettings) -> str:
    """Return how long correlations wait for the source, where that is not what they do for most; for the end of a line."""
    usual = usual_lateness([] if source.parser == "auto" else [source.parser])
    lateness = usual if source.lateness is None else source.lateness
    told = [f"records up to {_minutes(lateness)} late"] if lateness != LATENESS else []
    told += [f"idle after {_minutes(source.idle)}"] if source.idle is not None else []
    return "".join(f", {one}" for one in told)


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:g} min"


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url and not settings.database.exists():
        yield Finding("database", Verdict.OK, f"{settings.database} is not there yet; `tocsin run` makes it")
        return
    engine = open_database(settings.database, url=settings.database_url)
    with reading(engine) as connection:
        state = "ok" if settings.database_url else connection.exec_driver_sql("PRAGMA quick_check").scalar()
        dead = connection.execute(sa.select(sa.func.count()).select_from(schema.dead_letter)).scalar_one()
        late = datetime.now(UTC) - timedelta(minutes=15)
        stuck = sa.select(sa.func.count()).where(schema.outbox.c.state == "pending", schema.outbox.c.next_try < late)
        waiting = connection.execute(stuck).scalar_one()
        people = connection.execute(
            sa.select(sa.func.count()).select_from(person).where(person.c.disabled.is_(None))
        ).scalar_one()
        noisy = noise.digests(connection, only_open=True)
    engine.dispose()
    verdict = Verdict.OK if state == "ok" else Verdict.FAILED
    yield Finding("database", verdict, f"{database_name(engine)}: {state}", "" if state == "ok" else "restore it from a backup")
    if settings.console.port and not people:
        yield Finding(
            "console", Verdict.WARNING, "nobody can sign in", "`tocsin users add LOGIN --role analyst` makes an account"
        )
    if dead:
        yield Finding(
            "dead letter",
            Verdict.WARNING,
            f"{dead:,} record(s)",
            "`tocsin dead-letter list` says why; after mending the parser, `tocsin dead-letter reprocess`",
        )
    if noisy:
        names = ", ".join(sorted({one.rule_title for one in noisy})[:3])
        seen = f"{len(noisy)} rule(s) over their budget: {names}"
        yield Finding("noise", Verdict.WARNING, seen, "`tocsin rules noisy`; make the rule narrower, or mute what is right")
    if waiting:
        yield Finding(
            "outbox", Verdict.WARNING, f"{waiting:,} change(s) wait for over 15 minutes", "`tocsin sinks check` says why"
        )


def load_or_explain(load: Callable[[], Settings]) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, or the findings that say why they do not load."""
    try:
        return load(), []
    except InputError as error:
        return None, [Finding("settings", Verdict.FAILED, str(problem)) for problem in error.problems]
