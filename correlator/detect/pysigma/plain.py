"""A rule that pySigma has read → the rule as its author wrote it, so that it can be read by our own loader.

pySigma's ``to_dict`` loses backslashes; its objects keep the original texts.
"""

from typing import Any

from sigma.modifiers import reverse_modifier_mapping
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import SigmaBool, SigmaNull, SigmaNumber, SigmaString, SigmaType

from correlator.detect.pysigma.body import BodyError

_HEAD = ("name", "description", "author", "date", "modified", "falsepositives", "taxonomy")


def document_of(rule: SigmaRule) -> dict[str, Any]:
    """Return ``rule``, filters applied as they are in it, as the mapping that a YAML file holds. Raises BodyError."""
    source = rule.logsource
    head = {key: value for key in _HEAD if isinstance(value := getattr(rule, key, None), str | list) and value}
    logsource = {"product": source.product, "category": source.category, "service": source.service}
    return {
        "title": rule.title or "untitled",
        **({"id": str(rule.id)} if rule.id else {}),
        **head,
        "level": rule.level.name.lower() if rule.level else "medium",
        "tags": [str(tag) for tag in rule.tags],
        "logsource": {key: value for key, value in logsource.items() if value},
        "detection": {
            **{name: _detection(detection) for name, detection in rule.detection.detections.items()},
            "condition": list(rule.detection.condition),
        },
    }


def _detection(detection: SigmaDetection) -> Any:  # noqa: ANN401 - any YAML
    parts = [part for part in detection.detection_items if isinstance(part, SigmaDetection)]
    items = [item for item in detection.detection_items if isinstance(item, SigmaDetectionItem)]
    if parts:
        return [*map(_detection, parts), *({_key(item): _values(item)} for item in items)]
    if len(items) == 1 and not items[0].field and not items[0].modifiers:
        return _values(items[0])
    return {_key(item): _values(item) for item in items}


def _key(item: SigmaDetectionItem) -> str:
    return "|".join([item.field or "", *(reverse_modifier_mapping[modifier.__name__] for modifier in item.modifiers)])


def _values(item: SigmaDetectionItem) -> Any:  # noqa: ANN401 - any YAML
    if item.original_value is None:
        raise BodyError.of((), f"pySigma changed the values of {item.field} before they could be read", "the rule as written")
    values = [_value(value) for value in item.original_value]
    return values[0] if len(values) == 1 else values


def _value(value: SigmaType) -> str | float | bool | None:
    match value:
        case SigmaString():
            return value.original
        case SigmaBool():
            return value.boolean
        case SigmaNumber():
            return value.number
        case SigmaNull():
            return None
    raise BodyError.of((), f"a value of type {type(value).__name__} is not as it was written", "the rule as written")
