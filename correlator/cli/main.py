"""The command tree. A subcommand's module is imported only when that subcommand runs."""

import errno
import os
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

import click

from correlator import __version__
from correlator.cli.output import Exit
from correlator.errors import InputError, TocsinError
from correlator.telemetry.terminal import plain

#: Environment variable that asks for the whole traceback of an unforeseen error.
DEBUG = "TOCSIN_DEBUG"
_LONGEST = 300
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

#: Other spellings of subcommands, which the help does not list.
_ALSO = {"deadletter": "dead-letter"}
#: Subcommand → (module below correlator.cli, one line of help). The only place that lists them.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Play the demonstration: nine communes, four planted attacks."),
    "try": ("try_", "Say what Tocsin understands and finds in your files; no configuration needed."),
    "run": ("run", "Follow the configured sources and keep incidents up to date."),
    "incidents": ("incidents", "List incidents; show, take, judge and prove one."),
    "incident": ("incidents_show", "Show one incident: 26-0412."),
    "ack": ("incidents", "Acknowledge an incident."),
    "close": ("incidents", "Close an incident with a verdict and a reason."),
    "merge": ("incident_acts", "Put two incidents together."),
    "split": ("incident_acts", "Take a part of an incident out into one of its own."),
    "mute": ("mute", "Keep what need not be shown out of incidents, for a time and with a reason."),
    "maintenance": ("maintenance", "Announce work, so that what it sets off is one low digest."),
    "serve": ("serve", "Serve the console and the API alone."),
    "users": ("users", "Accounts of the console: add, list, disable, enable, passwd."),
    "worker": ("worker", "One role on Kafka and PostgreSQL: detect, correlate, deliver."),
    "listen": ("listen", "Listeners alone, writing to Kafka."),
    "topics": ("topics", "Make and check the topics of an install on Kafka."),
    "search": ("search", "Find an address, a user or a host in the events of the lake."),
    "sources": ("sources", "What every source gave, whether it speaks when it should, how much is understood."),
    "rules": ("rules", "List, show, check, test and try rules."),
    "parsers": ("parsers", "List, show and test parsers."),
    "indicators": ("indicators", "Lists of indicators of compromise: what they hold, whether a value is on one."),
    "deliver": ("deliver", "Only deliver: tell the sinks what waits, beside a running install."),
    "sinks": ("sinks", "List, check and test sinks."),
    "board": ("board", "How the public services of each commune stand; static pages that survive the server."),
    "clocks": ("clocks", "Legal and service delays: list, open, close with a proof."),
    "lake": ("lake", "Query the lake with SQL."),
    "dead-letter": ("dead_letter", "List what nobody could read or take; read or deliver it again."),
    "estate": ("estate", "Check the estate, fill it from exports, see what stands on what."),
    "oncall": ("oncall", "Calls to on-call people: list, take, test, and who would be called."),
    "watch": ("watch", "From another machine, call people when Tocsin falls silent."),
    "proof": ("proof", "The daily proof that Tocsin is awake: from the front door to the ticket."),
    "brief": ("brief", "The morning brief: what happened since 18:00."),
    "doctor": ("doctor", "Check configuration, disk, rules, parsers, clock; say what to do."),
    "backup": ("backup", "Copy a running install into a folder or one file."),
    "restore": ("backup", "Put a backup into an empty data folder."),
    "upgrade": ("upgrade", "Check what a new version changes, migrate, or go back."),
    "retention": ("retention", "Say what is over its time, per kind of data; remove it."),
    "init": ("init", "Write a starter configuration into a folder."),
    "replay": ("replay", "The whole flow over files into a scratch store, NDJSON out."),
    "parse": ("parse", "Raw lines to events, as NDJSON."),
    "detect": ("detect", "Sigma rules over normalised events."),
    "correlate": ("correlate", "Sigma correlations over normalised events."),
}


class LazyGroup(click.Group):
    """A group that knows its subcommands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: what people type first."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the subcommand, or None when there is none of that name."""
        del ctx
        cmd_name = _ALSO.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        module_name = COMMANDS[cmd_name][0]
        module = import_module(f"correlator.cli.{module_name}")
        loaded: click.Command = getattr(module, "try_" if cmd_name == "try" else cmd_name.replace("-", "_"))
        return loaded

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the subcommand that ``args`` begin with; the error about an unknown one names the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            nearest = get_close_matches(args[0], COMMANDS, n=1)
            if not nearest:
                raise
            ctx.fail(f"{error.message} Did you mean {nearest[0]!r}?")

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; turn our errors into a message on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            click.echo(plain(str(error)), err=True)
            ctx.exit(Exit.WRONG_INPUT)
        except TocsinError as error:
            click.echo(plain(f"tocsin: {error}"), err=True)
            ctx.exit(Exit.FAULT)
        except (click.ClickException, click.exceptions.Exit, click.Abort, EOFError, BrokenPipeError):
            raise  # click knows what to do
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            click.echo(plain(_unforeseen(error)), err=True)
            ctx.exit(Exit.FAULT)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing the subcommands."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in COMMANDS.items()])


def _unforeseen(error: Exception) -> str:
    """Return one line about an error nobody foresaw: what, where, what to report."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "unknown place"
    what = " ".join(str(error).split())[:_LONGEST] or "no message"
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"tocsin: {what}: free space, then start again"
    return (
        f"tocsin: fault of Tocsin {__version__}: {type(error).__name__} at {place}: {what}. "
        f"Please report this line, the command and, if you can, the output with {DEBUG}=1."
    )


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tocsin")
def command() -> None:
    """Tocsin: logs in, few well-qualified incidents out."""
