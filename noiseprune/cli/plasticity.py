"""`noiseprune plasticity`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noiseprune.choices import Activation
from noiseprune.cli.options import Network, Noise, parsed_keep
from noiseprune.cli.outcome import written
from noiseprune.cli.parameters import OUTPUT
from noiseprune.cli.shared import Common, check_suffix

if TYPE_CHECKING:
    from noiseprune.online import Plasticity


def plasticity(
    common: Common,
    network: Network,
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
    activation: Annotated[Activation, typer.Option(help="What neurons make of input.")] = "linear",
    noise: Noise = 1.0,
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
        Path | None,
        typer.Option(help="Draw all that over time (.png, .svg or .pdf).", rich_help_panel=OUTPUT),
    ] = None,
) -> None:
    """Let a network prune itself by local plasticity while it is simulated."""
    if figure is not None:
        check_suffix(figure, "a figure is a picture", ".png", ".svg", ".pdf")
    import noiseprune as npr
    from noiseprune.cli.tables import facts, grid
    from noiseprune.network import size_in_words
    from noiseprune.records import number
    from noiseprune.spectrum import DENSE_PENCIL

    kept = None if keep is None else parsed_keep(keep)
    net = network.loaded(common)
    with common.stage("simulation", bar=True) as progress:
        found = npr.plasticity(
            net,
            kept,
            gain=gain,
            rounds=rounds,
            continuous=continuous,
            activation=activation,
            noise=noise,
            drive=drive,
            interval=interval,
            dt=dt,
            scaling=scaling,
            adapt_leak=adapt_leak,
            seed=common.seed,
            progress=progress,
        )
    common.save(found.network)
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
        **found.to_dict(),
        "batch_epsilon": batch,
        "seconds": common.seconds,
        "seed": common.seed,
        "output": common.output,
        "figure": figure,
    }
    rows = [
        ("network", size_in_words(net)),
        ("kept", f"{found.n_kept:,} synapses ({100 * found.n_kept / net.n_synapses:.1f} %)"),
        ("simulated", f"{found.times[-1]:.3g} s in {found.n_steps:,} steps, {activation}"),
        *report.certificate_in_words(),
        ("epsilon of the batch rule", f"{number(batch)}    (its defaults, at the same count)"),
        ("seconds", ", ".join(f"{k} {v:.2f}" for k, v in common.seconds.items())),
        *written(common.output),
    ]
    if figure is not None:
        rows.append(("figure", str(figure)))
    header = ("time (s)", "synapses", "threshold", "epsilon", "trajectory error", "mean rate")
    lines = [tuple(map(number, line)) for line in found.lines()]
    common.emit(result, grid("After each round", header, lines), facts("Plasticity", rows))


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
