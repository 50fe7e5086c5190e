"""Exports of a directory: CSV (``Get-ADUser`` or the HR office) or LDIF → who is who."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

from correlator.config.csv_tables import read_table
from correlator.errors import InputError, Problem

#: Our name → titles a column may have, in CSV and in LDIF.
_TITLES = {
    "account": ("samaccountname", "account", "login", "compte", "identifiant", "uid", "username", "user name", "user"),
    "mail": ("mail", "email", "emailaddress", "e mail", "adresse mail", "courriel", "userprincipalname", "upn"),
    "name": ("displayname", "display name", "name", "nom complet", "nom", "cn", "full name"),
    "department": ("department", "departement", "service", "direction", "ou", "physicaldeliveryofficename"),
    "title": ("title", "fonction", "poste", "titre", "jobtitle"),
}  # fmt: skip
Said = tuple[str, str, str]


def read_people(path: Path) -> dict[str, Said]:
    """Return account or mail address, in lower case → (name, department, title).

    Raises InputError when the file cannot be read, or names nobody.
    """
    rows = list(_ldif(path)) if _is_ldif(path) else [row.cells for row in read_table(path, _TITLES)[0]]
    found: dict[str, Said] = {}
    for row in rows:
        said = (row.get("name", ""), row.get("department", ""), row.get("title", ""))
        for key in (row.get("account", ""), row.get("mail", "")):
            if key:
                found.setdefault(key.lower(), said)
    if not found:
        raise InputError([Problem(str(path), 0, "names nobody", "columns account or mail, and name, department, title")])
    return found


def _is_ldif(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(4096).decode("utf-8", "replace")
    except OSError as error:
        raise InputError(
            [Problem(str(path), 0, f"cannot be read: {error.strerror}", "name a file that Tocsin may read")]
        ) from error
    return path.suffix.lower() == ".ldif" or any(line.startswith("dn:") for line in head.splitlines())


def _ldif(path: Path) -> Iterator[Mapping[str, str]]:
    """Yield the entries of an LDIF file by our names; folded lines and base64 values are read."""
    names = {title: ours for ours, titles in reversed(_TITLES.items()) for title in titles}
    entry: dict[str, str] = {}
    text = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").replace("\n ", "")
    for line in (*text.split("\n"), ""):
        title, mark, value = line.partition(":")
        if not line.strip():
            if entry:
                yield entry
            entry = {}
        elif mark and not line.startswith("#") and (ours := names.get(title.lower())):
            entry.setdefault(ours, _value(value))


def _value(text: str) -> str:
    if not text.startswith(":"):
        return text.strip()
    try:
        return base64.b64decode(text[1:].strip(), validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""
