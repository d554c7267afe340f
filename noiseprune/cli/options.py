"""The options of several commands, in records, and what is made of them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from noiseprune.choices import Kind, Method, Solver, ZeroLag
from noiseprune.cli import completion
from noiseprune.cli.parameters import CLUSTER, NETWORK, RECORDING
from noiseprune.cli.shared import Common
from noiseprune.errors import FileError, OptionError

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.recordings import Recording
    from noiseprune.variance import Source
    from noiseprune.work import Memory, Worker

DEFAULT_NETWORK = "dataset:celegans"

Noise = Annotated[float, "Strength sigma of the noise.", NETWORK]
Cluster = Annotated[
    str | None, "Where: local:N workers, tcp://HOST:PORT of a Dask scheduler, slurm.", CLUSTER
]
ClusterConfig = Annotated[
    Path | None, "TOML file for slurm: queue, cores, memory, walltime, jobs.", CLUSTER
]
DryRun = Annotated[bool, "Print the slurm job script, and stop.", CLUSTER]
SpikeNoise = Annotated[
    ZeroLag, "Spikes: whose own noise to remove, Poisson spikes' or (noisier) any.", RECORDING
]


@dataclass(frozen=True)
class Leak:
    """The leak of a network that is made or loaded."""

    PANEL: ClassVar = NETWORK

    leak: Annotated[
        str | None, "'dominant' or a number, 1/s (default: the file's own, else dominant)."
    ] = None
    leak_margin: Annotated[
        float | None, "Margin of the dominant leak (default 0.1; generated networks 0)."
    ] = None

    def parsed(self) -> str | float | None:
        """The leak as RateNetwork takes it; None if it is for the file to say."""
        if self.leak not in (None, "dominant") and self.leak_margin is not None:
            raise OptionError(
                f"the leak is {self.leak} and a margin was given too, which only the dominant leak "
                "has: leave one of them out"
            )
        if self.leak is None and self.leak_margin is not None:
            return "dominant"
        if self.leak is None or self.leak == "dominant":
            return self.leak
        try:
            return float(self.leak)
        except ValueError:
            raise OptionError(f"unknown leak {self.leak!r}: give dominant or a number") from None

    def of_dataset(self, name: str) -> "RateNetwork":
        """A built-in connectome with this leak."""
        from noiseprune import datasets

        margin = 0.1 if self.leak_margin is None else self.leak_margin
        return datasets.load(name, leak=self.parsed() or "dominant", leak_margin=margin)


def clustered(
    leak: Leak,
    seed: int,
    n: int | None,
    directed: bool,
    sizes: str | None = None,
    density: float = 0.6,
    long_range: int | None = None,
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
    return clustered_network(
        chosen,
        density,
        paper_long_range(chosen) if long_range is None else long_range,
        directed,
        leak=leak.parsed() or "dominant",
        leak_margin=0.0 if leak.leak_margin is None else leak.leak_margin,
        n=sum(chosen) if n is None else n,
        seed=seed,
    )


@dataclass(frozen=True)
class Loading(Leak):
    """How networks are loaded."""

    drop_self: Annotated[bool, "Remove self-synapses."] = False

    def load(self, common: Common, name: str) -> "RateNetwork":
        """The network of a file or of `dataset:NAME`."""
        from noiseprune import datasets, files

        leak = self.parsed()
        margin = 0.1 if self.leak_margin is None else self.leak_margin
        with common.stage("load"):
            if name.startswith(completion.DATASET):
                return self.of_dataset(name.removeprefix(completion.DATASET))
            known = {dataset.name for dataset in datasets.available()}
            if name in known and not Path(name).exists():
                raise FileError(f"there is no file {name}: did you mean dataset:{name}?")
            return files.load(name, leak=leak, leak_margin=margin, drop_self=self.drop_self)

    def load_pruned(self, common: Common, name: str, original: "RateNetwork") -> "RateNetwork":
        """The network of a file with its own leak, or the original's if the file holds none.

        The leak options are the original's: a pruned network has what pruning made of them.
        """
        from noiseprune import files

        if name.startswith(completion.DATASET):
            return self.load(common, name)
        with common.stage("load pruned"):
            return files.load(name, default_leak=original.leak, drop_self=self.drop_self)


@dataclass(frozen=True)
class Network(Loading):
    """The network of a command; the embedded default if it is left out."""

    network: Annotated[
        str | None,
        typer.Argument(
            help=f"A file, or dataset:NAME (default: {DEFAULT_NETWORK}).",
            autocompletion=completion.networks,
        ),
    ] = None

    @property
    def name(self) -> str:
        return DEFAULT_NETWORK if self.network is None else self.network

    def read(self, common: Common) -> "RateNetwork":
        return self.load(common, self.name)


@dataclass(frozen=True)
class Measured:
    """How synapse variances are made where no recording gives them."""

    method: Annotated[Method, "What makes the synapse variances."] = "auto"
    n_probes: Annotated[int, "Probes or replicas, where they are not exact."] = 64
    probe_error: Annotated[
        float | None, "Instead of --n-probes: relative error wanted of the synapse variances."
    ] = None
    solver: Annotated[Solver, "Preconditioner of the probes."] = "auto"

    def source(self, net: "RateNetwork", *, keep_covariance: bool) -> "Source":
        from noiseprune.eigenvalues import DENSE_EIGENVALUES
        from noiseprune.measures import COMPARED
        from noiseprune.variance import Exact, source_of

        options: dict[str, Any] = asdict(self)
        source = source_of(net, **options)
        read_up_to = DENSE_EIGENVALUES if keep_covariance else COMPARED  # by a page, or without
        keep_covariance = net.n_neurons <= read_up_to
        return Exact(keep_covariance=keep_covariance) if isinstance(source, Exact) else source


@dataclass(frozen=True)
class Workers:
    """Where the work is done."""

    PANEL: ClassVar = CLUSTER

    cluster: Cluster = None
    cluster_config: ClusterConfig = None
    resume: Annotated[
        Path | None, "Folder for finished pieces; an interrupted run goes on from it."
    ] = None

    @property
    def memory(self) -> "Memory | None":
        from noiseprune.cluster import Kept

        return None if self.resume is None else Kept(self.resume)

    @contextmanager
    def open(self, common: Common) -> "Iterator[Worker]":
        """The worker that the options ask for; a cluster is opened when it first has work."""
        from noiseprune.cluster import check_workers, resumed, workers
        from noiseprune.work import serial

        config = self.cluster_config
        check_workers(self.cluster, config=config)
        with ExitStack() as stack:
            cluster = partial(workers, self.cluster, config=config, threads=common.threads)
            opened = cache(lambda: stack.enter_context(cluster()))
            worker = serial if self.cluster is None else lambda *work: opened()(*work)
            yield worker if self.resume is None else resumed(worker, self.resume)


@dataclass(frozen=True)
class Reading:
    """How a recording is read."""

    PANEL: ClassVar = RECORDING

    kind: Annotated[Kind, "What to take of a file that has both."] = "auto"
    bin: Annotated[float, "Spikes: width of the bins, s."] = 0.1
    smoothing: Annotated[
        float | None, "Spikes: instead of bins a Gaussian kernel with this deviation, s."
    ] = None
    burn_in: Annotated[float, "Left out at the start of every piece of the recording, s."] = 0.0
    units: Annotated[str | None, "Unit to express analog signals in, such as mV."] = None
    series: Annotated[str | None, "Name of the analog signal to take, where there are several."] = (
        None
    )

    def read(self, path: str) -> "Recording":
        from noiseprune import recordings

        options: dict[str, Any] = asdict(self)
        return recordings.read(path, **options)


def print_job_script(cluster: str | None, config: Path | None) -> None:
    """For --dry-run."""
    from noiseprune.cluster import job_script

    if cluster != "slurm":
        raise OptionError("--dry-run prints the job script of --cluster slurm: give that, too")
    typer.echo(job_script(config), nl=False)


def parsed_keep(keep: str) -> float | int:
    """`--keep 0.1` is a fraction and `--keep 500` a number of synapses; 1.0 is all of them."""
    try:
        return int(keep) if keep.lstrip("+-").isdigit() else float(keep)
    except ValueError:
        raise OptionError(
            f"keep is {keep!r}: give a fraction in (0, 1] or a number of synapses"
        ) from None
