"""Windows events: one shape out of all carriers, whatever stands beside them, and no record lost."""

import gzip
import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.harness import golden
from correlator.model.event import ECS, PARSED, own_columns
from correlator.model.logsource import LogSource
from correlator.parse.contract import Parsed
from correlator.parse.registry import find_parsers
from correlator.parse.route import claims
from parsers.windows_eventlog import PARSER
from parsers.windows_eventlog.channels import dataset, log_sources_of
from parsers.windows_eventlog.codes import decoded_words
from parsers.windows_eventlog.decode import MAX_DEPTH

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
SAMPLES = golden.samples_folder() / "windows_eventlog"

#: What carriers do not all bring along, or write in their own way: not part of "one event shape".
CARRIER_FIELDS = frozenset(
    {
        "raw_row", "SystemTime", "Task", "Opcode", "Version", "Keywords", "EventRecordID", "Execution_ProcessID",
        "Execution_ThreadID", "Security_UserID", "winlog.task", "winlog.opcode", "winlog.record_id", "message", "Message",
    }
)  # fmt: skip


def lines(case: str) -> list[str]:
    """Return the raw records of a sample."""
    return (SAMPLES / f"{case}.log").read_text(encoding="utf-8").splitlines()


ALL_LINES = [line for path in sorted(SAMPLES.glob("*.log")) for line in lines(path.stem)]


def raw(texts: Iterable[str | None], zone: str = "Europe/Paris") -> pl.DataFrame:
    """Return the raw frame a parser is given."""
    frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String}).with_row_index("raw_row")
    return frame.with_columns(pl.lit(zone).alias("time_zone"))


def parse(*texts: str | None, want: frozenset[str] | None = None, zone: str = "Europe/Paris") -> Parsed:
    """Return what the parser makes of texts."""
    return PARSER.parse(raw(texts, zone), want)


def events(parsed: Parsed) -> list[dict[str, object]]:
    """Return events as documents without nulls, by record and number."""
    rows = [row for frame in parsed.events for row in frame.iter_rows(named=True)]
    plain = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return sorted(plain, key=lambda event: (str(event["raw_row"]).zfill(9), str(event["n"]).zfill(5)))


def event(text: str, **settings_of: object) -> dict[str, object]:
    """Return the only event of a text."""
    (found,) = events(parse(text, **settings_of))  # type: ignore[arg-type]
    return found


def record(event_id: object, channel: str = "Security", provider: str = "Test", **data: object) -> str:
    """Return a record as the evtx reader writes it."""
    system = {
        "Provider": {"#attributes": {"Name": provider}},
        "EventID": event_id,
        "TimeCreated": {"#attributes": {"SystemTime": "2026-11-22T09:15:30.1234567Z"}},
        "Channel": channel,
        "Computer": "PC-1.ville-a.example.org",
    }
    return json.dumps({"Event": {"System": system, "EventData": data}}, ensure_ascii=False)


def reasons(parsed: Parsed) -> dict[int, str]:
    """Return the refused rows and why."""
    return dict(parsed.rejects.iter_rows())


# --- one shape out of all carriers ---


@pytest.mark.parametrize("first", [0, 7, 14], ids=["4625", "Sysmon 1", "Sysmon 3"])
@pytest.mark.parametrize(
    "carrier", range(7), ids=["crate", "crate, attributes apart", "winlogbeat", "NXLog", "Get-WinEvent", "XML", "Fluent Bit"]
)
def test_an_event_is_the_same_whoever_carried_it(first: int, carrier: int) -> None:
    """All fields but those a carrier leaves out are equal, ECS and own ones."""
    texts = lines("carriers")
    expected, actual = event(texts[first]), event(texts[first + carrier])
    compared = expected.keys() | actual.keys()
    assert {name: actual.get(name) for name in compared - CARRIER_FIELDS} == {
        name: expected.get(name) for name in compared - CARRIER_FIELDS
    }


