"""Why one test fails on one event, in words: what the event says, what was asked, and what comes nearest.

For people, one event at a time: verdicts are the engine's, nothing here decides any.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from ipaddress import ip_address

from correlator.detect.plan import Leaf, fold_text
from correlator.model.event import RESERVED

#: What an event says: field → its values as text; fields without a value are not there.
Fields = Mapping[str, Sequence[str]]

_LONGEST = 160  # characters of a value that is shown
_FEW = 4  # values that are shown
_COMPARED_VALUES, _COMPARED_CHARS = 300, 2_000  # looked at for the nearest one
_SEARCHED_PAIRS, _SEARCHED_CHARS = 60, 400  # looked at for a common part, which is slow
_WORTH = 4  # a common part shorter than this says nothing
_SPELT_ALIKE, _SHARED_WORDS = 0.85, 0.6
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WANTED = {
    "equals": "is", "contains": "contains", "startswith": "starts with", "endswith": "ends with", "like": "looks like",
    "regex": "matches", "cidr": "is in",
}  # fmt: skip
_SIGNS = {"lt": "below", "lte": "at most", "gt": "above", "gte": "at least"}
_OTHER = {
    "equals_field": "the same as", "contains_field": "a text that contains", "startswith_field": "a text that starts with",
    "endswith_field": "a text that ends with",
}  # fmt: skip


def why(leaf: Leaf, fields: Fields, *, true: bool) -> str:
    """Return what the event says about ``leaf``, which the engine found ``true`` of it or not, as one clause."""
    if leaf.field is None:
        return _keyword(leaf, fields, true=true)
    values = fields.get(leaf.field)
    if leaf.operator in {"null", "exists"}:
        return _presence(leaf, values, true=true)
    if values is None:
        return missing(leaf.field, fields)
    shown = f"{subject(leaf)} is {_told(values)}"
    if leaf.operator == "present" or (true and _says_it_all(leaf, values)):
        return shown
    return f"{shown}: {_asked(leaf, fields)}" if true else f"{shown}; {_failed(leaf, values, fields)}"


def _says_it_all(leaf: Leaf, values: Sequence[str]) -> bool:
    """Say whether the value is what was asked for, whole: then nothing more need be said."""
    same = len(leaf.values) == len(values) == 1 and fold_text(str(leaf.values[0])) == fold_text(values[0])
    return same and leaf.operator == "equals"


def missing(field: str, fields: Fields) -> str:
    """Return that ``field`` has no value, and which field of the event may have been meant."""
    like = _similar(field, fields)
    return f"{field} is missing" + (f"; the event has {' and '.join(like)}" if like else "")


def subject(leaf: Leaf) -> str:
    """Return what the test looks at."""
    return f"the {leaf.part} of {leaf.field}" if leaf.part else str(leaf.field)


def quoted(text: str) -> str:
    """Return ``text`` in quotes; the middle of a long one is left out."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    return f"'{text}'"


def _told(values: Sequence[str]) -> str:
    if len(values) == 1:
        return quoted(values[0])
    more = f" and {len(values) - _FEW} more" if len(values) > _FEW else ""
    return f"[{', '.join(map(quoted, values[:_FEW]))}{more}]" if values else "an empty list"


def _asked(leaf: Leaf, fields: Fields) -> str:
    """Return what the test asks for, briefly."""
    if leaf.operator in _SIGNS:
        return f"{_SIGNS[leaf.operator]} {leaf.values[0]:g}"
    if leaf.operator in _OTHER:
        other = str(leaf.values[0])
        return f"{_OTHER[leaf.operator]} {other} ({_told(fields[other]) if other in fields else 'which is missing'})"
    texts = [quoted(str(value)) for value in leaf.values[:_FEW]]
    more = f" or one of {len(leaf.values) - _FEW} more" if len(leaf.values) > _FEW else ""
    exact = ", in exactly this case" if leaf.cased else ""
    return f"{_WANTED[leaf.operator]} {' or '.join(texts)}{more}{exact}"


def _failed(leaf: Leaf, values: Sequence[str], fields: Fields) -> str:
    if leaf.operator in _SIGNS:
        numbers = all(_is_number(value) for value in values)
        return f"wanted {_asked(leaf, fields)}" + ("" if numbers else ", and this is no number")
    if leaf.operator in _OTHER:
        return f"wanted {_asked(leaf, fields)}"
    if leaf.operator == "cidr":
        return _not_inside(leaf, values)
    if leaf.operator == "regex":
        return f"wanted: {_asked(leaf, fields)}"
    count = len(leaf.values)
    asked = f"wanted: {_asked(leaf, fields)}" if count <= _FEW else f"none of the {count} values {_none(leaf.operator)}"
    near = _near_miss(leaf, values)
    return f"{asked}; {near}" if near else asked


def _none(operator: str) -> str:
    return {
        "equals": "is equal to it",
        "contains": "is in it",
        "startswith": "stands at its start",
        "endswith": "stands at its end",
    }.get(operator, "fits it")


def _not_inside(leaf: Leaf, values: Sequence[str]) -> str:
    networks = ", ".join(str(value) for value in leaf.values[:_FEW])
    more = f" … ({len(leaf.values)} networks)" if len(leaf.values) > _FEW else ""
    odd = [value for value in values if not _is_address(value)]
    return f"it is not in {networks}{more}" + (f"; {quoted(odd[0])} is no address" if odd else "")


