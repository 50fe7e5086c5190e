"""Rule folders → a rule set; a file that did not change since the last time is taken from the plan cache."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from correlator.detect.plan import Node, node_from_plain, node_to_plain
from correlator.detect.readings import FileReading, Filter, join
from correlator.detect.report import Loaded
from correlator.errors import Problem
from correlator.model.logsource import LogSource
from correlator.model.rule import RuleText
from correlator.store.content import plan_name, read_plan, read_rules, text_key, write_plan

if TYPE_CHECKING:
    from correlator.detect.load import Environment

Part = TypeVar("Part")
_NO_PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {}
#: Raised when the form of the kept plans changes.
_FORM = 3


def load_cached(
    paths: Sequence[Path],
    mappings: Sequence[Path] = (),
    cache_dir: Path | None = None,
    placeholders: Mapping[str, tuple[str, ...]] = _NO_PLACEHOLDERS,
) -> Loaded:
    """Return the rules below ``paths`` with the pipelines below ``mappings``; pySigma is loaded only for what changed.

    Raises InputError for a missing path. Without ``cache_dir`` nothing is kept.
    """
    plans = Plans(paths, read_rules(mappings), cache_dir, placeholders)
    readings = [plans.read(text) for text in read_rules(paths)]
    loaded = join(readings, plans.narrow, plans.problems)
    plans.keep()
    return loaded


class Plans:
    """What every file of a rule set means: from the plan cache, and compiled where it is not there.

    ``keep`` writes what was asked for since; what nobody asked for is forgotten.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        mappings: Sequence[RuleText] = (),
        cache_dir: Path | None = None,
        placeholders: Mapping[str, tuple[str, ...]] = _NO_PLACEHOLDERS,
    ) -> None:
        self._name, self._cache_dir = plan_name(paths, mappings), cache_dir
        self._mappings, self._placeholders = mappings, placeholders
        kept = self._kept()
        self._old: Mapping[str, Any] = kept.get("parts", {})
        self._new: dict[str, Any] = {}
        self._faults: list[list[Any]] | None = kept.get("problems") if mappings else []
        self._changed = False

    @cached_property
    def environment(self) -> "Environment":
        """The compiler with the mappings and placeholders; the first use loads pySigma."""
        from correlator.detect.load import Environment  # noqa: PLC0415 - loads pySigma

        return Environment(self._mappings, self._placeholders)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the mappings."""
        if self._faults is None:
            self._faults = [[one.path, one.line, one.what, one.expected] for one in self.environment.problems]
            self._changed = True
        return tuple(Problem(*one) for one in self._faults)

    def read(self, text: RuleText) -> FileReading:
        """Return what one file holds."""
        if text.fault:
            return self.environment.read(text)
        key = text_key(text.text, self._placeholders)
        back = partial(FileReading.from_plain, path=text.path)
        return self._part(key, back, FileReading.to_plain, lambda: self.environment.read(text))

    def narrow(self, found: Filter, source: LogSource) -> Node | tuple[Problem, ...]:
        """Return what the filter ``found`` means for rules of the log source ``source``, or why it cannot be applied."""
        key = text_key(f"{source}\0{orjson.dumps(found.content).decode()}", self._placeholders)
        back = partial(_narrowing_from_plain, found=found)
        return self._part(key, back, _narrowing_to_plain, lambda: self.environment.narrow(found, source))

    def _part(
        self, key: str, from_plain: Callable[[Any], Part], to_plain: Callable[[Part], Any], make: Callable[[], Part]
    ) -> Part:
        plain = self._old.get(key)
        if plain is not None:
            try:
                part = from_plain(plain)
            except (ValueError, KeyError, TypeError):
                pass  # damaged or of another form: made again below
            else:
                self._new[key] = plain
                return part
        made = make()
        self._changed = True
        with suppress(TypeError):  # half a character in a file's name: JSON cannot carry it
            self._new[key] = orjson.Fragment(orjson.dumps(to_plain(made)))
        return made

    def keep(self) -> None:
        """Write the plans that were used, when they are not those that were there."""
        if self._cache_dir is None or not (self._changed or len(self._new) != len(self._old)):
            return
        content = {"form": _FORM, "problems": self._faults, "parts": self._new}
        write_plan(self._cache_dir, self._name, orjson.dumps(content))

    def _kept(self) -> Mapping[str, Any]:
        text = read_plan(self._cache_dir, self._name) if self._cache_dir else None
        try:
            kept = orjson.loads(text or b"{}")
        except ValueError:
            return {}
        return kept if isinstance(kept, dict) and kept.get("form") == _FORM else {}


def _narrowing_to_plain(part: Node | tuple[Problem, ...]) -> dict[str, Any]:
    if isinstance(part, tuple):
        return {"problems": [[one.what, one.expected] for one in part]}
    return {"node": node_to_plain(part)}


def _narrowing_from_plain(plain: Mapping[str, Any], found: Filter) -> Node | tuple[Problem, ...]:
    if "problems" in plain:
        return tuple(Problem(found.path, found.line, *one) for one in plain["problems"])
    return node_from_plain(plain["node"])