def test_an_event_does_not_depend_on_its_neighbours() -> None:
    """Every sample record gives the same events alone and in one batch with all others."""
    together = parse(*ALL_LINES)
    alone = [(row, parse(text)) for row, text in enumerate(ALL_LINES)]
    assert events(together) == [found | {"raw_row": row} for row, parsed in alone for found in events(parsed)]
    assert reasons(together) == {row: reason for row, parsed in alone for reason in reasons(parsed).values()}


def test_every_sample_is_recognised_and_nothing_else() -> None:
    """The signature claims every readable sample of its own and no sample of another parser."""
    own = pl.Series([text for text in ALL_LINES if text.strip() and not reasons(parse(text))]).str.head(4096)
    folder = golden.samples_folder()
    others = [path for path in folder.glob("*/*.log") if path.parent.name != "windows_eventlog"]
    foreign = pl.Series([line for path in others for line in path.read_text("cp1252", "replace").splitlines()], dtype=pl.String)
    pattern = PARSER.signature.pattern
    assert own.filter(~own.str.contains(pattern)).to_list() == []
    everything = pl.Series([True]).new_from_index(0, foreign.len())
    owners = claims(foreign, everything, list(find_parsers().values()))
    assert foreign.filter((owners == "windows_eventlog").fill_null(value=False)).to_list() == []


def test_frames_keep_the_contract() -> None:
    """PARSED columns and ECS columns have their dtypes, own columns are text or list of text, names are declared."""
    for frame in parse(*ALL_LINES).events:
        assert {name: frame.schema[name] for name in PARSED} == dict(PARSED)
        assert {name: dtype for name, dtype in frame.schema.items() if name in ECS and dtype != ECS[name]} == {}
        assert {str(frame.schema[name]) for name in own_columns(frame)} <= {"String", "List(String)"}
        assert frame.get_column("event.dataset").n_unique() == 1


# --- values ---


def test_values_become_text_as_they_are() -> None:
    """Numbers in decimal, booleans as JSON writes them, hex and blanks untouched; null and missing are one."""
    found = event(record(1, A=3, B=True, C="0xC000006A", D="User32 ", E=None, F=-9214364837600034816, G="", H=1.5))
    assert {name: found.get(name) for name in "ABCDEFGH"} == {
        "A": "3", "B": "true", "C": "0xC000006A", "D": "User32 ", "E": None, "F": "-9214364837600034816", "G": "", "H": "1.5",
    }  # fmt: skip


@pytest.mark.parametrize("data", ["one", ["one"], ["a", "b", ""]], ids=["one", "list of one", "list"])
def test_unnamed_data_stays_a_list(data: object) -> None:
    """A rule's any-member rule needs the members, not a joined text."""
    assert event(record(400, "Windows PowerShell", Data={"#text": data}))["Data"] == ([data] if isinstance(data, str) else data)


def test_single_and_several_data_stand_side_by_side() -> None:
    """Records with one text and with several, in one batch."""
    texts = [record(1033, "Application", Data={"#text": "one"}), record(1033, "Application", Data={"#text": ["a", "b"]})]
    assert [found["Data"] for found in events(parse(*texts))] == [["one"], ["a", "b"]]


def test_a_list_beside_a_text_of_the_same_name_changes_neither() -> None:
    """One odd record in a batch makes no list of its neighbour's text."""
    assert [found["A"] for found in events(parse(record(1, A="x"), record(1, A=["x", 2])))] == ["x", ["x", "2"]]


def test_names_with_blanks_have_two_more_spellings() -> None:
    """SigmaHQ writes ThreatName and Feature_Name for Defender's `Threat Name` and `Feature Name`."""
    found = event(record(1116, "Microsoft-Windows-Windows Defender/Operational", **{"Threat Name": "EICAR"}))
    assert [found[name] for name in ("Threat Name", "ThreatName", "Threat_Name", "Signature")] == ["EICAR"] * 4


