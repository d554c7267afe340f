"""What commands tell of a pruning: its certificate, rows of the table, keys of the JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from noiseprune.cli.report import DYNAMICS
from noiseprune.cli.shared import Common

if TYPE_CHECKING:
    from noiseprune.inference import InferredNetwork
    from noiseprune.pruning import Pruning


def certify(
    common: Common,
    pruning: "Pruning",
    page: Path | None,
    output: Path | None,
    *,
    original: str,
    inferred: "InferredNetwork | None" = None,
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The result of a pruning with its certificate, and in words; the page is written, too.

    output : where the pruned network was written; original : name of what it was
    """
    from noiseprune.pair import Pair
    from noiseprune.similarity import SpectralReport

    covariance = getattr(pruning.evidence, "covariance", None)
    if page is None:
        pruning = pruning.without_arrays()
    with common.stage("certificate"):
        pair = Pair(
            pruning.original,
            pruning.network,
            detail=None if page else False,
            seed=common.seed,
            covariance=covariance,
        )
        found = SpectralReport.of(pair)
    result = {
        **found.certificate(),
        **pruning.to_dict(),
        "seconds": common.seconds,
        "seed": common.seed,
        "output": output,
        "report": page,
    }
    if page is not None:
        from noiseprune.report import Making, write_html

        if pruning.original.n_neurons <= DYNAMICS:
            with common.stage("dynamics", bar=True) as progress:
                found = found.with_dynamics(seed=common.seed, progress=progress)
        making = Making(
            original=original,
            pruned=None if output is None else str(output),
            pruning=pruning,
            inferred=inferred,
            noise=None if pruning.evidence is None else pruning.evidence.noise,
            seed=common.seed,
        )
        with common.stage("report"):
            whole = {**found.to_dict(), **result, "original": original, "pruned": output}
            whole |= {"inferred": inferred and inferred.to_dict(), "noise": making.noise}
            write_html(page, found, making, result=whole)
    rows = [
        *pruning.in_words(),
        *found.certificate_in_words(),
        ("seconds", ", ".join(f"{k} {v:.2f}" for k, v in common.seconds.items())),
        *written(output),
    ]
    if page is not None:
        rows.append(("report", str(page)))
    return result, rows


def written(output: Path | None) -> list[tuple[str, str]]:
    """Where a network was written, and what its file does not hold."""
    from noiseprune.files import holds_leak

    rows = [("written to", "- (give a file with -o)" if output is None else str(output))]
    if output is not None and not holds_leak(output):
        rows.append(("note", "this format does not hold the leak: write .npz to keep it"))
    return rows
