"""Training with failing synapses: the linear-regression experiment, and images.

Tasks: "semantics" (four items told by seven features) and "regression" (a linear teacher with given
singular values). Data sets: "digits", "mnist", "cifar10". In linear networks under SGD the averaged
theory runs beside the training; its singular values stand in the log as `theory_s1`, ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from noiseprune.errors import OptionError
from noiseprune.learning.failures.options import Options
from noiseprune.learning.training import Experiment, Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def experiment(options: Options) -> Experiment:
    """The experiment that the options ask for.

    Raises
    ------
    OptionError
        If an option has no meaning.
    MissingExtraError
        If torch, or for the digits scikit-learn, is not installed.
    """
    from noiseprune.learning.extra import required

    required("torch", "training with failing synapses")
    from noiseprune.learning.failures.running import FailuresExperiment

    return FailuresExperiment(options)


def sweep(options: Options) -> list[Options]:
    """The published grid of the linear-regression experiment, 60 settings; the rest as given.

    Scaling sqrt, const; activation linear, relu; 128, 512, 2048 units; without failures weight
    decay 0, 1e-4, 1e-2, and with drop_p 0.5 failures in all layers or the second.
    """
    if options.dataset is not None or options.recurrent:
        raise OptionError("the grid is that of a task: leave --dataset and --recurrent out")
    own = ("scaling", "activation", "hidden", "drop_p", "drop_layers", "weight_decay")
    for name in own:
        if getattr(options, name) != getattr(Options, name):
            raise OptionError(
                f"the grid has values of its own for {name}: leave --{name.replace('_', '-')} out"
            )
    cases: list[dict[str, Any]] = [
        {"drop_p": 0.0, "weight_decay": decay} for decay in (0.0, 1e-4, 1e-2)
    ]
    cases += [{"drop_p": 0.5, "drop_layers": layers} for layers in ("all", "2")]
    return [
        replace(options, scaling=scaling, activation=activation, hidden=hidden, **case)
        for scaling in ("sqrt", "const")
        for activation in ("linear", "relu")
        for hidden in (128, 512, 2048)
        for case in cases
    ]


def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """Singular values over epochs beside the theory (linear tasks), and sizes of the layers."""
    from noiseprune.learning.failures.pictures import layer_sizes, modes

    drawn = {"layers": layer_sizes(runs)}
    if any("s1" in row for run in runs for row in run.log):
        drawn["modes"] = modes(runs)
    return drawn


__all__ = ["Options", "experiment", "pictures", "sweep"]
