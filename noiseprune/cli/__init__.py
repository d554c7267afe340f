"""The command line: `noiseprune COMMAND [NETWORK] [options]`.

Exit codes: 0 done, 1 an error in the input (one line on stderr), 2 wrong usage, 130 interrupted.
"""

from noiseprune.cli.commands import app


def main() -> None:
    """Entry point of the `noiseprune` command."""
    app(prog_name="noiseprune")


__all__ = ["app", "main"]
