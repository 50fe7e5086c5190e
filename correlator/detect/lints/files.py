"""Findings get their lines, rules switch lints off, and what only the text shows is added: one pass over the files."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from correlator.detect.lints.finding import Finding
from correlator.detect.lints.heads import head_findings, switched_off, unknown_lints
from correlator.detect.lints.places import line_of
from correlator.detect.texts import Document, read_documents
from correlator.model.rule import RuleText

_NO_END = 1 << 31


def check_files(
    texts: Sequence[RuleText], found: Iterable[Finding], attack_tags: AbstractSet[str], skip: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield ``found`` (about rules of ``texts``) with lines, and what heads and pySigma's validators show.

    ``skip`` names lints, or ``sigma`` for all of pySigma's. Loads pySigma.
    """
    from correlator.detect.lints.validators import Validation, validator_names  # noqa: PLC0415 - loads pySigma

    by_path: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_path[finding.path].append(finding)
    names = validator_names()
    validation = Validation(skip | (names if "sigma" in skip else frozenset()))
    quiet: dict[tuple[str, int], frozenset[str]] = {}
    for text in texts:
        documents, _ = read_documents(text)
        waiting = by_path.pop(text.path, [])
        ends = [*(one.line for one in documents[1:]), _NO_END]
        for document, end in zip(documents, ends, strict=bool(documents)):
            own = [one for one in waiting if document.line <= one.line < end]
            said = [*own, *head_findings(document, attack_tags), *validation.look(document), *unknown_lints(document, names)]
            off = quiet[document.path, document.line] = switched_off(document)
            yield from _kept((_placed(one, document) for one in said), off | skip)
        yield from (one for one in waiting if not documents or one.line < documents[0].line)
    yield from (one for rest in by_path.values() for one in rest)
    for one in validation.finish():
        yield from _kept([one], quiet.get((one.path, one.line), frozenset()) | skip)


def _placed(finding: Finding, document: Document) -> Finding:
    if finding.keys:
        return replace(finding, line=document.line_of(*finding.keys), keys=())
    return replace(finding, line=line_of(document, *finding.near), near=None) if finding.near else finding


def _kept(findings: Iterable[Finding], off: frozenset[str]) -> Iterator[Finding]:
    """Yield the findings that nobody switched off; errors of the loader stay whatever is switched off."""
    for one in findings:
        family = "sigma" if one.lint.startswith("sigma-") else one.lint
        if one.lint == "load" or not {one.lint, family} & off:
            yield one
