"""The catalogue of public services, clocks and assets: TOML files, checked whole, all faults at once with ``path:line``.

Bundled in ``config/data``; another folder with the same three files may stand in for it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from correlator.config.estate_values import Duration, OpeningHours, Word, Words
from correlator.config.toml_reader import Entry, TomlReader, read_text
from correlator.errors import InputError
from correlator.model.service import Asset, Catalogue, CatalogueService, ClockKind, Counting, ServiceHours, Shape

#: Where the bundled catalogue lies.
BUNDLED: Final = Path(__file__).parent / "data"
#: The version this reader understands.
VERSION: Final = 1

_ID = re.compile(r"[a-z][a-z0-9-]*")
_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
#: Ways of counting that need no figure, or whose figure is a date.
_WITHOUT_VALUE: Final = frozenset({Counting.NO_FIGURE, Counting.FIXED_DATE})


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return check


Id = Annotated[str, AfterValidator(_matching(_ID, "an id")), Field(description='lower-case words, such as "ec-naissances"')]
MonthDay = Annotated[str, AfterValidator(_matching(_MONTH_DAY, "a day of the year")), Field(description='"04-15"')]


class _Asset(Entry):
    id: Id
    label: Word
    to_confirm: bool = False


class _Clock(Entry):
    model_config = ConfigDict(validate_default=True)  # a value left out is judged too

    id: Id
    name: Word
    shape: Shape
    counting: Counting
    value: Annotated[int | None, Field(ge=0, description="a number, in the unit of counting")] = None
    earliest: int | None = None
    day_of_month: tuple[Annotated[int, Field(ge=1, le=31)], ...] = ()
    dates: tuple[MonthDay, ...] = ()
    start: Word
    effect: Word
    source: Word
    article: Word
    note: str = ""
    checked: date | None = None
    needs_maternity: bool = False

    @field_validator("value", mode="after")
    @classmethod
    def _figure(cls, value: int | None, info: ValidationInfo) -> int | None:
        counting = info.data.get("counting")
        if counting and (value is None) != (counting in _WITHOUT_VALUE):
            raise ValueError(f"counting {counting.value!r} {'needs a' if value is None else 'has no'} value")
        return value


class _Service(Entry):
    id: Id
    label: Word
    owner: Word
    hours: Word
    dmia: Duration
    reprise: Duration
    pdma: Duration
    apps: Words = ()
    platforms: Words = ()
    needs: Words = ()
    peaks: Words = ()
    clocks: Words = ()
    paper: Words = ()
    kit: Words = ()
    vital: bool = False


class _Hours(Entry):
    label: Word
    open: OpeningHours
    of_commune: bool = False


class _Root(Entry):
    version: Annotated[int, Field(description=f"version = {VERSION}")]
    checked: date
    hours: dict[Id, _Hours] = Field(default_factory=dict)


_ASSETS: Final[Mapping[str, type[Entry]]] = {"asset": _Asset, "platform": _Asset}
_CLOCKS: Final[Mapping[str, type[Entry]]] = {"clock": _Clock}
_SERVICES: Final[Mapping[str, type[Entry]]] = {"service": _Service}


class _Part(TomlReader):
    """One file of the catalogue, read; ``entries`` are its good entries by section and index."""

    def __init__(self, path: Path, sections: Mapping[str, type[Entry]]) -> None:
        super().__init__(str(path), read_text(path, "a file of the catalogue"), sections)
        root = self.root(_Root)
        self.check_version(root.version if root else None, VERSION, "the catalogue")
        self.head = root or _Root(version=VERSION, checked=date.min)
        self.entries: dict[str, dict[int, Any]] = self.all_sections()
        for name in sections:
            self.once(name, "id", ((int(where[1]), word) for where, word in self.written(name, "id")))


def load_catalogue(folder: Path = BUNDLED) -> Catalogue:
    """Return the catalogue of ``folder``: ``assets.toml``, ``clocks.toml``, ``services.toml``.

    Raises InputError with every fault of the three files: syntax, unknown keys, wrong values, the same id twice, and each
    asset, platform, clock or word of hours that a service names and the catalogue does not have.
    """
    assets, clocks = _Part(folder / "assets.toml", _ASSETS), _Part(folder / "clocks.toml", _CLOCKS)
    services = _Part(folder / "services.toml", _SERVICES)
    _check_names(assets, clocks, services)
    problems = [problem for part in (assets, clocks, services) for problem in part.problems]
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.path, problem.line)))
    return Catalogue(
        services={entry.id: CatalogueService(**dict(entry)) for entry in services.entries["service"].values()},
        clocks={entry.id: _clock(entry, clocks.head.checked) for entry in clocks.entries["clock"].values()},
        assets={asset.id: asset for asset in _assets(assets)},
        hours={name: ServiceHours(name, **dict(entry)) for name, entry in services.head.hours.items()},
    )


def _check_names(assets: _Part, clocks: _Part, services: _Part) -> None:
    ours = _ids(assets, "asset")
    for where, word in assets.written("platform", "id"):
        if word in ours:
            assets.problem(where, f"id {word!r} is already an asset", "give it another id")
    names = {
        "hours": ("word of hours", services.head.hours.keys()),
        "needs": ("asset", ours),
        "platforms": ("platform", _ids(assets, "platform")),
        "clocks": ("clock", _ids(clocks, "clock")),
    }
    for key, (kind, known) in names.items():
        for where, word in services.written("service", key):
            services.known(where, kind, word, known, "a name of the catalogue")


def _ids(part: _Part, section: str) -> frozenset[str]:
    return frozenset(word for _, word in part.written(section, "id"))


def _assets(part: _Part) -> Iterator[Asset]:
    for name in ("asset", "platform"):
        for entry in part.entries[name].values():
            yield Asset(entry.id, entry.label, external=name == "platform", to_confirm=entry.to_confirm)


def _clock(entry: _Clock, checked: date) -> ClockKind:
    return ClockKind(**{**dict(entry), "checked": entry.checked or checked}, to_confirm=True)
