"""The run: intervals of simulation, between which synapses die and neurons scale.

    |-- warm-up --|-- 0: sensed --|-- 1: pruned, scaled, sensed --|-- 2 --|-- ... --|-- rounds --|

Each interval is cut into ticks; synapses die at its start, or in all of its ticks where that is
continuous. The original runs beside the plastic network under the same noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from noiseprune import spectrum
from noiseprune.checks import substream
from noiseprune.errors import UnstableError
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork, on_synapses
from noiseprune.online.homeostasis import Homeostasis
from noiseprune.online.plan import TICKS, Plan
from noiseprune.online.record import Plasticity
from noiseprune.online.regrowth import Regrowth
from noiseprune.online.synapses import Synapses, threshold_at
from noiseprune.progress import Progress, silent
from noiseprune.simulation.engine import integrate
from noiseprune.weights import FloatArray, stored

SETTLE = 2
"""Ticks of an interval until the synapses sense anew: the neurons have scaled by then."""
SCALING_STEPS = 3
"""Steps of the neurons' scaling in one tick."""


class Process:
    """A network on its way from the original to the pruned one."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.synapses = Synapses.of(plan.net)
        self.homeostasis = Homeostasis(plan.net, self.synapses)
        self.regrowth = Regrowth(self.synapses, plan.net.is_symmetric)
        self.leak = plan.net.leak
        self.key = substream(plan.run.root, 2).generate_state(2, np.uint32).astype(np.uint64)
        self.sensed = np.zeros(plan.n_units)
        self.event, self.threshold, self.highest = 0, 0.0, 0.0
        self.steps = 0  # before the present interval
        self.state: Reals = plan.run.initial
        self.latest = np.empty((plan.net.n_neurons, 0))  # samples of the last tick

    # --------------------------------------------------------------------------- one tick

    def network(self) -> RateNetwork:
        """The plastic network as it is now."""
        net, s = self.plan.net, self.synapses
        post, pre, weight = s.post, s.pre, s.weight
        if net.is_symmetric:
            post, pre = np.concatenate([post, pre]), np.concatenate([pre, post])
            weight = np.concatenate([weight, weight])
        shape = (net.n_neurons, net.n_neurons)
        weights = sparse.csr_array((weight, (post, pre)), shape=shape)
        weights.sort_indices()
        return RateNetwork.from_parts(weights, self.leak.copy(), net.labels)

    def decide(self) -> None:
        """One decision of all synapses."""
        plan, synapses = self.plan, self.synapses
        self.event += 1
        priority = synapses.priority(self.key, self.event)
        if plan.gain is None:
            self.threshold = threshold_at(priority, plan.left(self.event))
        else:
            self.threshold = plan.threshold(self.event, plan.gain)
        self.highest = max(self.highest, self.threshold)
        self.keep_in_mind()
        if plan.asked.regrow:  # a neuron's own error strengthens what lives on
            synapses.only(priority > self.threshold)
        else:
            synapses.only(synapses.decide(priority, self.threshold))

    def keep_in_mind(self) -> None:
        """What the living synapses have sensed, in case they die."""
        self.sensed[self.synapses.unit.astype(np.intp)] = self.synapses.variance

    def restore(self, index: int, tick: int) -> None:
        """What the neurons do in one tick of the interval after `index` rounds."""
        if self.plan.asked.scaling:
            for _ in range(SCALING_STEPS):
                self.homeostasis.scale(self.synapses)
        if self.plan.asked.adapt_leak:
            self.leak = self.homeostasis.adapted_leak(self.synapses)
        if self.plan.asked.regrow:
            left = 1.0 - ((index - 1) * TICKS + tick) / (self.plan.asked.rounds * TICKS)
            self.keep_in_mind()
            self.regrowth.tick(self.synapses, self.latest, self.sensed, tick, left)

    def samples(self, net: RateNetwork, state: Reals, tick: int, ticks: int = 1) -> FloatArray:
        """(N, K) samples of a network from a tick of the present interval on."""
        base = self.plan.run
        run = replace(
            base,
            net=net,
            initial=state,
            n_steps=ticks * base.n_steps,
            first_step=self.steps + tick * base.n_steps,
        )
        blocks: list[Reals] = []
        integrate(run, lambda first, states: blocks.append(states[:, :, 0].T.copy()), silent)
        return np.concatenate(blocks, axis=1)

    # -------------------------------------------------------------------------- intervals

    def run(self, progress: Progress) -> Plasticity:
        """The whole way."""
        plan, net = self.plan, self.plan.net
        steps = TICKS * plan.run.n_steps
        warm_up = self.samples(net, plan.run.initial, 0, TICKS)
        self.state = warm_up[:, -1:]
        original = warm_up
        measures = Measures(plan)
        for index in range(plan.asked.rounds + 1):
            self.steps += steps
            progress((index + 1) * TICKS, plan.ticks)
            original = self.samples(net, original[:, -1:], 0, TICKS)
            try:
                plastic = self.interval(index, progress)
            except UnstableError as error:
                raise UnstableError(
                    f"after round {index} of {plan.asked.rounds}, with "
                    f"{plan.unit_size * self.synapses.unit.size} synapses left, {error}; or prune "
                    "less, with scaling and a leak that adapts"
                ) from error
            measures.take(self, original, plastic)
        self.steps += steps
        return self.result(measures, original, plastic)

    def interval(self, index: int, progress: Progress) -> FloatArray:
        """(N, K) samples of the plastic network in the interval after `index` rounds."""
        plan = self.plan
        parts = []
        for tick in range(TICKS):
            if index and self.event < plan.events and (tick == 0 or plan.asked.continuous):
                self.decide()
            if index:
                self.restore(index, tick)
            parts.append(self.samples(self.network(), self.state, tick))
            self.latest = parts[-1]
            self.state = parts[-1][:, -1:]
            if tick == SETTLE and not plan.asked.continuous:
                self.synapses.forget()
            if tick >= SETTLE or plan.asked.continuous:
                self.synapses.sense(parts[-1], plan.decay, centred=plan.centred)
            progress((index + 1) * TICKS + tick + 1, plan.ticks)
        return np.concatenate(parts, axis=1)

    def result(self, measures: Measures, original: FloatArray, plastic: FloatArray) -> Plasticity:
        """The record of the run."""
        plan, net, asked = self.plan, self.plan.net, self.plan.asked
        self.keep_in_mind()
        kept = np.zeros(plan.n_units, dtype=np.bool_)
        kept[self.synapses.unit.astype(np.intp)] = True
        final = self.network()
        times, n_left, threshold, epsilon, error, mean_rate = map(np.array, zip(*measures.rows))
        return Plasticity(
            network=RateNetwork.from_parts(stored(final.csr), final.leak, net.labels),
            original=net,
            times=times,
            n_left=n_left,
            threshold=threshold,
            epsilon=epsilon,
            epsilon_norm=measures.norm,
            trajectory_error=error,
            mean_rate=mean_rate,
            rate_original=original.mean(axis=1),
            rate_pruned=plastic.mean(axis=1),
            variance=on_synapses(net, self.sensed),
            kept=on_synapses(net, kept),
            gain=1.0 / self.highest if self.highest > 0 else np.inf,
            imbalance=self.homeostasis.imbalance(self.synapses),
            rounds=asked.rounds,
            continuous=asked.continuous,
            activation=plan.run.activation,
            scaling=asked.scaling,
            adapt_leak=asked.adapt_leak,
            regrow=asked.regrow,
            dt=plan.run.dt,
            interval=plan.interval,
            n_steps=self.steps,
            noise=plan.run.noise,
            drive=plan.run.drive,
            seed=asked.seed,
        )


class Measures:
    """What is measured from outside at the end of every interval; no process reads it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        small = plan.net.n_neurons <= spectrum.DENSE_PENCIL
        self.spectrum = spectrum.Original(plan.net) if small else None
        self.norm: str | None = None
        self.rows: list[tuple[Any, ...]] = []

    def take(self, process: Process, original: FloatArray, plastic: FloatArray) -> None:
        """Measure the network as it is, and its activity (N, K) in this interval."""
        plan, epsilon = self.plan, np.nan
        if self.spectrum is not None:
            change = self.spectrum.epsilon(process.network())
            epsilon, self.norm = change.epsilon, change.norm
        time = (len(self.rows) + 2) * plan.interval
        n_left = plan.unit_size * process.synapses.unit.size
        error = np.linalg.norm(plastic - original) / np.linalg.norm(original)
        rates = original.mean(), plastic.mean()
        self.rows.append((time, n_left, process.threshold, epsilon, error, rates))
