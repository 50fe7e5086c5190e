"""Who is called, when, how often, and when it ends: against a real database, with a clock that obeys."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.deliver import pages as book
from correlator.deliver.calling import turn
from correlator.deliver.contract import Answer, Fate
from correlator.deliver.oncall import Criterion, misses
from correlator.errors import Reject, Retry
from correlator.model.incident import Status
from correlator.model.severity import Severity
from correlator.store import views
from correlator.store.database import reading
from correlator.store.schema_people import page, page_try
from tests.unit.deliver.night import FRIDAY_NIGHT, LEA, MAIRE, PAUL, PLAN, Modem, Night, Telephone, night

DAYS = {1: ((480, 1110),), 2: ((480, 1110),), 3: ((480, 1110),), 4: ((480, 1110),), 5: ((480, 1110),)}
PARIS = ZoneInfo("Europe/Paris")


def test_the_first_call_says_what_and_where_without_names(on_call: Night) -> None:
    """A critical incident calls the first person at once: gravity, commune, number, sentence; nobody's account."""
    on_call.plan = replace(PLAN, codes={"00101": "BRP"})
    on_call.incident()
    on_call.turn()
    ((to, message),) = on_call.sms.got

    assert to == PAUL.phone
    assert message.short == "TOCSIN CRITIQUE BRP 26-0001 (répondre OK 26-0001) : Un compte a chiffré des fichiers"
    assert message.thread == "sim9:26-0001"
    assert on_call.mail.got == []


def test_names_are_told_when_the_settings_say_so(on_call: Night) -> None:
    """`personal = true` keeps the sentence whole."""
    on_call.plan = replace(PLAN, personal=True)
    on_call.incident()
    on_call.turn()

    assert on_call.sms.got[0][1].short.endswith(": c.lemaire a chiffré des fichiers")


def test_repeated_until_the_ladder_begins_again_and_the_elected_are_passed_over(on_call: Night) -> None:
    """Three calls each ten minutes apart, then the next person, then the first again, who is told so; never the mayor."""
    on_call.incident()
    for _ in range(7 * 10):
        on_call.turn()
        on_call.now += timedelta(minutes=1)
    texts = [message.short for _, message in on_call.sms.got]

    assert on_call.called() == ["1", "1", "1", "2", "2", "2", "1"]
    assert texts[1].startswith("RAPPEL 1. TOCSIN")
    assert texts[6].startswith("2e TOUR. TOCSIN")


def test_the_mayor_only_where_the_criterion_says_so(on_call: Night) -> None:
    """`wake_elected = true` on the criterion lets the ladder hold elected people."""
    on_call.plan = replace(PLAN, criteria=(Criterion("critique", wake_elected=True),), tries=1)
    on_call.incident()
    for _ in range(3):
        on_call.turn()
        on_call.now += timedelta(minutes=10)

    assert on_call.called() == ["1", "3", "2"]


@pytest.mark.parametrize("status", [Status.ACKNOWLEDGED, Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED])
def test_it_ends_when_a_person_does_something(on_call: Night, status: Status) -> None:
    """`tocsin ack`, the console, a close: no further call, also not hours later."""
    number = on_call.incident()
    on_call.turn()
    on_call.move(number, status)

    assert [on_call.after(minutes=10).calls for _ in range(20)] == [[]] * 20
    assert book.open_now(on_call.engine) == []


def test_a_merged_incident_ends_its_call(on_call: Night) -> None:
    """The one it was merged into has its own."""
    number = on_call.incident()
    on_call.turn()
    on_call.set(number, status="merged")

    assert on_call.after(minutes=10).calls == []


def test_an_incident_taken_as_harmless_that_becomes_critical_wakes(on_call: Night) -> None:
    """Somebody acknowledged it at 17:00 as medium; at 23:10 it encrypts: that is new."""
    number = on_call.incident(Severity.MEDIUM)
    on_call.fire(number, "medium")
    on_call.move(number, Status.ACKNOWLEDGED)
    assert on_call.turn().calls == []

    on_call.now += timedelta(hours=6)
    on_call.fire(number, "critical")
    on_call.set(number, severity=4)
    assert on_call.turn().calls == [("sms", "sent")]
    on_call.move(number, Status.IN_PROGRESS)
    assert on_call.after(hours=1).calls == []


