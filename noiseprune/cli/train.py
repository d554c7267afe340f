"""`noiseprune train MODEL`: a command for each model, its options read off its dataclass."""

from dataclasses import MISSING, Field, dataclass, fields, replace
from importlib import import_module
from inspect import Parameter, Signature, signature
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from noiseprune.checks import count, one_of
from noiseprune.cli.options import Cluster, ClusterConfig, DryRun, print_job_script
from noiseprune.cli.shared import Common, command, one_line_errors
from noiseprune.errors import ConvergenceError, OptionError

if TYPE_CHECKING:
    from noiseprune.learning.training import Training, TrainOptions

MODELS = {
    "failures": "noiseprune.learning.failures.experiment",
    "ctrnn": "noiseprune.learning.ctrnn.experiment",
    "deep": "noiseprune.learning.equilibrium.deep",
    "ep": "noiseprune.learning.equilibrium.asymmetric",
    "ann": "noiseprune.learning.burst.commands.ann",
    "burstccn": "noiseprune.learning.burst.commands.burstccn",
    "burstccn-continuous": "noiseprune.learning.burst.continuous.experiment",
    "burstprop": "noiseprune.learning.burst.commands.burstprop",
    "edn": "noiseprune.learning.burst.commands.edn",
}
"""The module of each model, with Options and experiment: see noiseprune/learning/training.py."""

COLUMNS = 7
IMPORTANT = (
    *("test_error", "success_rate", "error_after", "test_loss", "train_loss", "epochs"),
    *("pruned_error", "pruned_success_rate", "tuned_error", "tuned_success_rate"),
    *("best_test_error", "pruned_loss", "tuned_loss"),
)
"""Columns of a table of many runs, and which of them first."""


@dataclass(frozen=True)
class Runs:
    """Which runs there are, beside the model's own options, and where they are made."""

    seeds: Annotated[int | None, "Train with so many seeds, from --seed on."] = None
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B", help="Train with each value of an option; may be repeated."
        ),
    ] = None
    sweep: Annotated[bool, "Train with each setting of the model's own grid."] = False
    cluster: Cluster = None
    cluster_config: ClusterConfig = None
    dry_run: DryRun = False
    tensorboard: Annotated[bool, "Log for TensorBoard, too."] = False
    wandb: Annotated[bool, "Log for Weights & Biases, too, offline."] = False

    @property
    def watch(self) -> list[str]:
        chosen = (("tensorboard", self.tensorboard), ("wandb", self.wandb))
        return [name for name, on in chosen if on]


app = typer.Typer(
    name="train",
    help=r"Train a network that learns. Needs pip install 'noiseprune\[learn]'.",
    invoke_without_command=True,
    epilog="-o names a folder: checkpoints, log.csv, result.json, the model and figures go there, "
    "and the same command takes up what was interrupted.",
)


