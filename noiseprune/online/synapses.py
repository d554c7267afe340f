"""What a synapse does by itself: its trace, its coin, its decision. Compiled loops.

All is element by element: the numbers of a synapse are made of its own and of the activity of its
two neurons, and of one threshold that all hear alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from noiseprune.kernels import kernel, philox, sequential
from noiseprune.network import RateNetwork
from noiseprune.weights import FloatArray, IntArray, row_index

BoolArray = npt.NDArray[np.bool_]
Key = npt.NDArray[np.uint64]

_LOW, _32, _12 = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(12)


@kernel
def running_variance(
    post: IntArray,
    pre: IntArray,
    weights: FloatArray,
    activity: FloatArray,
    decay: float,
    share: FloatArray,
    centred: bool,
    mean: FloatArray,
    square: FloatArray,
) -> None:
    """mean and square (m,), in place, after the samples (N, K) of the activity.

        d = x_post - sgn(w) x_pre
        centred        mean   <- mean + share_k (d - mean)
                       square <- decay square + (d - mean before) (d - mean)
        not centred    square <- decay square + d^2

    share_k = 1 / (1 + decay + decay^2 + ...) over all samples so far: with decay 1 the mean is
    that of all samples, and square their summed squared deviation from it (Welford; West 1979).
    """
    for e in numba.prange(post.size):
        i, j = post[e], pre[e]
        sign = 1.0 if weights[e] > 0.0 else -1.0
        m, s = mean[e], square[e]
        for k in range(share.size):
            difference = activity[i, k] - sign * activity[j, k]
            deviation = difference - m
            if centred:
                m += share[k] * deviation
            s = decay * s + deviation * (difference - m)
        mean[e], square[e] = m, s


@sequential
def uniform(key: Key, event: np.uint64, units: npt.NDArray[np.uint64]) -> FloatArray:
    """(m,) one number on (0, 1) for each synapse and pruning: a function of these and the key."""
    uniform = np.empty(units.size)
    for e in range(units.size):
        u = units[e]
        c0, c1, _, _ = philox(u & _LOW, u >> _32, event, np.uint64(1), key[0], key[1])
        uniform[e] = (np.float64(((c0 << _32) | c1) >> _12) + 0.5) / 2.0**52
    return uniform


@dataclass
class Synapses:
    """The living synapses, each with what it keeps; a symmetric pair is one. Arrays are (m,).

    unit : its number in the original network, which its random numbers belong to
    post, pre : its neurons
    weight : w, as it is now
    mean, square : its trace, see `running_variance`
    samples : number of samples in the trace, older ones counting less; the same for all
    """

    unit: npt.NDArray[np.uint64]
    post: IntArray
    pre: IntArray
    weight: FloatArray
    mean: FloatArray
    square: FloatArray
    samples: float = 0.0

    @classmethod
    def of(cls, net: RateNetwork) -> Synapses:
        """All synapses of a network; of a symmetric one those above the diagonal."""
        post, pre, weight = row_index(net.csr), net.csr.indices, net.synapse_weights
        if net.is_symmetric:
            above = pre > post
            post, pre, weight = post[above], pre[above], weight[above]
        m = weight.size
        unit = np.arange(m, dtype=np.uint64)
        return cls(unit, post, pre, weight.copy(), np.zeros(m), np.zeros(m))

    @property
    def variance(self) -> FloatArray:
        """(m,) v = Var(x_post - sgn(w) x_pre) as the trace has it."""
        return self.square / self.samples

    def forget(self) -> None:
        """Begin the trace anew."""
        self.mean[:], self.square[:], self.samples = 0.0, 0.0, 0.0

    def sense(self, activity: FloatArray, decay: float, *, centred: bool) -> None:
        """Add samples (N, K) of the activity to the trace; each lets the older ones fade."""
        share = np.empty(activity.shape[1])
        for k in range(share.size):
            self.samples = decay * self.samples + 1.0
            share[k] = 1.0 / self.samples
        running_variance(
            self.post,
            self.pre,
            self.weight,
            np.ascontiguousarray(activity),
            decay,
            share,
            centred,
            self.mean,
            self.square,
        )

    def priority(self, key: Key, event: int) -> FloatArray:
        """(m,) the threshold that a synapse outlives if it is below it: |w| v / U."""
        importance = np.abs(self.weight) * self.variance
        return importance / uniform(key, np.uint64(event), self.unit)

    def decide(self, priority: FloatArray, threshold: float) -> BoolArray:
        """(m,) which synapses live on; these are strengthened up to the threshold.

            |w| v / U <= threshold: dies        else: w <- w max(1, threshold / |w| v)

        A synapse of importance |w| v below the threshold lives on with probability |w| v /
        threshold, and then has an importance equal to the threshold: the mean of w is unchanged.
        """
        importance = np.abs(self.weight) * self.variance
        alive = priority > threshold
        strengthened = np.ones(importance.size)
        np.divide(threshold, importance, out=strengthened, where=importance > 0)
        self.weight *= np.maximum(strengthened, 1.0)
        return alive

    def only(self, alive: BoolArray) -> None:
        """Remove the others."""
        for name in ("unit", "post", "pre", "weight", "mean", "square"):
            setattr(self, name, getattr(self, name)[alive])

    def become(self, unit: IntArray, ends: IntArray, weight: FloatArray, old: FloatArray) -> None:
        """Be the units of all places; who grows back begins with its old variance."""
        mean = np.zeros_like(weight)
        mean[self.unit.astype(np.intp)] = self.mean
        self.unit, self.post, self.pre = unit.astype(np.uint64), ends[0][unit], ends[1][unit]
        self.weight, self.mean, self.square = weight[unit], mean[unit], self.samples * old[unit]


def threshold_at(priority: FloatArray, number: int) -> float:
    """Where a threshold that rises from 0 stops if it stops as soon as `number` are left.

    It depends on nothing of the synapses but how many are left alone. The weights that it leaves
    are those of priority sampling, whose mean is exact for a fixed number, too (Duffield, Lund and
    Thorup, J. ACM 54, 2007).
    """
    if number >= priority.size:
        return 0.0
    place = priority.size - number - 1
    return float(np.partition(priority, place)[place])
