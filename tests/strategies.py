"""Random Sigma rules and events: every modifier in every legal chain, and events made out of what the rules ask for.

``cases`` gives rules with events that were derived from their values (as they are, in another case, cut, encoded, in lists),
so that rules often match and often nearly do. Every rule is legal: a loader that refuses one is at fault.
"""

import base64
from typing import Any

from hypothesis import strategies as st

FIELDS = ("f", "g", "h", "a", "a.b", "a.b.c", "n", "x y", "Clé", "p:q")
PLACEHOLDERS = {"who": ("ab", "b*"), "nets": ("10.0.0.0/8", "fe80::/10"), "a-b.c": ("é", "100%", "x\\\\y")}

_CHARS = "aAbBéÉ -/–.\n1"
_ODD = "ΣσςİıKßſ\uffff\t\r\x01%\\*?|😀"
_texts = st.one_of(st.text(_CHARS, max_size=5), st.text(_CHARS, max_size=5), st.text(_CHARS + _ODD, max_size=6))
_patterns = st.text(_CHARS + "ΣςÉ**??\\%", max_size=6)
_dashed = st.lists(st.sampled_from(["-a", "/b", " ", "–e", "—1", "a-b", "*", "é", "\\-", "x"]), min_size=1, max_size=5).map(
    "".join
)
_numbers = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([1.5, 2.0, -0.5, 4625, 2**31, 2**53 + 1, -(2**63), 0.1, 1e21, 1e-7]),
)
_addresses = st.sampled_from(
    ["10.0.0.1", "10.2.3.4", "192.0.2.7", "10.0.0.256", "10.0.0.01", "10.x", "fe80::1", "2001:0DB8::7", "::ffff:10.0.0.1", "1",
     "fe80::1%eth0", "::1", "10.0.0.1:80", "[fe80::1]", "255.255.255.255", "2001:db8:0:0:0:0:0:7", "10.0.0.1\n"]
)  # fmt: skip
_networks = st.sampled_from(
    ["10.0.0.0/8", "10.0.0.0/30", "192.0.2.7/32", "fe80::/10", "2001:db8::/32", "0.0.0.0/0", "::/0", "192.0.2.7", "::1"]
)
_times = st.sampled_from(
    ["2025-01-01T03:04:05Z", "2024-12-30 03:04:05.123", "2025-06-15T23:59:59+02:00", "2025-01-01T00:30:00-05:30", "03:04", "x",
     "2025-01-01", "2024-02-29T10:05", "2025-02-30T00:00:00Z", "2025-12-31T23:30:00-01:00", "2021-01-03T00:00:00.1234567Z"]
)  # fmt: skip

#: One member of an event field that no rule asked for.
members = st.one_of(
    _texts, _texts, st.booleans(), _numbers, _addresses, _times, st.sampled_from(["1e3", "+1", ".5", "1.", "-0"])
)


def _modified(field: str, chains: st.SearchStrategy[str], values: st.SearchStrategy[Any], *, lists: bool = True) -> Any:
    """Return (key, value) strategies; a list may be linked with ``all``, and any chain may be negated."""
    single = st.tuples(chains, st.sampled_from(["", "", "|neq"]), values).map(
        lambda made: (f"{field}{made[0]}{made[1]}", made[2])
    )
    if not lists:
        return single
    several = st.tuples(
        chains, st.sampled_from(["", "", "|all", "|neq", "|all|neq"]), st.lists(values, min_size=1, max_size=4)
    ).map(lambda made: (f"{field}{made[0]}{made[1]}", made[2]))
    return st.one_of(single, several)


