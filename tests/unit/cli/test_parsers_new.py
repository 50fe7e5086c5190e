"""``tocsin parsers new``: what it writes reads its sample, keeps the contract, and overwrites nothing; the page about it."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

PAGE = Path(__file__).parents[3] / "docs" / "adding-a-parser.md"
SAMPLES = {
    "keyvalue": (
        '<134>Nov 22 10:15:30 a portail: date="2026-11-22 10:15:30" user=jdupont srcip=10.1.2.3 action=login result=success\n'
        '<134>Nov 22 10:15:31 a portail: date="2026-11-22 10:15:31" user=bob srcip=10.1.2.4 action=export result=failed\n'
    ),
    "csv": (
        "date;heure;ticket;utilisateur;guichet;résultat\n"
        "22/11/2026;10:15:30;4711;jdupont;Passeports 12;succès\n"
        "22/11/2026;10:15:31;4712;bob;Passeports 12;échec\n"
    ),
    "json": (
        '{"ts":1795338930,"actor":"jdupont","ip":"10.0.0.4","op":{"name":"login"},"status":"success"}\n'
        '{"ts":1795338931,"actor":"bob","ip":"10.0.0.5","op":{"name":"read"},"status":"failed"}\n'
    ),
    "sentences": (
        "Nov 22 10:15:30 srv1 gardien[812]: Door 12 opened by user jdupont from 10.0.0.4 port 4242\n"
        'Nov 22 10:15:31 srv1 gardien[812]: Configuration "l\'étage" saved\n'
    ),
    "columns": "2026-11-22 10:15:30|login|jdupont|10.0.0.4|ok\n2026-11-22 10:15:31|login|bob|10.0.0.5|ko\n",
    "regex": (
        "2026-11-22 10:15:30.123 WARN  [auth] login failed for bob from 10.0.0.5\n"
        "2026-11-22 10:15:31.123 INFO  [auth] login ok for ana from 10.0.0.6\n"
    ),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path_factory.getbasetemp() / "plans"))
    monkeypatch.chdir(tmp_path)
    Path("tocsin.toml").write_text('parsers_dir = "site"\n')


def tocsin(*arguments: str) -> Result:
    """Return the result of ``tocsin …``."""
    return CliRunner().invoke(command, list(arguments))


def made(form: str, name: str = "guichet") -> dict[str, object]:
    """Return what ``parsers new`` says of the sample of a form."""
    Path("sample.log").write_text(SAMPLES[form])
    result = tocsin("parsers", "new", name, "--sample", "sample.log", "--site", "--format", "json")
    assert result.exit_code == 0, result.stderr
    answer: dict[str, object] = json.loads(result.stdout)
    return answer


@pytest.mark.parametrize("form", SAMPLES)
def test_a_parser_is_made_of_a_sample(form: str) -> None:
    """The form is told, every line is read and finds the parser, and its three samples give what is recorded."""
    answer = made(form)

    assert answer["form"] == form
    assert answer["read"] == answer["routed"] == answer["lines"]
    _check_events(form)
    assert sorted(path.name for path in Path("site/samples/guichet").glob("*.log")) == [
        "broken.log",
        "ordinary.log",
        "unusual.log",
    ]


def _check_events(form: str) -> None:
    """The time is that of the record, in the source's zone; addresses are no real ones."""
    events = [json.loads(line) for line in Path("site/samples/guichet/ordinary.events.ndjson").read_text().splitlines()]

    assert [event["@timestamp"][:19] for event in events] == ["2026-11-22T09:15:30", "2026-11-22T09:15:31"]
    assert "10.0.0." not in json.dumps(events)
    assert {event["logsource"] for event in events} == {"guichet//log"}
    if form in {"keyvalue", "csv", "json"}:
        assert [event["user.name"] for event in events] == ["jdupont", "bob"]
        assert [event["event.outcome"] for event in events] == ["success", "failure"]


def test_the_form_can_be_said() -> None:
    """Where the guess is wrong, the person is right."""
    Path("sample.log").write_text(SAMPLES["columns"])
    result = tocsin("parsers", "new", "guichet", "--sample", "sample.log", "--site", "--form", "regex", "--format", "json")

    assert json.loads(result.stdout)["fields"] == ["time", "level", "text"]


def test_nothing_is_overwritten() -> None:
    """A parser that is there, a file that is there: nothing is written at all."""
    made("json")
    assert tocsin("parsers", "test", "guichet").exit_code == 0
    module = Path("site/guichet.py").read_text()
    again = tocsin("parsers", "new", "guichet", "--sample", "sample.log", "--site")
    Path("site/samples/autre").mkdir()
    Path("site/samples/autre/ordinary.log").write_text("mine")
    other = tocsin("parsers", "new", "autre", "--sample", "sample.log", "--site")

    assert again.exit_code == other.exit_code == 2
    assert "the parser 'guichet' is there already" in again.stderr
    assert "is there already" in other.stderr
    assert (Path("site/guichet.py").read_text(), Path("site/autre.py").exists()) == (module, False)
    assert Path("site/samples/autre/ordinary.log").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("squid", "--site"), "the parser 'squid' is there already"),
        (("../evil", "--site"), "is no name for a parser"),
        (("Olfeo", "--site"), "is no name for a parser"),
        (("guichet", "--site", "--config", "other.toml"), "name no folder of parsers"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(arguments: tuple[str, ...], told: str) -> None:
    """Names that would leave the folder, names that are taken, settings without a folder."""
    Path("sample.log").write_text(SAMPLES["json"])
    Path("other.toml").write_text("")
    result = tocsin("parsers", "new", *arguments, "--sample", "sample.log")

    assert result.exit_code == 2
    assert told in result.stderr
    assert [path.name for path in Path().rglob("*.py")] == []


def test_an_empty_sample_is_refused() -> None:
    """Nothing to look at."""
    Path("sample.log").write_text("\n\n")
    assert "no line in it" in tocsin("parsers", "new", "guichet", "--sample", "sample.log", "--site").stderr


def test_the_page_about_it_works_as_it_is_written(tmp_path: Path) -> None:
    """Files and commands of docs/adding-a-parser.md, one after the other, in an empty folder."""
    page = PAGE.read_text(encoding="utf-8")
    for name, text in re.findall(r"```\w+ file=(\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    lines = [shlex.split(line) for line in re.findall(r"^    (mkdir .+|\./tocsin .+)$", page, re.MULTILINE)]
    results = {" ".join(words[1:3]): _typed(words) for words in lines}

    assert {name: said for name, (code, said) in results.items() if code} == {}
    assert "reads 4 of 4 lines; 4 find it by themselves" in results["parsers new"][1]
    assert "portail" in results["parsers list"][1]
    actions = [json.loads(line)["event.action"] for line in results["parse portail.log"][1].splitlines()]
    assert actions == ["login", "login", "export", "rights_changed"]
    assert "1 scripts, 2 cases, 0 failed, 0 untested" in results["rules test"][1]
    assert (tmp_path / "found.ndjson").read_text().count("Rights Changed In Portal") == 1


def _typed(words: list[str]) -> tuple[int, str]:
    """Return the exit code of a command of the page and what it says."""
    if words[0] == "mkdir":
        Path(words[-1]).mkdir(mode=0o755)
        return 0, ""
    result = tocsin(*words[1:])
    return int(result.exit_code), result.stdout
