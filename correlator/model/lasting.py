"""What lives as long as the process, or its rule set: no search for reference cycles need walk through it."""

import gc
import sys

__all__ = ["freeze_what_lasts"]

#: Libraries that tell, on standard error, whatever of theirs is not taken apart when the process ends.
_TIDY = frozenset({"duckdb"})


def freeze_what_lasts() -> None:
    """Keep what is alive now out of every later search for cycles: one walk over all rules is a tenth of a second.

    What is frozen is not taken apart at the end either, so nothing is once a library is loaded that complains of that.
    """
    if _TIDY.isdisjoint(sys.modules):
        gc.freeze()
