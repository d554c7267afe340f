"""`noiseprune simulate`."""

from typing import Annotated

import typer

from noiseprune.choices import Activation
from noiseprune.cli.options import Network, Noise, Workers, clustered
from noiseprune.cli.parameters import NETWORK
from noiseprune.cli.shared import Common
from noiseprune.errors import OptionError


def simulate(
    common: Common,
    network: Network,
    workers: Workers,
    noise: Noise = 0.01,
    n: Annotated[
        int | None,
        typer.Option(
            help="Simulate a generated network of n neurons instead.", rich_help_panel=NETWORK
        ),
    ] = None,
    directed: Annotated[
        bool,
        typer.Option("--directed", help="With --n: a directed one.", rich_help_panel=NETWORK),
    ] = False,
    duration: Annotated[float, typer.Option(help="Simulated time, s.")] = 40.0,
    dt: Annotated[
        float | None, typer.Option(help="Step, s (default 0.005, or half a stable step if less).")
    ] = None,
    drive: Annotated[float, typer.Option(help="Constant input, 1/s.")] = 0.0002,
    replicas: Annotated[int, typer.Option(help="Independent runs (of npr.simulate 1).")] = 20,
    record_every: Annotated[int, typer.Option(help="Steps between recorded states.")] = 10,
    activation: Annotated[Activation, typer.Option(help="What neurons make of input.")] = "linear",
) -> None:
    """Simulate a network driven by noise, with statistics of its covariance."""
    if network.network is not None and n is not None:
        raise OptionError("a NETWORK and --n were both given: leave one of them out")
    from noiseprune import files, fluctuations
    from noiseprune.cli.tables import facts
    from noiseprune.records import number

    if n is None:
        if directed:
            raise OptionError("--directed goes with --n: a NETWORK has its own kind")
        net = network.loaded(common)
    else:
        with common.stage("generate"):
            net = clustered(network, common.seed, n, directed)
    with (
        common.stage("simulate", bar=True) as progress,
        workers.working(common) as worker,
    ):
        run = fluctuations.simulate_with_statistics(
            net,
            duration=duration,
            dt=dt,
            noise=noise,
            drive=drive,
            replicas=replicas,
            record_every=record_every,
            activation=activation,
            store=common.output is not None,
            seed=common.seed,
            progress=progress,
            worker=worker,
        )
    if common.output is not None and run.trajectory is not None:
        with common.stage("save"):
            files.save_trajectory(run.trajectory, common.output)
    seconds = common.seconds["simulate"]
    result = {
        **run.to_dict(),
        "seconds": seconds,
        "steps_per_second": run.n_steps / run.stepping_seconds,
        "stages": common.seconds,
        "output": common.output,
        "seed": common.seed,
    }
    rows = [
        ("neurons", number(run.n_neurons)),
        ("replicas x steps", f"{run.replicas} x {run.n_steps:,} of {run.dt:.3g} s"),
        ("speed", f"{number(result['steps_per_second'], 4)} steps/s"),
        ("slowest relaxation, s", number(run.relaxation_time)),
        ("mean variance", number(run.mean_variance)),
        ("covariance error", number(run.covariance_error)),
        ("its sampling error", number(run.covariance_sampling_error)),
        ("", run.note),
        ("written to", "-" if common.output is None else str(common.output)),
    ]
    common.emit(result, facts("Simulation", rows))
