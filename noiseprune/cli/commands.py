"""The commands, and the program that they make."""

from collections.abc import Callable
from typing import Annotated

import typer

from noiseprune.cli.compare import compare
from noiseprune.cli.completion import join_words
from noiseprune.cli.datasets import datasets
from noiseprune.cli.figures import figures
from noiseprune.cli.generate import generate
from noiseprune.cli.infer import infer
from noiseprune.cli.plasticity import plasticity
from noiseprune.cli.prune import prune
from noiseprune.cli.report import report
from noiseprune.cli.shared import Writes, command
from noiseprune.cli.simulate import simulate
from noiseprune.cli.train import app as models

COMMANDS: tuple[tuple[Callable[..., None], Writes], ...] = (
    (generate, "network"),
    (simulate, "trajectory"),
    (prune, "network"),
    (infer, "network"),
    (report, "report"),
    (compare, "json"),
    (plasticity, "network"),
    (datasets, "dataset"),
    (figures, "figures"),
)
"""Each command, and what its -o names."""

app = typer.Typer(
    help="Prune recurrent networks by the covariance of their own noise-driven activity.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, "Print the version."] = False,
) -> None:
    if version:
        from noiseprune import __version__

        typer.echo(__version__)
        raise typer.Exit


for function, writes in COMMANDS:
    command(app, function, writes)
app.add_typer(models)


def main() -> None:
    """Entry point of the `noiseprune` command."""
    join_words()
    app(prog_name="noiseprune")
