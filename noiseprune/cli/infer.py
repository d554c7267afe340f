"""`noiseprune infer`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noiseprune.choices import Inference
from noiseprune.cli import completion
from noiseprune.cli.options import Reading, SpikeNoise, parsed_keep
from noiseprune.cli.outcome import NO_LEAK, certified
from noiseprune.cli.parameters import OUTPUT
from noiseprune.cli.shared import Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.inference import InferredNetwork


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
        Inference, "Lagged finds a directed network, precision a symmetric one."
    ] = "lagged",
    noise: Annotated[
        float | None,
        "Strength sigma of the noise, for precision (default: as found).",
    ] = None,
    lag: Annotated[float | None, "Lag, s (default: one sample, or one bin of spikes)."] = None,
    zero_lag: SpikeNoise = "poisson",
    drop_silent: Annotated[bool, "Leave out channels that never change."] = False,
    equal_noise: Annotated[
        bool,
        typer.Option("--equal-noise", help="Divide each channel by the strength of its noise."),
    ] = False,
    keep: Annotated[
        str | None,
        "Also prune it: fraction in (0, 1], or number of synapses, to keep.",
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
    """Estimate a network from a recording alone; with --keep, prune it too.

    noiseprune infer dataset:mouse -o inferred.npz
    noiseprune infer dataset:mouse --bin 0.2 --keep 0.3 --pruned pruned-mouse.npz
    """
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
    abscissa = net.spectral_abscissa()
    own = evidence(inferred) | {"scale": inferred.scale.tolist() if equal_noise else None}
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
        known = {"original": f"inferred from {recording}", "inferred": own}
        outcome, rows = certified(common, pruning, page, pruned, known)
        tables.append(facts("Pruned network", rows))
        result = {
            **outcome,
            **result,
            "pruned": pruned,
            "report": page,
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