def test_reopened_calls_again_and_acknowledged_never_months_later(on_call: Night) -> None:
    """New findings reopen a resolved incident: that calls. An acknowledged one stays quiet for months."""
    number = on_call.incident()
    on_call.turn()
    on_call.move(number, Status.ACKNOWLEDGED)
    assert on_call.after(days=60).calls == []

    on_call.move(number, Status.RESOLVED)
    on_call.after(minutes=1)
    on_call.move(number, Status.NEW)
    assert on_call.after(minutes=1).calls == [("sms", "sent")]


def test_an_old_incident_wakes_nobody_when_calls_are_switched_on(on_call: Night) -> None:
    """What did not change for a day is from before."""
    on_call.incident()

    assert on_call.after(hours=25).calls == []


def test_fifty_incidents_are_few_calls_and_none_is_lost(on_call: Night) -> None:
    """Fifty within ten minutes: one call, an update a minute later, one when the ten minutes are over; each has its page."""
    for _ in range(66):
        if on_call.count < 50:
            on_call.incident()
        on_call.turn()
        on_call.now += timedelta(seconds=10)
    texts = [message.short for _, message in on_call.sms.got]

    assert len(texts) <= 3
    assert texts[1].startswith("TOCSIN 6 incidents (6 critiques) 00101 : 26-0002, 26-0003, 26-0004...")
    assert len(book.open_now(on_call.engine)) == 50
    with reading(on_call.engine) as connection:
        assert connection.execute(sa.select(sa.func.count(page_try.c.page.distinct()))).scalar() == 50


def test_fifty_at_once_are_one_call(on_call: Night) -> None:
    """One message with the count."""
    for _ in range(50):
        on_call.incident()
    on_call.turn()

    assert [message.short[:35] for _, message in on_call.sms.got] == ["TOCSIN 50 incidents (50 critiques) "]


def test_a_failing_channel_gives_way_at_once(on_call: Night) -> None:
    """SMS broken: mail in the same turn; the history and the book say both."""
    number = on_call.incident()
    on_call.sms.broken = Retry("modem away")
    done = on_call.turn()

    assert (done.calls, done.failing) == ([("sms", "failed"), ("mail", "sent")], {"sms": "modem away"})
    with reading(on_call.engine) as connection:
        told = [line["text"] for line in views.history(connection, 2026_000_001)]
        tries = connection.execute(sa.select(page_try.c.channel, page_try.c.result)).all()
    assert told[-1] == "Paul Martin appelé par mail"
    assert tries == [("sms", "modem away"), ("mail", "sent")]
    assert number in on_call.mail.got[0][1].text


def test_all_channels_failing_is_told_and_tried_every_minute(on_call: Night) -> None:
    """Nobody is reached: tried again in a minute, the next person after three, and the turn says so."""
    on_call.incident()
    on_call.sms.broken, on_call.mail.broken = Reject("wrong number"), OSError("no route")
    for _ in range(3):
        assert on_call.turn().unreached == ["paul"]
        on_call.now += timedelta(minutes=1)
    on_call.sms.broken = None
    on_call.turn()

    assert on_call.called() == ["2"]


def test_a_modem_that_hands_over_and_fails_later(on_call: Night) -> None:
    """Gammu took the message and could not send it: the next channel at once, the same call."""
    modem = Modem()
    on_call.sms = modem
    on_call.incident()
    assert on_call.turn().calls == [("sms", "handed")]
    assert on_call.after(seconds=5).calls == []

    modem.fates[modem.got[0][1].key] = Fate.FAILED
    assert on_call.after(seconds=5).calls == [("sms", "failed"), ("mail", "sent")]
    (one,) = book.open_now(on_call.engine)
    assert one.standing.tries == 1


def test_a_modem_that_sent(on_call: Night) -> None:
    """The book says sent, and nothing else is tried."""
    modem = Modem()
    on_call.sms = modem
    on_call.incident()
    on_call.turn()
    modem.fates[modem.got[0][1].key] = Fate.SENT
    on_call.after(seconds=5)

    with reading(on_call.engine) as connection:
        assert connection.execute(sa.select(page_try.c.result)).scalars().all() == ["sent"]
    assert on_call.mail.got == []


