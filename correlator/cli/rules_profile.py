"""``tocsin rules profile``: what each rule costs and finds on a corpus of logs, the slowest first."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    import polars as pl

    from correlator.runtime.content import Content
    from correlator.runtime.profiling import Corpus, Profile

_WIDEST, _NAMED = 40, 5
_EPILOG = """\b
Examples:
  ./tocsin rules profile my-rules --on day/logs
  ./tocsin rules profile sigma/rules/windows --on Security.evtx --top 50
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--on", multiple=True, required=True, metavar="FILES", help="The logs: files, directories, archives; repeatable.")
@click.option(
    "--events", "most", default=100_000, show_default=True, type=click.IntRange(1), help="Stop reading after so many."
)
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="So many rules are shown; json: all.")
@config_option
@format_option
@no_level_option
def profile(paths: tuple[Path, ...], on: tuple[str, ...], most: int, top: int, config: Path | None, form: str) -> None:
    """Measure each rule of PATHS (without: the configured ones) on the events of FILES: CPU seconds, hits, slowest first.

    Each rule runs alone over the events of its log source, so the costs do not add up: a whole set shares work. A rule without
    a witness asks for no text or number that few events hold, and runs on every event.
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.profiling import Corpus, together  # noqa: PLC0415
    from correlator.runtime.profiling import profile as measure  # noqa: PLC0415

    content = load_content(load_settings(config), paths)
    rules = content.ruleset.rules
    if not rules:
        raise InputError(content.refused or [Problem("rules", 0, "there is no rule", "PATHS with Sigma rules")])
    corpus = Corpus(_frames(on, content, most))
    if not corpus.events:
        raise InputError(
            [Problem(", ".join(on), 0, "holds no event that feeds a rule", "logs that a parser reads; try `tocsin try`")]
        )
    measured = _watched(measure(rules, corpus), len(rules))
    found = sorted(measured, key=lambda one: (-one.seconds, -one.hits, one.rule.title))
    if form == "json":
        print_rows(map(_row, found), form, ())
        return
    _print(found, corpus, top, together(content.ruleset, corpus))


def _watched(measured: "Iterator[Profile]", total: int) -> "Iterator[Profile]":
    """Yield what is measured, with a bar on a terminal: a large set takes minutes."""
    if not sys.stderr.isatty():
        yield from measured
        return
    with click.progressbar(measured, length=total, label="rules", file=sys.stderr) as bar:
        yield from bar


def _frames(on: tuple[str, ...], content: "Content", most: int) -> "list[pl.DataFrame]":
    from correlator.runtime.sampling import frames_of  # noqa: PLC0415 - `--help` must not load it

    kept: list[pl.DataFrame] = []
    count = 0
    for frames in frames_of(on, content, content.want):
        kept += frames
        count += sum(frame.height for frame in frames)
        if count >= most:
            click.echo(f"Stopped after {count:,} events: --events.", err=True)
            break
    return kept


def _row(one: "Profile") -> dict[str, Any]:
    rule = one.rule
    return {
        "rule.id": rule.id, "title": rule.title, "log source": str(rule.logsource), "path": f"{rule.path}:{rule.line}",
        "cpu_s": round(one.seconds, 6), "events": one.events, "hits": one.hits, "witness": list(one.witness),
        "cpu_us_per_event": round(one.seconds * 1e6 / one.events, 3) if one.events else 0.0,
    }  # fmt: skip


def _print(found: "Sequence[Profile]", corpus: "Corpus", top: int, together: float) -> None:
    shown = [
        {
            "CPU ms": f"{one.seconds * 1000:.2f}", "hits": f"{one.hits:,}", "events": f"{one.events:,}",
            "witness": _witness(one), "title": one.rule.title, "log source": str(one.rule.logsource),
        }
        for one in found[:top]
    ]  # fmt: skip
    print_rows(shown, "text", ("CPU ms", "hits", "events", "title", "log source", "witness"), title=f"the {len(shown)} slowest")
    print_rows(
        _sources(found), "text", ("log source", "rules", "events", "CPU ms", "hits", "no witness"), title="by log source"
    )
    for line in _told(found, corpus, together):
        click.echo(plain(line))


def _witness(one: "Profile") -> str:
    if not one.witness:
        return "none: tried on every event"
    rest = len(one.witness) - 1
    return one.witness[0][:_WIDEST] + (f", or one of {rest:,} more" if rest else "")


def _sources(found: "Sequence[Profile]") -> Iterator[dict[str, Any]]:
    """Yield one row per log source that rules ask for, the dearest first."""
    groups: dict[str, list[Profile]] = defaultdict(list)
    for one in found:
        groups[str(one.rule.logsource)].append(one)
    for source, ones in sorted(groups.items(), key=lambda group: -sum(one.seconds for one in group[1])):
        if ones[0].events:
            yield {
                "log source": source,
                "rules": len(ones),
                "events": f"{ones[0].events:,}",
                "hits": f"{sum(one.hits for one in ones):,}",
                "CPU ms": f"{sum(one.seconds for one in ones) * 1000:.2f}",
                "no witness": sum(not one.witness for one in ones) or "",
            }


def _told(found: "Sequence[Profile]", corpus: "Corpus", together: float) -> Iterator[str]:
    ran = [one for one in found if one.events]
    alone = sum(one.seconds for one in ran)
    rate = corpus.events / together if together else 0.0
    yield f"events      {corpus.events:,}"
    yield f"rules       {len(ran):,} of {len(found):,} have events here; {sum(one.hits > 0 for one in ran):,} found something"
    yield f"together    {together:.3f} CPU seconds, {rate:,.0f} events per CPU second; one by one {alone:.3f}"
    bare = [one for one in ran if not one.witness]
    if bare:
        named = "; ".join(one.rule.title for one in bare[:_NAMED]) + ("; …" if len(bare) > _NAMED else "")
        yield f"no witness  {len(bare):,} rule{'s' * (len(bare) > 1)} tried on every event: {named}"