def _presence(leaf: Leaf, values: Sequence[str] | None, *, true: bool) -> str:
    if values is None:
        return f"{leaf.field} has no value" + ("" if leaf.operator == "null" or true else ", wanted: any")
    wanted = ", wanted: no value" if leaf.operator == "null" and not true else ""
    empty = " (an empty text is a value)" if wanted and not any(values) else ""
    return f"{leaf.field} is {_told(values)}{wanted}{empty}"


def _keyword(leaf: Leaf, fields: Fields, *, true: bool) -> str:
    if true:
        return _keyword_place(leaf, fields)
    texts = " or ".join(quoted(str(value)) for value in leaf.values[:_FEW])
    more = f" or one of {len(leaf.values) - _FEW} more" if len(leaf.values) > _FEW else ""
    return f"no value of the event {_WANTED.get(leaf.operator, leaf.operator)} {texts}{more}"


def _keyword_place(leaf: Leaf, fields: Fields) -> str:
    wanted = [fold_text(str(value)) for value in leaf.values]
    for name, values in fields.items():
        for value in values:
            found = next((text for text in wanted if text in fold_text(value)), None)
            if found is not None:
                return f"{name} is {quoted(value)}: contains {quoted(found)}"
    return f"a value of the event {_WANTED.get(leaf.operator, leaf.operator)} {' or '.join(map(quoted, wanted[:_FEW]))}"


def _similar(field: str, fields: Fields) -> list[str]:
    folded = {name.lower(): name for name in fields}
    if field.lower() in folded:
        return [f"{folded[field.lower()]} (names of fields are told apart by case)"]
    near = get_close_matches(field.lower(), folded, 2, _SPELT_ALIKE)
    wanted = _words(field)
    shared = {name: len(wanted & _words(name)) / max(len(wanted), 1) for name in fields if name not in RESERVED}
    alike = sorted((name for name, share in shared.items() if share >= _SHARED_WORDS), key=lambda name: -shared[name])
    return list(dict.fromkeys([*(folded[name] for name in near), *alike]))[:2]


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}


def _near_miss(leaf: Leaf, values: Sequence[str]) -> str:
    """Return the nearest of the asked texts, said by how it differs; empty when nothing comes near."""
    asked = [str(value) for value in leaf.values[:_COMPARED_VALUES]]
    held = [value[:_COMPARED_CHARS] for value in values]
    pairs = [(text, value) for text in asked for value in held if text and value]
    for say in (_case_only, _blanks_only, _elsewhere, _slashes_only, _other_number):
        told = next((told for text, value in pairs if (told := say(leaf, text, value))), "")
        if told:
            return told
    return _common(pairs)


def _case_only(leaf: Leaf, text: str, value: str) -> str:
    fits = _fits(leaf.operator, fold_text(text), fold_text(value))
    return f"{quoted(text)} differs only in case" if leaf.cased and fits else ""


def _blanks_only(leaf: Leaf, text: str, value: str) -> str:
    same = _fits(leaf.operator, fold_text(text).strip(), fold_text(value).strip())
    return f"{quoted(text)} differs only in blanks around it" if same else ""


def _elsewhere(leaf: Leaf, text: str, value: str) -> str:
    if leaf.operator not in {"equals", "startswith", "endswith"} or len(text) < _WORTH:
        return ""
    place = {"equals": "is only a part of it", "startswith": "is in it, but not at its start"}
    return (
        f"{quoted(text)} {place.get(leaf.operator, 'is in it, but not at its end')}"
        if fold_text(text) in fold_text(value)
        else ""
    )


def _slashes_only(leaf: Leaf, text: str, value: str) -> str:
    same = _fits(leaf.operator, _one_slash(text), _one_slash(value))
    return f"{quoted(text)} differs only in its slashes or backslashes" if same else ""


def _one_slash(text: str) -> str:
    folded = fold_text(text).replace("/", "\\")
    while "\\\\" in folded:
        folded = folded.replace("\\\\", "\\")
    return folded


def _other_number(leaf: Leaf, text: str, value: str) -> str:
    one, two = _number(text), _number(value)
    same = leaf.operator == "equals" and one is not None and one == two
    return f"{quoted(text)} is the same number, written otherwise" if same else ""


def _number(text: str) -> float | None:
    try:
        return float(int(text, 16)) if text.lower().startswith("0x") else float(text)
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return _number(text) is not None and not text.lower().startswith("0x")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _fits(operator: str, text: str, value: str) -> bool:
    match operator:
        case "contains":
            return text in value
        case "startswith":
            return value.startswith(text)
        case "endswith":
            return value.endswith(text)
    return text == value


def _common(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the longest part that an asked text and a value share, when it is most of what was asked."""
    best, share = "", 0.0
    for whole, held in pairs[:_SEARCHED_PAIRS]:
        text, value = whole[:_SEARCHED_CHARS], held[:_SEARCHED_CHARS]
        matcher = SequenceMatcher(None, fold_text(text), fold_text(value), autojunk=False)
        found = matcher.find_longest_match()
        if found.size >= _WORTH and found.size / len(text) > max(share, 0.5):
            share, part = found.size / len(text), text[found.a : found.a + found.size]
            best = f"nearest: {quoted(text)}, of which {quoted(part)} is there"
    return best
