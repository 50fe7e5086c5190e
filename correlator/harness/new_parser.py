"""A new parser from a file of raw lines: a module that reads them, three samples, and their recorded events."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from correlator.errors import InputError, Problem
from correlator.harness import golden
from correlator.harness.parser_pieces import Head
from correlator.harness.parser_text import module_text
from correlator.harness.sample_shape import Form, Shape, shape_of
from correlator.parse.contract import Parser
from correlator.parse.engine import read
from correlator.parse.route import route

__all__ = ["Draft", "Reached", "draft", "reached", "record", "remove", "write"]

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_MOST_SAMPLED, _UNUSUAL = 40, 5
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])")
_OURS = [
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "127.0.0.0/8", "0.0.0.0/32")
]


@dataclass(frozen=True, slots=True)
class Draft:
    """A parser ready to be written: path → text, the module first; what the sample was taken for."""

    name: str
    module: Path
    files: Mapping[Path, str]
    shape: Shape

    @property
    def samples(self) -> Path:
        """The folder of samples of all parsers that lie there."""
        return self.module.parent / "samples"


@dataclass(frozen=True, slots=True)
class Reached:
    """Of the sample's lines: how many the parser reads, how many find it by themselves, and who takes the others."""

    lines: int
    read: int
    routed: int
    others: Mapping[str, int]


def draft(head: Head, sample: bytes, folder: Path, parsers: Mapping[str, Parser], form: Form | None = None) -> Draft:
    """Return the parser of ``head`` below ``folder`` for the lines of ``sample``; ``form`` where the guess is wrong.

    Raises InputError when the name is no name or taken, or the sample holds nothing to read.
    """
    _check(head.name, parsers)
    lines = [line.rstrip("\r") for line in sample.decode("utf-8-sig", "replace").split("\n")]
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise InputError([Problem("--sample", 0, "no line in it", "a file of raw lines, as the product sends them")])
    shape = shape_of(lines, form)
    module = folder / f"{head.name}.py"
    cases = {f"{name}.log": text for name, text in _samples(lines, shape).items()}
    files = {module: module_text(head, shape)} | {folder / "samples" / head.name / name: text for name, text in cases.items()}
    return Draft(head.name, module, files, shape)


def _check(name: str, parsers: Mapping[str, Parser]) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            [Problem("NAME", 0, f"{name!r} is no name for a parser", "small letters, digits and _, as olfeo_proxy")]
        )
    if name in parsers:
        raise InputError([Problem("NAME", 0, f"the parser {name!r} is there already", f"see it: tocsin parsers show {name}")])


def write(made: Draft) -> None:
    """Write the module and the samples. Raises InputError when one of them is there: it stays as it is."""
    there = [path for path in made.files if path.exists()]
    if there:
        raise InputError(Problem(str(path), 0, "is there already", "edit it, or take another NAME") for path in there)
    try:
        for path, text in made.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
            path.chmod(0o644)  # a site's module that others may write is not run
    except OSError as error:
        expected = "a folder that you may write to"
        raise InputError([Problem(str(error.filename), 0, f"cannot be written: {error.strerror}", expected)]) from None


def remove(made: Draft) -> None:
    """Take back what was written, and nothing else: a module that cannot be loaded would stop every command."""
    for path in made.files:
        path.unlink(missing_ok=True)


def record(made: Draft, parsers: Mapping[str, Parser]) -> None:
    """Write what the new parser makes of its samples as their expectation."""
    for case in golden.cases(made.name, made.samples):
        golden.update(case, parsers)


def reached(made: Draft, sample: bytes, parsers: Mapping[str, Parser]) -> Reached:
    """Return what becomes of the whole sample with the new parser among the others."""
    lines = [line for line in sample.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n") if line.strip()]
    raw = golden.raw_lines(lines, "sample")
    result = read(raw, parsers, forced={golden.SOURCE: made.name}, final=True)
    fates = result.counts[golden.SOURCE]
    owners = route(raw, parsers).parsers.fill_null("nobody").value_counts()
    claimed = {str(owner): int(count) for owner, count in owners.iter_rows()}
    routed = claimed.pop(made.name, 0)
    return Reached(len(lines), len(lines) - fates.rejected, routed, dict(sorted(claimed.items(), key=lambda one: -one[1])))


def _samples(lines: Sequence[str], shape: Shape) -> dict[str, str]:
    """Return the three samples: the lines as they are, in odd clothes, and damaged; addresses are documentation ones."""
    ours = _documented(lines)
    head, rest = (ours[:1], ours[1:]) if shape.form is Form.CSV else ([], ours)
    kept = rest[:_MOST_SAMPLED]
    dressed = kept if head else [f"<134>Nov 22 10:15:30 host-a {line}" if not line.startswith("<") else line for line in kept]
    unusual = [*kept[:1], *(f"{line}\r" for line in kept[1:2]), *(_longer(line) for line in kept[2:3]), *dressed[:_UNUSUAL]]
    if shape.form in {Form.SENTENCES, Form.REGEX, Form.COLUMNS} or head:
        unusual = [*kept[-_UNUSUAL:], f"{kept[0]}\r"]
    broken = [kept[0][: len(kept[0]) * 6 // 10], "", "nothing of the kind"]
    return {
        name: "\n".join([*head, *body]) + "\n" for name, body in (("ordinary", kept), ("unusual", unusual), ("broken", broken))
    }


def _longer(line: str) -> str:
    """Return a line with an accent at the end of its last word, inside the quotes and brackets that close there."""
    return re.sub(r"([\"'}\])]*)$", r"é\1", line, count=1)


def _documented(lines: Sequence[str]) -> list[str]:
    """Return the lines with each IPv4 address replaced by one kept for documentation, always by the same."""
    known: dict[str, str] = {}

    def put(found: re.Match[str]) -> str:
        text = found[0]
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text
        if any(address in network for network in _OURS):
            return text
        inner = "192.0.2" if address.is_private else "198.51.100"
        return known.setdefault(text, f"{inner}.{len(known) % 250 + 1}")

    return [_IPV4.sub(put, line) for line in lines]
