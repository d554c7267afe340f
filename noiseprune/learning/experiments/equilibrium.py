"""The experiments of `noiseprune train deep` and `noiseprune train ep`: logic tasks.

All networks of a run are trained at once, network k from the seed of the run plus k.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from noiseprune.errors import ConvergenceError, FileError
from noiseprune.learning.data.logic import answers_of, logic_task
from noiseprune.learning.models.equilibrium.building import draws, network_of
from noiseprune.learning.models.equilibrium.network import DirectedEP, Settled
from noiseprune.learning.options.equilibrium import EquilibriumOptions
from noiseprune.learning.prune.equilibrium import prune_equilibrium
from noiseprune.learning.training.experiment import PrunableExperiment, Row, Training
from noiseprune.weights import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESTARTS = 20
"""Random starts from each of which a network must be right to count as robust."""

CLOSE = 0.25
"""Largest error of an output that does not only fall on the right side of 0.5."""

REST = 1e-10
"""Sum of squared speeds of a state that rests: the published criterion."""


class LogicExperiment(PrunableExperiment[DirectedEP]):
    """Networks that learn all rows of a truth table at once."""

    SUFFIX = ".npz"

    def __init__(self, options: EquilibriumOptions) -> None:
        self.options = options
        self.chosen = options.chosen()
        self.task = logic_task(options.task, one_hot=options.one_hot)
        self.network = network_of(options)
        self._solved = np.zeros(len(self.network.seeds), dtype=np.int64)

    def train_epoch(self) -> Row:
        task = self.task
        lesson = self.network.learn(task.inputs, task.targets)
        if not np.isfinite(self.network.weights).all():
            raise ConvergenceError(
                "some weights are no longer finite: learn more slowly (smaller lr)"
            )
        if self.options.prune is not None and not self.network.present.any():
            self._refuse_emptied()
        right = self._right(lesson.free).all(axis=1)
        self._solved[right & (self._solved == 0)] = self.network.epoch
        return {
            "train_loss": float(self._losses(lesson.free).mean()),
            "nudged_loss": float(self._losses(lesson.nudged).mean()),
            "weight_change": float(lesson.change.mean()),
        }

    def measure(self) -> Row:
        found = self._tested(self.network, 3, self.network.epoch)
        losses, right = self._losses(found), self._right(found)
        quantiles = np.quantile(losses, (0.0, 0.25, 0.5, 0.75, 1.0))
        return {
            "test_loss": float(losses.mean()),
            "test_error": float(1.0 - right.mean()),
            "success_rate": float(right.all(axis=1).mean()),
            **{f"loss_q{k}": float(value) for k, value in zip((0, 25, 50, 75, 100), quantiles)},
            "sparsity": float(self.network.sparsity.mean()),
            "speed": float(found.speed.mean()),
        }

    def _tested(self, network: DirectedEP, *key: int) -> Settled:
        """The free phase from small random states."""
        return network.settle(self.task.inputs, network.starts(len(self.task.inputs), *key))

    def _losses(self, found: Settled) -> FloatArray:
        """(K,) half of the squared error, mean over the samples."""
        error = self.network.outputs(found.states) - self.task.targets
        losses: FloatArray = (error**2).sum(axis=2).mean(axis=1) / 2
        return losses

    def _right(self, found: Settled) -> npt.NDArray[np.bool_]:
        """(K, m)"""
        answers = answers_of(self.network.outputs(found.states))
        right: npt.NDArray[np.bool_] = (answers == self.task.targets).all(axis=2)
        return right

    def state(self) -> dict[str, Any]:
        return {**self.network.state(), "solved": self._solved, "chosen": self.chosen}

    def restore(self, state: dict[str, Any]) -> None:
        # As an option an infinity is recorded as none, which stands for the preset's.
        for name, value in state["chosen"].items():
            if value != self.chosen[name]:
                raise FileError(
                    f"the folder holds a run with {name} = {value!r}, but {self.chosen[name]!r} "
                    "was asked for: name an empty folder, or repeat that run's options"
                )
        self.network.restore(state)
        self._solved = np.array(state["solved"])

    def result(self) -> dict[str, Any]:
        network, k = self.network, len(self.network.seeds)
        found = self._tested(network, 3, network.epoch)
        losses, right = self._losses(found), self._right(found)
        success = right.all(axis=1)
        errors = np.abs(network.outputs(found.states) - self.task.targets).max(axis=(1, 2))
        robust = success.copy()
        for start in range(RESTARTS):
            robust &= self._right(self._tested(network, 4, start)).all(axis=1)
        report = network.stability()
        columns = {
            "seed": network.seeds,
            "loss": losses,
            "wrong": (~right).sum(axis=1),
            "largest_error": errors,
            "robust": robust,
            "first_solved": self._solved,
            "rests": (found.speed <= REST).all(axis=1),
            "sparsity": network.sparsity,
            "abscissa": report.abscissa,
            "radius": report.radius(network.dynamics.dt),
            "diagonal": report.diagonal,
            "rows": report.rows,
            "columns": report.columns,
            "mu_1": report.mu_1,
            "mu_inf": report.mu_inf,
        }
        best = int(np.argmin(losses))
        return {
            "task": self.task.name,
            **self.chosen,
            "success_interval": list(wilson(int(success.sum()), k)),
            "close_success_rate": float((errors <= CLOSE).mean()),
            "robust_success_rate": float(robust.mean()),
            "ever_success_rate": float(((self._solved > 0) | success).mean()),
            "resting_rate": float(columns["rests"].mean()),
            "stable_rate": float(report.stable.mean()),
            "contracting_rate": float(report.contracts.mean()),
            "largest_radius": float(columns["radius"].max()),
            "best": {
                "index": best,
                "seed": network.seeds[best],
                "weights": network.weights[best].tolist(),
                "biases": network.biases[best].tolist(),
            },
            "networks": [
                dict(zip(columns, values)) for values in zip(*columns.values(), strict=True)
            ],
        }

    def save(self, folder: Path) -> None:
        """networks.npz: weights[network, post, pre], biases, present, leak, labels, seeds; the
        files of the pruned networks have the same."""
        self.network.save(folder / "networks.npz")

    def prune(self) -> tuple[DirectedEP, Mapping[str, Any]]:
        """Every network by itself; kept fraction and own leak are of those that had synapses."""
        o = self.options
        if not self.network.weights.any():
            self._refuse_emptied()
        way = draws(o)
        # Their own seeds tell the networks apart, whichever others there are.
        found = prune_equilibrium(
            self.network,
            self.task.inputs,
            o.prune or 1.0,
            o.rule or "noise",
            temperature=way.temperature,
            tolerance=way.tolerance,
            seed=0,
        )
        report = found.network.stability()
        return found.network, {
            "rule": found.rule,
            "kept_fraction": float(np.nanmean(found.kept_fraction)),
            "pruned_stable_rate": float(report.stable.mean()),
            "pruned_contracting_rate": float(report.contracts.mean()),
            "own_leak_rate": float(found.own_leak[found.n_synapses > 0].mean()),
            "epsilon": list(found.epsilon),
            "epsilon_norm": list(found.epsilon_norm),
            "guarantee": "none",
        }

    def _refuse_emptied(self) -> NoReturn:
        raise ConvergenceError(
            f"after {self.network.epoch} epochs no network has a synapse left to prune: sparsify "
            "less (smaller tol_W), or leave --prune out"
        )

    def scores(self, part: str, model: DirectedEP) -> Row:
        """The fraction of networks that are right in every row."""
        right = self._right(self._tested(model, 3, model.epoch))
        return {f"{part}_success_rate": float(right.all(axis=1).mean())}

    def learner(self, model: DirectedEP) -> Callable[[], object]:
        """An epoch on all rows of the task."""
        return lambda: model.learn(self.task.inputs, self.task.targets)

    @staticmethod
    def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
        """Losses over networks, and of the first run's best network weights, graph, decisions."""
        from noiseprune.learning.pictures.equilibrium import drawn

        return drawn(runs)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % confidence interval of a rate (Wilson, 1927)."""
    z = 1.959963984540054
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    half = z * np.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2))
    low, high = ((centre + side * half) / (1 + z * z / trials) for side in (-1, 1))
    return max(0.0, float(low)), min(1.0, float(high))
