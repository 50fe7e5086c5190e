"""``replay`` and ``try``: files through the whole flow, with outputs and exit codes that other tools rely on."""

import gzip
import json
from pathlib import Path

import pytest

from tests.flow.install import BURST, FAILED, RULES, failed, rows, tocsin, write_install

JUNK = "\x01\x02\x03\x04 binary\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of logs: five refused passwords, one blank line, one binary one; the older half packed."""
    folder = tmp_path_factory.mktemp("replay")
    write_install(folder, {"auth": "none"})
    (folder / "logs").mkdir()
    (folder / "logs" / "auth.log").write_text(failed(3) + "\n" + JUNK + failed(4))
    (folder / "logs" / "auth.log.1.gz").write_bytes(gzip.compress("".join(failed(n) for n in range(3)).encode()))
    return folder


def replay(folder: Path, *options: object) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of a replay of the logs."""
    result = tocsin("replay", "--config", folder / "tocsin.toml", *options, folder / "logs")
    return result.exit_code, result.stdout, result.stderr


def test_the_summary_is_the_ledger(folder: Path) -> None:
    """Counts of records by fate, events a second, detections and incidents by level; each reason with its first place."""
    code, out, told = replay(folder, "--format", "json")
    summary = json.loads(told)

    assert (code, out) == (0, "")
    fates = {name: summary[name] for name in ("received", "read", "assembled", "skipped", "rejected", "events")}
    assert fates == {"received": 7, "read": 5, "assembled": 0, "skipped": 1, "rejected": 1, "events": 5}
    assert (summary["detections"], summary["hits"], summary["incidents"]) == ({"medium": 5}, 1, {"high": 1})
    assert summary["rejects"] == {"not_text": 1}
    assert summary["events_per_second"] > 0
    text = replay(folder)[2]
    assert "records     received 7, read 5, assembled 0, skipped 1, rejected 1" in text
    assert f"rejected    1 not_text, first at {folder}/logs/auth.log:3" in text
    assert "incidents   1 (high 1)" in text


def test_what_a_detection_carries(folder: Path) -> None:
    """The rule, the event's identity and place, its time and commune, and the event itself."""
    out = folder / "detections.ndjson"
    replay(folder, "--detections", out)
    detections = rows(out.read_text())

    assert len(detections) == 5
    first = next(row for row in detections if row["log.line"] == 3 and str(row["log.file.path"]).endswith(".gz"))
    assert {name: first[name] for name in first if name.startswith(("rule.", "commune", "@"))} == {
        "rule.id": FAILED, "rule.name": "flow_failed", "rule.title": "SSH password refused", "rule.level": "medium",
        "rule.tags": ["attack.t1110"], "commune": "00105", "@timestamp": "2026-11-17T02:00:20.000000Z",
    }  # fmt: skip
    event = first["event"]
    assert isinstance(event, dict)
    assert first["event.id"] == "replay~auth.log.1.gz~" + str(len(failed(0) + failed(1)))
    assert (event["user.name"], event["source.ip"], event["event.original"]) == ("user2", "192.0.2.7", failed(2).rstrip())


def test_events_rejects_and_incidents(folder: Path) -> None:
    """One line per event, per refused record with its reason, per incident with all its events."""
    paths = {kind: folder / f"{kind}.ndjson" for kind in ("events", "rejects", "incidents")}
    replay(folder, *(part for kind, path in paths.items() for part in (f"--{kind}", path)))
    found = {kind: rows(path.read_text()) for kind, path in paths.items()}

    assert [len(found[kind]) for kind in paths] == [5, 1, 1]
    assert {(row["event.dataset"], row["commune"]) for row in found["events"]} == {("linux.sshd", "00105")}
    reject = found["rejects"][0]
    assert (reject["reason"], reject["line"], reject["path"]) == ("not_text", 3, f"{folder}/logs/auth.log")
    incident = found["incidents"][0]
    ids = incident["event.ids"]
    assert isinstance(ids, list)
    assert sorted(map(str, ids)) == sorted(str(row["event.id"]) for row in found["events"])
    rules = incident["rules"]
    assert isinstance(rules, list)
    assert {rule["id"] for rule in rules} == {FAILED, BURST}
    assert incident["severity"] == "high"


