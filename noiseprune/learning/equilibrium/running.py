"""The experiment behind `noiseprune train deep` and `noiseprune train ep`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune.choices import count, one_of
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.learning.equilibrium.logic import answers_of, logic_task
from noiseprune.learning.equilibrium.network import DirectedEP, Settled
from noiseprune.learning.equilibrium.options import DeepOptions, EPOptions, EquilibriumOptions
from noiseprune.learning.equilibrium.pruning import RULES, EquilibriumPruning, prune_equilibrium
from noiseprune.learning.equilibrium.settings import Dynamics, Learning
from noiseprune.learning.equilibrium.sparsification import Sparsification
from noiseprune.learning.equilibrium.topology import Topology, layer_sizes
from noiseprune.learning.training import Experiment, Row
from noiseprune.pruning.rules import budget
from noiseprune.weights import FloatArray

PRESETS: dict[str, dict[str, Any]] = {
    "published": {
        "leakage": "signed", "leak_constant": 0.0, "scale": 0.05, "beta": 10.0, "lr": 100.0,
    },
    "improved": {
        "leakage": "none", "leak_constant": 1.0, "scale": 1.0, "beta": 10.0, "lr": 100.0,
        "cap": 0.9,
    },
}  # fmt: skip
ONE_HOT = {"beta": 1.0, "lr": 200.0}
"""What the published choices are with one-hot outputs, with 2 hidden neurons."""

RESTARTS = 20
"""Random starts from each of which a network must be right to count as robust."""

REST = 1e-10
"""Sum of squared speeds of a state that rests: the published criterion."""


class LogicExperiment(Experiment):
    """Networks that learn all rows of a truth table at once."""

    def __init__(self, options: EquilibriumOptions) -> None:
        check(options)
        self.options = options
        self.task = logic_task(options.task, one_hot=options.one_hot)
        self.network = network_of(options)
        self._solved = np.zeros(len(self.network.seeds), dtype=np.int64)
        self._pruning: tuple[int, EquilibriumPruning, DirectedEP | None] | None = None

    # -------------------------------------------------------------------------- what happens

    def train_epoch(self) -> Row:
        task = self.task
        lesson = self.network.learn(task.inputs, task.targets)
        if not np.isfinite(self.network.weights).all():
            raise ConvergenceError(
                "some weights are no longer finite: learn more slowly (smaller lr)"
            )
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

    # --------------------------------------------------------------------------- what is kept

    def state(self) -> dict[str, Any]:
        return {**self.network.state(), "solved": self._solved}

    def restore(self, state: dict[str, Any]) -> None:
        self.network.restore(state)
        self._solved = np.array(state["solved"])

    def result(self) -> dict[str, Any]:
        network, k = self.network, len(self.network.seeds)
        found = self._tested(network, 3, network.epoch)
        losses, right = self._losses(found), self._right(found)
        success = right.all(axis=1)
        robust = success.copy()
        for start in range(RESTARTS):
            robust &= self._right(self._tested(network, 4, start)).all(axis=1)
        report = network.stability()
        columns = {
            "seed": network.seeds,
            "loss": losses,
            "wrong": (~right).sum(axis=1),
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
            "success_interval": list(wilson(int(success.sum()), k)),
            "robust_success_rate": float(robust.mean()),
            "ever_success_rate": float(((self._solved > 0) | success).mean()),
            "resting_rate": float(columns["rests"].mean()),
            "stable_rate": float(report.stable.mean()),
            "contracting_rate": float(report.contracts.mean()),
            "largest_radius": float(columns["radius"].max()),
            **self._pruned(),
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

    def _pruned(self) -> dict[str, Any]:
        """What is left when every network is pruned, and has learned further."""
        o = self.options
        if o.prune is None:
            return {}
        found, tuned = self._after_pruning(o.prune)
        rates = {"pruned_success_rate": self._success(found.network)}
        if tuned is not None:
            rates["tuned_success_rate"] = self._success(tuned)
        return {
            "rule": found.rule,
            "kept_fraction": float((found.n_kept / found.n_synapses).mean()),
            **rates,
            "pruned_stable_rate": float(found.network.stability().stable.mean()),
            "own_leak_rate": float(found.own_leak.mean()),
            "epsilon": list(found.epsilon),
            "epsilon_norm": list(found.epsilon_norm),
            "guarantee": "none",
        }

    def _after_pruning(self, keep: float) -> tuple[EquilibriumPruning, DirectedEP | None]:
        """The networks of this epoch pruned, and what these are after further epochs."""
        o = self.options
        if self._pruning is None or self._pruning[0] != self.network.epoch:
            # Their own seeds tell the networks apart, whichever others there are.
            found = prune_equilibrium(
                self.network, keep, o.rule or "noise", seed=0, **boltzmann(o)
            )
            tuned = copy.deepcopy(found.network) if o.fine_tune else None
            if tuned is not None:
                for _ in range(o.fine_tune):
                    tuned.learn(self.task.inputs, self.task.targets)
            self._pruning = self.network.epoch, found, tuned
        return self._pruning[1:]

    def _success(self, network: DirectedEP) -> float:
        right = self._right(self._tested(network, 3, network.epoch))
        return float(right.all(axis=1).mean())

    def save(self, folder: Path) -> Sequence[Path]:
        """networks.npz: weights[network, post, pre], biases, present, leak, labels, seeds. With
        --prune also pruned.npz, and with --fine-tune tuned.npz: these networks after it."""
        written = [self.network.save(folder / "networks.npz")]
        if self.options.prune is not None:
            found, tuned = self._after_pruning(self.options.prune)
            written.append(found.network.save(folder / "pruned.npz"))
            if tuned is not None:
                written.append(tuned.save(folder / "tuned.npz"))
        return written


def network_of(options: EquilibriumOptions, *, seeds: Sequence[int] | None = None) -> DirectedEP:
    """Untrained networks as the options ask for; by default with their seeds.

    Raises
    ------
    OptionError
        If an option has no meaning.
    """
    o = options
    task = logic_task(o.task, one_hot=o.one_hot)
    deep = isinstance(o, DeepOptions)
    hidden = o.hidden or ("2" if deep and o.one_hot else "5")
    chosen = chosen_values(o)
    sparsification = Sparsification(
        **boltzmann(o),
        permanent=o.permanent,
        schedule=o.sparse_schedule,
        final_temperature=o.temp_end,
    )
    return DirectedEP(
        Topology(task.inputs.shape[1], layer_sizes(hidden), task.targets.shape[1], o.topology),
        dynamics=Dynamics(
            leak=chosen["leakage"],
            constant=chosen["leak_constant"],
            dt=o.dt,
            free_steps=o.free_steps,
            nudged_steps=o.nudged_steps,
            stop=o.stop,
        ),
        learning=Learning(
            rule="stdp" if deep else "ep",
            beta=chosen["beta"],
            lr=chosen["lr"],
            beta_0=o.beta_0 if isinstance(o, DeepOptions) else 0.0,
            beta_1=o.beta_1 if isinstance(o, DeepOptions) else 1.0,
            centred=o.centred,
            sign=o.sign,
            l1=o.l1,
            bound=chosen.get("bound"),
            cap=chosen.get("cap"),
        ),
        sparsification=sparsification if o.sparse else None,
        scale=chosen["scale"],
        seeds=range(o.seed, o.seed + count("seeds", o.seeds)) if seeds is None else seeds,
    )


def chosen_values(options: EquilibriumOptions) -> dict[str, Any]:
    """Leak, constant, scale, beta and lr: as given, or those of the preset."""
    if isinstance(options, EPOptions):
        own = {name: getattr(options, name) for name in ("scale", "beta", "lr")}
        return {"leakage": "none", "leak_constant": 1.0, **own}
    if not isinstance(options, DeepOptions):
        raise OptionError("give the options of a model: DeepOptions or EPOptions")
    preset = PRESETS[one_of("preset", options.preset, PRESETS)]
    if options.one_hot and options.preset == "published":
        preset = preset | ONE_HOT
    names = dict.fromkeys([*preset, "bound", "cap"])
    given = {name: getattr(options, name) for name in names}
    return {name: preset.get(name) if value is None else value for name, value in given.items()}


def boltzmann(options: EquilibriumOptions) -> dict[str, float]:
    """Tolerance and temperature of the draws, where they are given."""
    given = {"tolerance": options.tol_w, "temperature": options.temp}
    return {name: value for name, value in given.items() if value is not None}


def check(options: EquilibriumOptions) -> None:
    """Refuse options that would do nothing, or have no meaning."""
    o = options
    if o.rule is not None:
        one_of("rule", o.rule, RULES)
        if o.prune is None:
            raise OptionError("a rule is of pruning: give --prune, or leave --rule out")
    if boltzmann(o) and not o.sparse and o.rule != "boltzmann":
        raise OptionError(
            "tol_W and temp are of the Boltzmann draws: give --sparse, or --prune with --rule "
            "boltzmann"
        )
    count("fine_tune", o.fine_tune, at_least=0)
    if o.prune is not None:
        budget(o.prune, 1)
    elif o.fine_tune:
        raise OptionError("fine_tune follows pruning: give --prune, or leave --fine-tune out")
    if not o.sparse and (o.permanent or o.sparse_schedule or o.temp_end is not None):
        raise OptionError("permanent and scheduled draws are of the sparsification: give --sparse")


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % confidence interval of a rate (Wilson, 1927)."""
    z = 1.959963984540054
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    half = z * np.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2))
    low, high = ((centre + side * half) / (1 + z * z / trials) for side in (-1, 1))
    return max(0.0, float(low)), min(1.0, float(high))
