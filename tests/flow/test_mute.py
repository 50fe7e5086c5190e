"""Mutes and pauses: what people decided not to see is kept out, counted, and comes back by itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import load_settings
from correlator.detect.engine import detect
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.errors import InputError
from correlator.model.mute import Mute, Scope, Weekly
from correlator.model.rule import RuleText
from correlator.model.viewer import Role, Viewer
from correlator.runtime import mute_preview
from correlator.runtime import mutes as made
from correlator.runtime.content import load_content
from correlator.runtime.costs import read_costs
from correlator.store import exceptions, lake
from correlator.store.database import open_database, reading
from correlator.store.schema import audit
from tests.flow.install import BURST, FAILED, RULES, failed, kept, live, rows, tocsin, write_install

NOW = datetime.now(UTC)
HOUR_AGO = (NOW - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
SCANNER = "192.0.2.99"
ALL = Viewer("lea", Role.ANALYST)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install that saw two addresses fail four times each, an hour ago."""
    path = write_install(tmp_path, {"auth": "auth.log*"})
    lines = [failed(n, at=HOUR_AGO) for n in range(4)] + [
        failed(n, address=SCANNER, host="aul-web2", at=HOUR_AGO) for n in range(20, 24)
    ]
    (tmp_path / "auth.log").write_text("".join(lines))
    live(path)
    return path


def held(config: Path) -> list[Mute]:
    """Return the mutes that hold now."""
    engine = open_database(load_settings(config, {}).database)
    with reading(engine) as connection:
        return exceptions.mutes(connection, datetime.now(UTC))


def mute(config: Path, *options: str) -> str:
    """Make a mute and return its id."""
    done = tocsin("mute", "add", "--config", config, "--because", "scanner, change 4512", "--format", "json", *options)
    assert done.exit_code == 0, done.output
    return str(rows(done.stdout)[0]["id"])


def more(config: Path, address: str, host: str) -> None:
    """Let four more passwords of other users be refused."""
    first = {SCANNER: 30, "192.0.2.7": 40}.get(address, 50)
    with (config.parent / "auth.log").open("a") as log:
        log.writelines(failed(n, address=address, host=host, at=HOUR_AGO) for n in range(first, first + 4))
    live(config)


def test_a_mute_keeps_its_address_out_and_counts_what_it_hid(config: Path) -> None:
    """The scanner opens nothing more; the other address does."""
    assert kept(config).incidents == [("high", 4), ("high", 4)]
    mute(config, "--about", f"ip={SCANNER}")
    more(config, SCANNER, "aul-web3")
    assert kept(config).incidents == [("high", 4), ("high", 4)]
    assert held(config)[0].hidden > 0
    more(config, "192.0.2.7", "aul-web1")
    assert kept(config).incidents == [("high", 4), ("high", 8)]


def test_the_preview_says_what_the_last_week_would_have_hidden(config: Path) -> None:
    """One incident would not be there; nothing of the other is touched; nothing is written."""
    seen = tocsin("mute", "add", "--config", config, "--because", "x", "--about", f"ip={SCANNER}", "--dry-run")
    assert "1 incidents would not be there, 0 would hold less" in seen.output
    assert "SSH password refused" in seen.output
    assert held(config) == []


def test_a_mute_that_hides_a_true_positive_is_refused(config: Path) -> None:
    """Closing an incident as an attack keeps its trace from being muted by a careless hand."""
    engine = open_database(load_settings(config, {}).database)
    content = load_content(load_settings(config, {}))
    number = made.preview(engine, content, Scope(kind="ip", value=SCANNER), NOW).incidents[0]
    tocsin("close", number, "--as", "true-positive", "--because", "it was", "--config", config)
    refused = tocsin("mute", "add", "--config", config, "--because", "x", "--about", f"ip={SCANNER}")
    assert refused.exit_code == 2
    assert f"would have hidden a true positive: {number}" in refused.output
    with pytest.raises(InputError, match=number):
        made.create(engine, content, made.Draft(Scope(kind="ip", value=SCANNER), "x", NOW + timedelta(1)), ALL, NOW)
    mute(config, "--about", f"ip={SCANNER}", "--rule", FAILED)  # narrower: the burst that made it grave still stands


def test_a_withdrawn_mute_hides_nothing_more(config: Path) -> None:
    """The short id of the list is enough; the second click is told that it is over."""
    identity = mute(config, "--about", f"ip={SCANNER}")
    assert tocsin("mute", "withdraw", identity[:8], "--config", config).exit_code == 0
    assert "no mute" in tocsin("mute", "withdraw", identity[:8], "--config", config).output
    more(config, SCANNER, "aul-web2")
    assert kept(config).incidents == [("high", 4), ("high", 8)]


@pytest.mark.parametrize(
    ("scope", "ends", "reason", "said"),
    [
        (Scope(), timedelta(days=1), "x", "it would hide everything"),
        (Scope(commune="00105"), timedelta(days=91), "x", "at most 90 days"),
        (Scope(commune="00105"), timedelta(0), "x", "a time in the future"),
        (Scope(commune="00105"), timedelta(days=1), "  ", "no reason"),
        (Scope(kind="adress", value="x"), timedelta(days=1), "x", "unknown kind of observable"),
    ],
)
def test_a_careless_draft_is_refused(scope: Scope, ends: timedelta, reason: str, said: str) -> None:
    """A mute has a scope, a reason and an end."""
    with pytest.raises(InputError) as caught:
        made.check(made.Draft(scope, reason, NOW + ends), ALL, NOW)
    assert said in str(caught.value)


