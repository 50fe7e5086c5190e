"""What Tocsin writes into the history is told in French, in the console and in tickets; the chart has the install's hours."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from correlator.api.story import Teller, chart_of
from correlator.deliver.contract import Change, IncidentChange
from correlator.deliver.story import House, Seen, news
from correlator.store.casefile import Casefile, Fired, Line

NOW = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # half past two in Paris, the first time
FRENCH = Teller("fr", "Europe/Paris", {}, {})
LINES = {
    ("ticket", "glpi: ticket 12 doubled ticket 11; it was linked and closed"):
        "Glpi : le ticket 12 faisait double emploi avec le ticket 11 ; il y a été lié, puis clos.",
    ("ticket", "glpi: the ticket was deleted there; made again at the next change"):
        "Glpi : le ticket y a été supprimé ; il sera recréé au prochain changement.",
    ("ticket", "glpi: the ticket was deleted there; not made again"):
        "Glpi : le ticket y a été supprimé ; il ne sera pas recréé.",
    ("ticket", "glpi: ticket 11 has lost the id of this incident"):
        "Glpi : le ticket 11 a perdu l’identifiant de cet incident.",
    ("ticket", "glpi: people closed ticket 11 (clos (6)); the incident is still open here"):
        "Glpi : le ticket 11 a été clos là-bas (état : clos (6)) ; l’incident est toujours ouvert ici.",
    ("called", "Paul Martin n’a pu être appelé : sms : away; mail : away"):
        "Paul Martin n’a pu être appelé : sms : away; mail : away.",
    ("paged", "Appel d’astreinte demandé (critère critique)"): "Appel d’astreinte demandé (critère critique).",
    ("resolved", "C’est rétabli."): "L’incident a été résolu. C’est rétabli.",
}  # fmt: skip


@pytest.mark.parametrize(("change", "text"), LINES)
def test_lines_of_tocsin_are_french(change: str, text: str) -> None:
    """Tickets, calls, health: one sentence, no English, no second full stop."""
    told = FRENCH.line(Line(1, NOW, change, "", text)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert told == LINES[change, text]


@pytest.mark.parametrize(
    ("text", "line"), [("owner: ana", ("Confié à : ", Seen("ana"))), ("owner: nobody", ("Plus personne ne s’en charge",))]
)
def test_a_ticket_says_who_has_it_in_french(text: str, line: tuple[object, ...]) -> None:
    """Not as a quotation of our own history."""
    note = {"at": "2026-10-25T00:30:00Z", "person": "leo", "text": text}
    before = {"status": "new", "severity": "high", "count": 1, "rules": [], "links": []}
    incident = {
        "number": "26-0001", "status": "new", "severity": "high", "verdict": "", "count": 1, "last": "2026-10-25T00:30:00Z",
        "rules": [], "links": [], "merged_into": "", "note": note, "before": before,
    }  # fmt: skip
    (section,) = news(_change(incident), House())
    assert section.lines == (line,)


def _change(incident: dict[str, Any]) -> IncidentChange:
    return IncidentChange(Change.UPDATED, 2, "sim9:26-0001", incident)


def test_the_chart_has_the_hours_of_the_install() -> None:
    """Whatever the browser's zone: wall times as if they were UTC, an hour apart in winter, two in summer."""
    later = NOW + timedelta(hours=12)
    rule = Fired(id="r", kind="detection", title="R", level="high", tags=(), count=2, first=NOW, last=later)
    found = cast("Casefile", SimpleNamespace(rules=(rule,), pieces=()))
    (drawn,) = chart_of(found, "Europe/Paris")["rules"]
    assert drawn["first"] == int((NOW + timedelta(hours=2)).timestamp() * 1000)
    assert drawn["last"] == int((later + timedelta(hours=1)).timestamp() * 1000)
