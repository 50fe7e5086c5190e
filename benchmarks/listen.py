"""What listening costs: records that are safe in the journal, per CPU-second of the process that listens, and per second.

    .venv/bin/python benchmarks/listen.py [--records 200000]

The listeners and their journal run in a process of their own without the pipeline; this one sends, so its cost is not counted.
UDP comes at 20,000 a second: what the kernel had to drop is part of the figure.
"""

import argparse
import json
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

from correlator.config.sections.listeners import ListenerSettings, SenderSettings
from correlator.ingest.journal import Journal
from correlator.ingest.listen import listeners
from correlator.runtime.front import serving
from correlator.telemetry.metrics import Metrics

TOKEN = "11111111-aaaa-4bbb-8ccc-000000000001"  # noqa: S105 - of a listener that lives for a minute
UDP_RATE = 20_000
KINDS = ("syslog-udp", "syslog-tcp", "http")
TEXT = '<134>1 2026-11-22T09:15:{:02d}.123456Z fw-aul-01 asqd - - - id=firewall time="2026-11-22 10:15:30" fw="fw-aul-01" '
TEXT += 'confid=01 slotlevel=2 ruleid=14 srcif="Ethernet0" ipproto=tcp dstif="Ethernet1" proto=https src=10.5.{}.{} '
TEXT += "srcport=50{:03d} dst=192.0.2.44 dstport=443 action=pass"


def serve(pipe: Connection, ports: dict[str, int]) -> None:
    """Listen on ``ports``; answer each question with records received so far and CPU seconds used so far."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder, "tokens")
        tokens.write_text(f"windows {TOKEN}\n")
        chosen = [_settings(kind, port, tokens) for kind, port in ports.items()]
        metrics = Metrics()
        journal = Journal(Path(folder, "journal"), metrics)
        journal.open()
        with serving(listeners(chosen, journal, metrics)):
            pipe.send("ready")
            while (kind := pipe.recv()) is not None:
                labels = {"listener": kind, "result": "received"}
                received = metrics.registry.get_sample_value("tocsin_ingest_listened_total", labels) or 0.0
                pipe.send((int(received), time.process_time()))
        journal.close()


def _settings(kind: str, port: int, tokens: Path) -> ListenerSettings:
    more = {"tokens_file": tokens, "sender": (SenderSettings(source="windows"),)} if kind == "http" else {}
    return ListenerSettings.model_validate({"name": kind, "kind": kind, "port": port, **more})


def lines(count: int) -> list[str]:
    """Return ``count`` firewall lines of some 260 bytes."""
    return [TEXT.format(n % 60, n // 250 % 250, n % 250, n % 1000) for n in range(count)]


def send_udp(port: int, texts: list[str]) -> None:
    """Send one datagram per text, twenty thousand a second."""
    started = time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number, text in enumerate(texts):
            sender.sendto(text.encode(), ("127.0.0.1", port))
            if number % 100 == 0:
                time.sleep(max(0.0, started + number / UDP_RATE - time.perf_counter()))


def send_tcp(port: int, texts: list[str]) -> None:
    """Send all over one connection, octet counted as rsyslog does."""
    data = b"".join(b"%d %s" % (len(text), text) for text in map(str.encode, texts))
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(data)


def send_hec(port: int, texts: list[str]) -> None:
    """Post batches of 500 objects of some 1 KB, each answered before the next."""
    fields = {f"field{n:02d}": "some value of a Windows event" for n in range(18)}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Splunk {TOKEN}"}) as client:
        for start in range(0, len(texts), 500):
            events = [{"time": 1795338930, "host": "dc1", "event": {"EventID": 4624, "Message": text, **fields}}
                      for text in texts[start : start + 500]]  # fmt: skip
            client.post("/services/collector", content="\n".join(map(json.dumps, events))).raise_for_status()


SENDERS: dict[str, Callable[[int, list[str]], None]] = {"syslog-udp": send_udp, "syslog-tcp": send_tcp, "http": send_hec}


def measure(pipe: Connection, kind: str, port: int, texts: list[str]) -> str:
    """Send and wait until no more arrives; return a row of the table."""

    def ask() -> tuple[int, float]:
        pipe.send(kind)
        received, used = pipe.recv()
        return received, used

    _, used_before = ask()
    started = time.perf_counter()
    SENDERS[kind](port, texts)
    received, used = ask()
    last = time.perf_counter()
    while received < len(texts) and time.perf_counter() - last < 1.0:
        time.sleep(0.02)
        now, used = ask()
        last, received = (time.perf_counter(), now) if now > received else (last, received)
    seconds, cpu = last - started, used - used_before
    lost = f"{100 * (1 - received / len(texts)):.1f} %"
    return f"{kind:12} {received:>9,} {lost:>7} {received / cpu:>12,.0f} {received / seconds:>12,.0f}"


def main() -> None:
    """Measure each kind and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=200_000)
    count = arguments.parse_args().records
    ports = {}
    for kind in KINDS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "syslog-udp" else socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            ports[kind] = probe.getsockname()[1]
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, ports))
    process.start()
    here.recv()
    print(f"{'kind':12} {'received':>9} {'lost':>7} {'per CPU-s':>12} {'per second':>12}")
    texts = lines(count)
    for kind in KINDS:
        print(measure(here, kind, ports[kind], texts if kind != "http" else texts[: count // 4]))
    here.send(None)
    process.join()


if __name__ == "__main__":
    main()
