"""``tocsin incidents task``: what is to be done about an incident, ticked off one by one."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.casework import acting, reading_install, required, unknown
from correlator.cli.install import config_option, local_time
from correlator.cli.output import format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.runtime.todo import Todo
    from correlator.store.people import Act

_COLUMNS = ("done", "task", "what", "playbook", "who", "when", "note")


@click.command()
@click.argument("number")
@click.option("--done", metavar="TASK", help="Tick this one off: webshell/copy, own/1.")
@click.option("--undo", metavar="TASK", help="Take the tick back.")
@click.option("--add", metavar="TEXT", help="Add a task in your own words.")
@click.option("--note", default="", help="With --done: what you found or did.")
@config_option
@format_option
@no_level_option
def task(number: str, done: str | None, undo: str | None, add: str | None, note: str, config: Path | None, form: str) -> None:
    """List what is to be done about an incident, as its playbooks suggest it in French; tick off, add."""
    if sum(one is not None for one in (done, undo, add)) > 1:
        raise InputError([Problem("tasks", 0, "several things at once", "one of --done, --undo, --add")])
    if add is not None:
        _add(config, form, number, required(add, "--add", "what is to be done"))
    elif done is not None or undo is not None:
        _tick(config, form, number, done or undo or "", note.strip(), is_done=done is not None)
    else:
        _list(config, form, number)


def _list(config: Path | None, form: str, number: str) -> None:
    settings, found = _todo(config, number)
    rows = [_row(one, settings.time_zone, form) for one in found]
    open_ = sum(one.done is None for one in found)
    print_rows(rows, form, _COLUMNS, title=f"{open_} of {len(found)} still to do")


def _row(one: "Todo", zone: str, form: str) -> Mapping[str, Any]:
    if form == "json":
        names = ("key", "text", "playbook", "added_by", "done", "done_by", "note", "incident")
        return {name: getattr(one, name) for name in names}
    return {
        "done": "x" if one.done else "",
        "task": one.key,
        "what": one.text,
        "playbook": one.playbook or f"({one.added_by or 'earlier'})",
        "who": one.done_by,
        "when": local_time(one.done, zone) if one.done else "",
        "note": one.note + (f" (in {one.incident})" if one.incident else ""),
    }


def _todo(config: Path | None, number: str) -> "tuple[Settings, list[Todo]]":
    from correlator.model.viewer import OWNER  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.todo import todo_of  # noqa: PLC0415
    from correlator.store import casefile, views  # noqa: PLC0415

    with reading_install(config) as (settings, _, connection):
        one = views.find_incident(connection, number)
        found = casefile.read(connection, OWNER, number, settings.install)
        if one is None or found is None:
            raise unknown(number, views.nearest_numbers(connection, number))
        return settings, todo_of(connection, one.id, found)


def _add(config: Path | None, form: str, number: str, text: str) -> None:
    from correlator.store import people  # noqa: PLC0415 - `--help` must not load it

    after, key = acting(config, None, lambda engine, who: people.add_task(engine, number, text, who))
    say({"number": after.number, "task": key}, f"{after.number}: {key} added", form)


def _tick(config: Path | None, form: str, number: str, key: str, note: str, *, is_done: bool) -> None:
    from correlator.store import people  # noqa: PLC0415 - `--help` must not load it

    settings, found = _todo(config, number)
    chosen = next((one for one in found if one.key == key), None)
    if chosen is None:
        near = get_close_matches(key, [one.key for one in found], n=3, cutoff=0.3)
        raise InputError(
            [Problem("task", 0, f"no task {key!r} here", f"one of: {', '.join(near or [one.key for one in found])}")]
        )

    def act(engine: "sa.Engine", who: "Act") -> Any:  # noqa: ANN401 - incident and tick
        return people.tick(engine, number, chosen.key, chosen.text, who, done=is_done, note=note)

    after, earlier = acting(config, None, act)
    if is_done and earlier is not None:
        told = f"{key} was ticked off by {earlier.by} on {local_time(earlier.at, settings.time_zone)}; nothing changed"
    else:
        told = f"{after.number}: {key} is {'done' if is_done else 'open again'}"
    say({"number": after.number, "task": key, "done": is_done, "before": earlier and earlier.by}, told, form)
