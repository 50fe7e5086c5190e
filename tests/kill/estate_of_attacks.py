"""Input for the kill tests: many small attacks that interleave, so that windows and incidents are open at every moment."""

from datetime import datetime, timedelta
from pathlib import Path

ATTACKS, LINES_EACH, AT_ONCE = 620, 20, 60

RULES = """\
title: SSH password refused
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7a001
name: kill_failed
status: test
logsource: {product: linux, service: sshd}
detection:
    selection:
        message|contains: Failed password
    condition: selection
level: medium
---
title: Many SSH passwords refused
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7a002
name: kill_burst
status: test
correlation:
    type: event_count
    rules: [kill_failed]
    group-by: [source.ip]
    timespan: 30m
    condition: {gte: 12}
    generate: true
level: high
"""

SETTINGS = """\
data_dir = "data"
rules = ["rules.yml"]
[triage]  # hundreds of incidents of one rule are meant here
budget_hour = 0
budget_day = 0
[[source]]
name = "auth"
paths = ["{log}"]
[[sink]]
name = "journal"
kind = "file"
path = "data/incidents.ndjson"
"""


def write_install(folder: Path) -> Path:
    """Write settings, rules and the log into ``folder``; return the path of the settings."""
    (folder / "rules.yml").write_text(RULES)
    log = folder / "auth.log"
    log.write_text("".join(f"{line}\n" for line in lines()))
    config = folder / "tocsin.toml"
    config.write_text(SETTINGS.format(log=log))
    return config


def lines() -> list[str]:
    """Return the log: sixty attacks run at any time, each on its own host and user from its own address, one line a second."""
    start = datetime(2026, 11, 17, 0, 0, 0)  # noqa: DTZ001 - what syslog writes has no zone
    order = [
        (wave * AT_ONCE + attack)
        for wave in range(-(-ATTACKS // AT_ONCE))
        for _ in range(LINES_EACH)
        for attack in range(AT_ONCE)
    ]
    return [_line(start + timedelta(seconds=second), attack) for second, attack in enumerate(order) if attack < ATTACKS]


def _line(at: datetime, attack: int) -> str:
    address = f"198.51.{100 + attack // 250}.{attack % 250 + 1}"
    act = f"Failed password for user{attack:04d} from {address} port 22 ssh2"
    return f"{at:%b %d %H:%M:%S} host{attack:04d} sshd[{attack + 1000}]: {act}"