def _chain(*choices: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Return chains that take one of each of ``choices``, in order; an empty choice leaves that place out."""
    return st.tuples(*map(st.sampled_from, choices)).map("".join)


_PLACED = ("", "|contains", "|startswith", "|endswith")
_CASED = ("", "", "|cased")
_text_chains = _chain(("", "", "|windash"), _PLACED, _CASED)
_encoded_chains = _chain(
    ("", "", "|windash"),
    ("", "|wide", "|utf16le", "|utf16be", "|utf16"),
    ("|base64", "|base64offset"),
    ("", "|contains"),
    _CASED,
)
_regex_chains = _chain(
    ("|re",), ("", "", "|i", "|ignorecase"), ("", "", "|m", "|multiline"), ("", "", "|s", "|dotall"), _PLACED
)
_REGEXES = st.sampled_from(
    [
        "a",
        "^a.?b",
        "[ab]{2,}",
        "a.b",
        r"\d+$",
        "(a|é)b",
        "^$",
        "b$",
        "a|1",
        "^-",
        "É",
        "(?i)É",
        "A+B*",
        r"\.",
        ".",
        "^1|^b",
        "[^a]b",
    ]
)
_parts = _chain(("|minute", "|hour", "|day", "|week", "|month", "|year"), ("", "|gte", "|gt", "|lt", "|lte"))
_references = _chain(("|fieldref",), _PLACED)
_expanded = st.sampled_from(
    ["%who%", "a%who%", "\\%who%", "x", "%who%%who%", "%a-b.c%", "*%who%?", "50\\%", "\\%plain%who%", "b\\\\%who%"]
)
_literals = st.text("abé/-1 ", min_size=1, max_size=4)


def items(field: str) -> st.SearchStrategy[tuple[str, Any]]:
    """Return a strategy of (key, value) of a selection for ``field``."""
    return st.one_of(
        _modified(field, _text_chains, st.one_of(_patterns, _texts, _dashed)),
        _modified(field, _text_chains, st.one_of(_patterns, _texts)),
        _modified(field, st.just(""), st.one_of(_numbers, st.booleans(), _texts, _addresses)),
        _modified(field, st.sampled_from(_PLACED), st.one_of(_numbers, _texts)),
        _modified(field, _encoded_chains, _literals),
        _modified(field, _regex_chains, _REGEXES),
        _modified(field, st.just("|cidr"), _networks),
        _modified(field, st.sampled_from(("|lt", "|lte", "|gt", "|gte")), _numbers),
        _modified(field, _parts, st.one_of(st.integers(0, 12), st.integers(2023, 2026), st.integers(29, 60))),
        _modified(field, _references, st.sampled_from(FIELDS)),
        st.tuples(st.just(f"{field}|exists"), st.booleans()),
        _modified(field, _chain(("", "|contains", "|windash"), ("|expand",), ("", "|endswith", "|cased")), _expanded),
        _modified(field, st.sampled_from(("|cidr|expand", "|expand|cidr")), st.sampled_from(["%nets%", "10.0.0.0/8"])),
        _modified(field, st.just(""), st.none(), lists=False),
    )


_words = st.one_of(_patterns.filter(bool), _texts.filter(bool), _numbers)
_keywords = st.one_of(
    st.lists(_words, min_size=1, max_size=3),
    _words,
    _modified("", st.sampled_from(("", "|re", "|contains", "|startswith", "|endswith", "|windash", "|cased")), _literals).map(
        lambda made: dict([made if made[0] else ("|all", ["a", "b"])])
    ),
)
_maps = st.lists(st.sampled_from(FIELDS).flatmap(items), min_size=1, max_size=3).map(dict)
_map_lists = st.recursive(
    st.lists(st.one_of(_maps, _maps, _words), min_size=1, max_size=3).filter(
        lambda parts: any(isinstance(p, dict) for p in parts)
    ),
    lambda inner: st.lists(st.one_of(_maps, inner), min_size=1, max_size=2),
    max_leaves=3,
)
selections = st.one_of(_maps, _maps, _maps, _map_lists, _keywords)

_NAMES = ("sel1", "sel2", "notsel", "filter", "_hidden", "filter_main_1", "or_not")


@st.composite
def conditions(draw: st.DrawFn, names: list[str]) -> str:
    """Return a condition over ``names``."""
    seen = [name for name in names if not name.startswith("_")]
    selectors = ["1 of them", "all of them", "any of them"] if seen else []
    for pattern, prefix in (("sel*", "sel"), ("filter*", "filter"), ("*sel*", ""), ("_*", "_")):
        if any(name.startswith(prefix) and ("sel" in name or prefix) for name in (names if prefix == "_" else seen)):
            selectors += [f"{quantifier} of {pattern}" for quantifier in ("1", "all", "any")]
    atoms = st.sampled_from([*names, *selectors])
    return draw(
        st.recursive(
            atoms,
            lambda inner: st.one_of(
                inner.map(lambda one: f"not {one}"),
                st.tuples(inner, inner).map(" and ".join),
                st.tuples(inner, inner).map(" or ".join),
                inner.map(lambda one: f"({one})"),
                inner.map(lambda one: f"not ( {one} )"),
            ),
            max_leaves=5,
        )
    )


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Return a rule document."""
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4, unique=True))
    detection: dict[str, Any] = {name: draw(selections) for name in names}
    written = draw(st.lists(conditions(names), min_size=1, max_size=2))
    detection["condition"] = written if len(written) > 1 else written[0]
    return {"title": "random", "logsource": {"product": "any"}, "detection": detection}


