"""The mail relay: what Postfix writes of each message, and the strangers it turns away."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from correlator.harness.demo.stage import OFFICE, PARIS, Record, Stage

_FILE = "mail/sim-mx01.log"
_DOMAINS = ("example.com", "example.net", "lettre.example.org", "education.example", "tresor.example", "fournisseur.example")
_SENT = "delays=0.1/0/0.05/0.1, dsn=2.6.0, status=sent (250 2.6.0 Queued mail for delivery)"
_ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def play_mail(stage: Stage) -> Iterator[Record]:
    """Yield the five to six lines of each message, in both directions, and refused connections."""
    for when in stage.times(420, OFFICE):
        yield from _message(stage, when.astimezone(PARIS))
    for when in stage.times(160, OFFICE):
        crowd, at = stage.crowd(), when.astimezone(PARIS)
        if stage.rng.random() < 0.5:  # noqa: PLR2004 - half knock only, half try a password
            yield _line(stage, at, "smtpd", f"lost connection after EHLO from unknown[{crowd}]")
        else:
            text = f"warning: unknown[{crowd}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username="
            yield _line(stage, at, "smtpd", f"{text}{stage.cast.anyone(stage.rng).login}")


def _message(stage: Stage, at: datetime) -> Iterator[Record]:
    rng, agent = stage.rng, stage.cast.anyone(stage.rng)
    queue = "".join(rng.choices(_ALPHABET, k=14))
    outside = f"{rng.choice(('contact', 'facturation', 'secretariat', 'noreply'))}{rng.randrange(1000)}@{rng.choice(_DOMAINS)}"
    sender, reader = (agent.upn, outside) if rng.random() < 0.4 else (outside, agent.upn)  # noqa: PLR2004 - share of mail sent
    client = f"mail{rng.randrange(40)}.{outside.partition('@')[2]}[192.0.2.{rng.randrange(1, 255)}]"
    size, delay = rng.randrange(1_800, 900_000), rng.uniform(0.2, 4.0)
    steps = (
        ("smtpd", f"connect from {client}"),
        ("smtpd", f"{queue}: client={client}"),
        ("cleanup", f"{queue}: message-id=<{rng.getrandbits(96):024x}@{outside.partition('@')[2]}>"),
        ("qmgr", f"{queue}: from=<{sender}>, size={size}, nrcpt=1 (queue active)"),
        ("smtp", f"{queue}: to=<{reader}>, relay=10.10.20.25[10.10.20.25]:25, delay={delay:.2f}, {_SENT}"),
        ("qmgr", f"{queue}: removed"),
    )  # fmt: skip
    for number, (program, text) in enumerate(steps):
        yield _line(stage, at + timedelta(milliseconds=80 * number + rng.randrange(60)), program, text)


def _line(stage: Stage, at: datetime, program: str, text: str) -> Record:
    stamp = at.isoformat(timespec="microseconds")
    return Record(_FILE, at.astimezone(UTC), f"{stamp} sim-mx01 postfix/{program}[{stage.rng.randrange(900, 60_000)}]: {text}")
