"""The surgeon: which input a neuron misses least, and how the rest make up for it.

With w the weights of a neuron's inputs and H the second moment of their activity, the input that it
misses least, and what mends the others once that one is gone, are

    j = argmin w_j^2 / [H^-1]_jj,    w <- w - H^-1 e_j w_j / [H^-1]_jj

and the loss is what the square of the neuron's drive has changed by. Repeated, with H^-1 downdated,
this is a path to no inputs at all. The least losses of all neurons go first, until the number of
synapses is that asked for; a loss on a path counts as at least those before it. In the end w is the
least-squares solution on what is kept, H_kk w_k = (H w0)_k.

A weight that would change its sign is held at a hundredth of what it was, and the others mend
that, too: signs, and Dale's law, stay. The leak is fixed. In a symmetric network a pair costs what
its two neurons lose, each on a path of its own, and its mended weight is the mean of both.

In long rows a 32nd of the inputs is removed at a time, which finds nearly the same: O(n^3) for n
inputs.
Source: Hassibi and Stork, NIPS 1993; SparseGPT, Frantar and Alistarh, ICML 2023, which dampens H by
a hundredth of its mean diagonal, as is done here where H is an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from noiseprune.errors import OptionError
from noiseprune.pruning import kernels
from noiseprune.pruning.sampling import BoolArray
from noiseprune.weights import FloatArray

EXACT_DAMPENING, SAMPLED_DAMPENING = 1e-9, 1e-2
"""Dampening of a second moment that is known, and of one from samples, over its mean diagonal."""


@dataclass(frozen=True)
class Activity:
    """The second moment H of the activity of N neurons, dampened.

    values : (N, N) H itself, or (N, q) F with H = F F^T
    whole : whether it is H itself
    dampening : share of the mean of a neuron's inputs that their diagonal of H is raised by
    loss : (nnz,) `removal_losses` of a matrix, where they are to be found once for many counts
    """

    values: FloatArray
    whole: bool
    dampening: float
    loss: FloatArray | None = None

    @classmethod
    def of_states(cls, states: FloatArray) -> Activity:
        """From samples (q, N), such as rates over time."""
        n_samples, n_neurons = states.shape
        if n_samples > n_neurons:
            return cls(states.T @ states / n_samples, True, SAMPLED_DAMPENING)
        return cls(np.ascontiguousarray(states.T) / np.sqrt(n_samples), False, SAMPLED_DAMPENING)

    @classmethod
    def with_mean(
        cls, values: FloatArray, mean: FloatArray, *, whole: bool, dampening: float
    ) -> Activity:
        """Fluctuations, as `values`, and the steady response (N,), each of trace 1."""
        mean = mean / np.linalg.norm(mean)
        if whole:
            moment = values / np.trace(values)
            moment += np.outer(mean, mean)
            return cls(moment, True, dampening)
        return cls(np.column_stack([values / np.linalg.norm(values), mean]), False, dampening)

    @property
    def level(self) -> float:
        """Mean of the diagonal of H."""
        own = np.diagonal(self.values) if self.whole else np.sum(self.values**2, axis=1)
        return float(np.mean(own))


def work(csr: sparse.csr_array) -> float:
    """Sum of n^3 over neurons with n inputs, which the time goes with."""
    return float(np.sum(np.diff(csr.indptr).astype(np.float64) ** 3))


def removal_losses(
    csr: sparse.csr_array, activity: Activity | None, rng: np.random.Generator, *, symmetric: bool
) -> FloatArray:
    """(nnz,) loss of every entry of W[post, pre] when its neuron's path comes to it.

    Those of a row rise along its path, so that the largest of all are what is kept. Equal inputs
    go in a random order.
    """
    if activity is None:
        raise OptionError(
            "rule 'surgeon' needs the second moment of the activity, which synapse variances do "
            "not tell: leave variance out, so that it is solved or probed"
        )
    if activity.loss is not None:
        return activity.loss
    if activity.values.shape[0] != csr.shape[1]:
        raise OptionError(
            f"the activity is of {activity.values.shape[0]} neurons, but the weights have inputs "
            f"from {csr.shape[1]}: give that of all of them"
        )
    if not activity.level > 0:
        raise OptionError("no neuron is active: give the second moment of an activity")
    ties = rng.random(csr.nnz)
    # BLAS on one thread: its threads and those of our loops would wait for one another.
    with threadpool_limits(1, user_api="blas"):
        found = kernels.removal_losses(csr.indptr, csr.indices, csr.data, ties, *_moment(activity))
    return found + _mirrored(csr, found) if symmetric else found


def mended(
    csr: sparse.csr_array, kept: BoolArray, activity: Activity, *, symmetric: bool
) -> FloatArray:
    """(nnz,) weights of the entries that are `kept`, mended, and 0 elsewhere."""
    with threadpool_limits(1, user_api="blas"):
        found = kernels.mended(csr.indptr, csr.indices, csr.data, kept, *_moment(activity))
    return 0.5 * (found + _mirrored(csr, found)) if symmetric else found


def _moment(activity: Activity) -> tuple[FloatArray, bool, float, float]:
    return activity.values, activity.whole, activity.dampening, activity.level


def _mirrored(csr: sparse.csr_array, values: FloatArray) -> FloatArray:
    """(nnz,) for each entry of a symmetric matrix the value of the other one of its pair."""
    turned = sparse.csr_array((values, csr.indices, csr.indptr), shape=csr.shape).T
    return np.asarray(turned.tocsr().data)
