"""What several commands take, and how it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noiseprune.cli.shared import Common
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.work import Worker

Network = Annotated[
    str | None,
    typer.Argument(help="A file, or dataset:NAME (default: dataset:celegans)."),
]
Keep = Annotated[
    str | None, typer.Option(help="Fraction in (0, 1], or number of synapses (default 0.1).")
]
Keeps = Annotated[
    str | None,
    typer.Option("--keep", help="Fractions or numbers, with commas if several (default 0.1)."),
]
Method = Annotated[
    str, typer.Option(help="Synapse variances by: auto, exact, probe or simulation.")
]
Probes = Annotated[int, typer.Option(help="Probes or replicas, where they are not exact.")]
Cluster = Annotated[
    str | None,
    typer.Option(help="Where: local:N workers, tcp://HOST:PORT of a Dask scheduler, slurm."),
]
ClusterConfig = Annotated[
    Path | None, typer.Option(help="TOML file for slurm: queue, cores, memory, walltime, jobs.")
]
Resume = Annotated[
    Path | None,
    typer.Option(help="Folder for finished pieces; an interrupted run goes on from it."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the slurm job script, and stop.")]
Bin = Annotated[float, typer.Option(help="Spikes: width of the bins, s.")]
Smoothing = Annotated[
    float | None,
    typer.Option(help="Spikes: instead of bins a Gaussian kernel with this deviation, s."),
]
Kind = Annotated[str, typer.Option(help="What to take of a file that has both: signals or spikes.")]
BurnIn = Annotated[
    float, typer.Option(help="Left out at the start of every piece of the recording, s.")
]
Units = Annotated[str | None, typer.Option(help="Unit to express analog signals in, such as mV.")]
Series = Annotated[
    str | None, typer.Option(help="Name of the analog signal to take, where there are several.")
]
ZeroLag = Annotated[
    str,
    typer.Option(help="Spikes: poisson, or extrapolated (any spikes, noisier), to remove theirs."),
]


@contextmanager
def working(
    common: Common, cluster: str | None, config: Path | None, resume: Path | None
) -> "Iterator[Worker]":
    """The worker that the options ask for."""
    from noiseprune.cluster import resumed, workers

    with workers(cluster, config=config, threads=common.threads) as worker:
        yield worker if resume is None else resumed(worker, resume)


def print_job_script(cluster: str | None, config: Path | None) -> None:
    """For --dry-run."""
    from noiseprune.cluster import job_script

    if cluster != "slurm":
        raise OptionError("--dry-run prints the job script of --cluster slurm: give that, too")
    typer.echo(job_script(config), nl=False)


def clustered(
    common: Common,
    n: int | None,
    sizes: str | None,
    density: float,
    long_range: int | None,
    directed: bool,
) -> "RateNetwork":
    """The paper's network of n neurons, or with the given sizes."""
    from noiseprune.generators import clustered_network, paper_long_range, paper_sizes

    if sizes is None:
        chosen = paper_sizes(3000 if n is None else n)
    else:
        try:
            chosen = tuple(int(size) for size in sizes.split(","))
        except ValueError:
            raise OptionError(
                f"sizes are {sizes!r}: give whole numbers with commas, such as 2700,100,200"
            ) from None
    n = sum(chosen) if n is None else n
    leak = common.parsed_leak()
    return clustered_network(
        chosen,
        density,
        paper_long_range(chosen) if long_range is None else long_range,
        directed,
        leak="dominant" if leak is None else leak,
        leak_margin=0.0 if common.leak_margin is None else common.leak_margin,
        n=n,
        seed=common.seed,
    )


def parsed_keep(keep: str) -> float | int:
    """`--keep 0.1` is a fraction and `--keep 500` a number of synapses; 1.0 is all of them."""
    try:
        return int(keep) if keep.lstrip("+-").isdigit() else float(keep)
    except ValueError:
        raise OptionError(
            f"keep is {keep!r}: give a fraction in (0, 1] or a number of synapses"
        ) from None
