"""What a neuron does to its synapses where it regrows them: it mends its own input current.

    e_i = sum_j (w'_ij - w_ij) x_j              error of its input current; w before all pruning
    w'_ij <- w'_ij - rate e_i x_j / sum_j x_j^2         (sums over the synapses that are left)

by each sample of the activity, and once more with x = 1, which restores its total strength; signs
stay, and |w'| within [LEAST, MOST] |w|. A place that once held a synapse still hears its two
neurons, and remembers w; so it knows how much its neuron's error would shrink if it grew:

    gain_ij = -<e_i x_j> sgn(w_ij) / (|w_ij| v_ij)^1/2

Once a round those of largest gain grow back, as weak as LEAST; errors make them strong, or not;
then those of least importance |w'| v die, until the number is as before. A symmetric pair is one
synapse, with the errors of both of its neurons.

Source: the normalised delta rule, Widrow and Hoff (1960); regrowth by the gradient, Evci et al.
(2020), here of a neuron's own error; inside a run it is this package's.
"""

from __future__ import annotations

import numpy as np

from noiseprune.kernels import sequential
from noiseprune.online.synapses import BoolArray, Synapses, threshold_at
from noiseprune.weights import FloatArray, IntArray

GROW, CUT = 2, 7
"""Ticks of an interval in which places grow back, and in which the same number dies."""
RATE, STRENGTH_RATE = 0.05, 0.5
"""Rates of steps by a sample of the activity, and by the uniform state; they fall to 0."""
SHARE = 0.3
"""Share of those that are left: as many grow back in the first round; in later ones fewer."""
LEAST, MOST = 0.01, 5.0
"""Bounds of |w'| / |w|."""


@sequential
def delta_rule(
    ends: IntArray,
    symmetric: bool,
    target: FloatArray,
    weight: FloatArray,
    activity: FloatArray,
    rate: float,
    bounds: tuple[float, float],
    slope: FloatArray,
) -> None:
    """One step of the rule by each sample (N, K); weight (m,), 0 where pruned, in place.

    ends : (2, m) post- and presynaptic neurons
    slope : (m,) to which e_i x_j is added, of a pair e_i x_j + e_j x_i, on all places
    """
    error, size = np.empty(activity.shape[0]), np.empty(activity.shape[0])
    sides = 2 if symmetric else 1
    for k in range(activity.shape[1]):
        error[:], size[:] = 0.0, 0.0
        for s in range(target.size):
            for side in range(sides):
                i, x = ends[side, s], activity[ends[1 - side, s], k]
                error[i] += (weight[s] - target[s]) * x
                size[i] += x * x if weight[s] != 0.0 else 0.0
        for s in range(target.size):
            step = total = 0.0
            for side in range(sides):
                i = ends[side, s]
                step += error[i] * activity[ends[1 - side, s], k]
                total += size[i]
            slope[s] += step
            if weight[s] != 0.0 and total > 0.0:
                multiplier = (weight[s] - rate * step / total) / target[s]
                weight[s] = min(max(multiplier, bounds[0]), bounds[1]) * target[s]


class Regrowth:
    """All places (m,) that hold a synapse or once held one; `target` is what it was."""

    def __init__(self, synapses: Synapses, symmetric: bool) -> None:
        self.symmetric, self.target = symmetric, synapses.weight.copy()
        self.ends = np.stack([synapses.post, synapses.pre])
        self.slope = np.zeros_like(self.target)
        self.number = self.target.size

    def tick(
        self, synapses: Synapses, activity: FloatArray, sensed: FloatArray, tick: int, left: float
    ) -> None:
        """What all neurons do in a tick, by their activity (N, K) in the last one.

        sensed : (m,) last variances v;   left : share of the run that is still to come
        """
        places = synapses.unit.astype(np.intp)
        if tick == 0:
            self.number, self.slope[:] = places.size, 0.0
        weight = np.zeros_like(self.target)
        weight[places] = synapses.weight
        rule = self.ends, self.symmetric, self.target, weight
        unused, ones = np.empty_like(weight), np.ones((activity.shape[0], 1))
        for k in range(activity.shape[1]):
            state = np.ascontiguousarray(activity[:, k : k + 1])
            delta_rule(*rule, state, RATE * left, (LEAST, MOST), self.slope)
            delta_rule(*rule, ones, STRENGTH_RATE * left, (LEAST, MOST), unused)
        if tick == GROW:
            growing = self._growing(weight == 0.0, sensed, int(SHARE * left * self.number))
            weight[growing] = LEAST * self.target[growing]
        elif tick == CUT:
            importance = np.abs(weight) * sensed
            weight[importance <= threshold_at(importance, self.number)] = 0.0
        synapses.become(np.flatnonzero(weight), self.ends, weight, sensed)

    def _growing(self, empty: BoolArray, sensed: FloatArray, number: int) -> BoolArray:
        """(m,) the `number` of empty places of largest gain, if it is above 0."""
        importance = np.abs(self.target) * sensed
        gain = -self.slope * np.sign(self.target) * empty
        gain = np.divide(gain, np.sqrt(importance), out=gain, where=importance > 0)
        growing: BoolArray = gain > max(0.0, threshold_at(gain, number))
        return growing
