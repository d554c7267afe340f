"""What commands tell of a pruning: its certificate, rows of the table, keys of the JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from noiseprune.cli.report import DYNAMICS
from noiseprune.cli.shared import Common

if TYPE_CHECKING:
    from noiseprune.pruning import Pruning
    from noiseprune.recordings import InferredNetwork
    from noiseprune.report import Making
    from noiseprune.similarity import SpectralReport


def certify(
    common: Common,
    pruning: "Pruning",
    page: Path | None,
    output: Path | None,
    original: str,
    inferred: "InferredNetwork | None" = None,
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The result of a pruning with its certificate, and in words; the page is written, too.

    output : where the pruned network was written; original : name of what it was
    """
    found = _measured(common, pruning, page is not None)
    made = {**common.to_dict(), "output": output, "report": page}
    errors = found.errors.to_dict()
    result = {**found.certificate(), **errors, **pruning.to_dict(), **made}
    rows = [
        *pruning.in_words(),
        *found.certificate_in_words(),
        *found.errors.in_words(),
        common.timed(),
        *written(output),
    ]
    if page is not None:
        from noiseprune.report.page import Making

        making = Making(
            original=original,
            pruned=None if output is None else str(output),
            pruning=pruning,
            inferred=inferred,
            noise=None if pruning.evidence is None else pruning.evidence.noise,
            seed=common.seed,
        )
        write_page(common, page, found, making, result)
        rows.append(("report", str(page)))
    return result, rows


def _measured(common: Common, pruning: "Pruning", whole: bool) -> "SpectralReport":
    """The report with all that its page shows, or else with what takes little time."""
    from noiseprune.measures import COMPARED
    from noiseprune.pair import Pair
    from noiseprune.similarity import SpectralReport

    known = getattr(pruning.evidence, "covariance", None)
    nets, detail = (pruning.original, pruning.network), None if whole else False
    with common.stage("certificate"):
        pair = Pair(*nets, detail=detail, seed=common.seed, covariance=known)
        found = SpectralReport.of(pair)
        if not whole and found.n_neurons <= COMPARED and found.stable:
            found = found.with_errors(known)
    if whole and found.n_neurons <= DYNAMICS:
        with common.stage("dynamics", bar=True) as progress:
            found = found.with_dynamics(seed=common.seed, progress=progress)
    return found


def write_page(
    common: Common,
    page: Path,
    found: "SpectralReport",
    making: "Making",
    result: dict[str, Any],
) -> None:
    """The report as a page, which also carries the result and what it was made of."""
    from noiseprune.report import write_html

    told = {"original": making.original, "pruned": making.pruned, "noise": making.noise}
    inferred = making.inferred and making.inferred.to_dict()
    with common.stage("report"):
        whole = {**found.to_dict(), **result, **told, "inferred": inferred}
        write_html(page, found, making, result=whole)


def written(output: Path | None) -> list[tuple[str, str]]:
    """Where a network was written, and what its file does not hold."""
    from noiseprune.files import holds_leak

    rows = [("written to", "- (give a file with -o)" if output is None else str(output))]
    if output is not None and not holds_leak(output):
        rows.append(("note", "this format does not hold the leak: write .npz to keep it"))
    return rows
