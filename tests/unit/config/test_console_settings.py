"""``[console]``: passwords never cross a network in the clear."""

from pathlib import Path

import pytest

from correlator.config.sections.console import ConsoleSettings
from correlator.config.settings import load_settings
from correlator.errors import InputError


@pytest.mark.parametrize(
    "text",
    [
        'host = "0.0.0.0"',
        'host = "10.1.2.3"\nport = 8443',
        'host = "tocsin.example"',
        'tls_cert = "console.pem"',
        'host = "::"\ntls_key = "console.key"',
    ],
)
def test_no_network_without_tls(tmp_path: Path, text: str) -> None:
    """The message names the table's line and what would be right."""
    config = tmp_path / "tocsin.toml"
    config.write_text(f"[console]\n{text}\n")
    with pytest.raises(InputError, match="tls_cert") as refused:
        load_settings(config, {})
    assert refused.value.problems[0].line == 1


@pytest.mark.parametrize(
    ("settings", "is_encrypted"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0", "behind_proxy": True}, True),  # noqa: S104 - what is tested
        ({"host": "0.0.0.0", "tls_cert": "a.pem", "tls_key": "a.key"}, True),  # noqa: S104 - what is tested
    ],
)
def test_what_may_listen(settings: dict[str, object], *, is_encrypted: bool) -> None:
    """This machine alone, TLS, or a proxy that does it; cookies are marked accordingly."""
    assert ConsoleSettings.model_validate(settings).is_encrypted is is_encrypted
