"""An ordinary day of the network: agents browse, sites are visited, the Internet knocks on every door all day long."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from correlator.harness.demo.cast import TOWNS, Town
from correlator.harness.demo.network import BROWSERS, Flow, Network
from correlator.harness.demo.stage import FLAT, OFFICE, PORTAL, Record, Stage

_WEIGHTS: Final = tuple(town.agents for town in TOWNS)
_SITES: Final = (
    "www.service-public.example", "www.legifrance.example", "meteo.example.org", "www.example.com", "cdn.example.net",
    "journal.example.org", "achats.example.com", "carte.example.org", "video.example.net", "www.education.example",
)  # fmt: skip
_PAGES: Final = (
    "/", "/actualites", "/demarches", "/demarches/carte-identite", "/menus-cantine", "/agenda", "/contact",
    "/wp-content/themes/ville/style.css", "/wp-content/uploads/2026/10/menu-novembre.pdf", "/wp-includes/js/jquery.min.js",
)  # fmt: skip
_ROBOT: Final = "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://www.example.com/bot)"
_KNOCKED: Final = (22, 23, 80, 445, 1433, 3389, 5060, 5900, 8080, 8443)


def play_datacentre(stage: Stage) -> Iterator[Record]:
    """Yield flows through the FortiGate: outwards by day, refused knocks at any hour."""
    network = Network(stage)
    for when in stage.times(2100, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield network.forwarded(when, _browsing(stage, agent.ip))
    for when in stage.times(520, FLAT):
        flow = Flow(
            stage.crowd(), stage.rng.choice(("203.0.113.10", "203.0.113.25", "203.0.113.53")), stage.rng.choice(_KNOCKED)
        )
        yield network.forwarded(when, flow, "deny", "tcp")


def _browsing(stage: Stage, source: str) -> Flow:
    outside = f"192.0.2.{stage.rng.randrange(1, 255)}"
    return Flow(source, outside, 443, stage.rng.randrange(500, 9_000), stage.rng.randrange(2_000, 400_000))


def play_telework(stage: Stage) -> Iterator[Record]:
    """Yield VPN sessions of agents who work from home; one in seven mistypes the code first."""
    network = Network(stage)
    for when in stage.times(75, (0.0,) * 7 + (0.6, 1.0, 0.3) + (0.05,) * 8 + (0.0,) * 6):
        agent = stage.cast.anyone(stage.rng)
        if stage.rng.random() < 1 / 7:
            early = when - timedelta(seconds=stage.rng.randrange(15, 60))
            yield network.vpn(early, "ssl-login-fail", agent.login, agent.home, reason="sslvpn_login_permission_denied")
        yield network.vpn(when, "tunnel-up", agent.login, agent.home, tunnelip=f"10.10.200.{stage.rng.randrange(2, 255)}")
        yield network.vpn(
            min(when + timedelta(hours=stage.rng.uniform(2, 9)), stage.at("05:59")), "tunnel-down", agent.login, agent.home
        )


def play_firewalls(stage: Stage) -> Iterator[Record]:
    """Yield what the nine Stormshield saw: agents going out, knocks refused."""
    network = Network(stage)
    for when in stage.times(2450, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield network.passed(when, agent.town, _browsing(stage, agent.ip))
    for when in stage.times(620, FLAT):
        town = _town(stage)
        yield network.blocked(when, town, Flow(stage.crowd(), town.portal, stage.rng.choice(_KNOCKED)), "internet")
    for when in stage.times(160, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield network.stormshield(
            when, agent.town, "auth", {"user": agent.login, "src": agent.ip, "error": 0, "msg": "User logged in"}
        )


def play_proxy(stage: Stage) -> Iterator[Record]:
    """Yield pages asked for through the proxy, some refused by category."""
    network = Network(stage)
    for when in stage.times(2350, OFFICE):
        agent, site = stage.cast.anyone(stage.rng), stage.rng.choice(_SITES)
        peer, size = f"192.0.2.{stage.rng.randrange(1, 255)}", stage.rng.randrange(800, 90_000)
        if stage.rng.random() < 0.7:  # noqa: PLR2004 - share of encrypted pages
            yield network.squid(when, agent.ip, agent.login, "CONNECT", f"{site}:443", peer, size, "TCP_TUNNEL/200")
        else:
            yield network.squid(when, agent.ip, agent.login, "GET", f"http://{site}{stage.rng.choice(_PAGES)}", peer, size)
    for when in stage.times(70, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield network.squid(when, agent.ip, agent.login, "CONNECT", "jeux.example.net:443", "-", 3905, "TCP_DENIED/403")


def play_sites(stage: Stage) -> Iterator[Record]:
    """Yield visits of the communes' sites: inhabitants, robots, and probes for what is not there."""
    network = Network(stage)
    for when in stage.times(1900, PORTAL):
        page, visitor = stage.rng.choice(_PAGES), stage.crowd()
        yield network.web(
            when, _town(stage), visitor, f"GET {page}", 200, stage.rng.randrange(900, 60_000), stage.rng.choice(BROWSERS)
        )
    for when in stage.times(260, FLAT):
        yield network.web(when, _town(stage), stage.crowd(), f"GET {stage.rng.choice(_PAGES)}", 200, 5120, _ROBOT)
    for when in stage.times(90, FLAT):
        probe = stage.rng.choice(("/wp-login.php", "/.git/config", "/phpmyadmin/", "/.env"))
        yield network.web(when, _town(stage), stage.crowd(), f"GET {probe}", 404, 162, stage.rng.choice(BROWSERS))
    for when in stage.times(60, PORTAL):
        yield network.web(when, _town(stage), stage.crowd(), "POST /contact", 302, 0, stage.rng.choice(BROWSERS))


def _town(stage: Stage) -> Town:
    return stage.rng.choices(TOWNS, weights=_WEIGHTS)[0]
