"""A planted incident wakes somebody in under a minute with mail and resolver down; then Tocsin dies, and the watcher calls."""

import time
from pathlib import Path

import httpx

from tests.flow.calls import alone, bad_night, black_hole, gateway
from tests.flow.install import tocsin
from tests.flow.listening import eventually

_HTTP = 'via = "http"\nurl = "http://127.0.0.1:{port}/sms"\nbody = {{ to = "{{number}}", text = "{{text}}" }}'


def test_a_call_goes_out_when_nothing_else_works(tmp_path: Path) -> None:
    """Relays refused, silent and unresolvable: the SMS is out in under 60 s, and /health, the list and the brief say so."""
    with black_hole() as hole, gateway() as gate:
        config, health = bad_night(tmp_path, hole, _HTTP.format(port=gate.port))
        began = time.monotonic()
        with alone(config) as process:
            eventually(lambda: bool(gate.got), 50)
            assert time.monotonic() - began < 60
            eventually(lambda: _status(health) == 200)
            process.kill()
            process.wait()
            _watched(tmp_path, health, gate.port)
        brief, listed = tocsin("brief", "--since", "12h", "--config", config), tocsin("oncall", "list", "--config", config)
        taken = tocsin("oncall", "ack", "26-1", "--config", config)

    assert gate.got[0]["to"] == "+33612345678"
    assert gate.got[0]["text"].startswith("TOCSIN ÉLEVÉE AUL 26-0001 (répondre OK 26-0001)")
    assert "user" not in gate.got[0]["text"]
    assert [message["text"].split(" depuis")[0] for message in gate.got[1:]] == ["TOCSIN (sim9) ne répond pas (ConnectError)"]
    assert "Paul Martin, sms : envoyé" in brief.output
    assert "26-0001" in listed.output
    assert taken.exit_code == 0
    assert "26-0001" not in tocsin("oncall", "list", "--config", config).output


def _status(url: str) -> int:
    try:
        return httpx.get(url, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def _watched(folder: Path, health: str, port: int) -> None:
    """Let the watcher of another machine look twice: it calls once."""
    sink = f'[[sink]]\nname = "sms"\nkind = "sms"\n{_HTTP.format(port=port)}\n'
    person = '[[contact]]\nid = "paul"\nname = "Paul Martin"\nphone = "+33612345678"\n'
    head = 'install = "sim9"\nstate = "state.json"\nladder = ["paul"]\nsinks = ["sms"]\nunhealthy_after_s = 0.0001\n'
    (folder / "watch.toml").write_text(head + sink + person)
    codes = [tocsin("watch", health, "--config", folder / "watch.toml", "--once").exit_code for _ in range(2)]
    assert codes == [1, 1]
