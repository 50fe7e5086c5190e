"""What kinds of sentences mean."""

__all__ = ["ALLOWED", "ATTACK", "BAD", "COMMAND", "CONFIG", "DENIED", "OK", "host", "login", "net"]

Says = dict[str, str | tuple[str, ...]]


def login(outcome: str, action: str = "login", kind: str = "start") -> Says:
    """Return what a log-in means."""
    return {
        "event.category": ("authentication",),
        "event.type": (kind,),
        "event.action": action,
        "event.outcome": outcome,
    }


def host(action: str, kind: str = "info", outcome: str = "success") -> Says:
    """Return what a sentence about the box itself means."""
    return {"event.category": ("host",), "event.type": (kind,), "event.action": action, "event.outcome": outcome}


def net(action: str, kind: str = "info", outcome: str = "success") -> Says:
    """Return what a sentence about links and neighbours means."""
    return {"event.category": ("network",), "event.type": (kind,), "event.action": action, "event.outcome": outcome}


OK, BAD = login("success"), login("failure")
CONFIG: Says = {
    "event.category": ("configuration",),
    "event.type": ("change",),
    "event.action": "configured",
    "event.outcome": "success",
}
COMMAND: Says = {**CONFIG, "event.action": "command"}
DENIED: Says = {"event.category": ("network",), "_verdict": "denied", "event.outcome": "failure"}
ALLOWED: Says = {"event.category": ("network",), "_verdict": "accept", "event.outcome": "success"}
ATTACK: Says = {**DENIED, "event.kind": "alert", "event.category": ("network", "intrusion_detection")}