@app.callback()
def _models(context: typer.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    from noiseprune.learning.extra import required

    with one_line_errors(debug=False):
        required("torch", "training")
    typer.echo(context.get_help())
    raise typer.Exit(2)


def register(model: str, path: str) -> None:
    """Add the command of a model: its own options, those of its runs, the common ones."""
    system = import_module(path)
    parameters = [Parameter("common", Parameter.KEYWORD_ONLY, annotation=Common)]
    for name, (kind, default) in options_of(system.Options).items():
        parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    of_runs = dict(signature(Runs).parameters)
    if not hasattr(system, "sweep"):
        del of_runs["sweep"]
    parameters += [p.replace(kind=Parameter.KEYWORD_ONLY) for p in of_runs.values()]

    def run(common: Common, **given: Any) -> None:
        runs = Runs(**{name: given.pop(name) for name in of_runs})
        if runs.dry_run:
            print_job_script(runs.cluster, runs.cluster_config)
            return
        options = system.Options(seed=common.seed, **given)
        train(common, model, system, settings_of(system, options, runs), runs)

    run.__name__ = model
    does = system.Options.__doc__.partition("\n\n")[0]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    example = f"noiseprune train {model} --epochs 2"
    run.__doc__ = f"{does}\n\n{example} -o run\n{example} --seeds 2"
    command(app, run, "training")


def options_of(options: "type[TrainOptions]") -> dict[str, tuple[Any, Any]]:
    """Type and default of each field as Typer takes them; the seed is a common option."""
    hints = get_type_hints(options, include_extras=True)
    found = {}
    for field in fields(options):
        if field.name not in ("seed", "seeds"):
            kind, text = get_args(hints[field.name])
            default = default_of(field)
            flag = [f"--{field.name.replace('_', '-')}"] if default is False else []
            found[field.name] = (Annotated[kind, typer.Option(*flag, help=text)], default)
    return found


def default_of(field: "Field[Any]") -> Any:
    """The default of a field; every option of a model has one."""
    if field.default is MISSING:
        raise TypeError(f"the option {field.name} of a model has no default")
    return field.default


def settings_of(system: Any, options: "TrainOptions", runs: Runs) -> "list[TrainOptions]":
    """The options of every run: of the grid, times the values to vary, times the seeds."""
    settings = list(system.sweep(options)) if runs.sweep else [options]
    known = options_of(system.Options)
    for text in runs.vary or []:
        name, separator, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not separator or not values:
            raise OptionError(f"vary is {text!r}: write it as --vary lr=0.1,0.01")
        one_of("option to vary", name, known)
        chosen = [parsed(name, value.strip(), known[name][0]) for value in values.split(",")]
        settings = [
            replace(setting, **{name: value}) for setting, value in product(settings, chosen)
        ]
    if runs.seeds is None:
        return settings
    seeds = count("seeds", runs.seeds)
    if any(field.name == "seeds" for field in fields(system.Options)):
        return [replace(setting, **{"seeds": seeds}) for setting in settings]
    return [
        replace(setting, seed=setting.seed + k) for setting, k in product(settings, range(seeds))
    ]


def parsed(name: str, value: str, annotated: Any) -> Any:
    """A value on the command line as the type of its option: the first that can read it."""
    kind = get_args(annotated)[0]
    for each in get_args(kind) or (kind,):
        if each is type(None) and value == "none":
            return None
        if each is bool and value in ("true", "false"):
            return value == "true"
        if each not in (bool, type(None)):
            try:
                return each(value)
            except ValueError:
                continue
    raise OptionError(f"{name} cannot be {value!r}: give a value as for --{name.replace('_', '-')}")


def train(
    common: Common, model: str, system: Any, settings: "list[TrainOptions]", runs: Runs
) -> None:
    """Train, write the pictures, say how it went."""
    from noiseprune.cluster import workers
    from noiseprune.learning import training

    options: dict[str, Any] = {"folder": common.output, "watch": runs.watch}
    with (
        common.stage("train", bar=True) as progress,
        training.torch_threads(common.threads),
    ):
        options["progress"] = progress
        if len(settings) == 1 and runs.cluster is None:
            made = [training.train(system.experiment, settings[0], **options)]
        else:
            with workers(
                runs.cluster, config=runs.cluster_config, threads=common.threads
            ) as worker:
                made = training.train_all(system.experiment, settings, worker=worker, **options)
    if all("error" in run.result for run in made):
        raise ConvergenceError(f"all {len(made)} runs failed, the first: {made[0].result['error']}")
    pictures = []
    if common.output is not None:
        with common.stage("figures"):
            pictures = draw(common.output, system, made)
    report(common, model, made, pictures)


def draw(folder: Path, system: Any, runs: "list[Training]") -> list[Path]:
    """The learning curve, and what else the model draws."""
    import matplotlib as mpl

    from noiseprune.figures.style import RC
    from noiseprune.files import write_atomically
    from noiseprune.learning.pictures import learning_curve

    learnt = [run for run in runs if len(run.log) > 1]
    if not learnt:
        return []
    written = []
    with mpl.rc_context(RC):
        own = system.pictures(learnt) if hasattr(system, "pictures") else {}
        for name, figure in {"learning": learning_curve(learnt), **own}.items():
            path = folder / f"{name}.png"
            with write_atomically(path) as temporary:
                figure.savefig(temporary)
            written.append(path)
    return written


def report(common: Common, model: str, runs: "list[Training]", pictures: list[Path]) -> None:
    """One run with all that it found; of many, the means where only the seed differs, and each."""
    from noiseprune.cli.tables import facts, grid
    from noiseprune.learning import training
    from noiseprune.records import number

    differing = training.differing(runs)
    first = runs[0].options
    # A task by default stands in the result alone, which a run that failed does not have.
    known = [{**run.options, **run.result} for run in runs]
    what = {
        name: next(row[name] for row in known if row.get(name) is not None)
        for name in ("task", "dataset")
        if name not in differing and any(row.get(name) is not None for row in known)
    }
    shared = {"seconds": common.seconds, "output": common.output, "figures": pictures}
    if len(runs) == 1:
        (run,) = runs
        seeds = {"seeds": first["seeds"]} if "seeds" in first else {}
        result = {
            "model": model,
            **what,
            "epochs": run.epochs,
            **run.result,
            **shared,
            "seed": first["seed"],
            **seeds,
            "resumed_from": run.resumed_from,
            "options": first,
        }
        cells = {name.replace("_", " "): cell(value) for name, value in run.result.items()}
        rows = [(name, text) for name, text in cells.items() if text is not None]
        again = "" if run.resumed_from is None else f", from {number(run.resumed_from)} on"
        named = [("model", ", ".join([model, *what.values()]))]
        named.append(("epochs", number(run.epochs) + again))
        rows.append(("seconds", f"{run.seconds:.1f}"))
        rows.append(("written to", str(common.output or "- (give a folder with -o)")))
        common.emit(result, facts("Trained network", [*named, *rows]))
        return
    each = [
        {**{name: run.options[name] for name in differing}, "epochs": run.epochs, **run.result}
        for run in runs
    ]
    numbers = [
        name
        for name in dict.fromkeys(name for row in each for name in row)
        if name not in differing and any(is_number(row.get(name)) for row in each)
    ]
    means = {
        name: mean([row[name] for row in each if is_number(row.get(name))])
        for name in (numbers if set(differing) <= {"seed"} else [])
    }
    counted = {"seeds": len(runs)} if differing == ["seed"] else {"seed": first["seed"]}
    result = {"model": model, **what, **means, **shared, **counted, "runs": each, "options": first}
    shown = telling(numbers)
    failed = any("error" in row for row in each)
    header = [*(differing or ["run"]), *shown, *(["note"] if failed else [])]
    table = []
    for k, row in enumerate(each):
        which = [cell(row[name]) or "-" for name in differing] or [str(k)]
        told = [cell(row.get(name)) or "-" for name in shown]
        table.append([*which, *told, *([str(row.get("error", ""))] if failed else [])])
    if means:
        table.append(["mean", *(number(means[name]) for name in shown)])
    title = f"{', '.join([model, *what.values()])}: {len(runs)} runs"
    common.emit(result, grid(title, [name.replace("_", " ") for name in header], table))


def telling(numbers: list[str]) -> list[str]:
    """The columns of many runs: as many as fit beside one another."""
    told = [name for name in numbers if name.endswith(("loss", "error", "rate", "epochs"))]
    first = dict.fromkeys([*(name for name in IMPORTANT if name in told), *told])
    chosen = list(first)[:COLUMNS]
    return [name for name in told if name in chosen]


def mean(values: list[float]) -> float:
    """Of numbers; what all agree on stays as it is, a count a count."""
    return values[0] if len(set(values)) == 1 else fmean(values)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def cell(value: Any) -> str | None:
    """A value in a table; None for what is too long for one."""
    from noiseprune.records import number

    if value is None or isinstance(value, (bool, str)):
        return "-" if value is None else str(value)
    if is_number(value):
        return number(value, 4)
    if isinstance(value, (list, tuple)) and 0 < len(value) <= 10 and all(map(is_number, value)):
        return ", ".join(number(item, 4) for item in value)
    return None


for _model, _path in MODELS.items():
    register(_model, _path)
