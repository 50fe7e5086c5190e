"""``[kafka]``: the roles on Kafka and PostgreSQL."""

from correlator.config.strict import Strict


class KafkaSettings(Strict):
    """The broker, when one machine is not enough: ``[kafka]``."""

    bootstrap: str = ""
    """``host:port`` of brokers, comma separated; empty: no Kafka."""
    group: str = "default"
    """Part of the raw topic's name: ``tocsin.raw.<group>``."""
