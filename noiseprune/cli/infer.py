"""`noiseprune infer`."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from noiseprune.checks import count, fraction
from noiseprune.choices import Inference
from noiseprune.cli import completion
from noiseprune.cli.options import Reading, SpikeNoise, parsed_keep
from noiseprune.cli.outcome import certify, written
from noiseprune.cli.parameters import METHOD, OUTPUT
from noiseprune.cli.shared import Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.pruning import Pruning
    from noiseprune.recordings import InferredNetwork, Recorded, Recording


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
        """Refuse what the method cannot take, or would find by itself."""
        from noiseprune.recordings.inference import check_estimate

        if self.noise is not None and self.method != "precision":
            raise OptionError(
                f"--noise {self.noise:g} is what method 'precision' can be told; {self.method!r} "
                "finds the noise itself: leave it out"
            )
        check_estimate(self.method, self.lag, self.noise, self.equal_noise)

    def made(self, common: Common, recording: "Recording") -> "InferredNetwork":
        from noiseprune.recordings import infer_network

        options: dict[str, Any] = asdict(self)
        options["silent_channels"] = "drop" if options.pop("drop_silent") else "refuse"
        with common.stage("infer", bar=True) as progress:
            return infer_network(recording, **options, seed=common.seed, progress=progress)

    def source(self, recording: "Recording", inferred: "InferredNetwork") -> "Recorded":
        """The recording as a source of synapse variances, in the units of the network."""
        from noiseprune.recordings import Recorded

        scale = inferred.scale if self.equal_noise else None
        return Recorded(recording=recording, match="name", zero_lag=self.zero_lag, scale=scale)


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
        if self.keep is not None:
            keep = parsed_keep(self.keep)
            count("keep", keep) if isinstance(keep, int) else fraction("keep", keep)

    def made(
        self,
        common: Common,
        inferred: "InferredNetwork",
        source: "Recorded",
        noise: float | None,
    ) -> "Pruning":
        """The network pruned by the recording that it is from, and written."""
        from noiseprune.pipeline import measure_and_prune
        from noiseprune.pruning import Recipe

        pruning = measure_and_prune(
            inferred.network,
            None if self.keep is None else parsed_keep(self.keep),
            Recipe(),
            source,
            noise=noise,
            seed=common.seed,
            stage=partial(common.stage, bar=True),
        )
        if self.pruned is not None:
            common.save(pruning.network, self.pruned, "save pruned")
        return pruning


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
    from noiseprune.cli.tables import facts

    with common.stage("recording"):
        found = reading.read(recording)
    inferred = estimate.made(common, found)
    common.save(inferred.network)
    result = {**inferred.to_dict(), **common.to_dict()}
    tables = [facts("Inferred network", [*inferred.in_words(), *written(common.output)])]
    if then.keep is not None:
        source = estimate.source(found, inferred)
        pruning = then.made(common, inferred, source, estimate.noise)
        name = f"inferred from {recording}"
        outcome, rows = certify(common, pruning, then.report, then.pruned, name, inferred)
        tables.append(facts("Pruned network", rows))
        abscissa = pruning.network.spectral_abscissa()
        result = {
            **outcome,
            **result,
            "pruned": then.pruned,
            "stable": outcome["stable"],
            "spectral_abscissa": {**result["spectral_abscissa"], "pruned": abscissa},
        }
    common.emit(result, *tables)
