"""``tocsin topics``: the topics of an install on Kafka."""

from pathlib import Path

import click

from correlator.cli.install import config_option
from correlator.cli.output import Exit, format_option, no_level_option, print_rows

_COLUMNS = ("topic", "what", "found", "wanted", "done")


@click.group()
def topics() -> None:
    """Make and check the topics that workers talk through."""


@topics.command()
@config_option
@click.option("--dry-run", is_flag=True, help="Only say what differs; exit 1 when anything does.")
@format_option
@no_level_option
def apply(config: Path | None, form: str, *, dry_run: bool) -> None:
    """Make the topics of [kafka] what they should be; say what differed. Doing it again changes nothing.

    Partitions and copies of a topic that exists are only told, never changed: with other partitions, records of one machine
    would be read out of order. Example: tocsin topics apply --dry-run --config tocsin.toml
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime import topics as kafka_topics  # noqa: PLC0415

    settings = load_settings(config)
    found = kafka_topics.compare(settings.kafka) if dry_run else kafka_topics.apply(settings.kafka)
    rows = [
        {
            "topic": one.topic,
            "what": one.what,
            "found": one.found,
            "wanted": one.wanted,
            "done": "no" if dry_run else "yes" if one.mendable else "never: by hand",
        }
        for one in found
    ]
    if rows or form == "json":
        print_rows(rows, form, _COLUMNS, title="What differs")
    else:
        click.echo("The topics are what they should be.")
    left = found if dry_run else [one for one in found if not one.mendable]
    raise SystemExit(Exit.FINDINGS if left else Exit.DONE)
