"""Municipal business software: one schema, two carriers, French habits."""

import json
from typing import Any

import polars as pl
import pytest

from correlator.harness.golden import raw_lines
from correlator.parse.engine import Read, read
from parsers.municipal import PARSER

RECORD = {
    "time": "2026-11-22T10:15:30.123+01:00",
    "id": "f-1",
    "app": "finances",
    "commune": "59350",
    "user": "mmartin",
    "action": "update",
    "object_type": "rib",
    "object_id": "T-1",
    "result": "success",
}
HEADER = "horodatage;id;application;code_insee;utilisateur;opération;object_type;numero;résultat;amount"


def _read(*lines: str) -> Read:
    raw = raw_lines([line.encode() for line in lines], "f")
    return read(raw, {"municipal": PARSER}, zones={"sample": "Europe/Paris"}, final=True)


def _event(*lines: str) -> dict[str, Any]:
    result = _read(*lines)
    assert result.problems == ()
    return pl.concat(result.events).row(0, named=True)


def test_both_carriers_say_the_same() -> None:
    """A CSV row with French headers, date, result and decimal comma is the JSON record."""
    from_json = _event(json.dumps(RECORD | {"time": "2026-11-22T10:15:30+01:00", "amount": "1240.50"}))
    from_csv = _event(HEADER, "22/11/2026 10:15:30;f-1;finances;59350;mmartin;update;rib;T-1;Succès;1 240,50")
    names = (
        "@timestamp",
        "event.action",
        "event.outcome",
        "user.name",
        "organization.id",
        "service.name",
        "resource.type",
        "resource.id",
        "finance.amount",
        "logsource",
        "event.dataset",
        "id",
        "object_type",
    )
    assert {name: from_csv[name] for name in names} == {name: from_json[name] for name in names}


@pytest.mark.parametrize("missing", sorted(RECORD.keys() - {"object_id"}))
def test_a_record_without_a_required_field_is_refused(missing: str) -> None:
    """The schema is a contract: the dead letter says what the application forgot."""
    result = _read(json.dumps({name: value for name, value in RECORD.items() if name != missing}))
    expected = "no_parser" if missing in ("commune", "object_type") else "missing_field"
    assert result.rejects.get_column("reason").to_list() == [expected]


@pytest.mark.parametrize(
    ("result", "outcome"), [("denied", "failure"), ("failure", "failure"), ("partial", "unknown"), ("Échec", "failure")]
)
def test_results_become_outcomes(result: str, outcome: str) -> None:
    """Denied is a failure; the own field keeps its word."""
    event = _event(json.dumps(RECORD | {"result": result}))
    assert (event["event.outcome"], event["result"]) == (outcome, result)


def test_leading_zeros_and_corsica_are_kept() -> None:
    """An INSEE code is text."""
    assert [_event(json.dumps(RECORD | {"commune": code}))["organization.id"] for code in ("01004", "2A004")] == [
        "01004",
        "2A004",
    ]


def test_the_sender_cannot_name_its_commune() -> None:
    """The field becomes an organisation; attribution is the estate's."""
    assert "commune" not in _event(json.dumps(RECORD))


def test_unknown_fields_are_kept_apart() -> None:
    """They can never hide a field of the schema."""
    event = _event(json.dumps(RECORD | {"module": "tiers", "before": {"iban": "***1"}}))
    assert (event["app.module"], event["before.iban"], event["before"]) == ("tiers", "***1", '{"iban":"***1"}')


def test_a_row_that_does_not_fit_its_header_is_refused() -> None:
    """A cut line, or one with more fields, is no record."""
    result = _read(HEADER, "22/11/2026 10:15:30;f-1;finances", "22/11/2026 10:15:30" + ";x" * 12)
    assert result.rejects.get_column("reason").to_list() == ["malformed", "malformed"]


def test_the_application_is_the_sigma_service() -> None:
    """Blanks and slashes in its name cannot break the log source; accents are left out, as rules write it."""
    assert _event(json.dumps(RECORD | {"app": "État civil / Actes"}))["logsource"] == "municipal/application/etat-civil-actes"


def test_french_words_become_the_schemas() -> None:
    """Actions, a count with blanks, an hour in its own column, an INSEE code that a spreadsheet shortened."""
    header = "date;heure;id;logiciel;insee;utilisateur;opération;type_objet;nombre;résultat;motif"
    event = _event(header, "22/11/2026;10:15:30;x-1;Élections;1004;jdupont;Extraction;electeur;1 240;Succès;ticket 4512")
    expected = {"action": "export", "app": "elections", "object_count": "1240", "organization.id": "01004"}
    assert {name: event[name] for name in expected} == expected
    assert str(event["@timestamp"]) == "2026-11-22 09:15:30+00:00"


def test_a_quoted_value_may_hold_line_breaks() -> None:
    """The message of two lines is one message, and the next record its own."""
    result = _read(
        HEADER + ";message",
        '22/11/2026 10:15:30;f-1;finances;59350;mmartin;update;rib;T-1;Succès;;"Vu avec la',
        'trésorerie; accord ""oral"""',
        "22/11/2026 10:16:30;f-2;finances;59350;mmartin;update;rib;T-2;Succès;;",
    )
    events = pl.concat(result.events, how="diagonal").sort("id")
    assert events.get_column("message").to_list() == ['Vu avec la\ntrésorerie; accord "oral"', None]
