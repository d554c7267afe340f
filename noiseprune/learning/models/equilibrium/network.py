"""Directed equilibrium propagation: networks that learn by settling twice.

    ds_i/dt = sum_j w_ij s_j + b_i - leak_i s_i,    0 <= s <= 1,    s clamped at the inputs

W[post, pre] is directed: w_ij and w_ji differ. A free phase settles from small random states; in a
nudged phase, from where that ended, beta (y - s_i) is added at the outputs. Then

    stdp:  dw_ij = mean over samples and nudged steps of
                   beta_0 s_i(t) s_j(t) + beta_1 (s_i(t) - s_i(t-1)) s_j(t)
    ep:    dw_ij = mean over samples of (s_i(nudged) - s_i(free)) s_j(free) / beta,   db_i likewise
    w_ij <- w_ij + lr dw_ij - l1 sgn(w_ij)

"stdp" is the rule of DEEP, "ep" that of asymmetric equilibrium propagation. With centred nudging
there are two nudged phases, at beta and -beta, and half of the difference is learned.

Leaks: "signed" is the published one of DEEP, sum_k w_ki over what i sends, which can be negative;
"absolute" is sum_k |w_ki|; "none" is 0; to each the constant leak is added. "absolute" with a
constant above 0 makes every network contract (see `stability`). "ep" has "none" and 1.

Source: Farinha et al., arXiv 2006.08798 and its notebooks (DEEP); Scellier et al., 2018 (ep).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune.checks import count, positive, substream
from noiseprune.errors import OptionError
from noiseprune.files.atomic import write_atomically
from noiseprune.learning.models.equilibrium import kernels
from noiseprune.learning.models.equilibrium.settings import Dynamics, Learning, Topology, check_step
from noiseprune.learning.models.equilibrium.sparsification import Sparsification
from noiseprune.learning.models.equilibrium.stability import Stability, stability
from noiseprune.weights import FloatArray

START = 0.1
"""States start from U(0, START)."""


@dataclass(frozen=True)
class Settled:
    """Where K networks came to for m samples.

    states : (K, m, n) of the n neurons that are no inputs
    steps : (K, m) that it took; speed : (K, m) sum of squared speeds at the last of them
    """

    states: FloatArray = field(repr=False)
    steps: npt.NDArray[np.int64] = field(repr=False)
    speed: FloatArray = field(repr=False)


@dataclass(frozen=True)
class Lesson:
    """An epoch: the free phase, the nudged one (at beta), and mean |dw| lr of each network (K,)."""

    free: Settled
    nudged: Settled
    change: FloatArray


class DirectedEP:
    """K networks of one topology, which learn the same samples, each from its own seed.

    Parameters
    ----------
    topology : sizes and connections
    dynamics, learning : as published by default
    sparsification : after every epoch; None for none
    scale : standard deviation of the initial weights, N(0, scale^2)
    seeds : one whole number a network; a network depends on its own alone

    weights (K, N, N), W[post, pre]; biases (K, n), which stay 0 under "stdp"; present (K, N, N)
    bool, what may differ from 0; epoch, those learned. All randomness is a function of (seed,
    epoch): the number of threads, and of other networks, changes nothing.

    Raises
    ------
    OptionError
        If a value has no meaning, or dt is too large for a constant leak.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        dynamics: Dynamics | None = None,
        learning: Learning | None = None,
        sparsification: Sparsification | None = None,
        scale: float = 0.05,
        seeds: Sequence[int] = (0,),
    ) -> None:
        self.topology = topology
        self.dynamics = dynamics or Dynamics()
        self.learning = learning or Learning()
        check_step(self.dynamics, self.learning.beta)
        self.sparsification = sparsification
        self.scale = positive("scale", scale)
        self.seeds = tuple(count("seed", seed, at_least=0) for seed in seeds)
        if not self.seeds:
            raise OptionError("there are no seeds: give one a network")
        self.epoch = 0
        n = topology.n_neurons
        drawn = [rng.normal(0.0, self.scale, (n, n)) for rng in self._generators(0)]
        self.present = np.repeat(topology.allowed[None], len(self.seeds), axis=0)
        self.weights: FloatArray = np.where(self.present, drawn, 0.0)
        self.limit()
        self.biases = np.zeros((len(self.seeds), topology.n_free))

    def _generators(self, *key: int) -> list[np.random.Generator]:
        """One for each network: of its seed and a key."""
        roots = map(np.random.SeedSequence, self.seeds)
        return [np.random.default_rng(substream(root, *key)) for root in roots]

    @property
    def leak(self) -> FloatArray:
        """(K, n) of the neurons that are no inputs."""
        size = {"signed": self.weights, "absolute": np.abs(self.weights)}.get(self.dynamics.leak)
        sent = 0.0 if size is None else size.sum(axis=1)[:, self.topology.inputs :]
        return np.zeros_like(self.biases) + self.dynamics.constant + sent

    @property
    def jacobian(self) -> FloatArray:
        """(K, n, n) of the neurons that are no inputs, where nothing is clipped."""
        first = self.topology.inputs
        found: FloatArray = self.weights[:, first:, first:].copy()
        index = np.arange(self.topology.n_free)
        found[:, index, index] -= self.leak
        return found

    def stability(self) -> Stability:
        """Gershgorin's discs and the spectrum, of every network."""
        return stability(self.jacobian)

    def starts(self, m: int, *key: int) -> FloatArray:
        """(K, m, n) small random states, a function of the seeds and a key."""
        shape = (m, self.topology.n_free)
        return np.array([rng.uniform(0.0, START, shape) for rng in self._generators(*key)])

    def settle(self, inputs: FloatArray, start: FloatArray | float = START / 2) -> Settled:
        """The free phase.

        inputs : (m, inputs), the bias of 1 last
        start : (K, m, n) states, or what broadcasts to that: one number for all of them

        Raises
        ------
        OptionError
            If the inputs or the start have another shape, or are not finite.
        """
        inputs = self._checked_inputs(inputs)
        shape = (len(self.seeds), len(inputs), self.topology.n_free)
        given = _finite("start", start)
        try:
            states = np.broadcast_to(given, shape)
        except ValueError as error:
            raise OptionError(
                f"start has shape {given.shape}, but must be {shape} (networks, samples, neurons "
                "that are no inputs), or one number for all"
            ) from error
        targets = np.zeros((len(inputs), self.topology.outputs))
        return self._phases(inputs, targets, states, np.zeros(0))[0][0]

    def outputs(self, states: FloatArray) -> FloatArray:
        """(..., outputs) of states (..., n)."""
        return states[..., -self.topology.outputs :]

    def _phases(
        self, inputs: FloatArray, targets: FloatArray, start: FloatArray, betas: FloatArray
    ) -> tuple[list[Settled], kernels.Sums]:
        """Ends of all phases, and sums over the nudged ones."""
        d, n = self.dynamics, self.topology.n_free
        first = self.topology.inputs
        drive = inputs @ self.weights[:, first:, :first].transpose(0, 2, 1)
        drive += self.biases[:, None, :]
        states = np.zeros((betas.size + 1, *start.shape))
        states[0] = start
        timing, coincidence = np.zeros((2, betas.size, len(self.seeds), n, n))
        sums = kernels.Sums(timing, coincidence, np.zeros((betas.size, *start.shape)))
        way = kernels.Way(d.dt, d.free_steps, d.nudged_steps, d.stop, self.learning.beta_0 != 0)
        steps = np.zeros(states.shape[:3], dtype=np.int64)
        speed = np.zeros(states.shape[:3])
        kernels.phases(self.jacobian, drive, targets, betas, way, states, sums, steps, speed)
        ends = [Settled(*parts) for parts in zip(states, steps, speed, strict=True)]
        return ends, sums

    def _checked_inputs(self, inputs: FloatArray) -> FloatArray:
        found = _finite("inputs", inputs)
        if found.ndim != 2 or found.shape[1] != self.topology.inputs or not len(found):
            raise OptionError(
                f"the inputs have shape {found.shape}, but must be (samples, "
                f"{self.topology.inputs}), one sample or more, the last column the bias of 1"
            )
        return found

    def learn(self, inputs: FloatArray, targets: FloatArray) -> Lesson:
        """One epoch: both phases of all samples, then the weights and their sparsification.

        inputs : (m, inputs), the bias of 1 last
        targets : (m, outputs)

        Raises
        ------
        OptionError
            If the inputs or the targets have another shape, or are not finite.
        """
        inputs = self._checked_inputs(inputs)
        targets = _finite("targets", targets)
        if targets.shape != (len(inputs), self.topology.outputs):
            raise OptionError(
                f"the targets have shape {targets.shape}, but must be "
                f"{(len(inputs), self.topology.outputs)}"
            )
        rule = self.learning
        self.epoch += 1
        betas = np.array([rule.beta, -rule.beta][: 1 + rule.centred])
        start = self.starts(len(inputs), 1, self.epoch)
        ends, sums = self._phases(inputs, targets, start, betas)
        change, bias_change = self._change(inputs, ends, sums)
        if rule.sign:
            change, bias_change = np.sign(change), np.sign(bias_change)
        self.weights += rule.lr * change - rule.l1 * np.sign(self.weights)
        self.weights *= self.present
        self.limit()
        self.biases += rule.lr * bias_change
        if self.sparsification is not None:
            self._sparsify(self.sparsification)
        return Lesson(ends[0], ends[1], rule.lr * np.abs(change).mean(axis=(1, 2)))

    def limit(self) -> None:
        """Keep the bound of the weights, and the cap of what each neuron sends."""
        rule, first = self.learning, self.topology.inputs
        if rule.bound is not None:
            np.clip(self.weights, -rule.bound, rule.bound, out=self.weights)
        if rule.cap is not None:
            among = self.weights[:, first:, first:]
            sent = np.abs(among).sum(axis=1, keepdims=True)
            among *= rule.cap / np.maximum(sent, rule.cap)

    def _change(
        self, inputs: FloatArray, ends: list[Settled], sums: kernels.Sums
    ) -> tuple[FloatArray, FloatArray]:
        """dw (K, N, N) and db (K, n), without lr."""
        rule, first, m = self.learning, self.topology.inputs, len(inputs)
        free = ends[0].states
        change, bias_change = np.zeros_like(self.weights), np.zeros_like(self.biases)
        # Half of the difference where the second phase was nudged the other way.
        for p, end in enumerate(ends[1:]):
            share = (1.0, -1.0)[p] / (len(ends) - 1)
            moved = end.states - free
            if rule.rule == "ep":
                share /= m * rule.beta
                among, entering = moved.transpose(0, 2, 1) @ free, moved
                bias_change += share * moved.sum(axis=1)
            else:
                share /= m * self.dynamics.nudged_steps
                among = rule.beta_1 * sums.timing[p] + rule.beta_0 * sums.coincidence[p]
                # The inputs rest: their sum over the steps telescopes.
                entering = rule.beta_1 * moved + rule.beta_0 * sums.trace[p]
            change[:, first:, first:] += share * among
            change[:, first:, :first] += share * entering.transpose(0, 2, 1) @ inputs
        change *= self.present
        return change, bias_change

    def _sparsify(self, way: Sparsification) -> None:
        """Draw what is set to 0 after this epoch."""
        chance = way.probability(self.weights, self.present, self.epoch)
        shape = chance.shape[1:]
        coins = [rng.random(shape) for rng in self._generators(2, self.epoch)]
        gone = np.array(coins) < chance
        self.weights[gone] = 0.0
        if way.permanent:
            self.present &= ~gone

    @property
    def sparsity(self) -> FloatArray:
        """(K,) fraction of the allowed synapses that are 0."""
        there = (self.weights != 0).sum(axis=(1, 2))
        found: FloatArray = 1.0 - there / max(1, int(self.topology.allowed.sum()))
        return found

    def state(self) -> dict[str, Any]:
        """Weights, biases, what is present, and the epoch."""
        return {name: getattr(self, name) for name in ("weights", "biases", "present", "epoch")}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        for name in ("weights", "biases", "present"):
            setattr(self, name, np.array(state[name]))
        self.epoch = int(state["epoch"])

    def save(self, path: Path) -> None:
        """Write weights, biases, leak and labels as .npz, atomically."""
        labels, seeds = np.array(self.topology.labels), np.array(self.seeds)
        with write_atomically(path) as temporary:
            np.savez(temporary, leak=self.leak, labels=labels, seeds=seeds, **self.state())


def _finite(what: str, values: npt.ArrayLike) -> FloatArray:
    """The values as an array of finite numbers."""
    try:
        given = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise OptionError(f"{what} is no array ({error}): give one of numbers") from error
    if given.dtype.kind not in "biuf":
        raise OptionError(f"{what} holds {given.dtype}, not real numbers: give an array of these")
    found: FloatArray = np.asarray(given, dtype=np.float64, order="C")
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        place = tuple(bad[0].tolist())
        where = f" at {place}" if place else ""
        raise OptionError(f"{what} is {found[place]:g}{where}: give finite numbers")
    return found
