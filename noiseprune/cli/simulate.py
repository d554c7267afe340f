"""`noiseprune simulate`."""

from typing import Annotated

import typer

from noiseprune.cli.options import (
    Cluster,
    ClusterConfig,
    Network,
    Resume,
    clustered,
    working,
)
from noiseprune.cli.shared import Common
from noiseprune.errors import OptionError


def simulate(
    common: Common,
    network: Network = None,
    n: Annotated[
        int | None, typer.Option(help="Simulate a generated network of n neurons instead.")
    ] = None,
    directed: Annotated[bool, typer.Option("--directed", help="With --n: directed.")] = False,
    duration: Annotated[float, typer.Option(help="Simulated time, s.")] = 40.0,
    dt: Annotated[
        float | None, typer.Option(help="Step, s (default 0.005, or half a stable step if less).")
    ] = None,
    drive: Annotated[float, typer.Option(help="Constant input, 1/s.")] = 0.0002,
    replicas: Annotated[int, typer.Option(help="Independent runs.")] = 20,
    record_every: Annotated[int, typer.Option(help="Steps between recorded states.")] = 10,
    activation: Annotated[str, typer.Option(help="linear or rectified.")] = "linear",
    cluster: Cluster = None,
    cluster_config: ClusterConfig = None,
    resume: Resume = None,
) -> None:
    """Simulate a network driven by noise, with statistics of its covariance."""
    if network is not None and n is not None:
        raise OptionError("a NETWORK and --n were both given: leave one of them out")
    from noiseprune import files, fluctuations
    from noiseprune.cli.tables import facts, number

    if n is None:
        if directed:
            raise OptionError("--directed goes with --n: a NETWORK has its own kind")
        net = common.network(network)
    else:
        with common.stage("generate"):
            net = clustered(common, n, None, 0.6, None, directed)
    with (
        common.stage("simulate", bar=True) as progress,
        working(common, cluster, cluster_config, resume) as worker,
    ):
        run = fluctuations.simulate_with_statistics(
            net,
            duration=duration,
            dt=dt,
            noise=0.01 if common.noise is None else common.noise,
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
