"""Network records: Stormshield and FortiGate key=value lines, Squid's native log, web sites' access logs through syslog."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from correlator.harness.demo.cast import Town
from correlator.harness.demo.stage import PARIS, Record, Stage

FORTIGATE: Final = "fortigate/sim-fgt.log"
SQUID: Final = "squid/access.log"
BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",  # noqa: E501 - one header
    "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
)


def pairs(fields: dict[str, str | int]) -> str:
    """Return ``key=value`` text: numbers and addresses bare, the rest quoted when it is not one plain word."""
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: str | int) -> str:
    text = str(value)
    return text if isinstance(value, int) or text.replace(".", "").replace(":", "").isalnum() else f'"{text}"'


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection: who to whom, on which port, how many bytes each way."""

    source: str
    destination: str
    port: int
    sent: int = 0
    received: int = 0
    protocol: str = "tcp"


@dataclass
class Network:
    """Writes the network records of one player."""

    stage: Stage

    def stormshield(self, at: datetime, town: Town, family: str, fields: dict[str, str | int]) -> Record:
        """Return a line of ``town``'s firewall, of the log ``family`` (connection, filter, auth, server, alarm …)."""
        when = at.astimezone(PARIS)
        local = f"{when:%Y-%m-%d %H:%M:%S}"
        head = f'id=firewall time="{local}" fw="{town.firewall}" tz={when:%z} startime="{local}"'
        return Record(f"stormshield/{town.firewall}.log", at, f'<134>{head} {pairs(fields)} logtype="{family}"')

    def passed(self, at: datetime, town: Town, flow: Flow, rule: str = "agents") -> Record:
        """Return the end of a connection that ``town``'s firewall let through."""
        fields = {**self._traffic(flow), "rulename": rule, "sent": flow.sent, "rcvd": flow.received, "duration": "3.20"}
        return self.stormshield(at, town, "connection", {**fields, "action": "pass"})

    def blocked(self, at: datetime, town: Town, flow: Flow, rule: str = "refus") -> Record:
        """Return a packet that ``town``'s firewall refused."""
        return self.stormshield(at, town, "filter", {**self._traffic(flow), "rulename": rule, "action": "block"})

    def _traffic(self, flow: Flow) -> dict[str, str | int]:
        outwards = flow.source.startswith("10.")
        return {
            "pri": 5,
            "confid": "01",
            "slotlevel": 2,
            "ruleid": 7,
            "srcif": "Ethernet1" if outwards else "Ethernet0",
            "srcifname": "in" if outwards else "out",
            "ipproto": flow.protocol,
            "src": flow.source,
            "srcport": self.stage.port(),
            "dst": flow.destination,
            "dstport": flow.port,
            "ipv": 4,
        }

    def fortigate(
        self, at: datetime, logid: str, kind: str, subtype: str, fields: dict[str, str | int], level: str = "notice"
    ) -> Record:
        """Return a line of the datacentre's FortiGate."""
        local = at.astimezone(PARIS)
        head = (
            f'<189>date={local:%Y-%m-%d} time={local:%H:%M:%S} devname="SIM-FGT-A" devid="FG6H0FTB22900001" '
            f'eventtime={int(at.timestamp() * 1000)}000000 tz="{local:%z}" logid="{logid}" type="{kind}" subtype="{subtype}" '
            f'level="{level}" vd="root"'
        )
        return Record(FORTIGATE, at, f"{head} {_quoted(fields)}")

    def forwarded(self, at: datetime, flow: Flow, action: str = "close", service: str = "HTTPS") -> Record:
        """Return the end of a flow through the datacentre; ``action`` deny means refused."""
        fields: dict[str, str | int] = {
            "srcip": flow.source,
            "srcport": self.stage.port(),
            "srcintf": "lan" if flow.source.startswith("10.") else "wan1",
            "dstip": flow.destination,
            "dstport": flow.port,
            "dstintf": "wan1" if not flow.destination.startswith("10.") else "srv",
            "policyid": 4 if action != "deny" else 0,
            "policytype": "policy",
            "sessionid": self.stage.serial(),
            "proto": 17 if flow.protocol == "udp" else 6,
            "action": action,
            "service": service,
            "duration": self.stage.rng.randrange(1, 240),
            "sentbyte": flow.sent,
            "rcvdbyte": flow.received,
        }
        return self.fortigate(at, "0000000013", "traffic", "forward", fields)

    def vpn(self, at: datetime, action: str, user: str, remote: str, **fields: str) -> Record:
        """Return an SSL-VPN event: ``tunnel-up``, ``tunnel-down`` or ``ssl-login-fail``."""
        logid, text, level = _VPN[action]
        event: dict[str, str | int] = {
            "logdesc": text,
            "action": action,
            "tunneltype": "ssl-web" if action == "ssl-login-fail" else "ssl-tunnel",
            "remip": remote,
            "user": user,
            "group": "VPN-Agents",
            "dst_host": "N/A",
            **fields,
            "msg": text,
        }
        return self.fortigate(at, logid, "event", "vpn", event, level)

    def administration(self, at: datetime, logid: str, text: str, user: str, ui: str, **fields: str) -> Record:
        """Return an event of the FortiGate's own administration (subtype system)."""
        event: dict[str, str | int] = {"logdesc": text, "user": user, "ui": ui, **fields}
        return self.fortigate(at, logid, "event", "system", event, "information")

    def squid(
        self, at: datetime, client: str, user: str, method: str, url: str, peer: str, size: int, code: str = "TCP_MISS/200"
    ) -> Record:
        """Return one request through the proxy."""
        kind = "-" if method == "CONNECT" else "text/html"
        elapsed = self.stage.rng.randrange(2, 900)
        hierarchy = f"HIER_DIRECT/{peer}" if "DENIED" not in code else "HIER_NONE/-"
        text = f"{at.timestamp():.3f} {elapsed:6d} {client} {code} {size} {method} {url} {user} {hierarchy} {kind}"
        return Record(SQUID, at, text)

    def web(
        self, at: datetime, town: Town, client: str, request: str, status: int, size: int, agent: str, referrer: str = "-"
    ) -> Record:
        """Return one request to ``town``'s site, as nginx sends it through syslog."""
        local = at.astimezone(PARIS)
        host = f"{town.code.lower()}-web01"
        line = f'{client} - - [{local:%d/%b/%Y:%H:%M:%S %z}] "{request} HTTP/1.1" {status} {size} "{referrer}" "{agent}"'
        return Record(f"web/{host}.access.log", at, f"<190>{local:%b %d %H:%M:%S} {host} nginx: {line}")


_VPN: Final = {
    "tunnel-up": ("0101039947", "SSL VPN tunnel up", "information"),
    "tunnel-down": ("0101039948", "SSL VPN tunnel down", "information"),
    "ssl-login-fail": ("0101039426", "SSL VPN login fail", "alert"),
}

_BARE: Final = frozenset({"srcip", "dstip", "remip"})


def _quoted(fields: dict[str, str | int]) -> str:
    """Return FortiGate's way: numbers and addresses bare, every other text quoted."""
    return " ".join(
        f"{key}={value}" if isinstance(value, int) or key in _BARE else f'{key}="{value}"' for key, value in fields.items()
    )
