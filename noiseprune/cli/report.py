"""`noiseprune report`."""

from typing import Annotated

import typer

from noiseprune.checks import noise_strength
from noiseprune.cli import completion
from noiseprune.cli.options import Loading, Noise
from noiseprune.cli.shared import Common

DYNAMICS = 1000
"""Up to this many neurons a report compares trajectories unless it is told otherwise."""


def report(
    common: Common,
    loading: Loading,
    original: Annotated[
        str,
        typer.Argument(help="A file, or dataset:NAME.", autocompletion=completion.networks),
    ],
    pruned: Annotated[str, typer.Argument(help="A file that holds the pruned network.")],
    dynamics: Annotated[
        bool | None,
        typer.Option(
            "--dynamics/--no-dynamics",
            help=f"Simulate both under the same noise (default: up to {DYNAMICS:,} neurons).",
        ),
    ] = None,
    noise: Noise = 0.01,
) -> None:
    """Report how similar a pruned network is to its original.

    noiseprune report dataset:celegans pruned.npz
    noiseprune report dataset:celegans pruned.npz --no-dynamics -o report.html
    """
    import noiseprune as npr
    from noiseprune.cli.tables import facts, legend

    noise_strength(noise)
    net = loading.load(common, original)
    other = loading.load_pruned(common, pruned, net)
    with common.stage("spectrum"):
        found = npr.spectral_similarity(net, other, seed=common.seed)
    wanted = net.n_neurons <= DYNAMICS if dynamics is None else dynamics
    if wanted:
        with common.stage("dynamics", bar=True) as progress:
            found = found.with_dynamics(noise, seed=common.seed, progress=progress)
    names = {"original": original, "pruned": pruned}
    result = {**found.to_dict(), **names, "seconds": common.seconds, "seed": common.seed}
    if common.output is not None and common.output.suffix.lower() == ".html":
        from noiseprune.report import Making, write_html

        making = Making(original=original, pruned=pruned, seed=common.seed)
        with common.stage("page"):
            write_html(common.output, found, making, result=result)
    else:
        common.write_json(result)
    rows = found.in_words()
    if common.output is not None:
        rows.append(("written to", str(common.output)))
    common.emit(result, facts("Similarity report", rows), legend())
