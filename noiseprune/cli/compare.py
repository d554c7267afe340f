"""`noiseprune compare`."""

from typing import TYPE_CHECKING, Annotated

from noiseprune.choices import Method
from noiseprune.cli.options import Network, Noise, Workers, parsed_keep
from noiseprune.cli.shared import Common

if TYPE_CHECKING:
    from noiseprune.comparison import ComparisonRow


def compare(
    common: Common,
    network: Network,
    workers: Workers,
    keep: Annotated[str, "Fractions in (0, 1] or numbers, with commas if several."] = "0.1",
    draws: Annotated[int, "Draws of every rule."] = 5,
    noise: Noise = 1.0,
    method: Annotated[Method, "What makes the synapse variances."] = "auto",
) -> None:
    """Compare noise-prune with every baseline at the same synapse count.

    noiseprune compare --keep 0.1
    noiseprune compare dataset:celegans-gap --keep 0.1,0.3 --draws 2 -o rows.json
    """
    import noiseprune as npr
    from noiseprune.cli.tables import grid
    from noiseprune.network import size_in_words
    from noiseprune.similarity import NORMS

    keeps = [parsed_keep(one) for one in keep.split(",")]
    net = network.read(common)
    with common.stage("compare", bar=True) as progress, workers.open(common) as worker:
        comparison = npr.compare(
            net,
            keeps[0] if len(keeps) == 1 else keeps,
            draws=draws,
            noise=noise,
            method=method,
            seed=common.seed,
            progress=progress,
            worker=worker,
        )
    result = {**comparison.to_dict(), "seconds": common.seconds, "seed": common.seed}
    common.write_json(result)
    title = f"{size_in_words(net)}, {draws} draws"
    header = ["rule", "sampling", "balance", "kept", "epsilon", "largest", "eigenvalues", "stable"]
    rows = [cells(row) for row in comparison.rows]
    if len(keeps) > 1:
        header = ["keep", *header]
        rows = [[f"{row.keep:,}", *cells(row)] for row in comparison.rows]
    note = f"epsilon: {NORMS[comparison.epsilon_norm]}"
    common.emit(result, grid(title, header, rows), note)


def cells(row: "ComparisonRow") -> list[str]:
    """A row in words, for the header above."""
    from noiseprune.records import number

    return [
        row.rule,
        row.sampling,
        row.balance,
        f"{100 * row.kept_fraction:.1f} %",
        number(row.epsilon),
        number(row.epsilon_max),
        number(row.eigenvalue_error),
        f"{row.n_stable}/{row.draws}",
    ]
