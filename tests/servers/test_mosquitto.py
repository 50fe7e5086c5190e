"""MQTT with Debian's mosquitto: what is published comes in, also when Tocsin was away or killed, or the broker."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.flow.listening import eventually

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto"),
]


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker(folder: Path, port: int) -> Iterator[None]:
    """Run a broker that keeps sessions."""
    folder.mkdir(exist_ok=True)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\nuser root\n"
    )
    process = subprocess.Popen([str(MOSQUITTO), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port), 20)
        yield
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    """Say whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def publish(port: int, first: int, count: int) -> None:
    """Publish numbered readings of a street lamp."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for number in range(first, first + count):
        payload = json.dumps({"value": number, "unit": "A"})
        client.publish(f"ville/eclairage/armoire-{number}", payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


@contextmanager
def tocsin(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the flow."""
    with (config.parent / "out").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "correlator", "run", "--config", str(config)],
            stdout=out,
            stderr=out,
            env=os.environ | {"TOCSIN_LOG": "json"},
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def asked(config: Path) -> tuple[set[str], str]:
    """Return the topics of the events in the lake, and what the query complained of."""
    query = 'SELECT "event.original" AS text FROM events'
    command = [sys.executable, "-P", "-m", "correlator", "lake", "query", query, "--config", str(config), "--format", "json"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return {json.loads(json.loads(line)["text"])["topic"] for line in lines}, done.stderr


def arrived(config: Path, count: int, timeout_s: float = 120) -> None:
    """Return as soon as so many different topics are in the lake; else fail with what Tocsin said meanwhile."""
    end = time.monotonic() + timeout_s
    while len((found := asked(config))[0]) != count:
        said = (config.parent / "out").read_text(errors="replace")[-4000:]
        assert time.monotonic() < end, f"{len(found[0])} of {count} topics; the query: {found[1][-500:]}; Tocsin: {said}"


def test_nothing_published_is_lost(tmp_path: Path) -> None:
    """Before it is killed, while it is dead, after it came back; the broker restarts too."""
    port, config = free_port(), tmp_path / "tocsin.toml"
    config.write_text(
        f'data_dir = "data"\n[[collector]]\nname = "iot"\nkind = "mqtt"\nhost = "127.0.0.1"\nport = {port}\n'
        'topics = ["ville/#"]\ntls = false\n'
    )
    with broker(tmp_path / "broker", port):
        with tocsin(config) as process:
            eventually(lambda: b"The broker is there" in (tmp_path / "out").read_bytes(), 60)
            publish(port, 0, 50)
            arrived(config, 50)
            publish(port, 50, 20)
            process.send_signal(signal.SIGKILL)
            process.wait()
        publish(port, 70, 30)
        with tocsin(config):
            arrived(config, 100)
    with tocsin(config):
        time.sleep(3)
        with broker(tmp_path / "broker", port):
            eventually(lambda: (tmp_path / "out").read_bytes().count(b"The broker is there") >= 3, 90)
            publish(port, 100, 5)
            arrived(config, 105)
