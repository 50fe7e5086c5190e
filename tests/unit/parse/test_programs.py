"""Programs: sentences of daemons become events; what nobody knows is kept and says so."""

from correlator.harness.golden import raw_lines
from correlator.model.logsource import LogSource
from correlator.parse.contract import Parsed
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import UNKNOWN, Program, declared, read_programs

PROGRAMS = (
    Program(
        "mailer.auth",
        (LogSource("mailer", "", "auth"),),
        ("mailer",),
        (
            Phrase(
                r"^login (?P<event.outcome>success|failure) (?P<user.name>.*) from "
                r"(?P<source.address>\S+) port (?P<source.port>[0-9]+)$",
                {"event.action": "login", "event.category": ("authentication",)},
            ),
        ),
        {"observer.product": "Mailer", "event.action": "said"},
        {"src_ip": "source.ip", "port": "source.port"},
    ),
)


def read(*lines: str) -> Parsed:
    """Return what becomes of syslog lines."""
    raw = raw_lines([line.encode() for line in lines], "t").with_row_index("raw_row")
    return read_programs(raw, None, PROGRAMS)


def rows_of(made: Parsed) -> list[dict[str, object]]:
    """Return the events, nulls left out."""
    rows = [row for frame in made.events for row in frame.iter_rows(named=True)]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_a_sentence_is_typed_by_its_names() -> None:
    """Numbers, addresses and accounts; a phrase's word comes before the program's; Sigma's names repeat columns as text."""
    row = rows_of(read("<38>Nov 22 14:05:01 mx1 mailer[77]: login failure MAIRIE\\jdupont from ::ffff:192.0.2.7 port 5122"))[0]
    assert (row["user.name"], row["user.domain"]) == ("jdupont", "MAIRIE")
    assert (row["source.ip"], row["source.port"], row["src_ip"], row["port"]) == ("192.0.2.7", 5122, "192.0.2.7", "5122")
    assert (row["event.action"], row["observer.product"], row["host.name"], row["process.pid"]) == (
        "login",
        "Mailer",
        "mx1",
        77,
    )
    assert "tags" not in row


def test_a_name_in_place_of_an_address_is_a_domain() -> None:
    """``source.address`` gives the one or the other."""
    row = rows_of(read("<38>Nov 22 14:05:01 mx1 mailer[77]: login success x from pc.example.org port 1"))[0]
    assert (row.get("source.ip"), row["source.domain"]) == (None, "pc.example.org")


def test_an_unknown_sentence_is_an_event_that_says_so() -> None:
    """Its message can be searched, and its tag can be counted."""
    row = rows_of(read("<38>Nov 22 14:05:01 mx1 mailer[77]: something new"))[0]
    assert (row["message"], row["tags"], row["event.action"]) == ("something new", [UNKNOWN], "said")


def test_another_program_is_refused() -> None:
    """A line of nobody's program is a reject, not an event of the wrong kind."""
    made = read("<38>Nov 22 14:05:01 mx1 other[1]: login success x from 192.0.2.1 port 1", "no header at all")
    assert (made.events, made.rejects.get_column("reason").to_list()) == ((), ["malformed", "malformed"])


def test_everything_given_is_declared() -> None:
    """The table says what columns there can be."""
    made = read(
        "<38>Nov 22 14:05:01 mx1 mailer[77]: login success A\\b from 192.0.2.7 port 5122", "<38>Nov 22 14:05:01 mx1 mailer: x"
    )
    given = {name for frame in made.events for name in frame.columns} - {"raw_row", "@timestamp", "event.dataset", "logsource"}
    assert given <= set(declared(PROGRAMS))


def test_a_line_without_a_header_has_its_tag() -> None:
    """Some collectors hand on the message alone; a line without a tag is nobody's."""
    made = read("mailer[7]: login failure x from 192.0.2.7 port 1", "login failure x from 192.0.2.7 port 1")
    assert [(row["process.pid"], row["source.ip"]) for row in rows_of(made)] == [(7, "192.0.2.7")]
    assert made.rejects.get_column("reason").to_list() == ["malformed"]


def test_what_was_repeated_is_read_once_and_counted() -> None:
    """Syslogd says how often; rules that sum events look at ``event.count``."""
    said = "Nov 22 14:05:01 mx1 mailer[7]: message repeated 3 times: [ login failure x from 192.0.2.7 port 1]"
    row = rows_of(read(said))[0]
    assert (row["event.count"], row["source.ip"], row["message"]) == ("3", "192.0.2.7", "login failure x from 192.0.2.7 port 1")