def test_a_perimeter_bounds_what_may_be_muted() -> None:
    """Who sees one commune mutes nothing elsewhere, and nothing everywhere."""
    viewer = Viewer("ref", Role.ANALYST, frozenset({"00105"}))
    made.check(made.Draft(Scope(rule_id="r", commune="00105"), "x", NOW + timedelta(1)), viewer, NOW)
    for elsewhere in (Scope(rule_id="r"), Scope(rule_id="r", commune="00101")):
        with pytest.raises(InputError):
            made.check(made.Draft(elsewhere, "x", NOW + timedelta(1)), viewer, NOW)


HOUR = NOW - timedelta(hours=1)  # as the log says it: on the wall in Paris
THEN = Weekly((HOUR.isoweekday(),), HOUR.hour, (HOUR.hour + 2) % 24)
TOMORROW = Weekly((HOUR.isoweekday() % 7 + 1,), HOUR.hour, (HOUR.hour + 2) % 24)


@pytest.mark.parametrize(
    ("scope", "hides"),
    [
        (Scope(FAILED), True),
        (Scope(FAILED, commune="00105"), True),
        (Scope(FAILED, kind="ip", value=SCANNER), True),
        (Scope(FAILED, "00105", "host", "AUL-WEB2"), True),
        (Scope(FAILED, "00101", "ip", SCANNER), False),
        (Scope(FAILED, kind="host", value="aul-*2"), True),
        (Scope(FAILED, kind="host", value="aul-?eb2"), False),
        (Scope(FAILED, kind="ip", value="192.0.2.64/26"), True),
        (Scope(FAILED, kind="ip", value="198.51.100.0/24"), False),
        (Scope(FAILED, kind="asset", value="web", any_of=("host=aul-web1", "ip=198.51.100.0/24")), True),
        (Scope(FAILED, fields=(("source.ip", SCANNER), ("message|contains", "FAILED password"))), True),
        (Scope(FAILED, fields=(("source.ip", "192.0.2.7"), ("message|endswith", "port 23 ssh2"))), False),
        (Scope(FAILED, fields=(("message", "Failed*user2 *ssh2"),)), True),
        (Scope(FAILED, "00105", weekly=THEN), True),
        (Scope(FAILED, "00105", weekly=TOMORROW), False),
    ],
)
def test_the_sigma_filter_hides_what_the_mute_hides(config: Path, scope: Scope, hides: bool) -> None:  # noqa: FBT001 - pytest
    """What is stored as text and what runs are one meaning."""
    settings = load_settings(config, {})
    engine, content = open_database(settings.database), load_content(settings)
    mute_made = made.create(engine, content, made.Draft(scope, "x", NOW + timedelta(1)), ALL, NOW)
    loaded = load_rules([RuleText("rules.yml", RULES), RuleText("mute.yml", mute_made.filter)])
    assert loaded.problems == ()
    frames = made.unfold(lake.events(engine).collect())
    shown = detect(loaded.ruleset, frames).height
    rules = RuleSet(tuple(rule for rule in content.ruleset.rules if rule.id == FAILED))
    hidden = mute_preview.hidden_detections(content, rules, scope, lake.events(engine).collect())
    assert shown + hidden.height == 8
    assert (hidden.height > 0) is hides


def test_a_paused_rule_rests_and_comes_back(config: Path) -> None:
    """A rule that rests finds nothing; enabled again it finds what comes then."""
    assert tocsin("rules", "disable", BURST, "--for", "7d", "--because", "being mended", "--config", config).exit_code == 0
    more(config, "192.0.2.50", "aul-web5")
    shown = rows(tocsin("rules", "activity", "--config", config, "--format", "json").stdout)
    burst = next(row for row in shown if row["id"] == BURST)
    assert burst["count"] == 2
    assert "being mended" in str(burst["rests"])
    assert tocsin("rules", "enable", BURST, "--config", config).exit_code == 0
    assert tocsin("rules", "enable", BURST, "--config", config).exit_code == 2
    engine = open_database(load_settings(config, {}).database)
    with reading(engine) as connection:
        acts = list(connection.execute(sa.select(audit.c.act)).scalars())
    assert acts == ["rule paused", "rule resumed"]


def test_unknown_rules_and_past_ends_are_refused(config: Path) -> None:
    """A typing error must not look as if it had worked."""
    said = tocsin("rules", "disable", "no-such-rule", "--for", "2020-01-01", "--because", " ", "--config", config)
    assert said.exit_code == 2
    for part in ("no rule no-such-rule", "not in the future", "--because"):
        assert part in said.output


def test_costs_are_measured_on_the_install_s_own_events(config: Path) -> None:
    """Every rule has a cost, kept for the author's page."""
    shown = rows(tocsin("rules", "cost", "--config", config, "--format", "json").stdout)
    kept_costs = read_costs(load_settings(config, {}).cache)
    assert [row["id"] for row in shown] == [FAILED] == list(kept_costs.milliseconds)
    assert kept_costs.events == 8
