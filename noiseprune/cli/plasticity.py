"""`noiseprune plasticity`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noiseprune.choices import Activation
from noiseprune.cli.options import Network, Noise, parsed_keep
from noiseprune.cli.outcome import written
from noiseprune.cli.parameters import OUTPUT
from noiseprune.cli.shared import Common, check_suffix

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.online import Plasticity
    from noiseprune.similarity import SpectralReport


@dataclass(frozen=True)
class Activity:
    """What is simulated meanwhile."""

    activation: Annotated[Activation, "What neurons make of input."] = "linear"
    noise: Noise = 1.0
    drive: Annotated[
        float | None, "Constant input b, 1/s (default: 0; rectified, noise (leak / 2)^1/2)."
    ] = None
    dt: Annotated[float | None, "Step, s (default: a tenth of a stable step)."] = None


@dataclass(frozen=True)
class Schedule:
    """How the network prunes itself, and for how long."""

    keep: Annotated[str | None, "Fraction in (0, 1], or number of synapses (default 0.2)."] = None
    gain: Annotated[
        float | None, "Instead of --keep: the K of the rule, one over the last threshold."
    ] = None
    rounds: Annotated[int, "Rounds of pruning."] = 10
    continuous: Annotated[bool, "Prune a little all the time, not in rounds."] = False
    interval: Annotated[float | None, "Time between two rounds, s (default: by the network)."] = (
        None
    )
    scaling: Annotated[
        bool,
        typer.Option(
            "--scaling/--no-scaling", help="Neurons restore their strengths by scaling synapses."
        ),
    ] = True
    adapt_leak: Annotated[
        bool,
        typer.Option(
            "--adapt-leak/--fixed-leak", help="The leak makes up for what scaling leaves."
        ),
    ] = True
    regrow: Annotated[
        bool, "Neurons mend their own input, and places regrow by its error; the leak stays."
    ] = False

    def run(self, common: Common, net: "RateNetwork", activity: Activity) -> "Plasticity":
        from noiseprune.online import plasticity

        options: dict[str, Any] = asdict(self) | asdict(activity)
        if self.keep is not None:
            options["keep"] = parsed_keep(self.keep)
        with common.stage("simulation", bar=True) as progress:
            return plasticity(net, **options, seed=common.seed, progress=progress)


def plasticity(
    common: Common,
    network: Network,
    schedule: Schedule,
    activity: Activity,
    figure: Annotated[Path | None, "Draw all that over time (.png, .svg or .pdf).", OUTPUT] = None,
) -> None:
    """Let a network prune itself by local plasticity while it is simulated.

    noiseprune plasticity dataset:celegans-gap --keep 0.3 --rounds 3
    noiseprune plasticity dataset:mushroom-body --rounds 2 --figure rounds.png -o own.npz
    """
    if figure is not None:
        check_suffix(figure, "a figure is a picture", ".png", ".svg", ".pdf")
    from noiseprune.cli.tables import facts, grid
    from noiseprune.network import size_in_words
    from noiseprune.records import number

    net = network.read(common)
    found = schedule.run(common, net, activity)
    common.save(found.network)
    report, batch = _compared(common, found)
    if figure is not None:
        with common.stage("figure"):
            _draw(figure, found, batch)
    result = {
        **report.to_dict(),
        **found.to_dict(),
        "batch_epsilon": batch,
        **common.to_dict(),
        "figure": figure,
    }
    rows = [
        ("network", size_in_words(net)),
        ("kept", f"{found.n_kept:,} synapses ({100 * found.n_kept / net.n_synapses:.1f} %)"),
        ("simulated", f"{found.times[-1]:.3g} s in {found.n_steps:,} steps, {found.activation}"),
        *report.certificate_in_words(),
        ("epsilon of the batch rule", f"{number(batch)}    (its defaults, at the same count)"),
        common.timed(),
        *written(common.output),
    ]
    if figure is not None:
        rows.append(("figure", str(figure)))
    header = ("time (s)", "synapses", "threshold", "epsilon", "trajectory error", "mean rate")
    lines = [tuple(map(number, line)) for line in found.lines()]
    common.emit(result, grid("After each round", header, lines), facts("Plasticity", rows))


def _compared(common: Common, found: "Plasticity") -> tuple["SpectralReport", float | None]:
    """How similar the result is, and the epsilon of the batch rule at the same count."""
    import noiseprune as npr
    from noiseprune.spectrum import DENSE_PENCIL

    net, small = found.original, found.original.n_neurons <= DENSE_PENCIL
    with common.stage("certificate"):
        report = npr.spectral_similarity(
            net, found.network, detail=None if small else False, seed=common.seed
        )
    if not small or found.n_kept == net.n_synapses:
        return report, None
    with common.stage("batch rule"):
        pruning = npr.prune(net, found.n_kept, seed=common.seed)
        batch = npr.spectral_similarity(net, pruning.network, detail=False)
    return report, batch.epsilon


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
