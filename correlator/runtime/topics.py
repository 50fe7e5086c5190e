"""The topics of an install: what they should be, what differs, and making it so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the client's stubs forget to export what its page documents
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from correlator.config.sections.scale import KafkaSettings
from correlator.errors import Fatal, Retry
from correlator.ingest.kafka import client

DETECTIONS, STREAMS, INCIDENTS, DEAD_LETTER = "tocsin.detections", "tocsin.streams", "tocsin.incidents", "tocsin.deadletter"
_ANSWER_S = 15.0
_DAY_MS = 86_400_000
_LARGEST = str(8 << 20)  # bytes of a message: a record of 1 MiB, its event document and what correlations ask of it
_SAFE_BROKERS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a topic should be."""

    name: str
    partitions: int
    replicas: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a topic is and should be; ``mendable``: ``apply`` can make it so."""

    topic: str
    what: str
    found: str
    wanted: str
    mendable: bool = True


def raw_topic(settings: KafkaSettings) -> str:
    """Return the name of the topic that raw records stand in."""
    return f"tocsin.raw.{settings.group}"


def wanted_topics(settings: KafkaSettings, brokers: int) -> tuple[Wanted, ...]:
    """Return what the topics should be on so many brokers."""
    replicas = settings.replicas or (_SAFE_BROKERS if brokers >= _SAFE_BROKERS else 1)
    always = {"min.insync.replicas": str(min(2, replicas)), "max.message.bytes": _LARGEST}
    kept = {**always, "cleanup.policy": "delete", "retention.ms": str(int(settings.retention_days * _DAY_MS))}
    compacted = {**always, "cleanup.policy": "compact"}
    return (
        Wanted(raw_topic(settings), settings.partitions, replicas, kept),
        Wanted(DETECTIONS, settings.partitions, replicas, kept),
        Wanted(STREAMS, 1, replicas, compacted),
        Wanted(INCIDENTS, 1, replicas, compacted),
        Wanted(DEAD_LETTER, 1, replicas, kept),
    )


def compare(settings: KafkaSettings) -> list[Difference]:
    """Return what differs on the broker from what should be. Raises Retry when it does not answer."""
    admin = AdminClient(client(settings))
    found, brokers = _described(admin)
    return list(_differences(admin, wanted_topics(settings, brokers), found))


def apply(settings: KafkaSettings) -> list[Difference]:
    """Make the topics what they should be, as far as that can be done without loss; return what was different.

    Partitions and replicas are only told: with more partitions a key would change its place, and be read out of order.
    """
    admin = AdminClient(client(settings))
    found, brokers = _described(admin)
    wanted = {topic.name: topic for topic in wanted_topics(settings, brokers)}
    differences = list(_differences(admin, tuple(wanted.values()), found))
    for difference in differences:
        if difference.mendable:
            _mend(admin, difference, wanted[difference.topic])
    return differences


def _described(admin: AdminClient) -> tuple[dict[str, tuple[int, int]], int]:
    """Return topic → (partitions, replicas), and how many brokers there are."""
    try:
        cluster = admin.list_topics(timeout=_ANSWER_S)
    except KafkaException as error:
        raise Retry(f"Kafka does not answer: {error.args[0].str()}") from error
    topics = {
        name: (len(topic.partitions), min(len(one.replicas) for one in topic.partitions.values()))
        for name, topic in cluster.topics.items()
        if topic.partitions
    }
    return topics, len(cluster.brokers)


def _differences(admin: AdminClient, wanted: tuple[Wanted, ...], found: Mapping[str, tuple[int, int]]) -> Iterator[Difference]:
    there = [topic for topic in wanted if topic.name in found]
    configs = _configs(admin, [topic.name for topic in there])
    for topic in wanted:
        if topic.name not in found:
            yield Difference(topic.name, "topic", "missing", f"{topic.partitions} partition(s), {topic.replicas} replica(s)")
            continue
        partitions, replicas = found[topic.name]
        if partitions != topic.partitions:
            yield Difference(topic.name, "partitions", str(partitions), str(topic.partitions), mendable=False)
        if replicas != topic.replicas:
            yield Difference(topic.name, "replicas", str(replicas), str(topic.replicas), mendable=False)
        for name, value in topic.configs.items():
            if configs[topic.name].get(name) != value:
                yield Difference(topic.name, name, configs[topic.name].get(name, "not set"), value)


def _configs(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names])
    return {
        resource.name: {entry.name: entry.value for entry in future.result(_ANSWER_S).values()}
        for resource, future in asked.items()
    }


def _mend(admin: AdminClient, difference: Difference, topic: Wanted) -> None:
    try:
        if difference.what == "topic":
            new = NewTopic(topic.name, topic.partitions, topic.replicas, config=dict(topic.configs))
            admin.create_topics([new])[topic.name].result(_ANSWER_S)
            return
        change = ConfigEntry(difference.what, difference.wanted, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=[change])
        admin.incremental_alter_configs([resource])[resource].result(_ANSWER_S)
    except KafkaException as error:
        raise Fatal(f"{topic.name}: {difference.what} cannot be set: {error.args[0].str()}") from error
