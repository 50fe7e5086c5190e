"""Which rules of a set run: by status and level as in SigmaHQ's packages, by kind, tag, log source and id. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from correlator.detect.readings import Entry
from correlator.model.logsource import LogSource

_TESTED, _TRIED = ("stable", "test"), ("stable", "test", "experimental")
_LEVELS = ("informational", "low", "medium", "high", "critical")
#: Profile → (statuses, levels). SigmaHQ's names; the definitions are ours of its packages, compared with none of them.
PROFILES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "core": (_TESTED, _LEVELS[3:]),
    "core+": (_TESTED, _LEVELS[2:]),
    "core++": (_TRIED, _LEVELS[2:]),
    "all": (_TRIED, _LEVELS),
}
#: Kinds beside the generic rules that ``all`` has.
_WITH_ALL = frozenset({"emerging-threats", "threat-hunting", "compliance"})
#: Kinds that are packages of their own, with statuses and levels of their own.
_PACKAGES = {"emerging-threats": PROFILES["core++"], "threat-hunting": PROFILES["all"], "compliance": PROFILES["all"]}
_TAGGED = {f"detection.{kind}": kind for kind in ("emerging-threats", "threat-hunting", "dfir")}
GENERIC = ""
#: Folders of rules that their authors gave up.
RETIRED = frozenset({"deprecated", "unsupported"})


@dataclass(frozen=True, slots=True)
class Profile:
    """What runs of a set. Empty ``levels``, ``statuses``: those of ``name``; empty ``tags``, ``log_sources``: any."""

    name: str = "all"
    addons: Collection[str] = ()
    levels: Sequence[str] = ()
    statuses: Sequence[str] = ()
    tags: Sequence[str] = ()
    log_sources: Sequence[str] = ()
    include: Collection[str] = ()
    exclude: Collection[str] = ()

    @property
    def is_custom(self) -> bool:
        """Whether more than a package is asked for."""
        return any((self.levels, self.statuses, self.tags, self.log_sources, self.include, self.exclude))

    def __str__(self) -> str:
        """Return its name, the addons, and whether something of it was changed."""
        return " ".join((self.name, *sorted(f"+ {one}" for one in self.addons), *(["(custom)"] if self.is_custom else [])))

    def refusal(self, entry: Entry, kind: str) -> str:
        """Return why the rule does not run; "" when it does."""
        if entry.rule.id in self.exclude:
            return "its id is in exclude"
        if entry.rule.id in self.include:
            return ""
        if kind and not (kind in self.addons or (self.name == "all" and kind in _WITH_ALL) or kind in self.statuses):
            return f"it is of the kind {kind}, which is not in addons"
        return self._of_package(entry, kind) or self._narrower(entry)

    def _of_package(self, entry: Entry, kind: str) -> str:
        statuses, levels = PROFILES[self.name]
        if kind in _PACKAGES and kind in self.addons:
            statuses, levels = _PACKAGES[kind]
        status = entry.rule.status or "experimental"  # who says nothing has not tested it
        for word, value, taken in (
            ("status", status, self.statuses or statuses),
            ("level", entry.rule.level, self.levels or levels),
        ):
            if value not in taken:
                return f"its {word} is {value}; the profile takes {', '.join(taken)}"
        return ""

    def _narrower(self, entry: Entry) -> str:
        tags = [tag.lower() for tag in entry.rule.tags]
        if self.tags and not any(fnmatchcase(tag, wanted.lower()) for tag in tags for wanted in self.tags):
            return "none of its tags is in tags"
        if self.log_sources and not any(_is_of(entry.source, wanted) for wanted in self.log_sources):
            return f"its log source {entry.source} is not in log_sources"
        return ""


def kind_of(path: str, tags: Collection[str]) -> str:
    """Return the kind of a rule by its ``path`` below the set (``rules-KIND/…``, ``deprecated/…``) and tags; "": generic."""
    for folder in path.split("/")[:-1]:
        if folder in RETIRED:
            return folder
        if folder.startswith("rules-"):
            return folder.removeprefix("rules-")
    return next((kind for tag, kind in _TAGGED.items() if tag in tags), GENERIC)


def _is_of(source: LogSource, wanted: str) -> bool:
    parts = [*wanted.casefold().split("/"), "", ""][:3]
    given = (source.product, source.category, source.service)
    return all(asked in {"", "*", has.casefold()} for asked, has in zip(parts, given, strict=True))