def test_a_wanted_spelling_brings_its_source() -> None:
    """Asked for ThreatName alone, the parser reads `Threat Name` and shows ThreatName alone."""
    text = record(1116, "Microsoft-Windows-Windows Defender/Operational", **{"Threat Name": "EICAR"})
    (frame,) = parse(text, want=frozenset({"ThreatName"})).events
    assert own_columns(frame) == ["ThreatName"]


@pytest.mark.parametrize("want", [frozenset(), frozenset({"EventID", "Image", "imphash", "winlog.decoded.AccessList"})])
def test_wanted_fields_are_the_same_as_among_all(want: frozenset[str]) -> None:
    """Fewer own fields, the same values, the same ECS."""
    every = events(parse(*ALL_LINES))
    own = {name for frame in parse(*ALL_LINES).events for name in own_columns(frame)}
    expected = [{name: value for name, value in found.items() if name not in own or name in want} for found in every]
    assert events(parse(*ALL_LINES, want=want)) == expected


def test_a_field_nobody_declared_appears() -> None:
    """Providers name their data as they like."""
    assert event(record(77, "Ville-A/Journal", Compteur="12"))["Compteur"] == "12"


def test_data_wins_over_the_system_for_a_short_name() -> None:
    """104 tells which log was cleared in a field named Channel; the event is still of System, and EventID never changes."""
    found = event(record(104, "System", Channel="Security", EventID="9"))
    assert [found[name] for name in ("Channel", "System_Channel", "winlog.channel", "EventID", "EventData_EventID")] == [
        "Security", "System", "System", "104", "9",
    ]  # fmt: skip


@pytest.mark.parametrize("event_id", [4625, "4625", {"#attributes": {"Qualifiers": 16384}, "#text": 4625}])
def test_the_event_id_is_text_however_it_came(event_id: object) -> None:
    """A number, a text, or an element with attributes."""
    assert event(record(event_id))["EventID"] == "4625"


def test_attributes_of_user_data_have_a_long_and_a_bare_name() -> None:
    """Rules of the appx packaging log test subjectName."""
    found = event(next(text for text in lines("channels") if "CryptAcquire" in text))
    assert [found[name] for name in ("UserData_Type", "Certificate_subjectName", "subjectName", "Result", "Result_value")] == [
        "CryptAcquireCertificatePrivateKey", "wec.ville-a.example.org", "wec.ville-a.example.org", "ok", "0",
    ]  # fmt: skip


# --- words ---


def test_access_lists_stay_raw_and_are_decoded_beside() -> None:
    """Rules on %%4417 see the raw text; the words are in winlog.decoded.AccessList."""
    found = event(lines("objects")[0])
    assert found["AccessList"] == "%%4416\r\n\t\t\t\t%%4417\r\n\t\t\t\t"
    assert found["winlog.decoded.AccessList"] == ["ReadData", "WriteData"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%%1537\r\n\t\t\t\t%%9999", ["DELETE", "%%9999"]),
        ("%%8448, %%8450", ["Success removed", "Failure removed"]),
        ("SeDebugPrivilege\r\n\t\t\tSeBackupPrivilege", ["SeDebugPrivilege", "SeBackupPrivilege"]),
        ("-", []),
        ("", []),
    ],
)
def test_members_of_a_list_are_decoded_one_by_one(text: str, words: list[str]) -> None:
    """Ids that are not in the table stay ids; a dash is no member."""
    assert decoded_words(text) == words


# --- log sources ---


