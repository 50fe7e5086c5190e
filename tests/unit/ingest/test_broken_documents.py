"""Text that only looks like JSON documents is refused piece by piece, in time that grows with its size alone."""

import json

import pytest

from correlator.ingest import documents


class _Watched(json.JSONDecoder):
    """Notes the furthest place an attempt began at: the decoder counts lines from the beginning up to its error."""

    furthest = 0

    def raw_decode(self, s: str, idx: int = 0) -> tuple[object, int]:
        self.furthest = max(self.furthest, idx)
        return super().raw_decode(s, idx)


def test_broken_objects_are_told_apart_without_looking_far_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of opened braces are as many records; each error costs the same, wherever it is."""
    watched = _Watched()
    monkeypatch.setattr(documents, "_DECODER", watched)

    records = list(documents.documents(iter([b"{\n" * 40_000 + b'{"last": 1}\n'])))

    assert len(records) == 40_001
    assert records[-1].text == '{"last": 1}'
    assert watched.furthest < 20_000
