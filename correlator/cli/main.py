"""The command tree. A subcommand's module is imported only when that subcommand runs."""

from importlib import import_module

import click

from correlator import __version__

#: Subcommand → (module below correlator.cli, one line of help). The only place that lists them.
COMMANDS: dict[str, tuple[str, str]] = {}


class LazyGroup(click.Group):
    """A group that knows its subcommands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: what people type first."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the subcommand, or None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"correlator.cli.{COMMANDS[cmd_name][0]}")
        loaded: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing the subcommands."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tocsin")
def command() -> None:
    """Tocsin: logs in, few well-qualified incidents out."""
