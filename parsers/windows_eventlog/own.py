"""Own fields that are derived: other spellings Sigma rules use, 4688 as process creation, hashes, antivirus, words of codes.

A derived field never replaces one that the record has, with one exception: the process ids of 4688 (see ``_process_creation``).
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache

import polars as pl

from .channels import ANTIVIRUS_IDS, CLASSIC, DEFENDER, SECURITY, SYSMON
from .codes import MESSAGES, decoded_words

__all__ = ["DECODED_LISTS", "DECODED_WORDS", "derive", "integer", "made_of", "telling"]

#: Fields whose text is a list of ids or words: decoded as a list.
DECODED_LISTS = (
    "AccessList", "AccessReason", "AuditPolicyChanges", "DisabledPrivilegeList", "EnabledPrivilegeList", "GroupMembership",
    "PrivilegeList", "Properties", "UserAccountControl",
)  # fmt: skip
#: Fields whose text is one message id: decoded as text.
DECODED_WORDS = (
    "AccountExpires", "Direction", "ElevatedToken", "FailureReason", "ImpersonationLevel", "LayerName", "LogonHours",
    "NewValueType", "OldValueType", "OperationType", "PasswordLastSet", "TokenElevationType", "VirtualAccount",
)  # fmt: skip

_HASHES = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "imphash": "IMPHASH"}
_INTEGRITY = {
    "S-1-16-0": "Untrusted",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "MediumPlus",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
}
_ENGINE = ("HostApplication", "HostName", "HostVersion", "EngineVersion", "UserId", "CommandLine", "ScriptName")
_LIST_CHANNELS = frozenset({CLASSIC, "application", "msexchange management"})

# Derived field → what it is made of: an own field wanted by name makes its sources wanted.
_MADE_OF: Mapping[str, tuple[str, ...]] = {
    **{f"winlog.decoded.{name}": (name,) for name in (*DECODED_LISTS, *DECODED_WORDS)},
    **dict.fromkeys(_HASHES, ("Hashes", "Hash")),
    **dict.fromkeys(_ENGINE, ("Data",)),
    "Image": ("NewProcessName",),
    "ParentImage": ("ParentProcessName",),
    "User": ("SubjectDomainName", "SubjectUserName", "TargetDomainName", "TargetUserName"),
    "LogonId": ("SubjectLogonId",),
    "ParentProcessId": ("ProcessId",),
    "ProcessId": ("NewProcessId",),
    "EventData_ProcessId": ("ProcessId",),
    "IntegrityLevel": ("MandatoryLabel",),
    "Signature": ("Threat Name",),
    "Filename": ("Path",),
    "CallerComputerName": ("TargetDomainName",),
    "Data": (*(f"param{number}" for number in range(1, 33)), "StringInserts"),
}
#: Names with blanks that known providers write; their spellings without are made of them.
_SPACED = (
    "Threat Name", "Threat ID", "Severity ID", "Severity Name", "Category ID", "Category Name", "Process Name",
    "Detection User", "Detection ID", "Detection Time", "Action ID", "Action Name", "Origin ID", "Origin Name", "Source ID",
    "Source Name", "Execution ID", "Execution Name", "Type ID", "Type Name", "Status Code", "Status Description", "State",
    "Error Code", "Error Description", "Old Value", "New Value", "Feature Name", "Feature ID", "Product Name",
    "Product Version", "Signature Version", "Engine Version", "FWLink", "Remediation User", "Additional Actions ID",
    "Additional Actions String", "Post Clean Status", "Pre Execution Status", "Reason", "Default SD String:",
    "Security intelligence Version", "Involved File", "Target Commandline", "Parent Commandline", "Inhertiance Flags",
    "Changed Type", "Value", "Fidelity Value", "Fidelity Label", "Image File Hash", "Target File Name",
)  # fmt: skip


def spellings(name: str) -> tuple[str, ...]:
    """Return the other spellings of a name with blanks: without blanks and colons, and with underscores."""
    plain = name.replace(":", "").strip()
    others = (plain.replace(" ", ""), plain.replace(" ", "_")) if " " in name or ":" in name else ()
    return tuple(dict.fromkeys(filter(None, others)))


_SPELT = {spelling: name for name in _SPACED for spelling in spellings(name)}


_TEXT_SOURCES = frozenset(source for sources in _MADE_OF.values() for source in sources) - {"Data"}


def _sources(name: str) -> Iterator[str]:
    yield name
    for source in _MADE_OF.get(name, ()):
        yield from _sources(source)
    if name in _SPELT:
        yield _SPELT[name]


@lru_cache(maxsize=16)
def made_of(want: frozenset[str]) -> frozenset[str]:
    """Return the fields of a record that the own fields ``want`` are made of, themselves included."""
    return frozenset(source for name in want for source in _sources(name))


_DERIVED = frozenset({*_MADE_OF, *_TEXT_SOURCES, "Data"})
_REWRITTEN = frozenset({"@severity", "@Keywords", "@Level", "Keywords", "Level", "EventType"})


@lru_cache(maxsize=4096)
def telling(names: tuple[str, ...]) -> frozenset[str]:
    """Return those of the ``names`` that decide by being there: what others are rewritten by, or derived unless it is there.

    Events are only put together where these are the same, or a neighbour would decide.
    """
    return frozenset(name for name in names if name in _DERIVED or name in _REWRITTEN or name in _SPELT or spellings(name))


def derive(
    flat: pl.DataFrame,
    channel: str,
    event_id: str,
    rewritten: Collection[pl.Expr] = (),
    want: Collection[str] | None = None,
) -> pl.DataFrame:
    """Return ``flat``, the events of one ``channel`` (lower case) and ``event_id``, with the derived fields it allows.

    ``rewritten`` columns replace those of ``flat`` on the way. Words of codes are decoded where ``want`` names them (None:
    all).
    """
    listed = _single(_data_list(flat, channel))
    added = {**_spelt(listed), **_made(listed, channel, event_id), **_decoded(listed, want)}
    new = [*rewritten, *(expr.alias(name) for name, expr in added.items() if name not in listed.columns)]
    whole = listed.with_columns(new) if new else listed
    return _process_creation(whole) if (channel, event_id) == (SECURITY, "4688") else whole


def _single(flat: pl.DataFrame) -> pl.DataFrame:
    """Return ``flat`` with the fields that others are made of as text: a hostile record may hold a list there."""
    lists = [name for name, dtype in flat.schema.items() if isinstance(dtype, pl.List) and name in _TEXT_SOURCES]
    return flat.with_columns(pl.col(lists).list.join("\n", ignore_nulls=True)) if lists else flat


def _data_list(flat: pl.DataFrame, channel: str) -> pl.DataFrame:
    """Return ``flat`` with winlogbeat's param1, param2 … as the list ``Data`` again, where data has no names."""
    if "Data" in flat.columns:
        return flat
    parameters = [name for name in flat.columns if name.startswith("param") and name[5:].isdecimal()]
    if channel not in _LIST_CHANNELS or "param1" not in parameters:
        return flat
    ordered = sorted(parameters, key=lambda name: int(name[5:]))
    return flat.with_columns(pl.concat_list(ordered).list.drop_nulls().alias("Data"))


