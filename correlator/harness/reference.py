"""The reference pages, made from what they describe; ``docs/reference`` holds them and a test compares.

``python -m correlator.harness.reference`` writes them anew.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from correlator.config.sections.keeping import RetentionSettings
from correlator.config.settings import Settings
from correlator.harness.catalogue_pages import clocks_page, services_page
from correlator.harness.corpora.page import measured_part
from correlator.harness.correlation_pages import correlations_page
from correlator.model.reject import Reason
from correlator.parse.registry import find_parsers
from correlator.runtime.register import periods_table
from correlator.telemetry.metrics import TABLE, Metric

#: Where the command tree is. By name: the command line is above this layer, here it is only material to describe.
_COMMAND = "correlator.cli.main:command"
_WIDTH = 100  # of help texts, whatever the terminal
_HEAD = "<!-- Made by `python -m correlator.harness.reference`; do not edit. -->\n"


def settings_page() -> str:
    """Return the page of every setting of ``tocsin.toml``."""
    parts = [_HEAD, "# Settings\n", "`tocsin.toml`; `TOCSIN_DATA_DIR`, `TOCSIN_INSTALL` and `TOCSIN_ESTATE` win over it.\n"]
    top: list[tuple[str, str, type[BaseModel]]] = [("Top level", "", Settings)]
    for title, text, model in [*top, *_sections(Settings)]:
        parts += [f"\n## {title}\n", *([f"{text}\n"] if text else []), "| key | default | meaning |\n|---|---|---|\n"]
        says = _said_below(model)
        parts += [_setting_row(name, field, says.get(name, "")) for name, field in model.model_fields.items()]
    return _joined(parts)


def _sections(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Yield (title, text, model) of each table below ``model``; the text is its docstring."""
    for name, field in model.model_fields.items():
        several = get_args(field.annotation)
        inner = several[0] if several else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            title = f"`[[{above}{name}]]`" if several else f"`[{above}{name}]`"
            yield title, (inner.__doc__ or "").split("\n")[0], inner
            yield from _sections(inner, f"{above}{name}.")


def _said_below(model: type[BaseModel]) -> dict[str, str]:
    """Return name → the text that stands below the attribute in the source of ``model``."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return {
        above.target.id: inspect.cleandoc(below.value.value)
        for above, below in pairwise(statements)
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def _setting_row(name: str, field: FieldInfo, said: str) -> str:
    default = "required" if field.is_required() else f"`{_shown(field.default)}`"
    meaning = (field.description or said or "See its own table below.").replace("\n", " ").replace("``", "`")
    return f"| `{name}` | {default} | {meaning} |\n"


def _shown(value: object) -> str:
    if isinstance(value, BaseModel):
        return "its defaults"
    return str(value) if value != () else "none"


def metrics_page() -> str:
    """Return the page of every metric."""
    head = (
        "# Metrics\nServed on 127.0.0.1 when `metrics_port` is set.\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n"
    )
    return _joined([_HEAD, head, *(_metric_row(metric) for metric in TABLE)])


def _metric_row(metric: Metric) -> str:
    name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
    return f"| `{name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.help} |\n"


def parsers_page() -> str:
    """Return the catalogue of parsers, and the closed set of reasons for which a record is refused."""
    rows = []
    for parser in sorted(find_parsers().values(), key=lambda parser: parser.name):
        sources = ", ".join(sorted({f"`{source}`" for source in parser.log_sources}))
        rows.append(f"| `{parser.name}` | {parser.maturity} | {len(parser.fields)} | {sources} |\n")
    reasons = [f"- `{reason}`\n" for reason in Reason]
    head = "# Parsers\n| parser | maturity | fields | Sigma log sources |\n|---|---|---|---|\n"
    return _joined([_HEAD, head, *rows, "\n## Reasons for which a record is refused\n", *reasons, *measured_part()])


def commands_page() -> str:
    """Return what ``--help`` says of ``tocsin`` and each of its commands."""
    texts = [f"\n## {path}\n\n```text\n{text}\n```\n" for path, text in _helps(resolve_name(_COMMAND), "tocsin", None)]
    return _joined([_HEAD, "# Commands\nWhat `--help` says; every command has it.\n", *texts])


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Yield (how to call it, its help) of a command and of those below it."""
    context = click.Context(command, parent, name, terminal_width=_WIDTH, help_option_names=["-h", "--help"])
    yield context.command_path, context.get_help()
    if not isinstance(command, click.Group):
        return
    for below in command.list_commands(context):
        found = command.get_command(context, below)
        if found is not None:
            yield from _helps(found, below, context)


def retention_page() -> str:
    """Return the page of how long each kind of data is kept, in French, as Tocsin comes."""
    head = "# Durées de conservation par défaut\n\nChacune se règle : [réglages](settings.md), section `[retention]`.\n\n"
    return _joined([_HEAD, head, periods_table(RetentionSettings()), "\n"])


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "parsers.md": parsers_page,
    "retention.md": retention_page,
    "services.md": services_page,
    "clocks.md": clocks_page,
    "correlations.md": correlations_page,
}


def write_pages(folder: Path) -> Iterator[Path]:
    """Write every page into ``folder`` and yield the paths of those that changed."""
    for name, page in PAGES.items():
        path = folder / name
        text = page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield path


def _joined(parts: list[str]) -> str:
    return "".join(parts)


if __name__ == "__main__":
    for changed in write_pages(Path("docs/reference")):
        sys.stdout.write(f"{changed}\n")