# -- events -------------------------------------------------------------------------------------------------------------


def asked_for(body: Any) -> list[Any]:
    """Return the scalars of a detection, with what they stand for once placeholders are filled in."""
    if isinstance(body, dict):
        return [value for name, part in body.items() if name != "condition" for value in asked_for(part)]
    if isinstance(body, list):
        return [value for part in body for value in asked_for(part)]
    return [] if body is None or isinstance(body, bool) else [body]


def _encoded(text: str) -> list[str]:
    forms = [text.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be")]
    forms += [b"\xff\xfe" + forms[1], *(b"x" * shift + form + b"y" for form in forms for shift in (1, 2))]
    return [base64.b64encode(form).decode() for form in forms]


@st.composite
def _near(draw: st.DrawFn, value: Any) -> Any:
    """Return ``value`` as an event may hold it: as it is, as text, in another case, longer, shorter, encoded."""
    if not isinstance(value, str):
        return draw(st.sampled_from([value, value + 1, str(value), f" {value}", f"{value}.0", f"0{value}"]))
    plain = value.replace("%who%", "ab").replace("\\%", "%").replace("\\\\", "\\")
    filled = (
        plain.replace("\\*", "*").replace("*", draw(_texts)).replace("\\?", "?").replace("?", draw(st.sampled_from("aé\n?")))
    )
    forms = [value, plain, filled, filled.upper(), filled.lower(), filled[:-1], filled[1:], *_encoded(filled)]
    forms += [draw(_texts) + filled, filled + draw(_texts), f"x{filled}y", filled.replace("-", "/"), filled.replace("/", "―")]
    forms += [filled * 400, "z" * 3000 + filled]
    return draw(st.sampled_from(forms))


def _values(asked: list[Any]) -> st.SearchStrategy[Any]:
    near = st.sampled_from(asked).flatmap(_near) if asked else st.nothing()
    member = st.one_of(near, near, members) if asked else members
    return st.one_of(member, member, member, st.none(), st.lists(st.one_of(member, st.none()), max_size=3))


@st.composite
def events(draw: st.DrawFn, asked: list[Any] | None = None) -> dict[str, Any]:
    """Return an event: flat and nested fields of any JSON type, many of them near the values ``asked`` for."""
    value = _values(asked or [])
    event: dict[str, Any] = {name: draw(value) for name in draw(st.sets(st.sampled_from(FIELDS)))}
    if draw(st.booleans()):
        deeper = st.fixed_dictionaries({}, optional={"c": value, "d": value})
        beside = st.one_of(value, deeper, st.lists(deeper, max_size=2))
        inner = st.fixed_dictionaries({}, optional={"b": beside, "c": value, "b.c": value})
        if "a.b" in event and draw(st.booleans()):
            event["a.b"] = draw(beside)
        event["a"] = draw(st.one_of(inner, st.lists(st.one_of(inner, inner, value), max_size=2)))
    return event


@st.composite
def cases(draw: st.DrawFn, *, most_rules: int = 1, most_events: int = 6) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rules and events that are near what they ask for."""
    chosen = draw(st.lists(rules(), min_size=1, max_size=most_rules))
    asked = [value for rule in chosen for value in asked_for(rule["detection"])]
    return chosen, draw(st.lists(events(asked), min_size=1, max_size=most_events))
