"""Synapse variances from noise probes, without the covariance.

A probe is one random activity pattern with the stationary covariance of the network; the synapse
variance is its mean square difference across the synapse. Only N x q numbers are ever made, a
block of probes at a time, and of each block one number a synapse is kept. See `symmetric` for
symmetric, diagonally dominant networks and `directed` for all others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from noiseprune.choices import Seed, count, noise_strength, positive, seed_sequence, substream
from noiseprune.kernels import onto_pairs
from noiseprune.network import RateNetwork
from noiseprune.probing.directed import Resolvent, resolvent_block
from noiseprune.probing.kernels import BLOCK
from noiseprune.probing.symmetric import Probes, probe_block
from noiseprune.progress import Progress, silent
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, in_order, serial


@dataclass(frozen=True)
class Probed:
    """Estimated synapse variances with their evidence.

    variance : (n_synapses,); relative_error : root mean square over the synapses, estimated for
        symmetric networks, an upper bound for directed ones
    n_probes : made; solver, steps : preconditioner of the systems, and their largest step count
    """

    variance: FloatArray
    relative_error: float
    n_probes: int
    solver: str
    steps: int


def probed_variance(
    net: RateNetwork,
    noise: float = 1.0,
    n_probes: int = 64,
    seed: Seed = None,
    progress: Progress = silent,
    *,
    solver: str = "auto",
    variance_reduction: bool = True,
    worker: Worker = serial,
) -> Probed:
    """Estimates of v_ij from `n_probes` probes.

    Parameters
    ----------
    solver : preconditioner, "diagonal", "approximate-cholesky" or "multigrid"; "auto" tries
    variance_reduction : take off what the synapse's own two neurons explain, which is known. The
        error is then smaller than the sqrt(2 / n_probes) of plain probes, often by far
    worker : makes the blocks of probes (see `noiseprune.work`); the result does not depend on it

    Raises
    ------
    UnstableError
        If the drift has no stationary state.
    ConvergenceError
        If the systems do not converge.
    """
    noise, n_probes = noise_strength(noise), count("n_probes", n_probes)
    stream = substream(seed_sequence(seed), 0)
    key = stream.generate_state(2, np.uint32).astype(np.uint64)
    if net.is_symmetric and net.is_diagonally_dominant:
        probes = Probes.of(net, key, n_probes, solver=solver, reduced=variance_reduction)
        total, steps = _total(worker, probe_block, probes, probes.blocks, progress)
        total, error = probes.finished(total)
        total *= 0.5 * noise**2
        variance = onto_pairs(net.csr.indptr, net.csr.indices, total)
        return Probed(variance, error, n_probes, probes.system.name, steps)
    resolvent = Resolvent.of(net, key, n_probes, reduced=variance_reduction)
    variance, steps = _total(worker, resolvent_block, resolvent, resolvent.blocks, progress)
    variance = resolvent.finished(variance)
    variance *= noise**2
    return Probed(variance, (2.0 / n_probes) ** 0.5, n_probes, "diagonal", steps)


def probes_for(net: RateNetwork, error: float, seed: Seed = None, *, solver: str = "auto") -> int:
    """How many probes bring the relative error of the variances (rms) to `error` or below.

    By the error that one block of them leaves, for it falls as 1 / sqrt(n_probes).
    """
    error, one = positive("probe error", error), BLOCK
    if net.is_symmetric and net.is_diagonally_dominant:
        first = probed_variance(net, 1.0, one, seed, solver=solver).relative_error
    else:
        first = (2.0 / one) ** 0.5
    return max(1, int(np.ceil(one * (first / error) ** 2)))


def _total(
    worker: Worker,
    block: Callable[[Any, int], tuple[Any, int]],
    shared: Any,
    blocks: range,
    progress: Progress,
) -> tuple[FloatArray, int]:
    """Sums of all blocks, added in their order, and the largest step count."""
    total, most = np.zeros(0), 0
    for done, (sums, steps) in enumerate(in_order(worker(block, shared, blocks))):
        if done == 0:
            total = np.zeros(sums.shape)
        total += sums
        most = max(most, int(steps))
        progress(done + 1, len(blocks))
    return total, most
