"""The ``tocsin`` command: one file per noun, found by name when it is asked for, so that ``--help`` loads nothing heavy."""

from correlator.cli.main import command

__all__ = ["command"]
