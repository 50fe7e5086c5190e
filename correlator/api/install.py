"""What every page needs of the install: settings, database, names of communes, the clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

import sqlalchemy as sa

from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.errors import InputError
from correlator.model.estate import Estate
from correlator.runtime.content import Content, load_content
from correlator.store.sessions import Lifetime

if TYPE_CHECKING:
    from starlette.requests import Request

_CONTENT_S = 300.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Install:
    """One install. ``is_demo``: invented communes, accounts written on the sign-in page; never on a network."""

    settings: Settings
    engine: sa.Engine
    is_demo: bool = False
    now: Callable[[], datetime] = _now
    _estate: tuple[float, Estate] = field(default=(-1.0, Estate()))
    _content: tuple[float, Content] | None = None
    _loading: Lock = field(default_factory=Lock)

    @property
    def estate(self) -> Estate:
        """Return the estate, read anew when its file changed; a broken file must hide nothing, so the last good one stays."""
        path = self.settings.estate
        changed = _changed(path) if path else 0.0
        if path and changed != self._estate[0]:
            try:
                self._estate = (changed, load_estate(path))
            except InputError:
                self._estate = (changed, self._estate[1])
        return self._estate[1]

    @property
    def names(self) -> Mapping[str, str]:
        """Return commune id → name."""
        return {commune.id: commune.name for commune in self.estate.communes}

    @property
    def content(self) -> Content:
        """Return the rules as they stand in their files, at most five minutes old; loading them takes a second."""
        with self._loading:
            if self._content is None or monotonic() - self._content[0] > _CONTENT_S:
                self._content = (monotonic(), load_content(self.settings))
            return self._content[1]

    @property
    def life(self) -> Lifetime:
        """Return how long sessions live."""
        console = self.settings.console
        return Lifetime(timedelta(hours=console.idle_hours), timedelta(hours=console.session_hours))


def install_of(request: "Request") -> Install:
    """Return the install a request is about."""
    found: Install = request.app.state.install
    return found


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
