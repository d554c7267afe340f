"""Networks of equilibrium propagation under noise, where they come to rest on a task.

    dx/dt = A_r x + xi,    A_r = diag(g_r) W - diag(leak)    x: the n neurons that are no inputs

in row r of the task, around the state in which the free phase ends. g_ri = 1 where 0 < s_i < 1,
and 0 where the clip holds the neuron at a wall and it hears nobody. xi: independent unit white
noise. Inputs and bias are clamped: they neither move nor carry noise. The synapse variances are
means over the rows,

    v_ij = mean over r of Var(x_i - sgn(w_ij) x_j) under C_r,    A_r C_r + C_r A_r^T + I = 0

with x_j = 0 for an input j. Where one of the A_r has no stationary state, as often under the
published leak, the dominant leak takes the place of the network's own in all of them: the larger of
the sums of |w| over what a neuron hears and sends, times 1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from noiseprune import lyapunov
from noiseprune.errors import NoisePruneError
from noiseprune.learning.models.equilibrium.network import DirectedEP
from noiseprune.learning.models.equilibrium.stability import stability
from noiseprune.network import RateNetwork
from noiseprune.weights import FloatArray


@dataclass(frozen=True)
class WorkingPoint:
    """One network of N neurons, n of them no inputs, on m rows.

    gains : (m, n) g
    leak : (n,), the network's own if own_leak
    variance : (N, N) v of W[post, pre] for every pair, by the sign of the weight
    states : (m, N) in which the free phase ends, inputs first
    """

    gains: FloatArray = field(repr=False)
    leak: FloatArray
    own_leak: bool
    variance: FloatArray = field(repr=False)
    states: FloatArray = field(repr=False)

    def drift(self, weights: FloatArray) -> RateNetwork:
        """The mean over rows of A with weights (N, N); the inputs only drive, and are left out."""
        return _linear(weights, self.gains.mean(axis=0), self.leak)


def working_points(network: DirectedEP, inputs: FloatArray) -> Iterator[WorkingPoint | None]:
    """Where each network rests on inputs (m, inputs), from a start in the middle of the range.
    None where a network has no synapses: nothing moves it, and it may have no leak.
    """
    states = network.settle(inputs).states
    free = ((states > 0) & (states < 1)).astype(np.float64)
    given = network.weights, free, network.leak, states
    for weights, gains, leak, rest in zip(*given, strict=True):
        whole = np.concatenate([inputs, rest], axis=1)
        yield _working_point(weights, gains, leak, whole) if weights.any() else None


def _working_point(
    weights: FloatArray, gains: FloatArray, leak: FloatArray, states: FloatArray
) -> WorkingPoint:
    first = len(weights) - leak.size
    drifts = gains[:, :, None] * weights[first:, first:] - np.diag(leak)
    own = bool((leak > 0).all() and stability(drifts).stable.all())
    if own:
        try:
            return WorkingPoint(gains, leak, True, _variance(weights, gains, leak), states)
        except NoisePruneError:  # stable, but too near to singular for any digit
            pass
    leak = RateNetwork(weights, leak="dominant").leak[first:]
    return WorkingPoint(gains, leak, False, _variance(weights, gains, leak), states)


def _variance(weights: FloatArray, gains: FloatArray, leak: FloatArray) -> FloatArray:
    n_all, n = len(weights), leak.size
    covariance = np.zeros((n_all, n_all))
    rows, times = np.unique(gains, axis=0, return_counts=True)
    for row, share in zip(rows, times / len(gains), strict=True):
        found = lyapunov.covariance(_linear(weights, row, leak)).covariance
        covariance[-n:, -n:] += share * found
    own = np.diag(covariance)
    both: FloatArray = own[:, None] + own - 2 * np.sign(weights) * covariance
    return np.maximum(both, 0.0)


def _linear(weights: FloatArray, gains: FloatArray, leak: FloatArray) -> RateNetwork:
    first = len(weights) - leak.size
    return RateNetwork.from_parts(gains[:, None] * weights[first:, first:], leak.copy())
