r"""VMware ESXi 6.5 to 8: hostd, vpxa, vobd, the kernel, the shell, sign-ins, and the flows of the NSX firewall.

Sent here with *Host › Manage › System › Advanced settings › Syslog.global.logHost* (``udp://collector:514``, ``tcp://``,
``ssl://``), then *Firewall rules › syslog*; or ``esxcli system syslog config set --loghost=tcp://collector:514`` and ``esxcli
system syslog reload``. Files are read too (``hostd.log``, ``vobd.log``, ``shell.log``, ``vmkernel.log``, with and without the
level ``In(166)`` of ESXi 8). Reference: "ESXi Log File Locations", "ESXi Syslog Options", the ``esx.*`` events of the "vSphere
Security" guide.

A command typed in the shell (``shell[2101]: [root]: esxcli …``) also feeds Sigma's Linux process rules: ``CommandLine`` is
what was typed, ``Image`` its first word, below ``/bin`` where no folder is said, since ESXi's commands lie there. Times are
UTC. Lines of one message over several packets (``-->``) are joined. About 100,000 lines a second of a CPU: two headers, then
one sentence after another is tried.

Not told from a Linux server's by their text, so read as Linux unless the source is declared: ``sshd``, ``su``, ``ntpd``. Not
read apart: the numbers that vSAN dumps (``cmmdsTimeMachineDump``). vCenter's events are ``vmware_vcenter``.
"""

from collections.abc import Iterator

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.programs import Program, declared, program_events
from correlator.parse.formats.unwrap import tagged
from correlator.parse.formats.values import by_dataset
from correlator.parse.formats.vmware import FILE_LEVEL, STAMP, STARTS, opened
from parsers.vmware_esxi.sentences import FLOWS, HOSTD, KERNEL, NSX, OBSERVED, SHELL, SSHD

__all__ = ["PARSER"]

_ESXI = LogSource("vmware", "", "esxi")
_SHELL = LogSource("linux", "process_creation", "")
_NSX = LogSource("vmware", "", "nsx")
_FIREWALL = LogSource("vmware", "firewall", "")
_OBSERVER = {"observer.vendor": "VMware", "observer.product": "ESXi", "observer.type": "hypervisor"}
_AGAIN = {
    "src_ip": "source.ip", "src_port": "source.port", "dst_ip": "destination.ip", "dst_port": "destination.port",
}  # fmt: skip
_TYPED = {"CommandLine": "process.command_line", "Image": "process.executable", "User": "user.name"}

_PROGRAMS = (
    Program("vmware.hostd", (_ESXI,), ("hostd", "vpxa", "hostd-probe", "fdm", "vim"), HOSTD, _OBSERVER),
    Program("vmware.vobd", (_ESXI,), ("vobd", "vobuser", "vmkeventd", "usbarb", "healthd"), OBSERVED, _OBSERVER),
    Program("vmware.shell", (_ESXI,), ("shell", "esxshell", "dcui"), SHELL, _OBSERVER, _TYPED),
    Program("vmware.auth", (_ESXI,), ("sshd", "su", "sudo", "vmauthd", "login"), SSHD, _OBSERVER),
    Program("vmware.vmkernel", (_ESXI,), ("vmkernel", "vmkwarning", "vmksummary", "boot"), KERNEL, _OBSERVER),
    Program(
        "vmware.dfw", (_FIREWALL, _NSX), ("dfwpktlogs", "fwpktlogs"), FLOWS, _OBSERVER | {"observer.product": "NSX"}, _AGAIN
    ),
    Program("vmware.nsx", (_NSX,), ("nsx", "nsxv", "nsx-proxy"), NSX, _OBSERVER | {"observer.product": "NSX"}),
    Program("vmware.esxi", (_ESXI,), says=_OBSERVER),
)
_SAID = {"vmware.sub": "sub", "vmware.op_id": "operation", "vmware.actor": "actor"}
_LEVELS = {
    "trivia": 10, "verbose": 10, "debug": 10, "info": 10, "warning": 50, "error": 75, "critical": 95, "panic": 95,
}  # fmt: skip

