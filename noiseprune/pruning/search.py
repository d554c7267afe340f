"""How strong the kept synapses are, and which they are: descent on the relative change.

    x <- max(least, x - rate m / sqrt(s)),   m, s running means of the gradient and of its square

on the synapses that are kept (Adam, Kingma and Ba 2015); every step has new probes for its gradient
(see `change`). What is kept has to make up for the rest, so the rate is larger where less is kept,
by (sum |w| over all / sum |w| over the kept)^1/4. With regrowth, two dozen times in the first six
tenths of the steps,

    the k largest x_e importance_e stay,
    and the f k others of least m_e / sqrt(importance_e), whose growth lowers the objective, join,

so that a synapse that was pruned may grow back, where there was one before; f falls from 0.15 to 0.
The steps get shorter as half a cosine, and q grows. In the end exactly k are kept.

Source: this package's; prune and regrow by the gradient as Evci et al., ICML 2020.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from noiseprune.network import RateNetwork
from noiseprune.progress import Progress
from noiseprune.pruning.change import DENSE, Change, Single, Slope
from noiseprune.pruning.recipe import Recipe
from noiseprune.pruning.sampling import BoolArray
from noiseprune.records import number
from noiseprune.solvers import Dominant
from noiseprune.weights import FloatArray
from noiseprune.work import Memory, digest

_STEPS, _FEWEST = 400, 60
_USUAL_SIZE = 4e6
"""Synapses up to which all steps are made; above, fewer, by the square root."""
_ORDERS = {1e6: (9, 17, 33, 65), _USUAL_SIZE: (5, 9, 17), np.inf: (3, 5, 9)}
"""q, in equal parts of the descent, up to so many synapses: fewer where a solve costs more."""
_RATE = 0.4
_MEAN, _SQUARE = np.float32(0.9), np.float32(0.99)
_LEAST = np.float32(0.01)
"""Least multiplier of a synapse that is kept, so that the budget is used to the last one."""
_ROUNDS = 24
_SHARE = 0.15
_SETTLE = 0.6
_SINGLE = 1e6
"""Leaks from one over this to this are taken as they are, others in units of the largest."""
_KEEP_EVERY = 10.0
"""s between two states that are kept."""
_STATE = ("x", "kept", "mean", "square", "step", "rounds")


@dataclass(frozen=True)
class Fit:
    """What fitting and regrowing did, by the objective of `change` before and after.

    steps, rounds : of the descent, and of pruning and regrowing
    swaps : synapses kept in the end that were not at the start
    norm_before, norm_after : ||E||_2q for the last q, which is at least epsilon, as probes estimate
    activity_error_before, activity_error_after : d, size of the change for the network's activity
    """

    steps: int
    rounds: int
    swaps: int
    norm_before: float
    norm_after: float
    activity_error_before: float
    activity_error_after: float

    def in_words(self) -> str:
        before, after = number(self.activity_error_before), number(self.activity_error_after)
        return f"activity error {before} -> {after} in {self.steps} steps, {self.swaps:,} swapped"


def check_size(net: RateNetwork) -> None:
    """Refuse a network that is too large to be factored, and whose systems cannot be iterated."""
    if net.n_neurons > DENSE:
        Dominant.of(net)


def fit_multipliers(
    net: RateNetwork,
    start: FloatArray,
    importance: FloatArray,
    recipe: Recipe,
    rng: np.random.Generator,
    progress: Progress,
    memory: Memory | None = None,
) -> tuple[FloatArray, Fit]:
    """(n_synapses,) multipliers of the weights, 0 where pruned, as many above 0 as in `start`.

    Where nothing is gained they are those of `start`. With a `memory` the search goes on from its
    last state, and ends as if it had never been interrupted.
    """
    size = float(np.max(net.leak))
    if not 1 / _SINGLE < size < _SINGLE:  # E is the same, and single precision has its numbers
        net = RateNetwork.from_parts(net.csr / size, net.leak / size)
    # BLAS on one thread: its threads and those of our loops would wait for one another.
    with threadpool_limits(1, user_api="blas"):
        change = Change(net, recipe.balance)
        regrow = recipe.effort == "regrow"
        weights = np.abs(net.csr.data)
        rate = _RATE * (np.sum(weights) / np.sum(weights[start > 0])) ** 0.25
        start, importance = change.on_units(start), change.on_units(importance)
        descent = _Descent(change, start, importance, float(rate), regrow)
        first = descent.x.copy()
        state = str(rng.bit_generator.state)
        probes = int(rng.integers(2**63))
        before = descent.judged(probes)
        if memory is not None:
            request = digest(net.csr, net.leak, start, importance, recipe.as_asked(), state)
            descent.restore(memory.load(request), rng)
        last = time.monotonic()
        while descent.step < descent.steps:
            descent.advance(rng)
            if memory is not None and time.monotonic() - last > _KEEP_EVERY:
                memory.save(descent.state(rng))
                last = time.monotonic()
            progress(descent.step, descent.steps)
        after = descent.judged(probes)
    if not (np.isfinite(after.objective) and after.objective < before.objective):
        descent.x, after = first, before
    swaps = int(np.count_nonzero((descent.x > 0) & (first == 0)))
    fit = Fit(
        steps=descent.steps,
        rounds=descent.rounds,
        swaps=swaps * (2 if change.symmetric else 1),
        norm_before=float(np.exp(before.log_norm)),
        norm_after=float(np.exp(after.log_norm)),
        activity_error_before=float(np.exp(before.log_activity)),
        activity_error_after=float(np.exp(after.log_activity)),
    )
    return change.on_entries(descent.x.astype(np.float64)), fit


class _Descent:
    """The state of a descent; arrays (n_units,)."""

    def __init__(
        self,
        change: Change,
        start: FloatArray,
        importance: FloatArray,
        rate: float,
        regrow: bool,
    ) -> None:
        self.change = change
        self.rate = rate
        self.x: Single = start.astype(np.float32)
        self.kept = self.x > 0
        self.budget = int(np.count_nonzero(self.kept))
        self.importance = (importance / np.max(importance)).astype(np.float32)
        self.mean, self.square = np.zeros_like(self.x), np.zeros_like(self.x)
        self.step = self.rounds = 0
        size = change.n_synapses / _USUAL_SIZE
        self.steps = max(_FEWEST, int(_STEPS / max(1.0, np.sqrt(size))))
        self.settled = int(_SETTLE * self.steps) if regrow else 0
        self.every = max(2, self.settled // _ROUNDS)
        self.orders = next(q for most, q in _ORDERS.items() if change.n_synapses <= most)

    def state(self, rng: np.random.Generator) -> dict[str, Any]:
        """All that the steps to come depend on."""
        arrays = {name: getattr(self, name) for name in _STATE}
        return arrays | {"random": np.array(json.dumps(rng.bit_generator.state))}

    def restore(self, arrays: dict[str, Any] | None, rng: np.random.Generator) -> None:
        """Go back to a `state`; None is the start."""
        if arrays is None:
            return
        for name in _STATE:
            found = arrays[name]
            setattr(self, name, found if found.ndim else int(found))
        rng.bit_generator.state = json.loads(str(arrays["random"]))

    def judged(self, probes: int) -> Slope:
        """The objective by the probes of that number."""
        return self.change.slope(self.x, self.orders[-1], np.random.default_rng(probes))

    def advance(self, rng: np.random.Generator) -> None:
        """One step, and where its time has come, a round of pruning and regrowing."""
        order = self.orders[len(self.orders) * self.step // self.steps]
        gradient = self.change.slope(self.x, order, rng).gradient
        self.mean += (1 - _MEAN) * (gradient - self.mean)
        self.square += (1 - _SQUARE) * (gradient * gradient - self.square)
        rate = 0.5 * self.rate * (1 + np.cos(np.pi * self.step / self.steps))
        self.step += 1
        size = np.sqrt(self.square / (1 - _SQUARE**self.step))
        move = self.mean * np.float32(rate / (1 - _MEAN**self.step))
        self.x -= np.divide(move, size, out=np.zeros_like(move), where=size > 0)
        np.maximum(self.x, _LEAST, out=self.x)
        self.x[~self.kept] = 0
        if self.step <= self.settled and self.step % self.every == 0:
            self._cut()
            if self.step + self.every <= self.settled:
                self._regrow(ceil(_SHARE * (1 - self.step / self.settled) * self.budget))

    def _cut(self) -> None:
        """Keep the k largest."""
        self.kept = largest(self.x * self.importance, self.budget)
        self.x[~self.kept] = 0
        self.rounds += 1

    def _regrow(self, number: int) -> None:
        """Let `number` others join, if they would lower the objective."""
        number = min(number, self.x.size - self.budget)
        if number:
            gain = np.divide(
                -self.mean,
                np.sqrt(self.importance),
                out=np.zeros_like(self.mean),
                where=~self.kept & (self.importance > 0),
            )
            self.kept |= largest(gain, number) & (gain > 0)
            self.x[self.kept] = np.maximum(self.x[self.kept], _LEAST)


def largest(values: Single, number: int) -> BoolArray:
    """True for the `number` largest."""
    found = np.zeros(values.size, dtype=np.bool_)
    found[np.argpartition(-values, number - 1)[:number]] = True
    return found
