"""`noiseprune generate`."""

from typing import Annotated

import typer

from noiseprune.cli.options import Leak
from noiseprune.cli.shared import Common
from noiseprune.errors import OptionError


def generate(
    common: Common,
    leak: Leak,
    n: Annotated[
        int | None, typer.Option(help="Number of neurons (default: sum of --sizes, else 3000).")
    ] = None,
    sizes: Annotated[str | None, typer.Option(help="Cluster sizes, such as 2700,100,200.")] = None,
    density: Annotated[float, typer.Option(help="Share of connected pairs in a cluster.")] = 0.6,
    long_range: Annotated[int | None, typer.Option(help="Entries between clusters.")] = None,
    directed: Annotated[bool, typer.Option("--directed", help="Directed variant.")] = False,
) -> None:
    """Generate a clustered network of the paper."""
    if common.output is None:
        raise OptionError("no output file: give one with -o, such as -o net.npz")
    from noiseprune import files
    from noiseprune.cli.tables import facts, number

    with common.stage("generate"):
        net = leak.of_clusters(common.seed, n, directed, sizes, density, long_range)
    with common.stage("save"):
        files.save(net, common.output)
    result = {
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        "directed": not net.is_symmetric,
        "output": common.output,
        "seconds": common.seconds,
        "seed": common.seed,
    }
    rows = [
        ("neurons", number(net.n_neurons)),
        ("synapses", number(net.n_synapses)),
        ("written to", str(common.output)),
    ]
    common.emit(result, facts("Generated network", rows))
