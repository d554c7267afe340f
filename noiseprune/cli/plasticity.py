"""`noiseprune plasticity`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noiseprune.cli.options import Network, parsed_keep
from noiseprune.cli.outcome import NO_LEAK
from noiseprune.cli.shared import Common, check_suffix

if TYPE_CHECKING:
    from noiseprune.online import Plasticity


def plasticity(
    common: Common,
    network: Network = None,
    keep: Annotated[
        str | None, typer.Option(help="Fraction in (0, 1], or number of synapses (default 0.2).")
    ] = None,
    gain: Annotated[
        float | None,
        typer.Option(help="Instead of --keep: the K of the rule, one over the last threshold."),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Rounds of pruning.")] = 10,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="Prune a little all the time, not in rounds.")
    ] = False,
    activation: Annotated[str, typer.Option(help="linear or rectified.")] = "linear",
    drive: Annotated[
        float | None,
        typer.Option(help="Constant input b, 1/s (default: 0; rectified, noise (leak / 2)^1/2)."),
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Time between two rounds, s (default: by the network).")
    ] = None,
    dt: Annotated[
        float | None, typer.Option(help="Step, s (default: a tenth of a stable step).")
    ] = None,
    scaling: Annotated[
        bool,
        typer.Option(
            "--scaling/--no-scaling", help="Neurons restore their strengths by scaling synapses."
        ),
    ] = True,
    adapt_leak: Annotated[
        bool,
        typer.Option(
            "--adapt-leak/--fixed-leak", help="The leak makes up for what scaling leaves."
        ),
    ] = True,
    figure: Annotated[
        Path | None, typer.Option(help="Draw all that over time (.png, .svg or .pdf).")
    ] = None,
) -> None:
    """Let a network prune itself by local plasticity while it is simulated."""
    if figure is not None:
        check_suffix(figure, "a figure is a picture", ".png", ".svg", ".pdf")
    import noiseprune as npr
    from noiseprune import files
    from noiseprune.cli.tables import NORMS, facts, grid, number, size_of
    from noiseprune.cli.tables import interval as between
    from noiseprune.spectrum import DENSE_PENCIL

    kept = None if keep is None else parsed_keep(keep)
    net = common.network(network)
    with common.stage("simulation", bar=True) as progress:
        found = npr.plasticity(
            net,
            kept,
            gain=gain,
            rounds=rounds,
            continuous=continuous,
            activation=activation,
            noise=1.0 if common.noise is None else common.noise,
            drive=drive,
            interval=interval,
            dt=dt,
            scaling=scaling,
            adapt_leak=adapt_leak,
            seed=common.seed,
            progress=progress,
        )
    if common.output is not None:
        with common.stage("save"):
            files.save(found.network, common.output)
    small = net.n_neurons <= DENSE_PENCIL
    with common.stage("certificate"):
        report = npr.spectral_similarity(
            net, found.network, detail=None if small else False, seed=common.seed
        )
    batch = None
    if small and found.n_kept < net.n_synapses:
        with common.stage("batch rule"):
            pruning = npr.prune(net, found.n_kept, seed=common.seed)
            batch = npr.spectral_similarity(net, pruning.network, detail=False).epsilon
    if figure is not None:
        with common.stage("figure"):
            _draw(figure, found, batch)
    result = {
        **report.to_dict(),
        "rule": "noise",
        "method": "plasticity",
        "sampling": "priority",
        "balance": found.balance,
        "adapt_leak": adapt_leak,
        "gain": found.gain,
        "guarantee": "none",
        "rounds": rounds,
        "continuous": continuous,
        "activation": activation,
        "batch_epsilon": batch,
        "imbalance": found.imbalance,
        "over_time": over_time(found),
        "dt": found.dt,
        "interval": found.interval,
        "n_steps": found.n_steps,
        "noise": found.noise,
        "seconds": common.seconds,
        "seed": common.seed,
        "output": common.output,
        "figure": figure,
    }
    rows = [
        ("network", size_of(net)),
        ("kept", f"{found.n_kept:,} synapses ({100 * found.n_kept / net.n_synapses:.1f} %)"),
        ("simulated", f"{found.times[-1]:.3g} s in {found.n_steps:,} steps, {activation}"),
        ("epsilon", f"{number(report.epsilon)}    {NORMS[report.epsilon_norm]}"),
        ("epsilon of the batch rule", f"{number(batch)}    (its defaults, at the same count)"),
        ("interval", between(report.epsilon_interval)),
        ("stable", "yes" if report.stable else "NO"),
        ("seconds", ", ".join(f"{k} {v:.2f}" for k, v in common.seconds.items())),
        ("written to", "- (give a file with -o)" if common.output is None else str(common.output)),
    ]
    if figure is not None:
        rows.append(("figure", str(figure)))
    if common.output is not None and not files.holds_leak(common.output):
        rows.append(("note", NO_LEAK))
    header = ("time (s)", "synapses", "threshold", "epsilon", "trajectory error", "mean rate")
    lines = [
        tuple("-" if value is None else number(value) for value in line)
        for line in zip(*over_time(found).values())
    ]
    common.emit(result, grid("After each round", header, lines), facts("Plasticity", rows))


def over_time(found: "Plasticity") -> dict[str, Any]:
    """The measures against time, as JSON holds them."""
    from noiseprune.records import plain

    measures = {
        "times": found.times,
        "n_left": found.n_left,
        "threshold": found.threshold,
        "epsilon": found.epsilon,
        "trajectory_error": found.trajectory_error,
        "mean_rate": found.mean_rate[:, 1],
    }
    return {name: plain(values.tolist()) for name, values in measures.items()}


def _draw(path: Path, found: "Plasticity", batch: float | None) -> None:
    """The figure of one run."""
    from noiseprune import figures
    from noiseprune.figures import plasticity as picture
    from noiseprune.figures.protocol import about

    look = "continuous" if found.continuous else "rounds"
    if found.activation == "rectified":
        look = "rectified"
    numbers = {
        "network": about(found.original),
        "runs": [{"name": look} | picture.of_run(found)],
        "batch": {} if batch is None else {"balanced": batch},
    }
    figures.write(lambda: picture.draw(numbers), [path])
