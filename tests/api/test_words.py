"""The French of the console: complete, current, and what dates and figures look like."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

from correlator.api import wording

API = Path(wording.__file__).parent
FRENCH = API / "locale/fr/LC_MESSAGES"
_OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def _said() -> set[str]:
    """Return every text that code and templates mark."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    found = extract_from_dir(str(API), method_map=methods, options_map=_OPTIONS, keywords=_KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def _catalogue() -> Catalog:
    with (FRENCH / "tocsin.po").open("rb") as stream:
        return pofile.read_po(stream, locale="fr")


def test_everything_is_said_in_french() -> None:
    """No text without a translation, no translation of a text that is gone; `just messages` brings both together."""
    known = {one.id if isinstance(one.id, str) else one.id[0]: one.string for one in _catalogue() if one.id}
    untranslated = [text for text, french in known.items() if not all([french] if isinstance(french, str) else french)]
    assert (_said() - set(known), set(known) - _said(), untranslated) == (set(), set(), [])


def test_the_compiled_catalogue_is_current() -> None:
    """The one that runs is the one that is read."""
    compiled = io.BytesIO()
    mofile.write_mo(compiled, _catalogue())
    assert compiled.getvalue() == (FRENCH / "tocsin.mo").read_bytes()


def test_placeholders_survive_translation() -> None:
    """A name that is missing in the French would be a page that fails."""
    wrong = [error for one in _catalogue() if one.id for error in one.check(_catalogue())]
    assert wrong == []


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-18T08:40:00", "mer. 18 nov. 2026, 9 h 40"),
        ("2026-10-25T00:30:00", "dim. 25 oct. 2026, 2 h 30"),
        ("2026-10-25T01:30:00", "dim. 25 oct. 2026, 2 h 30"),  # the hour that comes twice
        ("2026-12-31T23:00:00", "ven. 1er janv. 2027, 0 h 00"),
    ],
)
def test_dates_are_local_and_french(moment: str, told: str) -> None:
    """Local day and hour, in winter and summer."""
    utc = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert wording.day_and_time(utc, "Europe/Paris", "fr").replace("\N{NO-BREAK SPACE}", " ") == told


def test_a_span_names_its_day_once() -> None:
    """And twice when it crosses midnight."""
    first, last = datetime(2026, 11, 18, 22, 30, tzinfo=UTC), datetime(2026, 11, 18, 22, 50, tzinfo=UTC)
    assert wording.span(first, last, "Europe/Paris", "en") == "Wed 18 Nov 2026, 23:30 – 23:50"
    assert wording.span(first, datetime(2026, 11, 19, 1, 0, tzinfo=UTC), "Europe/Paris", "en").count("Nov") == 2
