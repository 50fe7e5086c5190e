"""SMS through Debian's gammu-smsd with its dummy modem: sent, confirmed, answered, and in time on a bad night."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from correlator.deliver.contract import Fate, Message
from correlator.deliver.registry import find_sinks
from tests.flow.calls import alone, bad_night, black_hole
from tests.flow.install import tocsin
from tests.flow.listening import eventually

SMSD = shutil.which("gammu-smsd")
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(SMSD is None, reason="gammu-smsd is not installed: apt-get install gammu-smsd"),
]
CALL = Message("sim9:call:1", "sim9:26-0412", "Appel", "CRITIQUE BRP 26-0412 : la forêt à Brévanne [3 €]", "texte")


@contextmanager
def smsd(folder: Path) -> Iterator[Path]:
    """Run gammu-smsd with a modem that is a folder; give its spool."""
    spool, modem = folder / "spool", folder / "modem"
    for path in (*(spool / name for name in ("inbox", "outbox", "sent", "error")), *(modem / f"sms/{n}" for n in range(1, 6))):
        path.mkdir(parents=True)
    (folder / "smsdrc").write_text(
        f"[gammu]\nmodel = dummy\nconnection = none\ndevice = {modem}\n"
        f"[smsd]\nservice = files\ndebuglevel = 1\nloopsleep = 1\nreceivefrequency = 1\ninboxpath = {spool}/inbox/\n"
        f"outboxpath = {spool}/outbox/\nsentsmspath = {spool}/sent/\nerrorsmspath = {spool}/error/\n"
        f"logfile = {folder}/smsd.log\n"
    )
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([str(SMSD), "-c", str(folder / "smsdrc")], stdout=out, stderr=out)
        try:
            yield spool
        finally:
            process.terminate()
            process.wait()


def _sink(spool: Path) -> Any:
    return find_sinks()["sms"].make("sms", {"via": "gammu", "spool": str(spool)})


def test_sent_and_confirmed(tmp_path: Path) -> None:
    """The daemon takes the file, sends the text we meant, and we learn it."""
    with smsd(tmp_path) as spool:
        sink = _sink(spool)
        reference = sink.send_message("+33612345678", CALL)
        eventually(lambda: sink.fate(reference) is Fate.SENT, 30)
        assert sink.check() == []

    assert (
        'to "+33612345678" with text "CRITIQUE BRP 26-0412 : la foret à Brévanne [3 €]"' in (tmp_path / "smsd.log").read_text()
    )


def test_a_daemon_that_is_not_there(tmp_path: Path) -> None:
    """Nobody takes the file: it is taken back, so that it does not come out next week."""
    with smsd(tmp_path) as spool:
        pass
    sink = find_sinks()["sms"].make("sms", {"via": "gammu", "spool": str(spool), "confirm_s": 5})
    reference = sink.send_message("+33612345678", CALL)
    eventually(lambda: sink.fate(reference) is Fate.FAILED, 10)

    assert list((spool / "outbox").iterdir()) == []


def test_a_bad_night_through_the_modem(tmp_path: Path) -> None:
    """Mail refused and silent, no resolver: the SMS leaves the modem in under 60 s; « OK » by SMS takes it."""
    with black_hole() as hole, smsd(tmp_path) as spool:
        config, _ = bad_night(tmp_path / "install", hole, f'via = "gammu"\nspool = "{spool}"')
        began = time.monotonic()
        with alone(config):
            eventually(lambda: bool(list((spool / "sent").glob("OUT*"))), 50)
            assert time.monotonic() - began < 60
            (spool / "inbox" / "IN20261122_231500_00_+33612345678_00.txt").write_text("OK 26-0001")
            eventually(lambda: "acknowledged" in tocsin("incidents", "--all", "--config", config).output, 30)

    listed = tocsin("oncall", "list", "--all", "--config", config).output
    assert "Paul Martin" in listed
    assert "sent" in listed