#: Programs whose name alone says ESXi.
_NAMES = (
    "[Hh]ostd|[Vv]pxa|hostd-probe|vobd|vobuser|vmkernel|vmkwarning|vmksummary|vmkeventd|ESXShell|Fdm|vmauthd|esxupdate|"
    "esxtokend|esxgdpd|VSANMGMTSVC|vsanmgmtd|vsansystem|clomd|cmmdsd|cmmdsTimeMachineDump|osfsd|iofiltervpd|storageRM|"
    "sdrsInjector|swapobjd|hbrca|vmsyslogd|vmkdevmgr|usbarb|ucs-tool-esxi-inv ?|apiForwarder|settingsd|nfcd|vvold|kmxa|"
    "dfwpktlogs|nsx-proxy|nsxaVim|netcpa|NSX"
)
_FILES = (
    rf"^(?:{STAMP}:? +)(?:{FILE_LEVEL} +(?:{_NAMES}|shell|vmkdevmgr|sshd)(?:\[[0-9A-Fa-f]+\])?:"
    rf"|(?:[a-z]+ +)?(?:[Hh]ostd|[Vv]pxa|[Ff]dm)\[[0-9A-Fa-f]+\]:? |shell\[[0-9]+\]: \[|cpu[0-9]+:[0-9]+\)?"
    r"|\[[A-Za-z]+Correlator\] [0-9]+us: )"
)
_TYPED_AT = tagged("shell", bare=False) + r"(?:\[[A-Za-z0-9_.-]+\]: |(?:Interactive|ESXi) )"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per message; a line that names no program is malformed."""
    lines = opened(raw)
    numbers = {name: number for number, program in enumerate(_PROGRAMS) for name in program.names}
    number = pl.col("program").replace_strict(numbers, default=len(_PROGRAMS) - 1, return_dtype=pl.Int64)
    numbered = lines.with_columns(pl.when(pl.col("program").is_not_null()).then(number).alias("_program"))
    frames: list[pl.DataFrame] = []
    for (place,), group in numbered.group_by("_program", maintain_order=True):
        if isinstance(place, int):
            events = program_events(group, _PROGRAMS[place], None if want is None else want | {*_READ})
            frames.extend(by_dataset(_meant(events.hstack(_told(group, want)), want)))
    others = numbered.filter(pl.col("_program").is_null())
    return Parsed(tuple(frames), rejects_of(others, Reason.MALFORMED), raw.clear().get_column("raw_row"))


_READ = ("vmware.command", "vmware.vm.name", "User", "Image", "vmware.level", "vmware.level2")


def _told(lines: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    """Return what the daemon says of itself, and the level it says."""
    ours = {name: pl.col(column) for name, column in _SAID.items() if want is None or name in want}
    return lines.select(pl.col("level").alias("level said"), **ours)


def _meant(events: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    """Return events with what follows from the sentences: the level said, the program typed, the protocol in lower case."""
    columns = dict(_following(events))
    shown = events.with_columns(**columns).drop("level said", "vmware.level", "vmware.level2", strict=False)
    return shown.drop([name for name in _READ if want is not None and name not in want], strict=False)


def _following(events: pl.DataFrame) -> Iterator[tuple[str, pl.Expr]]:
    kernel = [pl.col(name).str.to_lowercase() for name in ("vmware.level", "vmware.level2") if name in events.columns]
    level = pl.coalesce("level said", *kernel).replace({"alert": "critical"})
    yield "log.level", pl.coalesce(level, "log.level")
    yield "event.severity", pl.coalesce(level.replace_strict(_LEVELS, default=None, return_dtype=pl.Int64), "event.severity")
    if "network.type" in events.columns:
        yield "network.type", pl.col("network.type").replace({"INET": "ipv4", "INET6": "ipv6"})
    if "network.direction" in events.columns:
        yield "network.direction", pl.col("network.direction").replace({"IN": "ingress", "OUT": "egress"})
    if "process.command_line" in events.columns:
        said = [pl.col("process.executable")] if "process.executable" in events.columns else []
        typed = [("/bin/" + pl.col("vmware.command"))] if "vmware.command" in events.columns else []
        yield "process.executable", pl.coalesce(*said, *typed)
        yield "Image", pl.coalesce(*said, *typed)


PARSER = Parser(
    name="vmware_esxi",
    log_sources=(_ESXI, _SHELL, _FIREWALL, _NSX),
    signature=Signature(
        pattern=f"{tagged(_NAMES, bare=False)}|{_TYPED_AT}|{_FILES}",
        rank=15,
        any_text=(
            "ostd", "pxa", "vob", "vmk", "hell", "dm", "vmauthd", "esx", "san", "VSAN", "clomd", "cmmds", "osfsd", "iofilter",
            "storageRM", "sdrs", "swapobjd", "hbrca", "vmsyslogd", "usbarb", "apiForwarder", "settingsd", "nfcd", "vvold",
            "kmxa",
            "dfwpkt", "nsx", "netcpa", "NSX", "sshd", "cpu", "Correlator",
        ),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS, *_SAID, "Image", "User", "CommandLine", "process.executable", "log.level", "event.severity"),
    parse=_parse,
    required=("message",),
    assembly=Continuation(start=STARTS),
)  # fmt: skip
