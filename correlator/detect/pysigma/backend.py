"""``sigma convert -t polars``: pySigma's face on our own loader. What pySigma read is written down again and read by ours.

So a converted rule means what the same rule means in Tocsin, pySigma's faults apart; its pipelines (``-p``) and filters
(``--filter``) are applied by pySigma's own code.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import yaml
from sigma.conversion.base import Backend
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError, SigmaFeatureNotSupportedByBackendError, SigmaValueError
from sigma.rule import SigmaRule

from correlator.detect.load import Environment
from correlator.detect.plan import Rule
from correlator.detect.pysigma.body import BodyError
from correlator.detect.pysigma.mappings import Mappings
from correlator.detect.pysigma.plain import document_of
from correlator.detect.readings import join
from correlator.detect.source import assignment, evaluated, heading, logsource_source, only_source, source_of, unable
from correlator.model.rule import RuleText

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_YES = frozenset({"1", "true", "yes", "on"})
Callback = Callable[[SigmaRule | SigmaCorrelationRule, str | None, int, Any, Any], Any]


class PolarsBackend(Backend):
    """Sigma rules → polars expressions; options ``lists`` (columns of lists) and ``logsource`` (test the log source too)."""

    name: ClassVar[str] = "polars expressions, as Tocsin runs them"
    identifier: ClassVar[str] = "polars"
    formats: ClassVar[dict[str, str]] = {
        "default": "Python source of the expression, for people and for any program with polars",
        "json": "one object per rule; its 'expression' is for pl.Expr.deserialize(…, format='json')",
    }
    requires_pipeline: ClassVar[bool] = False
    correlation_methods: ClassVar[dict[str, str] | None] = None

    def convert_rule(self, rule: SigmaRule, output_format: str | None = None, callback: Callback | None = None) -> list[Any]:
        """Return the expression of ``rule``, one however many conditions it has. Raises SigmaError, or collects it."""
        try:
            loaded = self._loaded(rule)
            query: Any = self._as_json(loaded) if output_format == "json" else self._as_source(loaded)
        except SigmaError as error:
            if not self.collect_errors:
                raise
            self.errors.append((rule, error))
            return []
        if callback is not None:  # each rule into a file of its own
            whole = query if isinstance(query, dict) else f"{heading(query)}\n\n{query}"
            query = callback(rule, output_format, 0, rule.detection.condition, whole)
        return [] if query is None else [query]

    def convert_correlation_rule(
        self,
        rule: SigmaCorrelationRule,
        output_format: str | None = None,
        method: str | None = None,
        callback: Callback | None = None,
    ) -> list[Any]:
        """Refuse: a correlation is about several events, an expression about one."""
        del output_format, method, callback
        what = f"{rule.title}: a correlation looks at several events, an expression at one"
        right = "`tocsin replay` and `tocsin rules backtest` run it, -s leaves it out"
        where = "; it stands" if rule.source else ""  # pySigma goes on: in FILE
        error = SigmaFeatureNotSupportedByBackendError(f"{what}: {right}{where}", source=rule.source)
        if not self.collect_errors:
            raise error
        self.errors.append((rule, error))  # type: ignore[arg-type]  # pySigma itself puts correlations here
        return []

    def finalize(self, queries: list[Any], output_format: str) -> Any:  # noqa: ANN401 - pySigma's signature
        """Return the output of all rules: Python source with its imports first, or one object per rule."""
        if output_format == "json" or not queries:
            return queries
        return [heading("\n".join(map(str, queries))), *queries]

    def _loaded(self, rule: SigmaRule) -> Rule:
        environment = Environment()
        environment.mappings = Mappings(ready=self.last_processing_pipeline)
        try:
            text = yaml.dump(document_of(rule), Dumper=_Dumper, allow_unicode=True, sort_keys=False)
        except BodyError as error:
            raise SigmaValueError(str(error), source=rule.source) from None
        where = str(rule.source.path) if rule.source else rule.title
        loaded = join([environment.read(RuleText(where, text))], environment.narrow, environment.problems)
        if loaded.problems:
            told = "; ".join(f"{one.what} ({one.expected})" if one.expected else one.what for one in loaded.problems)
            raise SigmaValueError(f"{rule.title}: {told}", source=rule.source)
        (made,) = loaded.ruleset.rules
        if why := unable(made.condition, self._lists):
            raise SigmaFeatureNotSupportedByBackendError(f"{rule.title}: {why}", source=rule.source)
        return made

    @property
    def _lists(self) -> frozenset[str]:
        given: Any = self.backend_options.get("lists", ())
        texts = [given] if isinstance(given, str) else list(map(str, given))
        return frozenset(name for text in texts for name in text.split(",") if name)

    @property
    def _by_logsource(self) -> bool:
        return str(self.backend_options.get("logsource", "")).lower() in _YES

    def _source(self, rule: Rule) -> str:
        source = source_of(rule.condition, self._lists)
        if not self._by_logsource:
            return source
        inside = source.replace("\n", "\n    ")
        return f"(\n    {logsource_source(rule.logsource)}\n    & {inside}\n)"

    def _as_source(self, rule: Rule) -> str:
        about = f"# {_one_line(rule.title)} ({rule.level}, {_one_line(str(rule.logsource))})"
        return f"{about}\n{assignment(rule.id, self._source(rule))}"

    def _as_json(self, rule: Rule) -> dict[str, Any]:
        python = only_source(rule.condition)
        if python:
            raise SigmaFeatureNotSupportedByBackendError(
                f"{rule.title}: {python}, which JSON cannot hold; the default format can"
            )
        return {
            "id": rule.id,
            "title": rule.title,
            "level": rule.level,
            "logsource": str(rule.logsource),
            "fields": sorted(rule.fields),
            "expression": evaluated(self._source(rule)).meta.serialize(format="json"),
        }


def _one_line(text: str) -> str:
    """Return ``text`` as the rest of a comment line: what stands in a rule must not become code."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


PolarsBackend.__abstractmethods__ = frozenset()  # pySigma's are about its own tree, which is not what is converted here
