"""``[retention]`` and ``[disk]``: how long data is kept, and what happens when the disk fills."""

from pydantic import Field

from correlator.config.strict import Strict


class RetentionSettings(Strict):
    """How long each kind of data is kept: ``[retention]``."""

    lake_days: int = Field(default=365, ge=1)
    """Days that events stay in the lake."""


class DiskSettings(Strict):
    """What happens when the disk of data_dir fills: ``[disk]``."""

    warn_percent: float = Field(default=85.0, gt=0, lt=100)
    """Used share from which a health incident is raised."""
    stop_percent: float = Field(default=95.0, gt=0, lt=100)
    """Used share from which sources wait: nothing is read, nothing is dropped."""