def test_outputs_on_standard_output(folder: Path) -> None:
    """``-`` is standard output; nothing else is written there."""
    assert len(rows(replay(folder, "--events", "-")[1])) == 5


@pytest.mark.parametrize(("level", "code"), [("medium", 1), ("high", 1), ("critical", 0)])
def test_fail_on(folder: Path, level: str, code: int) -> None:
    """Exit 1 when something of the level or above was found."""
    assert replay(folder, "--fail-on", level)[0] == code
    assert tocsin("try", "--rules", folder / "rules.yml", "--fail-on", level, folder / "logs").exit_code == code


def test_wrong_input_says_what_would_be_right(folder: Path, tmp_path: Path) -> None:
    """A file, a parser, a rule, an output that cannot be: exit code 2 and where it is."""
    config = folder / "tocsin.toml"
    cases = {
        "nothing.log": ("replay", "--config", config, tmp_path / "nothing.log"),
        "unknown parser": ("replay", "--config", config, "--parser", "linux_sislog", folder / "logs"),
        "none.yml": ("replay", "--config", config, "--rules", tmp_path / "none.yml", folder / "logs"),
        "give a path this user may write": ("replay", "--config", config, "--events", tmp_path / "x" / "y", folder / "logs"),
        "No such option": ("replay", "--config", config, "--nonsense", folder / "logs"),
        "tocsin.toml": ("replay", "--config", tmp_path / "tocsin.toml", folder / "logs"),
    }
    (tmp_path / "x").write_text("a file where a folder should be")
    for told, arguments in cases.items():
        result = tocsin(*arguments)
        assert (result.exit_code, told in result.stderr) == (2, True), (told, result.stderr)


def test_a_forced_parser_reads_everything(folder: Path) -> None:
    """``--parser`` alone decides: what it cannot read is refused."""
    summary = json.loads(replay(folder, "--parser", "squid", "--format", "json")[2])
    assert (summary["read"], summary["rejected"]) == (0, 6)


def test_the_same_replay_gives_the_same_ids(folder: Path, tmp_path: Path) -> None:
    """Identity comes from the path below the argument and the offset, wherever the folder lies."""
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for file in (folder / "logs").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    here, there = folder / "ids.ndjson", tmp_path / "ids.ndjson"
    replay(folder, "--events", here)
    tocsin("replay", "--config", folder / "tocsin.toml", "--events", there, copy)
    assert [row["event.id"] for row in rows(here.read_text())] == [row["event.id"] for row in rows(there.read_text())]


def test_a_broken_rule_stops_nobody_else(folder: Path, tmp_path: Path) -> None:
    """It is told with its place; the others find what they find."""
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "broken.yml").write_text("title: broken\nlogsource: {product: linux}\ndetection: {condition: selection}\n")
    code, _, told = replay(folder, "--rules", tmp_path)
    assert code == 0
    assert "broken.yml" in told
    assert "incidents   1 (high 1)" in told


def test_try_says_three_things(folder: Path) -> None:
    """Understood, not understood by reason, found; and how many rules can fire on these logs."""
    result = tocsin("try", "--rules", folder / "rules.yml", folder / "logs")
    lines = {line[:14].strip(): line[16:] for line in result.stdout.splitlines() if line[:14].strip()}

    assert result.exit_code == 0
    assert lines["understood"] == "5 of 6 records (83.3 %, 1 blank lines and comments apart): 5 linux.sshd"
    assert lines["not understood"] == f"1 not_text, first at {folder}/logs/auth.log:3"
    assert lines["found"] == "5 detections by 1 rule, 1 incident"
    assert lines["rules"] == "1 of 1 can fire on these logs"


def test_try_as_json(folder: Path) -> None:
    """The same as one object; the ledger adds up."""
    (told,) = rows(tocsin("try", "--rules", folder / "rules.yml", "--format", "json", folder / "logs").stdout)
    rejected = told["rejected"]
    assert rejected == {"not_text": 1}
    assert told["received"] == 7 == sum(int(str(told[fate])) for fate in ("read", "assembled", "skipped")) + 1
    assert (told["rules_able"], told["rules_fired"]) == (1, {"SSH password refused": 5})
