"""``tocsin try``: its report counts in English."""

from pathlib import Path

from click.testing import CliRunner

from correlator.cli import command

LINE = "Nov 22 10:15:31 srv1 sshd[1]: Accepted password for bob from 198.51.100.4 port 50022 ssh2\n"


def test_one_of_something_is_singular(tmp_path: Path) -> None:
    """One incident of one event, not "1 incidents"."""
    (tmp_path / "auth.log").write_text(LINE)

    out = CliRunner().invoke(command, ["try", str(tmp_path)]).stdout

    assert out.splitlines()[2].endswith("rules, 1 incident")
    assert " 1 event  bob depuis 198.51.100.4 " in out
