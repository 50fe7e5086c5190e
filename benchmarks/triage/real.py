"""Real logs of quiet machines through the flow: whatever opens there is a false alarm."""

from pathlib import Path
from typing import Any, Final

from benchmarks import recorded
from benchmarks.triage.captures import told
from benchmarks.triage.play import play
from correlator.config.settings import Settings
from correlator.runtime.content import Content

_DATA = recorded.SHARED / "data"
#: What is read of each pack: the same events as JSON lie beside some of the files and are left out.
PACKS: Final = {"evtx-rs": _DATA / "evtx-rs" / "samples", "plaso": _DATA / "plaso" / "test_data"}
_MOST = 1


def is_there() -> bool:
    """Say whether the logs can be read."""
    return all(path.is_dir() for path in PACKS.values())


def replay_packs(settings: Settings, content: Content, packs: dict[str, Path] | None = None) -> list[dict[str, Any]]:
    """Return one row for each pack, replayed as one folder; ``ok``: at most one incident."""
    rows = []
    for name, path in (packs or PACKS).items():
        row = told(play([path], settings, content))
        rows.append({"pack": name, "ok": row["incidents"] <= _MOST, **row})
    return rows
