"""``tocsin init``: a starter configuration that runs as it is."""

from pathlib import Path

import click

from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem

SETTINGS = """\
# Settings of this install. `tocsin doctor` checks them; the reference is docs/reference/settings.md.

# Part of the ticket numbers other systems see: <install>:26-0412.
install = "tocsin"

# Database, lake and caches. Relative paths are relative to this file.
data_dir = "data"

# Who owns which address and host name; `tocsin estate check` reads it.
estate = "estate.toml"

# Your own rules, beside those that ship with Tocsin when you name both; leave it out for the shipped ones alone.
# rules = ["rules"]

# One [[source]] per kind of log. `parser = "auto"` recognises the format line by line.
[[source]]
name = "system"
paths = ["/var/log/auth.log*", "/var/log/syslog*"]
time_zone = "Europe/Paris"

# Where incidents go. `tocsin sinks list` shows the kinds and their settings.
[[sink]]
name = "journal"
kind = "file"
path = "data/incidents.ndjson"

# The console, on this machine only: http://127.0.0.1:8443. `tocsin users add` makes the first account;
# for other machines it wants a certificate (docs/console.md).
[console]
port = 8443

[triage]
minimum_level = "medium"
gap_hours = 4

# What most installs add next, each with its page:
#   [[listener]]  logs over the network: syslog, Splunk HEC, Winlogbeat      docs/listeners.md
#   [proof]       a daily record to the ticket: proof that it is awake       docs/proof.md
#   [oncall]      who is called at night, for what, through what             docs/oncall.md
#   [[sink]]      tickets in Redmine or GLPI, mail, SMS                      docs/tickets.md
#   [board]       the continuity board that outlives this server             docs/continuity.md
#   [backup]      where copies go; [retention] what is removed, and when     docs/install.md
"""

ESTATE = """\
# The estate: communes, networks, shared assets. An event that nothing here can attribute is shown as `unattributed`.
version = 1

[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
hosts = ["BRP-*"]
upn_suffixes = ["brp.example.org"]
inhabitants = 98400
hours = { mon-fri = "08:30-12:00, 13:30-17:30" }

# A service of the commune, by its word in the catalogue (`tocsin estate services`), and who answers for it.
[[service]]
service = "ec-naissances"
commune = "00101"
contact = "brp-accueil"
paper = "classeur rouge, accueil de l'état civil"

[[contact]]
id = "brp-accueil"
name = "Accueil de l'état civil"
function = "État civil"
commune = "00101"
phone = "+33199001001"

[[network]]
cidr = "10.11.0.0/16"
commune = "00101"
zone = "users"
"""

FILES = {"tocsin.toml": SETTINGS, "estate.toml": ESTATE}


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@format_option
@no_level_option
def init(directory: Path, form: str) -> None:
    """Write tocsin.toml and estate.toml into DIRECTORY; files that are there already are never overwritten."""
    present = [directory / name for name in FILES if (directory / name).exists()]
    if present:
        raise InputError([Problem(str(path), 0, "is there already", "choose another folder or remove it") for path in present])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (directory / name).write_text(text, encoding="utf-8")
    config = directory / "tocsin.toml"
    if form == "json":
        print_rows([{"written": str(directory / name)} for name in FILES], form, ())
        return
    click.echo(f"Wrote {directory}/tocsin.toml and {directory}/estate.toml. Next:")
    click.echo(f"  edit them, then  tocsin doctor --config {config}")
    click.echo(f"  tocsin users add NAME --role analyst --config {config}   (the console's first account)")
    click.echo(f"  tocsin run --config {config}")
