"""The reference pages of the catalogue: public services with their paper procedures, and clocks."""

from typing import Final

from correlator.config.catalogue import load_catalogue
from correlator.model.service import CatalogueService, ClockKind, delay_text

_HEAD: Final = "<!-- Made by `python -m correlator.harness.reference`; do not edit. -->\n"
_COLUMNS: Final = "| service | label | hours | dmia | reprise | pdma | needs | clocks |\n|---|---|---|---|---|---|---|---|\n"


def services_page() -> str:
    """Return the catalogue of public services."""
    catalogue = load_catalogue()
    head = (
        "# Public services\nThe catalogue that ships, in French as it is shown. `dmia` (how long the service may be away, by "
        "any means), `reprise` (target for its software) and `pdma` (how old restored data may be) are **examples** until a "
        "commune says otherwise in its [estate](../estate.md); counted in opening hours, whole days as opening days, unless "
        "the hours are `h24`. In bold: people may be hurt. What each needs and its deadlines: [clocks](clocks.md).\n\n"
    )
    words = [f"| `{one.id}` | {one.label} |{' yes |' if one.of_commune else ' |'}\n" for one in catalogue.hours.values()]
    assets = [f"| `{one.id}` | {one.label} |{' yes |' if one.external else ' |'}\n" for one in catalogue.assets.values()]
    return "".join(
        [
            *(_HEAD, head, _COLUMNS),
            *map(_service_row, catalogue.services.values()),
            *("\n## Hours\n\n| word | meaning | a commune's own hours come first |\n|---|---|---|\n", *words),
            *("\n## What services need\n\n| word | meaning | outside |\n|---|---|---|\n", *assets),
            "\n## On paper\nHow each service goes on without its software, and what must lie ready beforehand.\n",
            *map(_paper, catalogue.services.values()),
        ]
    )


def _service_row(one: CatalogueService) -> str:
    label = f"**{one.label}**" if one.vital else one.label
    needs = ", ".join(f"`{need}`" for need in (*one.needs, *one.platforms))
    clocks = ", ".join(f"`{clock}`" for clock in one.clocks)
    delays = " | ".join(map(delay_text, (one.dmia, one.reprise, one.pdma)))
    return f"| `{one.id}` | {label} | {one.hours} | {delays} | {needs} | {clocks} |\n"


def _paper(one: CatalogueService) -> str:
    steps = "".join(f"{number}. {step}\n" for number, step in enumerate(one.paper, 1))
    return f"\n### {one.label}\n{steps}\nÀ préparer : {' ; '.join(one.kit)}.\n"


def clocks_page() -> str:
    """Return the table of legal and service clocks."""
    head = (
        "# Clocks\nLegal and service delays, as data. **None of this is legal advice: each is to be confirmed by the commune's "
        "own counsel.** `source` says where the rule was read. Where two readings differed the stricter one is kept, and the "
        "note says so.\n\n| clock | name | shape | counting | value | starts | if missed | article | source, date | note |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return "".join([_HEAD, head, *map(_clock_row, load_catalogue().clocks.values())])


def _clock_row(one: ClockKind) -> str:
    dates = ", ".join([*map(str, one.day_of_month), *one.dates])
    value = f"{one.earliest} to {one.value}" if one.earliest else one.value if one.value is not None else dates
    read = f"{one.source} ({one.checked.isoformat()})"
    births = "Seulement où la commune a une maternité. " if one.needs_maternity else ""
    cells = (one.name, one.shape, one.counting, value, one.start, one.effect, one.article, read, f"{births}{one.note}")
    return f"| `{one.id}` | {' | '.join(map(str, cells))} |\n"
