"""What doctor says of collectors and of the files of ``[enrich]``: secrets, their end, lists that cannot be read or are old."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from correlator.config.settings import Settings
from correlator.runtime.enriching import open_context
from correlator.runtime.finding import Finding, Verdict

_NOTICE, _OLD = timedelta(days=30), timedelta(days=14)


def check_collectors(settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of each collector: its secret, and when that ends."""
    for one in settings.collector:
        names = [getattr(one, name, "") for name in ("secret_env", "key_env", "password_env")]
        absent = [name for name in names if name and not os.environ.get(name)]
        ends, subject = getattr(one, "secret_ends", None), f"collector {one.name}"
        if absent:
            yield Finding(subject, Verdict.WARNING, f"the environment of doctor has no {absent[0]}", "the service needs it")
        elif ends and ends - datetime.now(UTC).date() <= _NOTICE:
            yield Finding(subject, Verdict.WARNING, f"its secret ends on {ends}", "make another one, then change secret_ends")
        else:
            yield Finding(subject, Verdict.OK, one.kind)


def check_enrich(settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of the files that events are compared with."""
    enrich = settings.enrich
    if not enrich.files:
        return
    opened = open_context(enrich)
    for problem in opened.problems:
        yield Finding("enrich", Verdict.FAILED, str(problem), problem.expected)
    for one in enrich.indicators:
        if one.name in opened.lists:
            yield _list(one.name, opened.lists[one.name].frame.height, datetime.fromtimestamp(one.path.stat().st_mtime, UTC))
    if not opened.problems and not enrich.indicators:
        yield Finding("enrich", Verdict.OK, f"{len(enrich.files)} files are read")


def _list(name: str, values: int, written: datetime) -> Finding:
    age = datetime.now(UTC) - written
    seen = f"{values:,} values, written {written:%Y-%m-%d}"
    if age > _OLD:
        return Finding(f"indicators {name}", Verdict.WARNING, seen, "bring a fresh list, or give it a url")
    return Finding(f"indicators {name}", Verdict.OK, seen)