@pytest.mark.parametrize(
    ("sender", "text", "left"),
    [
        ("+33600000001", "OK 26-0001", ["26-0002"]),
        ("0600000001", "ok n° 26-1", ["26-0002"]),
        ("+33600000001", " Ok tout", []),
        ("+33600000001", "OK", []),
        ("+33600000001", "qui êtes-vous ?", ["26-0001", "26-0002"]),
        ("+33699999999", "OK 26-0001", ["26-0001", "26-0002"]),
        ("+33600000002", "OK tout", ["26-0001", "26-0002"]),
        ("+33600000002", "OK 26-0002", ["26-0001"]),
    ],
)
def test_answers_take_calls(on_call: Night, sender: str, text: str, left: list[str]) -> None:
    """Somebody of the ladder answers with a number, or takes all they were told; nobody else can."""
    on_call.incident()
    on_call.incident()
    on_call.turn()
    on_call.sms.came.append(Answer("x", sender, text))
    on_call.after(seconds=5)

    assert sorted(one.incident.number for one in book.open_now(on_call.engine)) == left
    assert on_call.sms.came == []


def test_an_answer_acknowledges_the_incident_in_that_name(on_call: Night) -> None:
    """The incident is acknowledged too: the morning sees who took it."""
    on_call.incident()
    on_call.turn()
    on_call.sms.came.append(Answer("x", "+33600000001", "OK 26-0001"))
    on_call.after(seconds=5)

    with reading(on_call.engine) as connection:
        incident = views.find_incident(connection, "26-0001")
        assert incident is not None
        assert incident.status is Status.ACKNOWLEDGED
        assert connection.execute(sa.select(page.c.state, page.c.person)).all() == [("acknowledged", "Paul Martin")]


def test_a_restart_in_the_middle_goes_on_where_it_was(tmp_path: Path) -> None:
    """Everything is in the database: no second first call."""
    with night(tmp_path) as before:
        before.incident()
        before.turn()
        before.after(minutes=10)
        then = before.now
    with night(tmp_path, now=then) as after:
        assert after.after(minutes=1).calls == []
        assert after.after(minutes=9).calls == [("sms", "sent")]
        assert after.sms.got[0][1].short.startswith("RAPPEL 2.")


def test_a_call_whose_process_died_is_made_again(on_call: Night) -> None:
    """A lease that nobody gives back ends."""
    on_call.incident()
    book.open_pages(on_call.engine, PLAN, on_call.now)
    assert len(book.claim(on_call.engine, book.open_now(on_call.engine), "dead", on_call.now)) == 1
    assert on_call.after(seconds=10).calls == []

    assert on_call.after(minutes=4).calls == [("sms", "sent")]


def test_two_processes_call_once(on_call: Night) -> None:
    """Eight at the same moment: one call."""
    on_call.incident()
    telephone = Telephone()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: turn(on_call.engine, PLAN, {"sms": telephone}, on_call.now), range(8)))

    assert len(telephone.got) == 1


@pytest.mark.parametrize("jump", [timedelta(days=-2), timedelta(hours=-1), timedelta(minutes=-9)])
def test_a_clock_that_goes_back_neither_floods_nor_stalls(on_call: Night, jump: timedelta) -> None:
    """Within the next quarter of an hour there is a call, and not more than a few; an acknowledgement still ends it."""
    number = on_call.incident()
    on_call.turn()
    on_call.after(minutes=10)
    on_call.now += jump
    before = len(on_call.sms.got)
    for _ in range(30):
        on_call.after(seconds=30)
    assert 1 <= len(on_call.sms.got) - before <= 3

    on_call.move(number, Status.ACKNOWLEDGED)
    assert [on_call.after(minutes=5).calls for _ in range(10)] == [[]] * 10


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=30)])
def test_a_clock_that_goes_forward_makes_one_call(on_call: Night, jump: timedelta) -> None:
    """The missed calls are not made up for."""
    on_call.incident()
    on_call.turn()
    on_call.now += jump

    assert [len(on_call.after(seconds=5).calls) for _ in range(10)] == [1, *[0] * 9]


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "is_night"),
    [
        ("2026-11-20T07:59", True),
        ("2026-11-20T08:00", False),
        ("2026-11-20T18:29", False),
        ("2026-11-20T18:30", True),
        ("2026-11-21T12:00", True),  # Saturday
        ("2026-11-11T12:00", True),  # a holiday on a Wednesday
        ("2026-10-26T08:30", False),  # the Monday after the clocks changed
        ("2026-10-26T07:30", True),
    ],
)
def test_nights(moment: str, is_night: bool) -> None:  # noqa: FBT001 - a table of moments
    """Working hours are local; holidays and what is not named are night."""
    plan = replace(PLAN, hours=DAYS, holidays=frozenset({date(2026, 11, 11)}))

    assert plan.is_night(_local(moment)) is is_night


