"""``[board]``: the continuity board's export."""

from pathlib import Path

from correlator.config.strict import Strict


class BoardSettings(Strict):
    """The continuity board that survives the server: ``[board]``."""

    export_dir: Path | None = None
    """Folder that gets the static board every hour: a share outside the directory and the shared hypervisor."""
