"""``python -m correlator``: the ``tocsin`` command."""

import gc

#: Objects made before cycles are looked for: Python's 700 costs a sixth of a start, which makes a million that stay.
_RARELY = (50_000, 20, 20)


def main() -> None:
    """Run the command line."""
    gc.set_threshold(*_RARELY)
    from correlator.cli import command  # noqa: PLC0415 - importing the package must not start a command line
    from correlator.model.lasting import freeze_what_lasts  # noqa: PLC0415 - after the threshold is set

    try:
        command(prog_name="tocsin")
    finally:
        freeze_what_lasts()  # the process ends: nobody need look for cycles among what goes anyway


if __name__ == "__main__":
    main()
