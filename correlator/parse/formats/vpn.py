"""What the sentences of a VPN always mean: somebody comes, a tunnel changes, the daemon itself speaks."""

__all__ = ["Says", "login", "own", "session"]

Says = dict[str, str | tuple[str, ...]]


def login(outcome: str, action: str = "vpn_login") -> Says:
    """Return what a sentence about a login says."""
    return {
        "event.action": action,
        "event.outcome": outcome,
        "event.category": ("authentication", "session"),
        "event.type": ("start",),
    }


def session(action: str, *kinds: str, outcome: str = "") -> Says:
    """Return what a sentence about a tunnel or its packets says; ``kinds`` are its ``event.type``."""
    says: Says = {"event.action": action, "event.category": ("network", "session"), "event.type": kinds}
    return says | ({"event.outcome": outcome} if outcome else {})


def own(action: str, kind: str, outcome: str = "") -> Says:
    """Return what a sentence about the daemon itself says."""
    says: Says = {"event.action": action, "event.category": ("process",), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})
