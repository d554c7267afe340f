"""`noiseprune compare`."""

from typing import TYPE_CHECKING, Annotated

from noiseprune.choices import Method
from noiseprune.cli.options import Network, Noise, Workers, parsed_keep
from noiseprune.cli.shared import Common

if TYPE_CHECKING:
    from rich.table import Table

    from noiseprune.comparison import Comparison, ComparisonRow


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
    from noiseprune.cli.tables import facts, grid, legend
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
    lines = [cells(row, len(keeps) > 1) for row in comparison.rows]
    common.emit(
        result,
        grid(
            f"{size_in_words(net)}, {draws} draw{'s' * (draws > 1)}",
            lines[0],
            [line.values() for line in lines],
        ),
        f"epsilon: {NORMS[comparison.epsilon_norm]}\n",
        *([f"{comparison.left_out}\n"] if comparison.left_out else []),
        *errors(comparison),
        facts("Best in each measure (least mean of the rows that are stable)", comparison.best()),
        legend(short=True),
    )


def cells(row: "ComparisonRow", several: bool) -> dict[str, str]:
    """A row in words: how, and how near in epsilon; with its `keep` if there are several."""
    from noiseprune.records import number

    first = {"keep": f"{row.keep:,}"} if several else {}
    return first | {
        "rule": row.rule,
        "sampling": row.sampling,
        "balance": row.balance,
        "kept": f"{100 * row.kept_fraction:.1f} %",
        "epsilon": number(row.epsilon),
        "largest": number(row.epsilon_max),
        "stable": f"{row.n_stable}/{row.draws}",
    }


def errors(comparison: "Comparison") -> "list[Table | str]":
    """At each `keep` the table of the other measures that some row has; why others have none."""
    from noiseprune.cli.tables import grid
    from noiseprune.measures import MEASURES
    from noiseprune.records import number

    reasons: dict[str, dict[str, None]] = {}
    found: list[Table | str] = []
    for rows in comparison.levels:
        columns = [one for one in MEASURES[1:] if any(row.value(one) is not None for row in rows)]
        title = f"Errors where {rows[0].keep:,} is kept, mean over the draws"
        header = ["rule", "balance", *(measure.short for measure in columns)]
        lines = [[row.rule, row.balance, *(number(row.value(x)) for x in columns)] for row in rows]
        found += [grid(title, header, lines)] if columns else []
        for row in rows:
            for measure in MEASURES[1:]:
                if reason := row.errors.reason(measure.key):
                    reasons.setdefault(reason, {})[measure.short] = None
    return found + [f"no {', '.join(names)}: {why}\n" for why, names in reasons.items()]
