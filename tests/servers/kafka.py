"""A private Kafka broker for tests, by the recipe of deploy/kafka."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.postgres import free_port

SCRIPT = Path(__file__).parents[2] / "deploy" / "kafka" / "kafka.sh"
JARS = Path(os.environ.get("KAFKA_JARS", Path.home() / ".cache/tocsin/kafka-4.3.1"))
#: A worker that vanishes is missed after six seconds, not forty-five.
QUICK = """\
group.consumer.session.timeout.ms=6000
group.consumer.min.session.timeout.ms=6000
group.consumer.heartbeat.interval.ms=1000
group.consumer.min.heartbeat.interval.ms=1000
"""


def missing() -> str:
    """Return what is missing for a broker here; empty: nothing."""
    if shutil.which("java") is None:
        return "Java is not installed: apt-get install openjdk-17-jre-headless"
    if not JARS.is_dir() and shutil.which("mvn") is None:
        return "Maven is not installed: apt-get install maven"
    return ""


@contextmanager
def running_kafka() -> Iterator[str]:
    """Run a broker while the block runs; give its bootstrap address."""
    if not JARS.is_dir():
        subprocess.run([str(SCRIPT), "fetch"], check=True)
    folder = Path(tempfile.mkdtemp(prefix="tocsin-kafka-"))
    (folder / "extra.properties").write_text(QUICK)
    port = free_port()
    while port > 60_000:
        port = free_port()
    environment = {**os.environ, "KAFKA_DATA": str(folder), "KAFKA_PORT": str(port), "KAFKA_JARS": str(JARS),
                   "KAFKA_EXTRA": str(folder / "extra.properties")}  # fmt: skip
    started = subprocess.run([str(SCRIPT), "start"], capture_output=True, text=True, check=False, env=environment)
    try:
        assert started.returncode == 0, started.stderr
        yield started.stdout.strip().splitlines()[-1]
    finally:
        subprocess.run([str(SCRIPT), "stop"], check=False, env=environment)
        shutil.rmtree(folder, ignore_errors=True)
