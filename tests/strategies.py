"""Random Sigma rules and events, narrow enough that rules often match: few fields, short texts, shared values."""

from typing import Any

from hypothesis import strategies as st

FIELDS = ("f", "g", "h", "a.b", "n")
PLACEHOLDERS = {"who": ("ab", "b*"), "none": ()}

_CHARS = "aAbBéÉ -/–.\n1"
_texts = st.text(_CHARS, max_size=5)
_patterns = st.text(_CHARS + "**??\\%", max_size=6)
_numbers = st.one_of(st.integers(-3, 12), st.sampled_from([1.5, 2.0, -0.5, 4625]))
_addresses = st.sampled_from(
    ["10.0.0.1", "10.2.3.4", "192.0.2.7", "10.0.0.256", "10.0.0.01", "10.x", "fe80::1", "2001:0DB8::7", "::ffff:10.0.0.1", "1"]
)
_networks = st.sampled_from(["10.0.0.0/8", "10.0.0.0/30", "192.0.2.7/32", "fe80::/10", "2001:db8::/32", "0.0.0.0/0"])
_times = st.sampled_from(
    ["2025-01-01T03:04:05Z", "2024-12-30 03:04:05.123", "2025-06-15T23:59:59+02:00", "2025-01-01T00:30:00-05:30", "03:04", "x"]
)
_encoded = st.sampled_from(["YWI=", "xYWI=y", "IGFi", "YQBiAA==", "//5hAA==", "AGEAYg==", "ICBhYg=="])

#: One member of an event field.
members = st.one_of(_texts, st.integers(-3, 12), st.booleans(), _numbers, _addresses, _times, _encoded)
event_values = st.one_of(members, members, st.none(), st.lists(members, max_size=3))


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Return an event: flat and nested fields of any JSON type."""
    event: dict[str, Any] = {name: draw(event_values) for name in draw(st.sets(st.sampled_from(FIELDS)))}
    if draw(st.booleans()):
        inner = st.fixed_dictionaries({"b": event_values})
        event["a"] = draw(st.one_of(inner, st.lists(inner, min_size=1, max_size=2)))
    return event


def _modified(field: str, chains: tuple[str, ...], values: st.SearchStrategy[Any], *, lists: bool = True) -> Any:
    several = st.one_of(values, st.lists(values, min_size=1, max_size=3)) if lists else values
    return st.tuples(st.sampled_from(chains).map(lambda chain: f"{field}{chain}"), several)


_PLACED = ("", "|contains", "|startswith", "|endswith")
_TEXTUAL = tuple(f"{placed}{more}" for placed in _PLACED for more in ("", "|cased", "|windash", "|neq"))
_LINKED = ("|contains|all", "|endswith|all", "|windash|contains|all", "|neq", "|all")
_PLAIN_ENCODED = tuple(
    f"|{encoding}|{base}|contains" for encoding in ("wide", "utf16le", "utf16be") for base in ("base64", "base64offset")
)
_ENCODED = ("|base64|contains", "|base64offset|contains", "|base64", "|utf16|base64|contains", *_PLAIN_ENCODED)
_REGEXES = st.sampled_from(["a", "^a.?b", "[ab]{2,}", "a.b", r"\d+$", "(a|é)b", "^$", "b$", "a|1", "^-"])
_COMPARED = ("|lt", "|lte", "|gt", "|gte", "|gt|neq")
_PARTS = ("|minute", "|hour", "|day", "|week", "|month", "|year", "|hour|gte", "|month|lt", "|day|neq")
_REFERENCES = ("|fieldref", "|fieldref|contains", "|fieldref|startswith", "|fieldref|endswith", "|fieldref|neq")


def items(field: str) -> st.SearchStrategy[tuple[str, Any]]:
    """Return a strategy of (key, value) of a selection for ``field``."""
    return st.one_of(
        _modified(field, _TEXTUAL, st.one_of(_patterns, _texts)),
        _modified(field, _LINKED, _patterns),
        _modified(field, ("",), st.one_of(_numbers, st.booleans(), _texts, _addresses)),
        _modified(field, _ENCODED, st.text("abé/", min_size=2, max_size=4)),
        _modified(field, ("|re", "|re|i", "|re|m", "|re|s", "|re|neq"), _REGEXES),
        _modified(field, ("|cidr", "|cidr|neq"), _networks),
        _modified(field, _COMPARED, _numbers, lists=False),
        _modified(field, _PARTS, st.integers(0, 12)),
        _modified(field, _REFERENCES, st.sampled_from(FIELDS), lists=False),
        _modified(field, ("|exists",), st.booleans(), lists=False),
        _modified(
            field, ("|expand", "|contains|expand", "|expand|endswith"), st.sampled_from(["%who%", "a%who%", "\\%who%", "x"])
        ),
        _modified(field, ("",), st.none(), lists=False),
    )


_keywords = st.one_of(
    st.lists(st.one_of(_patterns.filter(bool), _numbers), min_size=1, max_size=2),
    st.lists(_texts.filter(bool), min_size=1, max_size=2).map(lambda values: {"|all": values}),
)
_maps = st.lists(st.sampled_from(FIELDS).flatmap(items), min_size=1, max_size=3).map(dict)
selections = st.one_of(_maps, _maps, _maps, st.lists(_maps, min_size=1, max_size=2), _keywords)

_NAMES = ("sel1", "sel2", "notsel", "filter", "_hidden")


@st.composite
def conditions(draw: st.DrawFn, names: list[str]) -> str:
    """Return a condition over ``names``."""
    selectors = ["1 of them", "all of them"] if any(not name.startswith("_") for name in names) else []
    selectors += [
        f"{quantifier} of sel*" for quantifier in ("1", "all", "any") if any(name.startswith("sel") for name in names)
    ]
    atoms = st.sampled_from([*names, *selectors])
    return draw(
        st.recursive(
            atoms,
            lambda inner: st.one_of(
                inner.map(lambda one: f"not {one}"),
                st.tuples(inner, inner).map(" and ".join),
                st.tuples(inner, inner).map(" or ".join),
                inner.map(lambda one: f"({one})"),
            ),
            max_leaves=4,
        )
    )


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Return a rule document."""
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True))
    detection: dict[str, Any] = {name: draw(selections) for name in names}
    detection["condition"] = draw(conditions(names))
    return {"title": "random", "logsource": {"product": "any"}, "detection": detection}