@pytest.mark.parametrize(
    ("channel", "event_id", "event_type", "expected"),
    [
        ("Microsoft-Windows-Sysmon/Operational", "1", "", "windows/process_creation/sysmon"),
        ("MICROSOFT-WINDOWS-SYSMON/OPERATIONAL", "1", "", "windows/process_creation/sysmon"),
        ("Microsoft-Windows-Sysmon/Operational", "13", "", "windows/registry_set/sysmon windows/registry_event/sysmon"),
        (
            "Microsoft-Windows-Sysmon/Operational",
            "12",
            "CreateKey",
            "windows/registry_add/sysmon windows/registry_event/sysmon",
        ),
        (
            "Microsoft-Windows-Sysmon/Operational",
            "12",
            "DeleteValue",
            "windows/registry_delete/sysmon windows/registry_event/sysmon",
        ),
        ("Security", "4688", "", "windows/process_creation/security"),
        ("Security", "4624", "", "windows//security"),
        ("PowerShellCore/Operational", "4104", "", "windows/ps_script/powershell"),
        ("Windows PowerShell", "600", "", "windows/ps_classic_provider_start/powershell-classic"),
        ("Microsoft-Windows-Windows Defender/Operational", "1116", "", "windows/antivirus/windefend"),
        ("Microsoft-Windows-Windows Defender/Operational", "5007", "", "windows//windefend"),
        ("Microsoft-Windows-LDAP-Client/Debug", "30", "", "windows//ldap windows//ldap_debug"),
        ("Ville-A/Journal", "1", "", "windows//"),
    ],
)
def test_an_event_feeds_its_log_sources(channel: str, event_id: str, event_type: str, expected: str) -> None:
    """Most specific triples; channel names are compared without case."""
    assert " ".join(map(str, log_sources_of(channel, event_id, event_type))) == expected


def test_registry_keys_are_routed_event_by_event() -> None:
    """Sysmon 12 is an addition or a deletion by its EventType, in one batch."""
    found = [(event["EventType"], event["logsource"]) for event in events(parse(*lines("sysmon"))) if event["EventID"] == "12"]
    assert found == [
        ("CreateKey", "windows/registry_add/sysmon windows/registry_event/sysmon"),
        ("DeleteValue", "windows/registry_delete/sysmon windows/registry_event/sysmon"),
    ]


def test_every_log_source_of_an_event_is_declared() -> None:
    """What the parser declares is what it feeds."""
    given_sources = {text for found in events(parse(*ALL_LINES)) for text in str(found["logsource"]).split()}
    assert {LogSource.parse(text) for text in given_sources} <= set(PARSER.log_sources)


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("Security", "windows.security"),
        ("Microsoft-Windows-Sysmon/Operational", "windows.sysmon_operational"),
        ("Microsoft-Windows-Windows Defender/Operational", "windows.windows_defender_operational"),
        ("Ville-A/Journal métier", "windows.ville_a_journal_m_tier"),
        ("é", "windows.unknown"),
    ],
)
def test_the_dataset_is_named_after_the_channel(channel: str, expected: str) -> None:
    """A slug of the channel, without Microsoft-Windows-."""
    assert dataset(channel) == expected


# --- process creation of the Security log ---


def test_4688_bears_the_names_of_process_creation() -> None:
    """The new process, its creator in decimal, the account it runs as, the integrity level; native names stay."""
    found = event(next(text for text in lines("sysmon") if '"0xd45"' in text))
    assert {
        name: found.get(name) for name in ("Image", "ParentImage", "User", "ProcessId", "ParentProcessId", "IntegrityLevel")
    } == {
        "Image": r"C:\Windows\System32\net.exe",
        "ParentImage": r"C:\Windows\System32\cmd.exe",
        "User": r"VILLE-A\jdupont",
        "ProcessId": "3397",
        "ParentProcessId": "2760",
        "IntegrityLevel": "MediumPlus",
    }
    assert [found[name] for name in ("NewProcessName", "NewProcessId", "EventData_ProcessId", "user.name")] == [
        r"C:\Windows\System32\net.exe", "0xd45", "0xac8", "jdupont",
    ]  # fmt: skip


