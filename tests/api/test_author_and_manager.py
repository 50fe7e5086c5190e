"""The pages of rule authors and managers: what they show, what they change, what stays hidden."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from correlator.api.install import Install
from correlator.model.detection import DETECTION
from correlator.model.hit import HIT
from correlator.model.viewer import OWNER, Role, Viewer
from correlator.store.activity import count_rules
from correlator.store.database import reading, transaction
from correlator.store.exceptions import paused_rules
from correlator.store.figures import month
from correlator.store.rule_history import Cause, answer, last_request, record
from correlator.store.schema import incident, incident_history
from tests.api.visitors import Browser, token_of

RULE = "722ce955-b4f6-4d02-862b-d6953d3b4e03"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def seed(engine: sa.Engine, number: int, *, lane: str = "00101", verdict: str | None = None, **told: timedelta) -> None:
    """Keep an incident of 20 November that began ten minutes before, with acts so long after its opening."""
    row = {
        "id": 2026_000_000 + number, "number": f"26-{number:04d}", "lane": lane,
        "status": "closed" if "closed" in told else "new",
        "verdict": verdict, "severity": 4, "title": "t", "fingerprint": "f", "communes": [lane],
        "first": NOW - timedelta(minutes=10), "last": NOW, "opened": NOW, "updated": NOW,
        "count": 1, "findings": 1, "opener": [0, ""], "lead": [0, 0, 0, ""],
        "touched": False, "sequence": 1, "told": NOW, "told_count": 1, "version": 1,
    }  # fmt: skip
    acts = [
        {"incident": row["id"], "at": NOW + after, "change": change, "person": "ana", "text": ""}
        for change, after in told.items()
    ]
    with transaction(engine) as connection:
        connection.execute(sa.insert(incident), row)
        if acts:
            connection.execute(sa.insert(incident_history), acts)


def figures(engine: sa.Engine, viewer: Viewer = OWNER):  # noqa: ANN201 - the month
    """Return November."""
    with reading(engine) as connection:
        return month(connection, viewer, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def test_delays_have_a_basis_and_name_what_is_missing(engine: sa.Engine) -> None:
    """Medians over what is known; an untouched incident is missing, not zero."""
    seed(engine, 1, updated=timedelta(minutes=5), closed=timedelta(hours=1))
    seed(engine, 2, updated=timedelta(minutes=15))
    seed(engine, 3)
    found = figures(engine)
    assert (found.incidents, found.untouched) == (3, 1)
    assert (found.detect.median_s, found.detect.known, found.detect.missing) == (600, 3, 0)
    assert (found.take_up.median_s, found.take_up.longest_s, found.take_up.missing) == (600, 900, 1)
    assert (found.finish.median_s, found.finish.missing) == (3600, 2)


def test_false_positives_are_counted_and_left_out_of_delays(engine: sa.Engine) -> None:
    """A rule that is wrong must not make the month look faster."""
    seed(engine, 1, closed=timedelta(hours=2))
    seed(engine, 2, verdict="false-positive", closed=timedelta(seconds=30))
    found = figures(engine)
    assert found.by_verdict == {"": 1, "false-positive": 1}
    assert (found.finish.known, found.finish.median_s) == (1, 7200)


def test_figures_keep_to_the_perimeter(engine: sa.Engine) -> None:
    """A commune's own eye counts its commune."""
    seed(engine, 1)
    seed(engine, 2, lane="00102")
    assert figures(engine, Viewer("r", Role.REFERENT, frozenset({"00101"}))).by_commune == {"00101": 1}


def test_the_month_page_tells_method_and_empty_months(install: Install, browser: Browser) -> None:
    """The page says how it counts; a month without incidents says that silence is no proof."""
    seed(install.engine, 1, updated=timedelta(minutes=5))
    maud = browser("maud")
    shown = maud.get("/indicateurs?mois=2026-11").text
    assert "5 min" in shown
    assert "MTTA" in shown
    assert "personne dans Tocsin" in shown
    assert "Aucun incident n’a été ouvert" in maud.get("/indicateurs?mois=2020-01").text
    assert maud.get("/indicateurs?mois=2026-13").status_code == 200
    assert maud.get("/indicateurs?mois=x").status_code == 422


