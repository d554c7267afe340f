"""What `noiseprune train` says of its runs, and draws of them."""

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from noiseprune.cli.shared import Common
from noiseprune.cli.tables import facts, grid
from noiseprune.learning.training.runs import differing
from noiseprune.records import number

if TYPE_CHECKING:
    from noiseprune.learning import Experiment, Training

COLUMNS = 7
IMPORTANT = (
    *("test_error", "success_rate", "error_after", "test_loss", "train_loss", "epochs"),
    *("pruned_error", "pruned_success_rate", "tuned_error", "tuned_success_rate"),
    *("best_test_error", "pruned_loss", "tuned_loss"),
)
"""Columns of a table of many runs, and which of them first."""


def draw(folder: Path, experiment: "type[Experiment]", runs: "list[Training]") -> list[Path]:
    """Draw the learning curve, and what else the model has; the files written."""
    import matplotlib as mpl

    from noiseprune.figures.style import RC
    from noiseprune.files import write_atomically
    from noiseprune.learning.pictures.curves import learning_curve

    learnt = [run for run in runs if len(run.log) > 1]
    if not learnt:
        return []
    written = []
    with mpl.rc_context(RC):
        drawn = {"learning": learning_curve(learnt), **experiment.pictures(learnt)}
        for name, figure in drawn.items():
            path = folder / f"{name}.png"
            with write_atomically(path) as temporary:
                figure.savefig(temporary)
            written.append(path)
    return written


def report(common: Common, model: str, runs: "list[Training]", pictures: list[Path]) -> None:
    """Show one run with all that it found, or many with their means."""
    shared = {"seconds": common.seconds, "output": common.output, "figures": pictures}
    what = told(runs)
    named = ", ".join([model, *what.values()])
    if len(runs) == 1:
        result = {"model": model, **what, **of_one(runs[0], shared)}
        common.emit(result, facts("Trained network", table_of_one(common, named, runs[0])))
    else:
        result = {"model": model, **what, **of_many(runs, shared)}
        title = f"{named}: {len(runs)} runs"
        common.emit(result, grid(title, *table_of_many(runs, result)))


def told(runs: "list[Training]") -> dict[str, str]:
    """The task or the data set that all runs share.

    A task by default stands in the result alone, which a run that failed does not have.
    """
    known = [{**run.options, **run.result} for run in runs]
    varied = differing(runs)
    return {
        name: next(row[name] for row in known if row.get(name) is not None)
        for name in ("task", "dataset")
        if name not in varied and any(row.get(name) is not None for row in known)
    }


def of_one(run: "Training", shared: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a run."""
    seeds = {"seeds": run.options["seeds"]} if "seeds" in run.options else {}
    return {
        "epochs": run.epochs,
        **run.result,
        **shared,
        "seed": run.options["seed"],
        **seeds,
        "resumed_from": run.resumed_from,
        "options": run.options,
    }


def table_of_one(common: Common, named: str, run: "Training") -> list[tuple[str, str]]:
    """Names and values of a run."""
    again = "" if run.resumed_from is None else f", from {number(run.resumed_from)} on"
    cells = {name.replace("_", " "): cell(value) for name, value in run.result.items()}
    return [
        ("model", named),
        ("epochs", number(run.epochs) + again),
        *((name, text) for name, text in cells.items() if text is not None),
        ("seconds", f"{run.seconds:.1f}"),
        ("written to", str(common.output or "- (give a folder with -o)")),
    ]


def of_many(runs: "list[Training]", shared: dict[str, Any]) -> dict[str, Any]:
    """The JSON of many runs: the means where only the seed differs, and each."""
    varied, first = differing(runs), runs[0].options
    each = [
        {**{name: run.options[name] for name in varied}, "epochs": run.epochs, **run.result}
        for run in runs
    ]
    means = {
        name: mean([row[name] for row in each if is_number(row.get(name))])
        for name in (numbers_of(each, varied) if set(varied) <= {"seed"} else [])
    }
    counted = {"seeds": len(runs)} if varied == ["seed"] else {"seed": first["seed"]}
    return {**means, **shared, **counted, "runs": each, "options": first}


def table_of_many(
    runs: "list[Training]", result: dict[str, Any]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: what differs, the columns that tell most, and what failed."""
    varied, each = differing(runs), result["runs"]
    shown = telling(numbers_of(each, varied))
    failed = any("error" in row for row in each)
    table = []
    for k, row in enumerate(each):
        which = [cell(row[name]) or "-" for name in varied] or [str(k)]
        values = [cell(row.get(name)) or "-" for name in shown]
        table.append([*which, *values, *([str(row.get("error", ""))] if failed else [])])
    if shown and set(varied) <= {"seed"}:
        table.append(["mean", *(number(result[name]) for name in shown)])
    header = [*(varied or ["run"]), *shown, *(["note"] if failed else [])]
    return [name.replace("_", " ") for name in header], table


def numbers_of(rows: list[dict[str, Any]], varied: list[str]) -> list[str]:
    """Names that have a number in any row, those that were varied aside."""
    names = dict.fromkeys(name for row in rows for name in row if name not in varied)
    return [name for name in names if any(is_number(row.get(name)) for row in rows)]


def telling(numbers: list[str]) -> list[str]:
    """The columns of many runs: as many as fit beside one another."""
    told = [name for name in numbers if name.endswith(("loss", "error", "rate", "epochs"))]
    first = dict.fromkeys([*(name for name in IMPORTANT if name in told), *told])
    chosen = list(first)[:COLUMNS]
    return [name for name in told if name in chosen]


def mean(values: list[float]) -> float:
    """The mean; what all agree on stays as it is, a count a count."""
    return values[0] if len(set(values)) == 1 else fmean(values)


def is_number(value: Any) -> bool:
    """Whether it is one; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def cell(value: Any) -> str | None:
    """A value in a table; None for what is too long for one."""
    if value is None or isinstance(value, (bool, str)):
        return "-" if value is None else str(value)
    if is_number(value):
        return number(value, 4)
    if isinstance(value, (list, tuple)) and 0 < len(value) <= 10 and all(map(is_number, value)):
        return ", ".join(number(item, 4) for item in value)
    return None