# --- times ---


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"TimeCreated": "2026-11-22T09:15:30.1234567Z"}, "2026-11-22 09:15:30.123456"),
        ({"TimeCreated": "2026-11-22T10:15:30+01:00"}, "2026-11-22 09:15:30.000000"),
        ({"TimeCreated": "2026-11-22 10:15:30 +0100"}, "2026-11-22 09:15:30.000000"),
        ({"TimeCreated": "2026-11-22 10:15:30.250"}, "2026-11-22 09:15:30.250000"),
        ({"EventTime": "2026-11-22 10:15:30", "EventReceivedTime": "2026-11-22 10:20:00"}, "2026-11-22 09:15:30.000000"),
        ({"EventTime": "2026-10-25 02:30:00", "@timestamp": "2026-10-25T05:00:00Z"}, "2026-10-25 00:30:00.000000"),
    ],
)
def test_times_are_read_in_every_way_they_are_written(fields: dict[str, str], expected: str) -> None:
    """ISO with Z or offset; local times in the source's zone, the first pass of a fold; never the time of reception."""
    found = event(json.dumps({"EventID": 1, "Channel": "Application", "SourceName": "Test", **fields}))
    assert f"{found['@timestamp']:%Y-%m-%d %H:%M:%S.%f}" == expected


def test_local_times_follow_the_source() -> None:
    """A branch overseas declares its zone."""
    text = json.dumps({"EventID": 1, "Channel": "Application", "EventTime": "2026-11-22 10:15:30"})
    assert f"{event(text, zone='Indian/Reunion')['@timestamp']:%H:%M}" == "06:15"


def test_sysmon_tells_the_moment_of_the_act() -> None:
    """UtcTime is when it happened, SystemTime when it was written."""
    text = record(22, "Microsoft-Windows-Sysmon/Operational", UtcTime="2026-11-22 09:15:28.500", QueryName="a.example.org")
    assert f"{event(text)['@timestamp']:%H:%M:%S.%f}" == "09:15:28.500000"


def test_a_broken_utc_time_falls_back() -> None:
    """A dash is no time; the event keeps the time it was written."""
    text = record(22, "Microsoft-Windows-Sysmon/Operational", UtcTime="-")
    assert f"{event(text)['@timestamp']:%H:%M:%S}" == "09:15:30"


# --- what cannot be read ---


def test_broken_records_are_refused_with_their_reason() -> None:
    """Each line of the sample has one fate: 7 read, 5 skipped, the rest refused."""
    parsed = parse(*lines("broken"))
    fates = Counter(reasons(parsed).values())
    assert (len(events(parsed)), parsed.skipped.len()) == (6, 5)
    assert fates == {"malformed": 10, "missing_field": 4, "bad_time": 2, "too_deep": 1}


def test_a_document_type_is_refused() -> None:
    """That is where entity bombs live."""
    bomb = '<!DOCTYPE e [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + lines("carriers")[5].replace("mmartin", "&b;")
    assert reasons(parse(bomb)) == {0: "malformed"}


@pytest.mark.parametrize("depth", [MAX_DEPTH * 2, 1000, 100_000])
def test_deep_nesting_is_refused_before_anything_recurses(depth: int) -> None:
    """The inference of polars overflows the stack at a thousand levels; XML is bounded too."""
    nested = record(1).replace('"EventData": {}', '"EventData": ' + '{"a":' * depth + "1" + "}" * depth)
    element = "<Event>" + "<a>" * depth + "</a>" * depth + "</Event>"
    assert reasons(parse(nested, element)) == {0: "too_deep", 1: "too_deep"}


def test_brackets_inside_texts_are_no_nesting() -> None:
    """A script full of brackets is a text."""
    script = '{"' * 500 + "\\[[[" * 100
    assert event(record(4104, "Microsoft-Windows-PowerShell/Operational", ScriptBlockText=script))["ScriptBlockText"] == script


