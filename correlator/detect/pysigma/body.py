"""The body of a rule or filter (log source, detections, condition) → its meaning, through pySigma's objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sigma.exceptions import SigmaError, SigmaTransformationError
from sigma.modifiers import SigmaModifier
from sigma.processing.pipeline import ProcessingPipeline
from sigma.rule import (
    SigmaDetection,
    SigmaDetectionItem,
    SigmaDetections,
    SigmaLevel,
    SigmaLogSource,
    SigmaRule,
    SigmaRuleTag,
    SigmaStatus,
)
from sigma.types import SigmaExpansion, SigmaNumber, SigmaString, SigmaType, sigma_type

from correlator.detect.metadata import custom_attributes
from correlator.detect.plan import Node
from correlator.detect.pysigma.mappings import SIGMA, Mappings
from correlator.detect.pysigma.meaning import MeaningError, any_of, node_of, number_text
from correlator.detect.pysigma.modifiers import MODIFIERS, TEXTUAL, Contains
from correlator.detect.pysigma.placeholders import Placeholders, advice, filled, missing, unknown
from correlator.model.logsource import LogSource

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
class Body:
    """What a body means once mappings were applied. ``fields`` and ``custom``: what mappings made of those of the rule."""

    node: Node
    logsource: LogSource
    fields: tuple[str, ...]
    custom: Mapping[str, Any] = field(hash=False)


def read_body(
    detections: Mapping[str, object],
    conditions: Sequence[str],
    rule: Mapping[str, Any],
    mappings: Mappings | None = None,
    placeholders: Placeholders | None = None,
) -> Body:
    """Return what a body means and the log source it asks for, after the mappings.

    ``detections`` by short name (``d0`` …) as ``conditions`` use them; ``rule`` gives its head and ``logsource`` (three keys)
    to the conditions of mappings. Raises BodyError.
    """
    values = placeholders or {}
    parsed = _read_detections(detections, values)
    try:
        sigma = _sigma_rule(rule, SigmaDetections(parsed, list(conditions)))
        pipeline = mappings.pipeline(str(rule.get("taxonomy") or SIGMA).lower()) if mappings else None
        if pipeline:
            _apply(pipeline, sigma, rule)
        node = any_of(node_of(condition.parsed, values) for condition in sigma.detection.parsed_condition)
    except BodyError:
        raise
    except MeaningError as error:
        raise _body_error(error, detections, values) from None
    except (SigmaError, RecursionError, ValueError, TypeError, AttributeError) as error:
        raise BodyError.of(("condition",), f"the condition cannot be read: {error}", "Sigma syntax") from error
    source = LogSource(*(getattr(sigma.logsource, key) or "" for key in ("product", "category", "service")))
    return Body(node, source, tuple(map(str, sigma.fields)), sigma.custom_attributes)


def _sigma_rule(rule: Mapping[str, Any], detection: SigmaDetections) -> SigmaRule:
    source = SigmaLogSource(**{key: rule["logsource"].get(key) for key in ("category", "product", "service")})
    listed = rule.get("fields")
    fields = list(listed) if isinstance(listed, list) else [listed] if listed else []
    return SigmaRule(
        title=str(rule.get("title", "")),
        id=rule.get("id"),
        name=rule.get("name"),
        logsource=source,
        detection=detection,
        fields=fields,
    )


def _apply(pipeline: ProcessingPipeline, sigma: SigmaRule, rule: Mapping[str, Any]) -> None:
    _give_head(sigma, rule)
    try:
        pipeline.apply(sigma)
    except SigmaTransformationError as error:
        raise BodyError.of((), f"a mapping refuses it: {error}", "what the mappings understand") from None
    except (SigmaError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise BodyError.of((), f"a mapping cannot be applied to it: {error}", "what the mappings understand") from None


def _give_head(sigma: SigmaRule, rule: Mapping[str, Any]) -> None:
    """Give ``sigma`` what conditions of mappings ask about: tags, level, status, author, attributes of its own."""
    sigma.tags = [SigmaRuleTag.from_str(tag) for tag in rule.get("tags") or () if "." in tag]
    sigma.level = SigmaLevel.__members__.get(str(rule.get("level") or "").upper())
    sigma.status = SigmaStatus.__members__.get(str(rule.get("status") or "").upper())
    sigma.author = rule.get("author")
    sigma.custom_attributes = custom_attributes(rule)


def _body_error(error: MeaningError, detections: Mapping[str, object], placeholders: Placeholders) -> BodyError:
    """Return ``error`` with its place: for a placeholder without values, that of every such placeholder."""
    unfilled = missing(detections, placeholders) if error.is_placeholder else {}
    if not unfilled:
        return BodyError.of((), error.what, error.expected)
    return BodyError(
        [
            Fault(keys, f"the placeholder %{name}% has no values here", advice(name, placeholders))
            for name, keys in unfilled.items()
        ]
    )


def _read_detections(detections: Mapping[str, object], placeholders: Placeholders) -> dict[str, SigmaDetection]:
    reader = _Reader(placeholders)
    parsed: dict[str, SigmaDetection] = {}
    for name, definition in detections.items():
        try:
            parsed[name] = reader.detection(definition, (name,))
        except BodyError as error:
            reader.faults.extend(error.faults)
    if reader.faults:
        raise BodyError(reader.faults)
    return parsed


@dataclass(slots=True)
class _Reader:
    """Reads detections; ``faults`` grows, the good ones go on so that all faults show at once."""

    placeholders: Placeholders
    faults: list[Fault] = field(default_factory=list)

    def detection(self, definition: object, keys: Keys) -> SigmaDetection:
        if isinstance(definition, Mapping):
            return self._map(definition, keys)
        if isinstance(definition, list) and any(isinstance(part, Mapping | list) for part in definition):
            return SigmaDetection([self.detection(part, (*keys, number)) for number, part in enumerate(definition)])
        return SigmaDetection([self._item("", definition, keys)])

    def _map(self, definition: Mapping[object, object], keys: Keys) -> SigmaDetection:
        items: list[SigmaDetectionItem | SigmaDetection] = []
        known = len(self.faults)
        for key, value in definition.items():
            try:
                if not isinstance(key, str | int) or isinstance(key, bool):
                    raise BodyError.of(keys, f"the field name {key!r} is not text", "a quoted field name")
                items.append(self._item(str(key), value, (*keys, str(key))))
            except BodyError as error:
                self.faults.extend(error.faults)
        if not items:
            raise BodyError([] if len(self.faults) > known else [Fault(keys, "the detection is empty", "field: value")])
        return SigmaDetection(items)

    def _item(self, key: str, definition: object, keys: Keys) -> SigmaDetectionItem:
        name, *words = key.split("|")
        values = [self._value(value, name, words, keys) for value in _value_list(definition, keys)]
        if "expand" in words and not unknown(definition, self.placeholders):
            words.remove("expand")  # done
        words.sort(key=_order)
        modifiers = [_modifier(word, keys) for word in words]
        if not name and not _PLACED & set(words):
            modifiers.append(Contains)
        try:
            return SigmaDetectionItem(name or None, modifiers, values)
        except (SigmaError, ValueError, TypeError) as error:
            raise BodyError.of(keys, f"{key!r} does not fit its value {definition!r:.80}", str(error)) from error

    def _value(self, value: object, name: str, words: Sequence[str], keys: Keys) -> SigmaType:
        textual = not name or bool(TEXTUAL & set(words))
        plain = "re" in words
        if "expand" in words and isinstance(value, str) and not unknown(value, self.placeholders):
            try:
                texts = filled(value, self.placeholders, as_regex=plain)
            except ValueError as error:
                raise BodyError.of(keys, str(error), "fewer placeholders in one value") from None
            return SigmaExpansion([_read_value(text, keys, textual=textual, plain=plain) for text in texts])
        return _read_value(value, keys, textual=textual, plain=plain)


def _order(word: str) -> int:
    """Return the place of a modifier: placeholders are filled in first, and links between values come last.

    A link says nothing of a value, so it may stand anywhere; a placeholder stands for values as if they were written there.
    """
    return 0 if word == "expand" else 2 if word in _LINKING else 1


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
