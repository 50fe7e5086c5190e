"""What may be written of listeners: every contradiction is named with its line, before anything listens."""

from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.errors import InputError

HTTP = 'kind = "http"\nport = 8088\ntokens_file = "tokens"\n'
TLS = 'kind = "syslog-tls"\nport = 6514\ntls_cert = "a.pem"\ntls_key = "a.key"\n'


def problems(folder: Path, text: str) -> str:
    """Return what is wrong with settings."""
    path = folder / "tocsin.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_settings(path, {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('kind = "syslog-tls"\nport = 6514\n', "syslog-tls needs tls_cert and tls_key"),
        ('kind = "syslog-tcp"\nport = 1514\ntls_cert = "a"\ntls_key = "b"\n', "knows no TLS: use syslog-tls"),
        ('kind = "syslog-tls"\nport = 6514\ntls_cert = "a"\n', "tls_cert and tls_key belong together"),
        ('kind = "http"\nport = 8088\n', "needs tokens"),
        ('kind = "syslog-udp"\nport = 1514\ntokens_file = "t"\n', "only http, needs tokens"),
        (
            'kind = "syslog-udp"\nport = 1514\n[[listener.sender]]\nsource = "a"\n',
            "sender a: name its networks or",
        ),
        (TLS + '[[listener.sender]]\nsource = "a"\ncertificates = ["x"]\n', "certificates need kind syslog-tls with client_ca"),
        (TLS + '[[listener.sender]]\nsource = "a"\nnetworks = ["10.0.0.1/8"]\n', "sender.0.networks"),
        (TLS + '[[listener.sender]]\nsource = "a b"\nnetworks = ["10.0.0.0/8"]\n', "sender.0.source"),
    ],
)
def test_contradictions_of_one_listener(tmp_path: Path, body: str, fault: str) -> None:
    """Said with the file and a line."""
    said = problems(tmp_path, f'[[listener]]\nname = "a1"\n{body}')

    assert fault in said
    assert said.startswith(f"{tmp_path / 'tocsin.toml'}:")
    assert not said.startswith(f"{tmp_path / 'tocsin.toml'}:0")


def test_a_source_is_declared_in_one_way(tmp_path: Path) -> None:
    """Two listeners may give one source, with the same owner; a followed source bears another name."""
    twice = "".join(
        f'[[listener]]\nname = "l{number}"\nkind = "syslog-udp"\nport = 151{number}\n'
        f'[[listener.sender]]\nsource = "fw"\nnetworks = ["10.0.0.0/8"]\ncommune = "{commune}"\n'
        for number, commune in enumerate(("00101", "00102"))
    )
    followed = '[[source]]\nname = "fw"\npaths = ["*.log"]\n'

    assert "tocsin.toml:14: source 'fw' is declared in two ways" in problems(tmp_path, twice)
    assert "'fw' is a [[source]] too" in problems(tmp_path, followed + twice.replace("00102", "00101"))


COLLECTOR = '[[collector]]\nname = "iot"\nkind = "mqtt"\nhost = "mq"\ntopics = ["a"]\n'


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ('[[source]]\nname = "iot"\npaths = ["*.log"]\n', "tocsin.toml:4: 'iot' is a [[source]] too; give each its own name"),
        (f'[[listener]]\nname = "iot"\n{HTTP}', "tocsin.toml:6: 'iot' is a [[listener]] too"),
        (
            f'[[listener]]\nname = "hec"\n{HTTP}[[listener.sender]]\nsource = "iot"\nnetworks = ["10.0.0.0/8"]\n',
            "'iot' is a [[listener]] too",
        ),
        (COLLECTOR, "collector name 'iot' is used twice"),
    ],
)
def test_a_collector_bears_a_name_of_its_own(tmp_path: Path, other: str, fault: str) -> None:
    """What comes in under one name is one source: its rhythm, its refusals, its commune."""
    assert fault in problems(tmp_path, other + COLLECTOR)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (COLLECTOR + 'topicss = ["b"]\n', "tocsin.toml:6: unknown setting 'collector.0.topicss'; did you mean 'topics'?"),
        ('[proof]\natt = "03:00"\n', "tocsin.toml:2: unknown setting 'proof.att'; did you mean 'at'?"),
        ('[enrich]\ngeopi = "x"\n', "tocsin.toml:2: unknown setting 'enrich.geopi'; did you mean 'geoip'?"),
        (
            '[[enrich.indicators]]\nnam = "x"\n',
            "tocsin.toml:2: unknown setting 'enrich.indicators.0.nam'; did you mean",
        ),
        ("[triage.risk]\nzzz = 1\n", "tocsin.toml:2: unknown setting 'triage.risk.zzz'; known: "),
        ('instal = "x"\n', "tocsin.toml:1: unknown setting 'instal'; did you mean 'install'?"),
    ],
)
def test_an_unknown_key_is_shown_where_it_stands_with_the_keys_of_its_table(tmp_path: Path, text: str, fault: str) -> None:
    """Whatever table it is in, however deep."""
    assert fault in problems(tmp_path, text)


def test_a_missing_key_shows_nothing_of_its_table(tmp_path: Path) -> None:
    """The table may hold a password."""
    said = problems(tmp_path, '[[sink]]\nkind = "redmine"\npassword = "hunter2"\n')

    assert "tocsin.toml:1: sink.0.name: Field required; write it in the table that begins here: name = ..." in said
    assert "hunter2" not in said


def test_senders_are_inputs_like_followed_sources(tmp_path: Path) -> None:
    """Commune, parser and zone of each are known before anything comes; paths are seen from the file."""
    path = tmp_path / "tocsin.toml"
    sender = '[[listener.sender]]\nsource = "win"\ncommune = "00101"\nparser = "windows_eventlog"\ntime_zone = "UTC"\n'
    path.write_text(f'[[listener]]\nname = "hec"\n{HTTP}{sender}')
    settings = load_settings(path, {})

    assert [(one.name, one.commune, one.parser, one.time_zone) for one in settings.inputs] == [
        ("hec", "", "auto", "Europe/Paris"),
        ("win", "00101", "windows_eventlog", "UTC"),
    ]
    assert settings.listener[0].tokens_file == tmp_path / "tokens"
