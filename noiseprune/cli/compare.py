"""`noiseprune compare`."""

from typing import Annotated

from noiseprune.choices import Method
from noiseprune.cli.options import Network, Noise, Workers, parsed_keep
from noiseprune.cli.shared import Common


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
    from noiseprune.cli.tables import NORMS, grid, number, size_of

    keeps = [parsed_keep(one) for one in keep.split(",")]
    kept = keeps[0] if len(keeps) == 1 else keeps
    net = network.loaded(common)
    with (
        common.stage("compare", bar=True) as progress,
        workers.working(common) as worker,
    ):
        comparison = npr.compare(
            net,
            kept,
            draws=draws,
            noise=noise,
            method=method,
            seed=common.seed,
            progress=progress,
            worker=worker,
        )
    result = {**comparison.to_dict(), "seconds": common.seconds, "seed": common.seed}
    common.write_json(result)
    header = ["rule", "sampling", "balance", "kept", "epsilon", "largest", "eigenvalues", "stable"]
    rows = [
        [
            row.rule,
            row.sampling,
            row.balance,
            f"{100 * row.kept_fraction:.1f} %",
            number(row.epsilon),
            number(row.epsilon_max),
            number(row.eigenvalue_error),
            f"{row.n_stable}/{row.draws}",
        ]
        for row in comparison.rows
    ]
    if len(keeps) > 1:
        header.insert(0, "keep")
        for row, cells in zip(comparison.rows, rows):
            cells.insert(0, f"{row.keep:,}")
    title = f"{size_of(net)}, {draws} draws"
    common.emit(
        result,
        grid(title, header, rows),
        f"epsilon: {NORMS[comparison.epsilon_norm]}",
    )
