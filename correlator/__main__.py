"""``python -m correlator``: the ``tocsin`` command."""


def main() -> None:
    """Run the command line."""
    from correlator.cli import command  # noqa: PLC0415 - importing the package must not start a command line

    command(prog_name="tocsin")


if __name__ == "__main__":
    main()
