"""`noiseprune train MODEL`: a command for each model, its options read off its record."""

from dataclasses import dataclass, replace
from inspect import Parameter, Signature, signature
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from noiseprune.checks import count, one_of
from noiseprune.cli.options import Cluster, ClusterConfig, DryRun, print_job_script
from noiseprune.cli.parameters import OUTPUT
from noiseprune.cli.shared import Common, command, one_line_errors
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.learning.options.base import TrainOptions, options_of
from noiseprune.learning.options.table import MODELS, Model

if TYPE_CHECKING:
    from noiseprune.learning import Training


MODEL, PRUNING, RUNS = "Model", "Pruning", "Runs"
"""Panels of the help."""
OF_PRUNING = ("prune", "rule", "variance", "fine_tune")


@dataclass(frozen=True)
class Runs:
    """Which runs there are, beside the model's own options, and where they are made."""

    seeds: Annotated[int | None, "Train with so many seeds, from --seed on.", RUNS] = None
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B", help="Train with each value of an option; may be repeated."
        ),
        RUNS,
    ] = None
    sweep: Annotated[bool, "Train with each setting of the model's grid.", RUNS] = False
    cluster: Cluster = None
    cluster_config: ClusterConfig = None
    dry_run: DryRun = False
    tensorboard: Annotated[bool, "Log for TensorBoard, too.", OUTPUT] = False
    wandb: Annotated[bool, "Log for Weights & Biases, too, offline.", OUTPUT] = False

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
    from noiseprune._lazy import required

    with one_line_errors(debug=False):
        required("torch", "training")
    typer.echo(context.get_help())
    raise typer.Exit(2)


def register(name: str, model: Model) -> None:
    """Add the command of a model: its own options, those of its runs, the common ones."""
    own = offered(model.options)
    of_runs = dict(signature(Runs).parameters)
    if not hasattr(model.options, "sweep"):
        del of_runs["sweep"]

    def run(common: Common, **given: Any) -> None:
        runs = Runs(**{name: given.pop(name) for name in of_runs})
        if runs.dry_run:
            print_job_script(runs.cluster, runs.cluster_config)
            return
        options = model.options(seed=common.seed, **given)
        train(common, model, settings_of(options, runs), runs)

    parameters = [Parameter("common", Parameter.KEYWORD_ONLY, annotation=Common)]
    parameters += [p.replace(kind=Parameter.KEYWORD_ONLY) for p in (*own, *of_runs.values())]
    run.__name__ = name
    does = (model.options.__doc__ or "").partition("\n\n")[0]
    example = f"noiseprune train {name} --epochs 2"
    run.__doc__ = f"{does}\n\n{example} -o run\n{example} --seeds 2"
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command(app, run, "training")


def offered(record: type[TrainOptions]) -> list[Parameter]:
    """The options of a record; seed and seeds stand with the runs.

    Those of what follows the training come last, in a panel of their own.
    """
    panels = {name: PRUNING if name in OF_PRUNING else MODEL for name in options_of(record)}
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=option.default,
            annotation=Annotated[option.kind, option.help, panels[name]],
        )
        for name, option in sorted(
            options_of(record).items(), key=lambda item: panels[item[0]] == PRUNING
        )
        if name not in ("seed", "seeds")
    ]


def settings_of(options: TrainOptions, runs: Runs) -> "list[TrainOptions | Training]":
    """The options of every run: of the grid, times the values to vary, times the seeds."""
    settings = options.sweep() if runs.sweep else [options]  # type: ignore[attr-defined]
    known = options_of(type(options))
    varied: list[list[tuple[str, Any]]] = []
    for text in runs.vary or []:
        name, separator, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not separator or not values:
            raise OptionError(f"vary is {text!r}: write it as --vary lr=0.1,0.01")
        one_of("option to vary", name, [name for name in known if name not in ("seed", "seeds")])
        kind = known[name].kind
        varied.append([(name, parsed(name, value.strip(), kind)) for value in values.split(",")])
    if runs.seeds is not None:
        seeds = count("seeds", runs.seeds)
        together = "seeds" in known
        first = getattr(options, "seed", 0)
        varied.append(
            [("seeds", seeds)] if together else [("seed", first + k) for k in range(seeds)]
        )
    return [_setting(setting, dict(changes)) for setting, *changes in product(settings, *varied)]


def _setting(options: TrainOptions, changes: dict[str, Any]) -> "TrainOptions | Training":
    """Options with changes, or a run that failed where these have no meaning."""
    from dataclasses import asdict

    from noiseprune.learning.training.runs import failed

    try:
        return replace(options, **changes)
    except OptionError as error:
        return failed({**asdict(options), **changes}, error)


def parsed(name: str, value: str, kind: Any) -> Any:
    """A value on the command line as the type of its option: the first that can read it."""
    for each in get_args(kind) or (kind,):
        if each is type(None) and value == "none":
            return None
        if each is bool and value in ("true", "false"):
            return value == "true"
        if not isinstance(each, type):  # names: what is none of them its record refuses
            return value
        if each not in (bool, type(None)):
            try:
                return each(value)
            except ValueError:
                continue
    raise OptionError(f"{name} cannot be {value!r}: give a value as for --{name.replace('_', '-')}")


def train(
    common: Common, model: Model, settings: "list[TrainOptions | Training]", runs: Runs
) -> None:
    """Train, write the pictures, say how it went."""
    from noiseprune.cli.trained import draw, report
    from noiseprune.cluster import workers
    from noiseprune.learning.training.experiment import Training
    from noiseprune.learning.training.harness import train as train_one
    from noiseprune.learning.training.runs import torch_threads, train_all

    experiment, first = model.load(), settings[0]
    options: dict[str, Any] = {"folder": common.output, "watch": runs.watch}
    with common.stage("train", bar=True) as progress, torch_threads(common.threads):
        options["progress"] = progress
        if len(settings) == 1 and runs.cluster is None and not isinstance(first, Training):
            made = [train_one(experiment, first, **options)]
        else:
            with workers(
                runs.cluster, config=runs.cluster_config, threads=common.threads
            ) as worker:
                made = train_all(experiment, settings, worker=worker, **options)
    if all("error" in run.result for run in made):
        raise ConvergenceError(f"all {len(made)} runs failed, the first: {made[0].result['error']}")
    pictures = []
    if common.output is not None:
        with common.stage("figures"):
            pictures = draw(common.output, experiment, made)
    report(common, model.options.MODEL, made, pictures)


for _name, _model in MODELS.items():
    register(_name, _model)
