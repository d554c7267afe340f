"""`noiseprune infer`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from noiseprune.choices import Inference
from noiseprune.cli import completion
from noiseprune.cli.options import Reading, SpikeNoise, parsed_keep
from noiseprune.cli.outcome import NO_LEAK, certified
from noiseprune.cli.parameters import METHOD, OUTPUT
from noiseprune.cli.shared import Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.inference import InferredNetwork
    from noiseprune.recordings import Recording


@dataclass(frozen=True)
class Estimate:
    """How the network is estimated."""

    method: Annotated[Inference, "Lagged finds a directed network, precision a symmetric one."] = (
        "lagged"
    )
    noise: Annotated[
        float | None, "Strength sigma of the noise, for precision (default: as found)."
    ] = None
    lag: Annotated[float | None, "Lag, s (default: one sample, or one bin of spikes)."] = None
    zero_lag: SpikeNoise = "poisson"
    drop_silent: Annotated[bool, "Leave out channels that never change."] = False
    equal_noise: Annotated[bool, "Divide each channel by the strength of its noise."] = False

    def check(self) -> None:
        """Refuse a noise that the method would find by itself."""
        if self.noise is not None and self.method != "precision":
            raise OptionError(
                f"--noise {self.noise:g} is what method 'precision' can be told; {self.method!r} "
                "finds the noise itself: leave it out"
            )

    def made(self, common: Common, recording: "Recording") -> "InferredNetwork":
        from noiseprune.inference import infer_network

        with common.stage("infer", bar=True) as progress:
            return infer_network(
                recording,
                self.method,
                lag=self.lag,
                noise=self.noise,
                zero_lag=self.zero_lag,
                silent_channels="drop" if self.drop_silent else "refuse",
                equal_noise=self.equal_noise,
                seed=common.seed,
                progress=progress,
            )


@dataclass(frozen=True)
class Pruned:
    """What is done with the network, beside writing it."""

    PANEL: ClassVar = OUTPUT

    keep: Annotated[
        str | None, "Also prune it: fraction in (0, 1], or number of synapses, to keep.", METHOD
    ] = None
    pruned: Annotated[Path | None, "With --keep: file for the pruned network."] = None
    report: Annotated[Path | None, "With --keep: the report, as a page (.html)."] = None

    def check(self) -> None:
        """Refuse files of what is not made, and those that cannot be written."""
        if self.keep is None and (self.pruned, self.report) != (None, None):
            raise OptionError("--pruned and --report need a pruned network: give --keep, too")
        if self.report is not None:
            check_suffix(self.report, "a report is a page", ".html")
        if self.pruned is not None:
            from noiseprune.files import check_destination

            check_destination(self.pruned)


def infer(
    common: Common,
    reading: Reading,
    estimate: Estimate,
    then: Pruned,
    recording: Annotated[
        str,
        typer.Argument(
            help="A file, or dataset:NAME (such as mouse).",
            autocompletion=completion.recordings,
        ),
    ],
) -> None:
    """Estimate a network from a recording alone; with --keep, prune it too.

    noiseprune infer dataset:mouse -o inferred.npz
    noiseprune infer dataset:mouse --bin 0.2 --keep 0.3 --pruned pruned-mouse.npz
    """
    then.check()
    estimate.check()
    import noiseprune as npr
    from noiseprune.cli.tables import facts
    from noiseprune.pipeline import measure_and_prune
    from noiseprune.pruning import Recipe

    kept = None if then.keep is None else parsed_keep(then.keep)
    with common.stage("recording"):
        found = reading.read(recording)
    inferred = estimate.made(common, found)
    net = inferred.network
    common.save(net)
    abscissa = net.spectral_abscissa()
    own = evidence(inferred) | {"scale": inferred.scale.tolist() if estimate.equal_noise else None}
    own |= {"source": found.source, "units": found.units}
    result: dict[str, Any] = {
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        **own,
        "spectral_abscissa": {"original": abscissa, "pruned": None},
        "stable": abscissa < 0,
        "seconds": common.seconds,
        "seed": common.seed,
        "output": common.output,
    }
    tables = [facts("Inferred network", rows_of(inferred, found.source, common.output))]
    if kept is not None:
        scale = inferred.scale if estimate.equal_noise else None
        source = npr.recordings.Recorded(
            recording=found, match="name", zero_lag=estimate.zero_lag, scale=scale
        )
        pruning = measure_and_prune(
            net,
            kept,
            Recipe(),
            source,
            noise=estimate.noise,
            seed=common.seed,
            stage=partial(common.stage, bar=True),
        )
        if then.pruned is not None:
            common.save(pruning.network, then.pruned, "save pruned")
        known = {"original": f"inferred from {recording}", "inferred": own}
        outcome, rows = certified(common, pruning, then.report, then.pruned, known)
        tables.append(facts("Pruned network", rows))
        result = {
            **outcome,
            **result,
            "pruned": then.pruned,
            "report": then.report,
            "stable": outcome["stable"],
            "spectral_abscissa": {
                "original": abscissa,
                "pruned": pruning.network.spectral_abscissa(),
            },
        }
    common.emit(result, *tables)


def evidence(inferred: "InferredNetwork") -> dict[str, Any]:
    """What is known of the estimate, as JSON holds it."""
    names = (
        *("method", "lag", "noise", "anisotropy", "n_significant", "n_unstable", "n_unresolved"),
        *("shrinkage", "n_samples", "n_effective", "n_blocks", "length", "n_bootstrap"),
        *("relative_error", "dropped", "notes"),
    )
    return {name: getattr(inferred, name) for name in names}


def rows_of(inferred: "InferredNetwork", source: str, output: Path | None) -> list[tuple[str, str]]:
    from noiseprune.cli.tables import number, size_of
    from noiseprune.files import holds_leak

    net = inferred.network
    rows = [
        ("recording", f"{source}, {inferred.length:.4g} s, {inferred.n_samples:,} samples"),
        ("worth", f"{inferred.n_effective:,.0f} samples of the slowest channel"),
        ("method", f"{inferred.method}, lag {inferred.lag:.3g} s"),
        ("network", size_of(net)),
        ("beyond two errors", f"{inferred.n_significant:,} of {net.n_synapses:,} weights"),
        ("relative error", number(inferred.relative_error)),
        ("slowest mode", f"{number(net.spectral_abscissa())} 1/s"),
        ("noise", f"{number(inferred.noise)}, anisotropy {number(inferred.anisotropy)}"),
        ("shrinkage", number(inferred.shrinkage)),
    ]
    if inferred.dropped:
        rows.append(("left out, silent", ", ".join(inferred.dropped)))
    rows += [("note", note) for note in inferred.notes]
    rows.append(("written to", "- (give a file with -o)" if output is None else str(output)))
    if output is not None and not holds_leak(output):
        rows.append(("note", NO_LEAK))
    return rows
