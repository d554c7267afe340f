"""`noiseprune infer`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noiseprune.choices import Inference
from noiseprune.cli import completion
from noiseprune.cli.options import Reading, SpikeNoise, parsed_keep
from noiseprune.cli.outcome import certify, written
from noiseprune.cli.parameters import OUTPUT
from noiseprune.cli.shared import Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    pass


def infer(
    common: Common,
    reading: Reading,
    recording: Annotated[
        str,
        typer.Argument(
            help="A file, or dataset:NAME (such as mouse).",
            autocompletion=completion.recordings,
        ),
    ],
    method: Annotated[
        Inference, typer.Option(help="Lagged finds a directed network, precision a symmetric one.")
    ] = "lagged",
    noise: Annotated[
        float | None,
        typer.Option(help="Strength sigma of the noise, for precision (default: as found)."),
    ] = None,
    lag: Annotated[
        float | None, typer.Option(help="Lag, s (default: one sample, or one bin of spikes).")
    ] = None,
    zero_lag: SpikeNoise = "poisson",
    drop_silent: Annotated[
        bool, typer.Option("--drop-silent", help="Leave out channels that never change.")
    ] = False,
    equal_noise: Annotated[
        bool,
        typer.Option("--equal-noise", help="Divide each channel by the strength of its noise."),
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option(help="Also prune it: fraction in (0, 1], or number of synapses, to keep."),
    ] = None,
    pruned: Annotated[
        Path | None,
        typer.Option(help="With --keep: file for the pruned network.", rich_help_panel=OUTPUT),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--report", help="With --keep: the report, as a page (.html).", rich_help_panel=OUTPUT
        ),
    ] = None,
) -> None:
    """Estimate a network from a recording alone; with --keep, prune it too."""
    if keep is None and (pruned, page) != (None, None):
        raise OptionError("--pruned and --report need a pruned network: give --keep, too")
    if noise is not None and method != "precision":
        raise OptionError(
            f"--noise {noise:g} is what method 'precision' can be told; {method!r} finds "
            "the noise itself: leave it out"
        )
    if page is not None:
        check_suffix(page, "a report is a page", ".html")
    from noiseprune import files

    if pruned is not None:
        files.check_destination(pruned)
    kept = None if keep is None else parsed_keep(keep)
    import noiseprune as npr
    from noiseprune.cli.tables import facts
    from noiseprune.pipeline import measure_and_prune
    from noiseprune.pruning import Recipe

    with common.stage("recording"):
        found = reading.read(recording)
    with common.stage("infer", bar=True) as progress:
        inferred = npr.infer_network(
            found,
            method,
            lag=lag,
            noise=noise,
            zero_lag=zero_lag,
            silent_channels="drop" if drop_silent else "refuse",
            equal_noise=equal_noise,
            seed=common.seed,
            progress=progress,
        )
    net = inferred.network
    common.save(net)
    result = {
        **inferred.to_dict(),
        "seconds": common.seconds,
        "seed": common.seed,
        "output": common.output,
    }
    rows = [*inferred.in_words(), *written(common.output)]
    tables = [facts("Inferred network", rows)]
    if kept is not None:
        scale = inferred.scale if equal_noise else None
        source = npr.recordings.Recorded(
            recording=found, match="name", zero_lag=zero_lag, scale=scale
        )
        pruning = measure_and_prune(
            net,
            kept,
            Recipe(),
            source,
            noise=noise,
            seed=common.seed,
            stage=partial(common.stage, bar=True),
        )
        if pruned is not None:
            common.save(pruning.network, pruned, "save pruned")
        name = f"inferred from {recording}"
        outcome, rows = certify(common, pruning, page, pruned, original=name, inferred=inferred)
        tables.append(facts("Pruned network", rows))
        abscissa = pruning.network.spectral_abscissa()
        result = {
            **outcome,
            **result,
            "pruned": pruned,
            "report": page,
            "stable": outcome["stable"],
            "spectral_abscissa": {**result["spectral_abscissa"], "pruned": abscissa},
        }
    common.emit(result, *tables)