def test_by_day_nobody_is_called_and_in_the_evening_they_are(on_call: Night) -> None:
    """Without a daytime channel a call waits; if nobody took it by the evening, it is made."""
    on_call.plan = replace(PLAN, hours=DAYS)
    on_call.now = _local("2026-11-20T18:20")
    on_call.incident()
    assert on_call.turn().calls == []

    assert on_call.after(minutes=10).calls == [("sms", "sent")]


def test_by_day_only_the_daytime_channel(on_call: Night) -> None:
    """Mail at 15:00, SMS from 18:30."""
    on_call.plan = replace(PLAN, hours=DAYS, daytime=("mail",))
    on_call.now = _local("2026-11-20T15:00")
    on_call.incident()
    on_call.turn()

    assert (len(on_call.sms.got), len(on_call.mail.got)) == (0, 1)


@pytest.mark.parametrize(
    ("criterion", "wakes"),
    [
        (Criterion("a", Severity.HIGH), True),
        (Criterion("a", communes=frozenset({"00101"})), True),
        (Criterion("a", communes=frozenset({"00102"})), False),
        (Criterion("a", lanes=frozenset({"shared"})), False),
        (Criterion("a", tags=frozenset({"attack.t1486"})), True),
        (Criterion("a", tags=frozenset({"attack.t1110"})), True),
        (Criterion("a", tags=frozenset({"attack.t1048"})), False),
        (Criterion("a", vital=True), False),
    ],
)
def test_criteria(on_call: Night, criterion: Criterion, wakes: bool) -> None:  # noqa: FBT001 - a table of verdicts
    """All that is set must be true."""
    number = on_call.incident()
    on_call.fire(number, "critical", ("attack.T1486", "attack.t1110.003"))
    with reading(on_call.engine) as connection:
        incident = views.find_incident(connection, number)
        assert incident is not None
        case = book.case_of(connection, incident)

    assert (misses(criterion, case, PLAN) == []) is wakes


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 1800)),
        st.tuples(st.just("jump"), st.integers(-90_000, 90_000)),
        st.tuples(st.just("open"), st.sampled_from([Severity.HIGH, Severity.CRITICAL])),
        st.tuples(st.just("ack"), st.integers(1, 4)),
        st.tuples(st.just("break"), st.booleans()),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, tries=st.integers(1, 3), elected=st.booleans())
def test_whatever_happens(tmp_path_factory: pytest.TempPathFactory, steps: list, tries: int, elected: bool) -> None:  # type: ignore[type-arg]  # noqa: FBT001 - drawn
    """Never after an acknowledgement, never the elected unasked, never twice in a turn, the next rung after so many calls."""
    criteria = (Criterion("grave", Severity.HIGH, wake_elected=elected),)
    with night(tmp_path_factory.mktemp("n"), plan=replace(PLAN, criteria=criteria, tries=tries)) as one:
        taken: set[str] = set()
        for what, value in steps:
            _step(one, what, value, taken)
            before = len(one.sms.got)
            one.turn()
            fresh = one.sms.got[before:]
            assert len({to for to, _ in fresh}) == len(fresh)
            assert elected or all(to != MAIRE.phone for to, _ in fresh)
            assert not any(number in message.text for _, message in fresh for number in taken)
        _check_rungs(one, tries, [PAUL, MAIRE, LEA] if elected else [PAUL, LEA])


def _step(one: Night, what: str, value: int, taken: set[str]) -> None:
    if what in {"wait", "jump"}:
        one.now += timedelta(seconds=value)
    elif what == "open":
        one.incident(Severity(value))
    elif what == "break":
        one.sms.broken = Retry("away") if value else None
    elif value <= one.count and f"26-{value:04}" not in taken:
        one.move(f"26-{value:04}", Status.ACKNOWLEDGED)
        taken.add(f"26-{value:04}")


def _check_rungs(one: Night, tries: int, rungs: list) -> None:  # type: ignore[type-arg]
    """Check that each page's calls went up the ladder, so many on each rung."""
    query = sa.select(page_try.c.page, page_try.c.number, page_try.c.contact).order_by(page_try.c.id).distinct()
    with reading(one.engine) as connection:
        rows = connection.execute(query).all()
    for identity in {row.page for row in rows}:
        mine = list(dict.fromkeys((row.number, row.contact) for row in rows if row.page == identity))
        assert [contact for _, contact in mine] == [rungs[place // tries % len(rungs)].id for place in range(len(mine))]


def test_the_night_of_the_tests_is_a_friday() -> None:
    """The clock of these tests stands where the scenario does."""
    assert FRIDAY_NIGHT.astimezone(PARIS).strftime("%a %H:%M") == "Fri 23:10"
