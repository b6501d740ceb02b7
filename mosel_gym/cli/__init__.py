"""The command line: one module a command, loaded only when it is asked for."""

from mosel_gym.cli.main import main

__all__ = ["main"]
