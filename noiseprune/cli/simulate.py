"""`noiseprune simulate`."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from noiseprune.choices import Activation
from noiseprune.cli.options import Network, Noise, Workers, clustered
from noiseprune.cli.parameters import NETWORK
from noiseprune.cli.shared import Common
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.fluctuations import SimulationRun


@dataclass(frozen=True)
class Generated:
    """A generated network in place of a loaded one."""

    PANEL: ClassVar = NETWORK

    n: Annotated[int | None, "Simulate a generated network of n neurons instead."] = None
    directed: Annotated[bool, "With --n: a directed one."] = False

    def check(self, network: Network) -> None:
        """Refuse options that contradict each other."""
        if network.network is not None and self.n is not None:
            raise OptionError("a NETWORK and --n were both given: leave one of them out")
        if self.n is None and self.directed:
            raise OptionError("--directed goes with --n: a NETWORK has its own kind")


@dataclass(frozen=True)
class Run:
    """What is simulated."""

    duration: Annotated[float, "Simulated time, s."] = 40.0
    dt: Annotated[float | None, "Step, s (default 0.005, or half a stable step if less)."] = None
    noise: Noise = 0.01
    drive: Annotated[float, "Constant input, 1/s."] = 0.0002
    replicas: Annotated[int, "Independent runs (npr.simulate: 1)."] = 20
    record_every: Annotated[int, "Steps between recorded states."] = 10
    activation: Annotated[Activation, "What neurons make of input."] = "linear"


def simulate(
    common: Common, network: Network, generated: Generated, run: Run, workers: Workers
) -> None:
    """Simulate a network driven by noise, with statistics of its covariance.

    noiseprune simulate dataset:celegans-gap --duration 10 -o run.npz
    noiseprune simulate --n 300 --duration 20 --replicas 4
    """
    generated.check(network)
    from noiseprune import files, fluctuations
    from noiseprune.cli.tables import facts
    from noiseprune.simulation import Simulation

    if generated.n is None:
        net = network.read(common)
    else:
        with common.stage("generate"):
            net = clustered(network, common.seed, generated.n, generated.directed)
    with common.stage("simulate", bar=True) as progress, workers.open(common) as worker:
        found = fluctuations.simulate_with_statistics(
            net,
            Simulation(**asdict(run), seed=common.seed),
            store=common.output is not None,
            progress=progress,
            worker=worker,
        )
    if common.output is not None and found.trajectory is not None:
        with common.stage("save"):
            files.save_trajectory(found.trajectory, common.output)
    result = {
        **found.to_dict(),
        **common.to_dict(),
        "seconds": common.seconds["simulate"],
        "steps_per_second": found.n_steps / found.stepping_seconds,
        "stages": common.seconds,
    }
    common.emit(result, facts("Simulation", [*rows_of(found), common.written()]))


def rows_of(found: "SimulationRun") -> list[tuple[str, str]]:
    from noiseprune.records import number

    return [
        ("neurons", number(found.n_neurons)),
        ("replicas x steps", f"{found.replicas} x {found.n_steps:,} of {found.dt:.3g} s"),
        ("speed", f"{number(found.n_steps / found.stepping_seconds, 4)} steps/s"),
        ("slowest relaxation, s", number(found.relaxation_time)),
        ("mean variance", number(found.mean_variance)),
        ("covariance error", number(found.covariance_error)),
        ("its sampling error", number(found.covariance_sampling_error)),
        ("", found.note),
    ]
