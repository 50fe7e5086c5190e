"""Time per stage of a flow that runs as it is: the functions its stages begin with are watched, nothing is rewritten.

A stage's time is its own: what one watched function spends inside another belongs to the inner one. So the stages of a run
add up to its whole, and work that nobody watches stays with the nearest stage around it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from operator import attrgetter
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

#: What a call is put down to: a name, or what gives the name from the call's arguments.
Stage = str | Callable[..., str]


def _parser_of(parser: Any, *_rest: object) -> str:  # noqa: ANN401 - whatever the watched function is given
    return f"parse {parser.name}"


#: (module, function as that module names it, stage). A name that has moved stops the benchmark: it must be found anew.
WATCHED: tuple[tuple[str, str, Stage], ...] = (
    ("correlator.runtime.replay", "read_files", "read"),
    ("correlator.runtime.replay", "Summary.take", "summary"),
    ("correlator.runtime.pipeline", "read", "parse, around the parsers"),
    ("correlator.parse.engine", "route", "parse: route"),
    ("correlator.parse.engine", "complete", "parse: assemble"),
    ("correlator.parse.engine", "guarded", _parser_of),
    ("correlator.parse.engine", "stamp_all", "parse: normalize"),
    ("correlator.runtime.pipeline", "enrich_batch", "enrich"),
    ("correlator.runtime.pipeline", "detect", "detect"),
    ("correlator.runtime.pipeline", "describe", "detect: describe"),
    ("correlator.runtime.pipeline", "project", "detect: describe"),
    ("correlator.runtime.pipeline", "correlate", "correlate"),
    ("correlator.runtime.pipeline", "findings", "findings"),
    ("correlator.runtime.checkpoint", "Checkpoint.commit", "commit: state and transaction"),
    ("correlator.runtime.checkpoint", "lake.write_segment", "commit: lake"),
    ("correlator.runtime.checkpoint", "load_known", "commit: triage"),
    ("correlator.runtime.checkpoint", "triage", "commit: triage"),
    ("correlator.runtime.checkpoint", "save_outcome", "commit: incidents"),
)


@dataclass(slots=True)
class Spent:
    """Seconds of the processor (all threads) and of the clock on the wall."""

    cpu: float = 0.0
    wall: float = 0.0

    def add(self, cpu: float, wall: float) -> None:
        """Add seconds; negative ones take back what an inner stage took."""
        self.cpu += cpu
        self.wall += wall


@dataclass(slots=True)
class Stopwatch:
    """Seconds per stage, in the order in which the stages were first reached."""

    spent: dict[str, Spent] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    _open: list[Spent] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Put the time inside the block down to ``name``, and take it back from the stage around it."""
        mine = self.spent.setdefault(name, Spent())
        self._open.append(mine)
        cpu, wall = process_time(), perf_counter()
        try:
            yield
        finally:
            took = process_time() - cpu, perf_counter() - wall
            self._open.pop()
            mine.add(*took)
            if self._open:
                self._open[-1].add(-took[0], -took[1])

    @contextmanager
    def watching(self, watched: Sequence[tuple[str, str, Stage]] = WATCHED, *, strict: bool = True) -> Iterator[None]:
        """Watch the functions of ``watched`` inside the block.

        Raises AttributeError for one that is no longer there; not ``strict``: it is named in ``missing``.
        """
        with ExitStack() as stack:
            for module, function, stage in watched:
                try:
                    original = attrgetter(function)(import_module(module))
                except (AttributeError, ImportError):
                    if strict:
                        raise
                    self.missing.append(f"{module}.{function}")
                    continue
                stack.enter_context(patch(f"{module}.{function}", self._watched(original, stage)))
            yield

    def _watched(self, original: Callable[..., Any], stage: Stage) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - stands for any function
            name = stage if isinstance(stage, str) else stage(*args)
            with self.stage(name):
                result = original(*args, **kwargs)
            return self._each(result, name) if isinstance(result, Iterator) else result

        return call

    def _each(self, values: Iterator[Any], name: str) -> Iterator[Any]:
        """Yield ``values``: a generator works when it is asked, not when it is called."""
        end = object()
        while True:
            with self.stage(name):
                value = next(values, end)
            if value is end:
                return
            yield value
