"""Rule folders → a rule set, from the plan cache when nothing changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from correlator.detect.report import Loaded
from correlator.store.content import plan_key, read_plan, read_rules, write_plan

_NO_PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {}


def load_cached(
    paths: Sequence[Path],
    mappings: Sequence[Path] = (),
    cache_dir: Path | None = None,
    placeholders: Mapping[str, tuple[str, ...]] = _NO_PLACEHOLDERS,
) -> Loaded:
    """Return the rules below ``paths`` with the pipelines below ``mappings``; pySigma is loaded only on a cache miss.

    Raises InputError for a missing path. Without ``cache_dir`` nothing is kept.
    """
    texts, pipelines = read_rules(paths), read_rules(mappings)
    key = plan_key(texts, pipelines, placeholders)
    kept = read_plan(cache_dir, key) if cache_dir else None
    if kept is not None:
        try:
            return Loaded.from_json(kept)
        except (ValueError, KeyError, TypeError):
            pass  # damaged or of another form: made again below
    from correlator.detect.load import load_rules  # noqa: PLC0415 - loads pySigma

    loaded = load_rules(texts, pipelines, placeholders)
    if cache_dir:
        write_plan(cache_dir, key, loaded.to_json())
    return loaded
