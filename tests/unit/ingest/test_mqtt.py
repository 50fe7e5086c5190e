"""What the collector of an MQTT broker says of the broker; its messages are in tests/servers/test_mosquitto.py."""

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from structlog.testing import capture_logs

from correlator.config.sections.collectors import MqttSettings
from correlator.ingest.collect.mqtt import MqttCollector
from tests.unit.ingest.test_collectors import Memory


def test_a_topic_that_the_broker_refuses_is_said() -> None:
    """Else it is a source that never speaks, and nobody knows why."""
    settings = MqttSettings(name="iot", kind="mqtt", host="mq", topics=("ville/#", "secret/#"), tls=False)
    collector = MqttCollector(settings, Memory(), "tocsin")
    granted = [ReasonCode(PacketTypes.SUBACK, "Granted QoS 1"), ReasonCode(PacketTypes.SUBACK, "Not authorized")]

    with capture_logs() as logs:
        collector._granted(None, None, 1, granted, None)

    assert [(one["log_level"], one["event"], one.get("topic")) for one in logs] == [
        ("error", "The broker refuses a topic.", "secret/#"),
        ("info", "The broker is there.", None),
    ]
