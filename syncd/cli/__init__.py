"""The command line. Each verb is a module of its own, imported when it is the one that was asked for."""

from syncd.cli.entry import run

__all__ = ["run"]
