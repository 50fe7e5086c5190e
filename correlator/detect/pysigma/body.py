"""The body of a rule or filter (log source, detections, condition) → its meaning, through pySigma's objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sigma.exceptions import SigmaError
from sigma.modifiers import SigmaModifier
from sigma.processing.pipeline import ProcessingPipeline
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections, SigmaLogSource, SigmaRule
from sigma.types import SigmaNumber, SigmaString, SigmaType, sigma_type

from correlator.detect.plan import Node
from correlator.detect.pysigma.meaning import MeaningError, Placeholders, any_of, node_of, number_text
from correlator.detect.pysigma.modifiers import MODIFIERS, TEXTUAL, Contains
from correlator.detect.texts import read_documents
from correlator.errors import Problem
from correlator.model.logsource import LogSource
from correlator.model.rule import RuleText

Keys = tuple[str | int, ...]

_LINKING = frozenset({"all", "neq"})

#: Keyword modifiers that say themselves where in a value they look; without them a keyword is found anywhere.
_PLACED = frozenset({"contains", "startswith", "endswith", "re", "cidr", "lt", "lte", "gt", "gte", "exists", "fieldref"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a body: where (keys from the body's root), what, what would be right."""

    keys: Keys
    what: str
    expected: str


class BodyError(ValueError):
    """The body cannot be used; ``faults`` lists everything wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.what for fault in faults))
        self.faults = tuple(faults)

    @classmethod
    def of(cls, keys: Keys, what: str, expected: str) -> "BodyError":
        """Return the error of a body with one fault."""
        return cls([Fault(keys, what, expected)])

    def renamed(self, names: Mapping[str, str]) -> "BodyError":
        """Return the same error with the author's detection names."""
        renamed = (tuple(names.get(key, key) if isinstance(key, str) else key for key in fault.keys) for fault in self.faults)
        return BodyError([Fault(keys, fault.what, fault.expected) for keys, fault in zip(renamed, self.faults, strict=True)])


@dataclass(frozen=True, slots=True)
class LoadedMapping:
    """One pySigma processing pipeline, applied to every rule when it loads; the lowest priority goes first."""

    path: str
    pipeline: ProcessingPipeline


def read_mapping(text: RuleText) -> LoadedMapping | Problem:
    """Return the pipeline written in ``text``, or why it cannot be used. It may not run code nor fetch anything."""
    documents, problems = read_documents(text)
    if problems or len(documents) != 1:
        return problems[0] if problems else Problem(text.path, 1, f"{len(documents)} documents", "one pySigma pipeline")
    content = documents[0].content
    refused = sorted({"postprocessing", "finalizers"} & set(content))
    if refused:
        return documents[0].problem(f"a mapping cannot have {' or '.join(refused)}", "transformations only", (refused[0],))
    try:
        return LoadedMapping(text.path, ProcessingPipeline.from_dict(content))
    except (SigmaError, TypeError, AttributeError, ValueError, KeyError) as error:
        return documents[0].problem(f"not a pySigma processing pipeline: {error}", "transformations with type and conditions")


def read_body(
    detections: Mapping[str, object],
    conditions: Sequence[str],
    rule: Mapping[str, Any],
    mappings: Sequence[LoadedMapping] = (),
    placeholders: Placeholders | None = None,
) -> tuple[Node, LogSource]:
    """Return what a body means and the log source it asks for, after the mappings.

    ``detections`` by short name (``d0`` …) as ``conditions`` use them; ``rule`` gives title, id and ``logsource`` to the
    conditions of mappings. Raises BodyError.
    """
    parsed = _read_detections(detections)
    try:
        logsource = SigmaLogSource(**{key: rule["logsource"].get(key) for key in ("category", "product", "service")})
        sigma = SigmaRule(
            title=str(rule.get("title", "")),
            id=rule.get("id"),
            name=rule.get("name"),
            logsource=logsource,
            detection=SigmaDetections(parsed, list(conditions)),
        )
        for mapping in sorted(mappings, key=lambda mapping: mapping.pipeline.priority):
            mapping.pipeline.apply(sigma)
        node = any_of(node_of(condition.parsed, placeholders or {}) for condition in sigma.detection.parsed_condition)
    except MeaningError as error:
        raise BodyError.of((), error.what, error.expected) from None
    except (SigmaError, RecursionError, ValueError, TypeError, AttributeError) as error:
        raise BodyError.of(("condition",), f"the condition cannot be read: {error}", "Sigma syntax") from error
    source = sigma.logsource
    return node, LogSource(source.product or "", source.category or "", source.service or "")


