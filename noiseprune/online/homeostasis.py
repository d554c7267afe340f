"""What a neuron does by itself: it restores its own excitatory and inhibitory strength, slowly.

    S_i^+, S_i^-    total |weight| of its excitatory, inhibitory synapses now;  T_i: at the start
    f_i <- f_i (T_i / S_i)^1/2,   within [1 / MAX_FACTOR, MAX_FACTOR]
    symmetric   w_ij <- w_ij df_i df_j         directed   w_ij <- w_ij df_i^in df_j^out

The same for its inputs and its outputs where the network is directed. What the bound leaves goes
to the leak, if that adapts: leak_i <- leak_i(0) - (T - S), so that the dominance excess stays as it
was. Source of the scaling: Turrigiano, Cell 135 (2008); of outputs, too, it is ours.
"""

from __future__ import annotations

import numpy as np

from noiseprune.network import RateNetwork
from noiseprune.online.synapses import Synapses
from noiseprune.pruning.recipe import MAX_FACTOR
from noiseprune.weights import FloatArray


class Homeostasis:
    """Targets and factors of every neuron: (1 or 2 sides, 2 signs x N), excitatory ones first."""

    def __init__(self, net: RateNetwork, synapses: Synapses) -> None:
        self.n, self.symmetric, self.leak = net.n_neurons, net.is_symmetric, net.leak
        self.target = self.strengths(synapses)
        self.factor = np.ones_like(self.target)

    def ends(self, synapses: Synapses) -> tuple[np.ndarray, np.ndarray]:
        """Place of a synapse among the strengths of its two neurons: by neuron and sign."""
        side = self.n * (synapses.weight < 0)
        return synapses.post + side, synapses.pre + side

    def strengths(self, synapses: Synapses) -> FloatArray:
        """S of every neuron: (1, 2 N) if symmetric, else (2, 2 N), inputs and outputs."""
        size = np.abs(synapses.weight)
        sums = [np.bincount(e, size, 2 * self.n).astype(float) for e in self.ends(synapses)]
        return np.array([sums[0] + sums[1]] if self.symmetric else sums)

    def scale(self, synapses: Synapses) -> None:
        """One step towards the targets."""
        found = self.strengths(synapses)
        usable = (found > 0) & (self.target > 0)
        ratio = np.divide(self.target, found, out=np.ones_like(found), where=usable)
        factor = np.clip(self.factor * np.sqrt(ratio), 1.0 / MAX_FACTOR, MAX_FACTOR)
        change, self.factor = factor / self.factor, factor
        post, pre = self.ends(synapses)
        synapses.weight *= change[0, post] * change[-1, pre]

    def adapted_leak(self, synapses: Synapses) -> FloatArray:
        """(N,) leak_i(0) - (T - S), of directed networks the mean of inputs and outputs."""
        missing = np.mean(self.target - self.strengths(synapses), axis=0)
        leak: FloatArray = self.leak - missing[: self.n] - missing[self.n :]
        return leak

    def imbalance(self, synapses: Synapses) -> float:
        """Largest (|S^+ - T^+| + |S^- - T^-|) / (T^+ + T^-) of a neuron's inputs or outputs."""
        shape = (-1, 2, self.n)
        missing = np.abs(self.strengths(synapses) - self.target).reshape(shape).sum(axis=1)
        wanted = self.target.reshape(shape).sum(axis=1)
        return float(np.max(missing[wanted > 0] / wanted[wanted > 0], initial=0.0))