def test_authors_see_what_a_rule_did_and_let_it_rest(install: Install, browser: Browser) -> None:
    """From the list to the rule, to its rest, and back."""
    fired = pl.DataFrame([{"rule.id": RULE, "@timestamp": datetime.now(UTC)}], schema_overrides=DETECTION)
    with transaction(install.engine) as connection:
        count_rules(connection, fired, pl.DataFrame(schema=HIT))
    ali = browser("ali")
    assert RULE in ali.get("/regles?state=firing").text
    assert RULE not in ali.get("/regles?state=quiet").text
    rule_page = ali.get(f"/regles/{RULE}")
    assert "Ce qu’elle cherche" in rule_page.text
    token = token_of(rule_page.text)
    empty = ali.post(f"/regles/{RULE}/repos", data={"csrf": token, "because": " ", "days": "7"})
    assert (empty.status_code, paused_rules(install.engine, datetime.now(UTC))) == (422, {})
    done = ali.post(f"/regles/{RULE}/repos", data={"csrf": token, "because": "change 4512", "days": "7"})
    assert done.status_code == 303
    assert "change 4512" in ali.get(f"/regles/{RULE}").text
    assert RULE in ali.get("/regles?state=resting").text
    for _ in range(2):  # the second click finds nothing to end
        assert ali.post(f"/regles/{RULE}/reprise", data={"csrf": token}).status_code == 303
    assert paused_rules(install.engine, datetime.now(UTC)) == {}


@pytest.mark.parametrize("login", ["ana", "maud", "ref.a"])
def test_only_authors_let_rules_rest(install: Install, browser: Browser, login: str) -> None:
    """Others read; a form they make themselves is refused."""
    client = browser(login)
    token = token_of(client.get("/regles").text)
    answer = client.post(f"/regles/{RULE}/repos", data={"csrf": token, "because": "x", "days": "7"})
    assert (answer.status_code, paused_rules(install.engine, datetime.now(UTC))) == (403, {})


def test_authors_and_admins_let_the_rules_be_read_again(install: Install, browser: Browser) -> None:
    """From the page and by the API; a second click asks nothing more until somebody answered; the answer is shown."""
    ali, zoe = browser("ali"), browser("zoe")
    token = token_of(ali.get("/regles").text)
    for _ in range(2):
        assert ali.post("/regles/relire", data={"csrf": token}).status_code == 303
    request = last_request(install.engine)
    assert request is not None
    assert (request.id, request.person, request.answered) == (1, "ali", None)
    answer(install.engine, 1, "loaded: 58 rules", datetime.now(UTC))
    assert "de nouvelles règles sont actives" in ali.get("/regles").text
    asked = zoe.post("/api/v1/rules/reload", data={"csrf": token_of(zoe.get("/consultations").text)})
    assert (asked.status_code, asked.json()["request"]) == (202, 2)
    assert ali.get("/api/v1/rules").json()["reload"]["id"] == 2


@pytest.mark.parametrize("path", ["/regles/relire", "/api/v1/rules/reload"])
@pytest.mark.parametrize("login", ["ana", "maud", "ref.a"])
def test_only_they_do(install: Install, browser: Browser, login: str, path: str) -> None:
    """Others are refused, and nobody without the token of a page."""
    client = browser(login)
    assert client.post(path, data={"csrf": token_of(client.get("/regles").text)}).status_code == 403
    assert browser("ali").post(path, data={"csrf": "made up"}).status_code == 403
    assert last_request(install.engine) is None


def test_the_page_tells_how_the_rules_changed(install: Install, browser: Browser) -> None:
    """Sets, last changes with who asked, rules that run as they were; a commune's own eye sees no names."""
    cause = Cause("asked", "ali", "pipeline")
    record(install.engine, "one", {RULE: ("a", "Old title")}, Cause("start"), NOW)
    record(install.engine, "two", {RULE: ("b", "New title")}, cause, NOW, {"kept": [RULE]})
    shown, theirs = browser("ana").get("/regles").text, browser("ref.a").get("/regles").text
    assert "Nos propres règles" in shown
    assert "demandé (ali)" in shown
    assert "New title" in shown
    assert "telle qu’elle était avant" in shown
    assert "(ali)" not in theirs


def test_a_perimeter_learns_nothing_from_the_counts(install: Install, browser: Browser) -> None:
    """That a rule fired somewhere is news of other communes."""
    fired = pl.DataFrame([{"rule.id": RULE, "@timestamp": datetime.now(UTC)}], schema_overrides=DETECTION)
    with transaction(install.engine) as connection:
        count_rules(connection, fired, pl.DataFrame(schema=HIT))
    assert RULE not in browser("ref.a").get("/regles?state=firing").text


def test_an_unknown_rule_is_not_there(browser: Browser) -> None:
    """A mistyped address is told as such."""
    assert browser("ali").get("/regles/no-such-rule").status_code == 404
