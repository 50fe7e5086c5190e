"""What an estate file must hold beyond each entry by itself: names that exist, things given once, no circle of needs."""

from collections.abc import Iterator, Mapping
from typing import Any

from correlator.config.estate_entries import EVERY
from correlator.config.toml_lines import KeyPath
from correlator.config.toml_reader import TomlReader
from correlator.model.estate import SHARED
from correlator.model.service import Catalogue

Sections = Mapping[str, Mapping[int, Any]]

_ONCE = (("commune", "id"), ("commune", "code"), ("network", "cidr"), ("source", "name"), ("contact", "id"))
_PATTERNS = ("hosts", "upn_suffixes", "users", "units")


def check_estate(reader: TomlReader, sections: Sections, catalogue: Catalogue) -> None:
    """Note every fault between the entries of the text that ``reader`` holds."""
    _check_communes(reader)
    _check_words(reader, sections, catalogue)
    _check_repeats(reader, sections)
    _check_shared(reader, sections)
    _check_services(reader, sections)
    _check_circles(reader, sections)


def _ids(reader: TomlReader, section: str) -> set[str]:
    """Return the ids written in ``section``, of faulty entries too: one fault must not make others."""
    return {word for _, word in reader.written(section, "id") if word}


def _check_communes(reader: TomlReader) -> None:
    known = _ids(reader, "commune")
    owners = known | {SHARED}
    for section in ("network", "source"):
        for where, word in reader.written(section, "commune"):
            reader.known(where, "commune", word, owners, 'the id of a [[commune]] or "shared"')
    for section, key in (("shared", "communes"), ("contact", "commune")):
        for where, word in reader.written(section, key):
            reader.known(where, "commune", word, known, "the id of a [[commune]]")
    for where, word in reader.written("service", "commune"):
        reader.known(where, "commune", word, known | {EVERY}, 'the id of a [[commune]] or "*"')


def _check_words(reader: TomlReader, sections: Sections, catalogue: Catalogue) -> None:
    for where, word in reader.written("service", "service"):
        reader.known(where, "service", word, catalogue.services, "a service of the catalogue: `tocsin estate services`")
    assets = {*catalogue.assets, *_ids(reader, "shared")}
    for section in ("shared", "service"):
        for where, word in reader.written(section, "needs"):
            reader.known(where, "asset", word, assets, "an asset of the catalogue or the id of a [[shared]]")
    contacts = _ids(reader, "contact")
    codes = [entry.code.lower() for entry in sections["commune"].values()]
    for where, word in reader.written("service", "contact"):
        for name in dict.fromkeys(word.replace("{lower_code}", code) for code in codes) if "{lower_code}" in word else [word]:
            if name and not reader.known(where, "contact", name, contacts, "the id of a [[contact]]"):
                break


def _check_repeats(reader: TomlReader, sections: Sections) -> None:
    for name, key in _ONCE:
        reader.once(name, key, ((index, getattr(entry, key)) for index, entry in sections[name].items()))
    for key in _PATTERNS:
        reader.once("commune", key, reader.patterns(sections["commune"], key))


def _check_shared(reader: TomlReader, sections: Sections) -> None:
    """Note an id that two assets of one commune bear; each commune may have its own ``csu-net``."""
    named = [(index, entry) for index, entry in sections["shared"].items() if entry.id]
    for at, (index, entry) in enumerate(named):
        same = (earlier for earlier, other in named[:at] if other.id == entry.id and _meet(other.communes, entry.communes))
        if (earlier := next(same, None)) is not None:
            what = f"id {entry.id!r} is already given on line {reader.line(('shared', earlier, 'id'))}"
            reader.problem(("shared", index, "id"), what, "give it other communes, or another id")


def _meet(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Say whether two lists of communes have one in common; an empty list is all of them."""
    return not one or not two or not set(one).isdisjoint(two)


def _check_services(reader: TomlReader, sections: Sections) -> None:
    """Note a service said twice for one commune; ``*`` only stands for communes without an entry of their own."""
    first: dict[tuple[str, str], int] = {}
    for index, entry in sections["service"].items():
        for commune in entry.commune:
            earlier = first.setdefault((entry.service, commune), index)
            if earlier != index:
                line = reader.line(("service", earlier, "service"))
                what = f"service {entry.service!r} of commune {commune!r} is already given on line {line}"
                reader.problem(("service", index, "commune"), what, "give it once")


def _check_circles(reader: TomlReader, sections: Sections) -> None:
    needs: dict[str, tuple[str, ...]] = {}
    lines: dict[str, KeyPath] = {}
    for index, entry in sections["shared"].items():
        if entry.id:
            needs[entry.id] = (*needs.get(entry.id, ()), *entry.needs)
            lines.setdefault(entry.id, ("shared", index, "needs"))
    for circle in _circles(needs):
        what = f"assets need each other in a circle: {' → '.join(circle)}"
        reader.problem(lines[circle[0]], what, "take out one of these needs")


def _circles(needs: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield each circle once, as the path that closes it."""
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if name in path:
            yield (*path[path.index(name) :], name)
        elif name not in done:
            for below in needs.get(name, ()):
                yield from walk(below, (*path, name))
            done.add(name)

    for start in needs:
        yield from walk(start, ())
