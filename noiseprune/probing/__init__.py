"""Synapse variances from noise probes, without the covariance.

A probe is one random activity pattern with the stationary covariance of the network; the synapse
variance is its mean square difference across the synapse. Only N x q numbers are ever made, a
block of probes at a time, and of each block one number a synapse is kept. See `symmetric`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noiseprune.choices import Seed, count, noise_strength, seed_sequence
from noiseprune.errors import OptionError
from noiseprune.kernels import onto_pairs
from noiseprune.network import RateNetwork
from noiseprune.probing.symmetric import Probes, probe_block
from noiseprune.progress import Progress, silent
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, serial


@dataclass(frozen=True)
class Probed:
    """Estimated synapse variances with their evidence.

    variance : (n_synapses,); relative_error : estimated, root mean square over the synapses
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
    solver : preconditioner, "diagonal", "approximate Cholesky" or "multigrid"; "auto" tries
    variance_reduction : take off what the synapse's own two neurons explain, which is known. The
        error is then smaller than the sqrt(2 / n_probes) of plain probes, often by far
    worker : makes the blocks of probes (see `noiseprune.work`); the result does not depend on it

    Raises
    ------
    OptionError
        If the network is not symmetric with a diagonally dominant drift.
    UnstableError
        If the drift is singular.
    ConvergenceError
        If the systems do not converge.
    """
    noise, n_probes = noise_strength(noise), count("n_probes", n_probes)
    if not net.is_symmetric:
        raise OptionError(
            "method 'probe' needs a symmetric network, but this one is directed: use method "
            "'exact' or 'simulation'"
        )
    if not net.is_diagonally_dominant:
        raise OptionError(
            "method 'probe' needs a diagonally dominant drift: use leak='dominant' (--leak "
            "dominant), or method 'exact' or 'simulation'"
        )
    key = seed_sequence(seed).generate_state(2, np.uint32).astype(np.uint64)
    probes = Probes.of(net, key, n_probes, solver=solver, reduced=variance_reduction)
    total, steps = np.zeros(probes.starts[-1]), 0
    for block, found in zip(probes.blocks, worker(probe_block, probes, probes.blocks)):
        total += found.sums
        steps = max(steps, found.steps)
        progress(block + 1, len(probes.blocks))
    total, error = probes.finished(total)
    total *= 0.5 * noise**2
    variance = onto_pairs(net.csr.indptr, net.csr.indices, total)
    return Probed(variance, error, n_probes, probes.system.name, steps)