def _spelt(flat: pl.DataFrame) -> dict[str, pl.Expr]:
    return {spelling: pl.col(name) for name in flat.columns for spelling in spellings(name)}


def _decoded(flat: pl.DataFrame, want: Collection[str] | None) -> dict[str, pl.Expr]:
    asked = [name for name in (*DECODED_LISTS, *DECODED_WORDS) if want is None or f"winlog.decoded.{name}" in want]
    present = [name for name in asked if name in flat.columns and flat.get_column(name).dtype == pl.String]
    return {f"winlog.decoded.{name}": _words(flat.get_column(name), is_list=name in DECODED_LISTS) for name in present}


def _words(column: pl.Series, *, is_list: bool) -> pl.Expr:
    """Return the decoded column; Python sees each distinct text once."""
    texts = column.drop_nulls().unique().to_list()
    if is_list:
        table = pl.DataFrame(
            {"text": texts, "words": [decoded_words(text) or None for text in texts]},
            schema={"text": pl.String, "words": pl.List(pl.String)},
        )
        joined = column.to_frame("text").join(table, on="text", how="left", maintain_order="left")
        return pl.lit(joined.get_column("words"))
    words = {text: MESSAGES.get(text[2:]) for text in texts if text.startswith("%%")}
    return pl.col(column.name).replace_strict(words, default=None, return_dtype=pl.String)


