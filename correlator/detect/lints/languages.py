"""Texts that a French Windows never writes: English names of accounts and groups, messages rendered in a language.

Events hold names as the machine that wrote them has them, and SIDs, which are the same everywhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from correlator.detect.lints.finding import Finding, signed_leaves
from correlator.detect.plan import Leaf, Rule, Value, fold_text, pattern_tokens
from correlator.detect.wording import describe_leaf


@dataclass(frozen=True, slots=True)
class Name:
    """A built-in account or group: how an English and a French Windows write it, and its SID."""

    english: str
    french: str
    sid: str
    typed: bool = True  # whether it is distinctive enough to be looked for in command lines

    def word(self) -> re.Pattern[str]:
        """Return the name as a whole word."""
        return re.compile(rf"(?<!\w){re.escape(fold_text(self.english))}(?!\w)")


#: ``S-1-5-21-…-`` stands for the domain's own part.
NAMES = (
    Name(r"NT AUTHORITY\SYSTEM", r"AUTORITE NT\Système", "S-1-5-18"),
    Name("NT AUTHORITY", "AUTORITE NT", "S-1-5-18, S-1-5-19 or S-1-5-20"),
    Name("SYSTEM", "Système", "S-1-5-18", typed=False),
    Name("LOCAL SERVICE", "SERVICE LOCAL", "S-1-5-19"),
    Name("NETWORK SERVICE", "SERVICE RÉSEAU", "S-1-5-20"),
    Name("Everyone", "Tout le monde", "S-1-1-0"),
    Name("Authenticated Users", "Utilisateurs authentifiés", "S-1-5-11"),
    Name("Administrators", "Administrateurs", "S-1-5-32-544"),
    Name("Users", "Utilisateurs", "S-1-5-32-545", typed=False),
    Name("Guests", "Invités", "S-1-5-32-546", typed=False),
    Name("Administrator", "Administrateur", "S-1-5-21-…-500", typed=False),
    Name("Guest", "Invité", "S-1-5-21-…-501", typed=False),
    Name("Domain Admins", "Admins du domaine", "S-1-5-21-…-512"),
    Name("Domain Users", "Utilisateurs du domaine", "S-1-5-21-…-513"),
    Name("Domain Guests", "Invités du domaine", "S-1-5-21-…-514"),
    Name("Domain Computers", "Ordinateurs du domaine", "S-1-5-21-…-515"),
    Name("Domain Controllers", "Contrôleurs de domaine", "S-1-5-21-…-516"),
    Name("Cert Publishers", "Éditeurs de certificats", "S-1-5-21-…-517"),
    Name("Schema Admins", "Administrateurs du schéma", "S-1-5-21-…-518"),
    Name("Enterprise Admins", "Administrateurs de l'entreprise", "S-1-5-21-…-519"),
    Name("Group Policy Creator Owners", "Propriétaires créateurs de la stratégie de groupe", "S-1-5-21-…-520"),
    Name("Server Operators", "Opérateurs de serveur", "S-1-5-32-549"),
    Name("Account Operators", "Opérateurs de compte", "S-1-5-32-548"),
    Name("Print Operators", "Opérateurs d'impression", "S-1-5-32-550"),
    Name("Backup Operators", "Opérateurs de sauvegarde", "S-1-5-32-551"),
    Name("Remote Desktop Users", "Utilisateurs du Bureau à distance", "S-1-5-32-555"),
    Name("Remote Management Users", "Utilisateurs de gestion à distance", "S-1-5-32-580"),
    Name("Hyper-V Administrators", "Administrateurs Hyper-V", "S-1-5-32-578"),
)

#: Fields that hold one account or group.
_ACCOUNTS = re.compile(
    r"(?:.*(?:User|UserName|Username|DomainName|MemberName|AccountName|GroupName|SamAccountName|OwnerName)"
    r"|user\.(?:.*\.)?(?:name|domain)|group\.name|ServiceAccount)"
)
#: Fields that hold what people type.
_TYPED = frozenset({
    "CommandLine", "ParentCommandLine", "ScriptBlockText", "Payload", "HostApplication", "ServiceFileName", "ImagePath",
    "TaskContent", "process.command_line", "process.parent.command_line",
})  # fmt: skip
#: Fields that Windows fills from a message table of its own language; the record itself holds a number, or nothing.
_RENDERED = {
    "Message": "EventID and the fields of the event",
    "message": "event.code and the fields of the event",
    "FailureReason": "Status and SubStatus, or the number the record holds: '%%2313'",
    "TaskCategory": "Task, a number",
    "LevelDisplayName": "Level, a number",
    "OpcodeDisplayName": "Opcode, a number",
}
_LEAST = 5  # letters of a part of a name that says which name is meant


def language_findings(rule: Rule) -> Iterator[Finding]:
    """Yield the tests of ``rule`` that hold on an English Windows only; rules of other products have none."""
    if rule.logsource.product.casefold() not in {"windows", ""} or (not rule.logsource.product and not rule.logsource.category):
        return
    for leaf, asked in dict.fromkeys(signed_leaves(rule.condition)):
        yield from _name_findings(rule, leaf, asked=asked)
        yield from _rendered_findings(rule, leaf)


def _rendered_findings(rule: Rule, leaf: Leaf) -> Iterator[Finding]:
    """Only what has a blank between words is a sentence."""
    if leaf.field not in _RENDERED or rule.logsource.product.casefold() != "windows":
        return
    for value in map(str, leaf.values):
        if re.search(r"[A-Za-z]{2} [A-Za-z]{2}", value):
            what = f"{leaf.field} holds {value[:60]!r} on an English Windows only"
            yield Finding.of("rendered-text", rule, what, _RENDERED[leaf.field], topic=leaf.field, near=(leaf.field, value))


def _name_findings(rule: Rule, leaf: Leaf, *, asked: bool) -> Iterator[Finding]:
    if leaf.field is None:
        return
    in_account = bool(_ACCOUNTS.fullmatch(leaf.field)) and leaf.operator in {
        "equals",
        "contains",
        "startswith",
        "endswith",
        "like",
    }
    if not in_account and leaf.field not in _TYPED:
        return
    told: set[Name] = set()
    for value in leaf.values:
        name = _named(leaf, value, in_account=in_account)
        if name and name not in told and not _also_french(leaf, name):
            told.add(name)
            effect = "never true on a French Windows" if asked else "excludes nothing on a French Windows"
            what = f"{describe_leaf(replace(leaf, values=(value,)))}: {effect}, which writes {name.french!r}"
            expected = f"the SID {name.sid} in a SID field, or both names"
            yield Finding.of("english-name", rule, what, expected, topic=name.english, near=(leaf.field, str(value)))


def _named(leaf: Leaf, value: Value, *, in_account: bool) -> Name | None:
    """Return the name that ``value`` means; the longest, when several are in it."""
    text = _plain(leaf, value)
    if in_account:
        fitting = [name for name in NAMES if _means(leaf, text, fold_text(name.english))]
    else:
        fitting = [name for name in NAMES if name.typed and name.word().search(text)]
    return max(fitting, key=lambda name: len(name.english), default=None)


def _means(leaf: Leaf, text: str, english: str) -> bool:
    """Say whether a test of an account field for ``text`` is one for the account ``english``."""
    if leaf.operator in {"equals", "like"}:
        return text in {english, f"builtin\\{english}", f"nt authority\\{english}"}
    bare = text.strip("\\ ")
    if leaf.operator == "contains":
        return bare == english or (bare in english and len(bare) >= max(_LEAST, len(english.partition("\\")[0]) // 2))
    return bare == english


def _also_french(leaf: Leaf, name: Name) -> bool:
    """Say whether another value of the same test is true of the French name, with or without accents."""
    forms = {fold_text(name.french), _unaccented(fold_text(name.french))}
    tests = [(_plain(leaf, value).strip("\\"), leaf.operator) for value in leaf.values]
    return any(text and (text in form or (operator != "equals" and form in text)) for text, operator in tests for form in forms)


def _unaccented(text: str) -> str:
    return text.translate(str.maketrans("éèêôàâ", "eeeoaa"))


def _plain(leaf: Leaf, value: Value) -> str:
    """Return ``value`` folded, without the wildcards of a ``like``."""
    text = str(value)
    if leaf.operator == "like":
        text = "".join(char for char, wild in pattern_tokens(text) if not wild)
    return fold_text(text)
