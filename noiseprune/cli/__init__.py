"""The command line: `noiseprune COMMAND [NETWORK] [options]`, a module for each command.

A command is a thin door to a public function, and a table of what that returned. Exit codes: 0
done, 1 an error in the input (one line on stderr), 2 wrong usage, 130 interrupted.
"""

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

COMMANDS: tuple[tuple[Callable[..., None], Writes, str, str], ...] = (
    (
        generate,
        "network",
        "noiseprune generate --n 300 -o net.npz",
        "noiseprune generate --sizes 120,40,40 --directed --leak-margin 0.1 -o directed.npz",
    ),
    (
        simulate,
        "trajectory",
        "noiseprune simulate dataset:celegans-gap --duration 10 -o run.npz",
        "noiseprune simulate --n 300 --duration 20 --replicas 4",
    ),
    (
        prune,
        "network",
        "noiseprune prune dataset:celegans --keep 0.1 -o pruned.npz",
        "noiseprune prune --keep 0.2 --method probe --probe-error 0.1 --report report.html",
    ),
    (
        infer,
        "network",
        "noiseprune infer dataset:mouse -o inferred.npz",
        "noiseprune infer dataset:mouse --bin 0.2 --keep 0.3 --pruned pruned-mouse.npz",
    ),
    (
        report,
        "report",
        "noiseprune report dataset:celegans pruned.npz",
        "noiseprune report dataset:celegans pruned.npz --no-dynamics -o report.html",
    ),
    (
        compare,
        "json",
        "noiseprune compare --keep 0.1",
        "noiseprune compare dataset:celegans-gap --keep 0.1,0.3 --draws 2 -o rows.json",
    ),
    (
        plasticity,
        "network",
        "noiseprune plasticity dataset:celegans-gap --keep 0.3 --rounds 3",
        "noiseprune plasticity dataset:mushroom-body --rounds 2 --figure rounds.png -o own.npz",
    ),
    (
        datasets,
        "dataset",
        "noiseprune datasets",
        "noiseprune datasets celegans -o celegans.graphml",
    ),
    (
        figures,
        "figures",
        "noiseprune figures --fast --only kept -o drafts",
        "noiseprune figures --redraw --only kept -o drafts",
    ),
)
"""Each command, what its -o names, and two examples for its help."""

app = typer.Typer(
    help="Prune recurrent networks by the covariance of their own noise-driven activity.",
    no_args_is_help=True,
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


for function, writes, *examples in COMMANDS:
    command(app, function, writes, examples)
app.add_typer(models)


def main() -> None:
    """Entry point of the `noiseprune` command."""
    join_words()
    app(prog_name="noiseprune")


__all__ = ["app", "main"]