def test_one_poison_line_costs_itself_only() -> None:
    """Its neighbours of the same kind are read."""
    parsed = parse(record(1, A="x"), record(1, A="y")[:-4], record(1, A="z"))
    assert [found["A"] for found in events(parsed)] == ["x", "z"]
    assert reasons(parsed) == {1: "malformed"}


def test_several_events_in_one_record_are_numbered() -> None:
    """Below <Events>, or one after the other."""
    assert [(found["raw_row"], found["n"], found["EventID"]) for found in events(parse(*lines("several")))] == [
        (0, 0, "4625"), (0, 1, "1"), (1, 0, "4625"), (1, 1, "3"), (2, 0, "1"),
    ]  # fmt: skip


def test_a_record_with_one_broken_event_is_refused_whole() -> None:
    """A record has one fate."""
    good = lines("carriers")[5]
    parsed = parse(f"<Events>{good}{good.replace('<Channel>Security</Channel>', '')}</Events>")
    assert (events(parsed), reasons(parsed)) == ([], {0: "missing_field"})


def test_null_and_empty_batches() -> None:
    """No text is a blank; no rows give nothing."""
    assert (parse(None).skipped.to_list(), parse().events) == ([0], ())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_mutation_of_a_record_raises_or_loses_a_row(data: st.DataObject) -> None:
    """Cut, doubled, mixed up: every row has exactly one fate."""
    texts = [_mutated(data) for _ in range(data.draw(st.integers(1, 4)))]
    parsed = parse(*texts)
    read = {row for frame in parsed.events for row in frame.get_column("raw_row").to_list()}
    fates = [*read, *parsed.rejects.get_column("raw_row").to_list(), *parsed.skipped.to_list()]
    assert sorted(fates) == list(range(len(texts)))


def _mutated(data: st.DataObject) -> str:
    text = data.draw(st.sampled_from(ALL_LINES))
    at, end = (data.draw(st.integers(0, len(text))) for _ in range(2))
    middle = data.draw(
        st.sampled_from(["", "\0", "\ufeff", '"', "{", "}", "[1]", "null", "\\u0000", "\\ud800", "é\u2028", "1e400"])
    )
    return text[:at] + middle + text[end:]


# --- real logs ---


def corpus() -> dict[str, list[str]]:
    """Return the real Windows records of the shared pack, by name."""
    found = {name: gzip.decompress((SHARED / name).read_bytes()).decode().splitlines() for name in (
        "evtx-to-mitre/events.jsonl.gz", "evtx-rs/events.jsonl.gz", "plaso/evtx-events.jsonl.gz",
    )}  # fmt: skip
    for path in sorted((SHARED / "otrf" / "atomic" / "windows").rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".json") and "MACOSX" not in name]
            found |= {name: archive.read(name).decode().splitlines() for name in names}
    return found


@pytest.mark.corpus
def test_real_logs_are_read() -> None:
    """At least 99 of 100 records of every file, 71,973 records in all."""
    if not SHARED.exists():
        pytest.skip("needs ../shared/data")
    shares = {}
    for name, texts in corpus().items():
        parsed = parse(*texts)
        shares[name] = (sum(frame.height for frame in parsed.events), sum(1 for text in texts if text.strip()))
    assert {name: share for name, share in shares.items() if share[0] < 0.99 * share[1]} == {}
    assert sum(read for read, _ in shares.values()) == 71_973


@pytest.mark.corpus
def test_real_events_do_not_depend_on_batch_cuts() -> None:
    """One batch and many small ones give the same events."""
    if not SHARED.exists():
        pytest.skip("needs ../shared/data")
    texts = [line for lines_of in corpus().values() for line in lines_of[::97]]
    whole = events(parse(*texts))
    parts = [parse(*texts[start : start + 50]) for start in range(0, len(texts), 50)]
    cut = [
        found | {"raw_row": int(str(found["raw_row"])) + 50 * part}
        for part, parsed in enumerate(parts)
        for found in events(parsed)
    ]
    assert whole == cut