def _read_detections(detections: Mapping[str, object]) -> dict[str, SigmaDetection]:
    faults: list[Fault] = []
    parsed: dict[str, SigmaDetection] = {}
    for name, definition in detections.items():
        try:
            parsed[name] = _read_detection(definition, (name,), faults)
        except BodyError as error:
            faults.extend(error.faults)
    if faults:
        raise BodyError(faults)
    return parsed


def _read_detection(definition: object, keys: Keys, faults: list[Fault]) -> SigmaDetection:
    if isinstance(definition, Mapping):
        return _read_map(definition, keys, faults)
    if isinstance(definition, list) and any(isinstance(part, Mapping | list) for part in definition):
        return SigmaDetection([_read_detection(part, (*keys, number), faults) for number, part in enumerate(definition)])
    return SigmaDetection([_read_item("", definition, keys)])


def _read_map(definition: Mapping[object, object], keys: Keys, faults: list[Fault]) -> SigmaDetection:
    items: list[SigmaDetectionItem | SigmaDetection] = []
    known = len(faults)
    for key, value in definition.items():
        try:
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise BodyError.of(keys, f"the field name {key!r} is not text", "a quoted field name")
            items.append(_read_item(str(key), value, (*keys, str(key))))
        except BodyError as error:
            faults.extend(error.faults)
    if not items:
        raise BodyError([] if len(faults) > known else [Fault(keys, "the detection is empty", "field: value")])
    return SigmaDetection(items)


def _read_item(key: str, definition: object, keys: Keys) -> SigmaDetectionItem:
    field, *names = key.split("|")
    names.sort(key=_LINKING.__contains__)  # they say how values are linked, never what a value is: anywhere is right
    modifiers = [_modifier(name, keys) for name in names]
    if not field and not _PLACED & set(names):
        modifiers.append(Contains)
    textual = not field or bool(TEXTUAL & set(names))
    values = [_read_value(value, keys, textual=textual, plain="re" in names) for value in _value_list(definition, keys)]
    try:
        return SigmaDetectionItem(field or None, modifiers, values)
    except (SigmaError, ValueError, TypeError) as error:
        raise BodyError.of(keys, f"{key!r} does not fit its value {definition!r:.80}", str(error)) from error


def _modifier(name: str, keys: Keys) -> type[SigmaModifier[Any, Any]]:
    if name in MODIFIERS:
        return MODIFIERS[name]
    close = get_close_matches(name, MODIFIERS, 1)
    expected = f"did you mean '{close[0]}'?" if close else f"one of {', '.join(sorted(MODIFIERS))}"
    raise BodyError.of(keys, f"unknown modifier '{name}'", expected)


def _value_list(definition: object, keys: Keys) -> list[object]:
    if not isinstance(definition, list):
        return [definition]
    if not definition:
        raise BodyError.of(keys, "the list of values is empty", "at least one value")
    if None in definition:
        raise BodyError.of(keys, "null stands in a list of values", "null alone, in a selection of its own")
    return definition


def _read_value(value: object, keys: Keys, *, textual: bool, plain: bool) -> SigmaType:
    """Return ``value`` as pySigma's type: numbers as text where text is asked for, whole numbers exact at any size."""
    match value:
        case str() | bool() | int() | float() if textual:
            text = value if isinstance(value, str) else _scalar_text(value)
            return SigmaString.from_str(text) if plain else SigmaString(text)
        case str() | bool() | None:
            return sigma_type(value)
        case int() | float():
            number = SigmaNumber(value)
            number.number = value
            return number
    raise BodyError.of(keys, f"the value {value!r:.80} is a {type(value).__name__}", "text, a number, true, false or null")


def _scalar_text(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else number_text(value)
