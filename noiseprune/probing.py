"""Synapse variances from noise probes, without the covariance: symmetric dominant networks.

With -A = M = sum |w_ij| b_ij b_ij^T + diag(delta) over pairs, b_ij = e_i - sgn(w_ij) e_j,

    y = M^-1 (B^T |W|^(1/2) g + delta^(1/2) h),   g, h standard normal

has Cov(y) = M^-1 exactly, so x = (sigma / sqrt 2) y has the stationary covariance of the network.
The mean of (x_i - sgn(w_ij) x_j)^2 over q probes estimates every v_ij with a relative standard
deviation sqrt(2 / q); only N x q numbers are stored.

Source: Spielman and Srivastava, SIAM J. Comput. 40 (2011), with the leak term added.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

from noiseprune import kernels
from noiseprune.choices import Seed, count, noise_strength, seed_sequence, substream
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork, unstable
from noiseprune.progress import Progress, silent
from noiseprune.weights import FloatArray

_DENSE = 6000
"""Up to this many neurons M is factored densely, above as a sparse matrix."""
_MAX_ANSWER = 1e-4 / float(np.finfo(np.float64).eps)
"""Largest answer to a load of the size of the leak; it is about 1 / (margin sqrt(N))."""


def probed_variance(
    net: RateNetwork,
    noise: float = 1.0,
    n_probes: int = 64,
    seed: Seed = None,
    progress: Progress = silent,
) -> FloatArray:
    """(n_synapses,) estimates of v_ij from `n_probes` probes, by direct solves.

    Unbiased, with a relative standard deviation of sqrt(2 / n_probes) each. Every probe has its
    own random stream.

    Raises
    ------
    OptionError
        If the network is not symmetric with a diagonally dominant drift.
    UnstableError
        If the drift is singular.
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
    post, pre = net.synapses
    upper = post < pre
    pairs = (post[upper], pre[upper], net.synapse_weights[upper])
    root_excess = np.sqrt(np.maximum(net.dominance_excess, 0.0))
    solve = _solver(net)
    _refuse_singular(net, solve)
    activity = np.empty((net.n_neurons, n_probes))
    root = seed_sequence(seed)
    for k in range(n_probes):
        rng = np.random.default_rng(substream(root, k))
        drive = kernels.incidence_noise(*pairs, rng.standard_normal(pairs[0].size), net.n_neurons)
        drive += root_excess * rng.standard_normal(net.n_neurons)
        activity[:, k] = solve(drive)
        progress(k + 1, n_probes)
    activity *= noise / np.sqrt(2.0)
    return kernels.mean_square_difference(net.csr.indptr, net.csr.indices, net.csr.data, activity)


def _refuse_singular(net: RateNetwork, solve: Callable[[FloatArray], FloatArray]) -> None:
    """Raise UnstableError if M has a null vector to working precision.

    A factorisation may well succeed on such a matrix. But a random load has a part along any
    null vector, and the answer to that part is without bound.
    """
    load = net.leak * np.random.default_rng(3).standard_normal(net.n_neurons)
    if not np.max(np.abs(solve(load))) < _MAX_ANSWER:
        raise unstable(net)


def _solver(net: RateNetwork) -> Callable[[FloatArray], FloatArray]:
    if net.n_neurons <= _DENSE:
        try:
            factor = linalg.cho_factor(-net.dense_drift(), overwrite_a=True, check_finite=False)
        except linalg.LinAlgError as error:
            raise unstable(net) from error
        return lambda x: linalg.cho_solve(factor, x, check_finite=False)
    matrix = sparse.csc_array(sparse.diags_array(net.leak) - net.csr)
    try:
        lu = sparse_linalg.splu(
            matrix,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        raise unstable(net) from error
    return lu.solve  # type: ignore[no-any-return]
