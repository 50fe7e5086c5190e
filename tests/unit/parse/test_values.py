"""Values of logs become values of events; what cannot be read is null, never a wrong value."""

import polars as pl
import pytest

from correlator.parse.formats import values


def _one(expression: pl.Expr, text: str | None) -> object:
    return pl.DataFrame({"text": pl.Series([text], dtype=pl.String)}).select(expression).item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1%eth0", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("0.0.0.0", None),  # noqa: S104 - an address that says nothing, never bound
        ("::", None),
        ("-", None),
        ("pc-12", None),
        ("1.2.3", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses(text: str | None, expected: str | None) -> None:
    """An address is one address however it is written; a host name is none."""
    assert expected == _one(values.address(pl.col("text")), text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("00:00:5e:00:53:01", "00-00-5E-00-53-01"), ("0000.5e00.5301", "00-00-5E-00-53-01"), ("x", None), ("", None)],
)
def test_macs(text: str, expected: str | None) -> None:
    """Every notation of a MAC address becomes ECS's."""
    assert expected == _one(values.mac(pl.col("text")), text)


@pytest.mark.parametrize(
    ("text", "expected"), [("7", 7), (" 7 ", 7), ("007", 7), ("-1", None), ("1e3", None), ("9" * 30, None)]
)
def test_integers(text: str, expected: int | None) -> None:
    """Whole numbers only; negative, scientific and endless ones are no counters."""
    assert expected == _one(values.integer(pl.col("text")), text)


@pytest.mark.parametrize(
    ("text", "expected"), [("30.04", 30_040_000_000), ("0", 0), ("long", None), ("inf", None), ("nan", None), ("-4", None)]
)
def test_durations(text: str, expected: int | None) -> None:
    """Decimal seconds become nanoseconds; what is no duration is none."""
    assert expected == _one(values.nanoseconds(pl.col("text")), text)


@pytest.mark.parametrize(
    ("text", "name", "domain"),
    [
        (r"MAIRIE\j.dupont", "j.dupont", "MAIRIE"),
        ("j.dupont@mairie.example", "j.dupont@mairie.example", None),
        ("-", None, None),
        ("N/A", None, None),
        ("CN=Jean Dupont", "CN=Jean Dupont", None),
    ],
)
def test_accounts(text: str, name: str | None, domain: str | None) -> None:
    """A Windows domain before the account is told apart; ways to say nobody are nobody."""
    assert (name, domain) == (_one(values.account(pl.col("text")), text), _one(values.account_domain(pl.col("text")), text))


@pytest.mark.parametrize(
    ("word", "expected"), [("Pass", "accept"), ("BLOCK", "denied"), ("client-rst", "accept"), ("TCP_DENIED", None), ("", None)]
)
def test_verdicts(word: str, expected: str | None) -> None:
    """Vendors' words become Sigma's two; a word that decides nothing is neither."""
    assert expected == _one(values.verdict(pl.col("text")), word)


def test_own_columns_are_the_senders_only() -> None:
    """Names of the event itself are left out, empty texts are null unless they mean something, nobody's wishes are left out."""
    fields = pl.DataFrame({"commune": ["x"], "source.ip": ["x"], "mine": [""], "agent": [""], "other": ["1"]})
    every = fields.select(values.own(fields, None, empty=["agent"]))
    assert every.to_dicts() == [{"mine": None, "agent": "", "other": "1"}]
    assert fields.select(values.own(fields, {"other"})).columns == ["other"]


def test_datasets_get_their_own_frame() -> None:
    """One frame per dataset, without columns that are null throughout, with the columns every event has."""
    events = pl.DataFrame({"event.dataset": ["a", "b", "a"], "@timestamp": [None, None, None], "x": ["1", None, None]})
    shapes = [(frame.height, frame.columns) for frame in values.by_dataset(events)]
    assert shapes == [(2, ["event.dataset", "@timestamp", "x"]), (1, ["event.dataset", "@timestamp"])]
    assert values.by_dataset(events.clear()) == ()


def test_members() -> None:
    """What a separator keeps apart, without blanks; nothing is no list."""
    made = pl.DataFrame({"text": ["a@x, b@x,", "", None]}).select(values.members(pl.col("text"))).to_series()
    assert made.to_list() == [["a@x", "b@x"], None, None]
