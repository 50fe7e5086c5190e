"""Every sink, every sample: the exact request, an idempotency key, no secret anywhere. A new sink is tested by being there.

Run this file as a script to write the ``.request.json`` of new samples; read them before you commit them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from correlator.deliver.contract import Change, ExternalRef, IncidentChange, Sink
from correlator.deliver.registry import find_sinks, make_sinks, manual_of
from correlator.errors import InputError

SAMPLES = Path(__file__).parents[2] / "sinks" / "samples"
KINDS = find_sinks()
#: They reach people: a mail is no JSON, an SMS says nothing of a change. Tested in tests/unit/sinks.
MESSENGERS = frozenset({"mail", "sms"})
RENDERING = [kind for kind in KINDS if kind not in MESSENGERS]
SECRET = "correct-horse-battery-staple"  # noqa: S105 - what must never show


def cases() -> list[tuple[str, Path]]:
    """Return (kind, sample) of every sample."""
    return [(kind, path) for kind in KINDS for path in sorted((SAMPLES / kind).glob("*.incident.json"))]


def sink_of(kind: str) -> Sink:
    """Return the sink of the samples' settings."""
    settings = json.loads((SAMPLES / kind / "settings.json").read_text())
    return make_sinks(KINDS, {"sample": {"kind": kind, **settings}})["sample"]


def rendered(kind: str, sample: Path) -> list[dict[str, Any]]:
    """Return the requests of one sample, bodies as JSON."""
    told = json.loads(sample.read_text())
    change = IncidentChange(Change(told["change"]), told["sequence"], told["external_id"], told["incident"], told["v"])
    requests = sink_of(kind).render(change, ExternalRef(**told["ref"]) if told["ref"] else None)
    return [
        {"method": one.method, "target": one.target, "headers": dict(one.headers), "body": json.loads(one.body)}
        for one in requests
    ]


def golden_of(sample: Path) -> Path:
    """Return where the expected requests of ``sample`` are."""
    return sample.with_name(sample.name.replace(".incident.json", ".request.json"))


@pytest.mark.parametrize("kind", RENDERING)
def test_every_sink_has_samples_and_a_manual(kind: str) -> None:
    """An opened and a changed incident at least, and a docstring that says the settings."""
    changes = {json.loads(path.read_text())["change"] for one, path in cases() if one == kind}
    assert "opened" in changes
    assert len(changes) > 1
    assert "Settings: " in manual_of(KINDS[kind])


@pytest.mark.parametrize(("kind", "sample"), cases())
def test_render_gives_the_golden_request(kind: str, sample: Path) -> None:
    """The exact request, for every sample, twice: rendering is pure."""
    expected = json.loads(golden_of(sample).read_text())
    assert rendered(kind, sample) == expected
    assert rendered(kind, sample) == expected


@pytest.mark.parametrize(("kind", "sample"), cases())
def test_a_request_names_its_incident_and_its_change(kind: str, sample: Path) -> None:
    """What makes a retry harmless: external id and sequence are in every request."""
    told = json.loads(sample.read_text())
    for request in rendered(kind, sample):
        assert (request["body"]["external_id"], request["body"]["sequence"]) == (told["external_id"], told["sequence"])


@pytest.mark.parametrize(("kind", "sample"), cases())
def test_no_secret_in_requests_or_repr(kind: str, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is stored before sending nor what a log would print of a sink holds the secret."""
    monkeypatch.setenv("TOCSIN_TEST_SECRET", SECRET)
    sink = sink_of(kind)
    assert SECRET not in repr(sink) + str(vars(sink)) + json.dumps(rendered(kind, sample))


@pytest.mark.parametrize("kind", RENDERING)
def test_unknown_settings_are_refused(kind: str) -> None:
    """A misspelt setting is said, with those that exist."""
    settings = json.loads((SAMPLES / kind / "settings.json").read_text())
    with pytest.raises(InputError, match=r"sink s: unknown setting 'colour'; known: "):
        make_sinks(KINDS, {"s": {"kind": kind, **settings, "colour": "red"}})


@pytest.mark.parametrize("kind", list(KINDS))
def test_missing_settings_are_refused(kind: str) -> None:
    """No settings at all: an error that says what to write, not a crash at the first incident."""
    with pytest.raises(InputError, match="sink s: "):
        make_sinks(KINDS, {"s": {"kind": kind}})


def write_goldens() -> None:
    """Write the expected requests of every sample as they are now."""
    for kind, sample in cases():
        text = json.dumps(rendered(kind, sample), indent=2, ensure_ascii=False)
        golden_of(sample).write_text(text + "\n")


if __name__ == "__main__":
    write_goldens()
