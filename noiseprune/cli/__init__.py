"""The command line: `noiseprune COMMAND [NETWORK] [options]`, a module for each command.

A command loads, makes one call of the library, and shows what that returned. Its options stand in
records (`options`), which become options of the program (`parameters`). Exit codes: 0 done, 1 an
error in the input (one line on stderr), 2 wrong usage, 130 interrupted.
"""

from noiseprune.cli.commands import COMMANDS, app, main

__all__ = ["COMMANDS", "app", "main"]