def _made(flat: pl.DataFrame, channel: str, event_id: str) -> dict[str, pl.Expr]:
    if channel == SYSMON:
        return _hashes(flat)
    if channel == CLASSIC and "Data" in flat.columns:
        return _engine()
    if channel == DEFENDER and event_id in ANTIVIRUS_IDS:
        return _renamed(flat, {"Signature": "Threat Name", "Filename": "Path"})
    if (channel, event_id) == (SECURITY, "4740"):
        return _renamed(flat, {"CallerComputerName": "TargetDomainName"})
    return {}


def _renamed(flat: pl.DataFrame, names: Mapping[str, str]) -> dict[str, pl.Expr]:
    return {name: pl.col(source) for name, source in names.items() if source in flat.columns}


def _hashes(flat: pl.DataFrame) -> dict[str, pl.Expr]:
    column = next((name for name in ("Hashes", "Hash") if name in flat.columns), None)
    if column is None:
        return {}
    return {name: pl.col(column).str.extract(rf"(?i)\b{label}=([0-9a-f]+)") for name, label in _HASHES.items()}


@cache
def _engine() -> dict[str, pl.Expr]:
    text = pl.col("Data").list.join("\n", ignore_nulls=True)
    return {name: text.str.extract(rf"(?m)^\s*{name}=([^\r\n]+)").str.strip_chars() for name in _ENGINE}


def _process_creation(flat: pl.DataFrame) -> pl.DataFrame:
    """Return 4688 with the names of process_creation.

    In 4688 ``ProcessId`` is the creator; for rules of process_creation it must be the new process, in decimal. So the creator
    becomes ``ParentProcessId`` and its text as found stays in ``EventData_ProcessId``.
    """
    has = set(flat.columns)
    names = _renamed(flat, {"Image": "NewProcessName", "ParentImage": "ParentProcessName", "LogonId": "SubjectLogonId"})
    columns = [expr.alias(name) for name, expr in names.items() if name not in has]
    if "MandatoryLabel" in has:
        columns.append(
            pl.col("MandatoryLabel").replace_strict(_INTEGRITY, default=None, return_dtype=pl.String).alias("IntegrityLevel")
        )
    if "SubjectUserName" in has:
        columns.append(_process_user(flat).alias("User"))
    if "ProcessId" in has:
        columns += [pl.col("ProcessId").alias("EventData_ProcessId"), decimal("ProcessId").alias("ParentProcessId")]
    if "NewProcessId" in has:
        columns.append(decimal("NewProcessId").alias("ProcessId"))
    return flat.with_columns(columns)


def _process_user(flat: pl.DataFrame) -> pl.Expr:
    subject = _account(flat, "Subject")
    target = _account(flat, "Target")
    is_target = ~pl.col("TargetUserName").is_in(["-", ""]) if "TargetUserName" in flat.columns else pl.lit(value=False)
    return pl.when(is_target).then(target).otherwise(subject)


def _account(flat: pl.DataFrame, side: str) -> pl.Expr:
    if f"{side}UserName" not in flat.columns:
        return pl.lit(None, pl.String)
    domain = pl.col(f"{side}DomainName") + "\\" if f"{side}DomainName" in flat.columns else pl.lit("")
    return pl.concat_str(domain.fill_null(""), f"{side}UserName")


def decimal(name: str) -> pl.Expr:
    """Return a number text, decimal or ``0x…``, as decimal text; null where it is neither."""
    return integer(name).cast(pl.String)


def integer(name: str) -> pl.Expr:
    """Return a number text, decimal or ``0x…``, as Int64; null where it is neither."""
    text = pl.col(name).str.strip_chars()
    from_hex = text.str.strip_prefix("0x").str.to_integer(base=16, strict=False, dtype=pl.Int64)
    return pl.when(text.str.starts_with("0x")).then(from_hex).otherwise(text.cast(pl.Int64, strict=False))
