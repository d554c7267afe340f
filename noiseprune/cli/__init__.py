"""The command line: `noiseprune COMMAND [NETWORK] [options]`, a module for each command.

A command is a thin door to a public function, and a table of what that returned. Exit codes: 0
done, 1 an error in the input (one line on stderr), 2 wrong usage, 130 interrupted.
"""

from typing import Annotated

import typer

from noiseprune.cli.compare import compare
from noiseprune.cli.datasets import datasets
from noiseprune.cli.figures import figures
from noiseprune.cli.generate import generate
from noiseprune.cli.infer import infer
from noiseprune.cli.plasticity import plasticity
from noiseprune.cli.prune import prune
from noiseprune.cli.report import report
from noiseprune.cli.shared import command
from noiseprune.cli.simulate import simulate
from noiseprune.cli.train import app as models

app = typer.Typer(
    help="Prune recurrent networks by the covariance of their own noise-driven activity.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from noiseprune import __version__

        typer.echo(__version__)
        raise typer.Exit


for function, writes in (
    (generate, "network"),
    (simulate, "trajectory"),
    (prune, "network"),
    (infer, "network"),
    (report, "report"),
    (compare, "json"),
    (plasticity, "network"),
    (datasets, None),
    (figures, None),
):
    command(app, function, writes)
app.add_typer(models)


def main() -> None:
    """Entry point of the `noiseprune` command."""
    app(prog_name="noiseprune")


__all__ = ["app", "main"]
