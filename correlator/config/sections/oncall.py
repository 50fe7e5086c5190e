"""``[oncall]``: who is woken, by what, when."""

from correlator.config.strict import Strict


class OnCallSettings(Strict):
    """Who is called, for what and when: ``[oncall]``."""

    ladder: tuple[str, ...] = ()
    """Ids of contacts of the estate, first called first."""
    sinks: tuple[str, ...] = ()
    """Names of the sinks that reach people (sms, mail, webhook), tried in this order."""
