"""The largest stable Euler step of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import linalg as sparse_linalg

from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import ConvergenceError
from noiseprune.network import RateNetwork, unstable


def largest_stable_step(net: RateNetwork) -> float:
    """h_max = min_k -2 Re(l_k) / |l_k|^2 over the eigenvalues l_k of A, in s.

    Below h_max the spectral radius of I + h A is below 1 and the linear scheme is stable.
    Neutral modes, l = 0 to rounding, are stable at any step. Exact up to some thousands of
    neurons (N^3 work); above, an estimate from Arnoldi iteration of the extreme eigenvalues.

    Raises
    ------
    UnstableError
        If an eigenvalue has a positive real part: no step is stable.
    """
    eigenvalues = _extreme_eigenvalues(net)
    size = np.abs(eigenvalues)
    moving = size > 1e-11 * np.max(size)
    steps = -2.0 * eigenvalues.real[moving] / size[moving] ** 2
    largest = float(np.min(steps, initial=np.inf))
    if not largest > 0:
        raise unstable(net, float(np.max(eigenvalues.real)))
    return largest


def safe_step(net: RateNetwork) -> float:
    """A step (s) that Gershgorin's discs prove stable where -A is dominant, in O(m).

    2 / max_i (leak_i + sum_j |w_ij|), at most `largest_stable_step`, and 0 where the discs prove
    nothing.
    """
    if np.all(net.input_strength <= net.leak):
        return 2.0 / float(np.max(net.leak + net.input_strength))
    if np.all(net.output_strength <= net.leak):
        return 2.0 / float(np.max(net.leak + net.output_strength))
    return 0.0


def default_step(*nets: RateNetwork, activation: str = "linear") -> float:
    """The paper's 0.005 s, or half of a stable step of all the networks if that is less.

    What `safe_step` proves stable is so for rectified networks, too. Where it proves nothing of
    one, the bound 2 / max(leak) takes its place, which is necessary, but not sufficient.
    """

    def stable(net: RateNetwork) -> float:
        rectified = activation == "rectified"
        return 2.0 / float(np.max(net.leak)) if rectified else largest_stable_step(net)

    return min(0.005, *(0.5 * (safe_step(net) or stable(net)) for net in nets))


def _extreme_eigenvalues(net: RateNetwork) -> npt.NDArray[Any]:
    """Eigenvalues of A: all of them, or in a large network those at the edges."""
    if net.n_neurons <= DENSE_EIGENVALUES:
        return net.eigenvalues
    solve = sparse_linalg.eigsh if net.is_symmetric else sparse_linalg.eigs
    edges = ("BE",) if net.is_symmetric else ("LM", "LR", "SR", "LI")
    start = np.random.default_rng(0).standard_normal(net.n_neurons)
    try:
        found = [
            solve(net.drift, k=2, which=w, v0=start, ncv=60, tol=1e-6, return_eigenvectors=False)
            for w in edges
        ]
    except sparse_linalg.ArpackNoConvergence as error:
        raise ConvergenceError(
            f"the extreme eigenvalues of {net.n_neurons} neurons did not converge: lower dt until "
            "I + h A is diagonally dominant, or raise the leak"
        ) from error
    return np.concatenate(found)


def too_large(dt: float, largest: float) -> str:
    return (
        f"dt is {dt:g} s, too large for a stable step: give one below {largest:.6g} s "
        "(the largest that is stable)"
    )
