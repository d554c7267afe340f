"""Leading eigenvalues: dense LAPACK for small matrices, Arnoldi iteration for large ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import ConvergenceError
from noiseprune.weights import FloatArray, Weights, absolute_sums

DENSE_EIGENVALUES = 4000
"""Up to this many neurons eigenvalues come from dense LAPACK, above from Arnoldi iteration."""

_DENSE_WEIGHTS = 500
"""The same for the weights alone, whose leading eigenvalue stands apart in most networks."""

_PRECISE = 50_000
"""Up to this many neurons the abscissa of the weights is found to nine digits, above to three: the
leading eigenvalues of many clusters lie too close together for more."""

_RESTARTS = 300
"""Arnoldi restarts before giving up: typical networks need some ten."""


def dense_eigenvalues(matrix: FloatArray, *, symmetric: bool) -> npt.NDArray[np.inexact[Any]]:
    """(N,) eigenvalues of a matrix that may be overwritten; ascending if symmetric."""
    from scipy import linalg

    solve = linalg.eigvalsh if symmetric else linalg.eigvals
    return np.asarray(solve(matrix, overwrite_a=True, check_finite=False))


def dense_abscissa(matrix: FloatArray, *, symmetric: bool) -> float:
    from scipy import linalg

    if symmetric:
        n = matrix.shape[0]
        return float(linalg.eigvalsh(matrix, subset_by_index=(n - 1, n - 1))[0])
    return float(np.max(linalg.eigvals(matrix, overwrite_a=True, check_finite=False).real))


def iterative_abscissa(matrix: Weights, *, symmetric: bool, tolerance: float = 1e-9) -> float:
    from scipy.sparse import linalg as sparse_linalg

    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    solve, which = (sparse_linalg.eigsh, "LA") if symmetric else (sparse_linalg.eigs, "LR")
    try:
        top = solve(
            matrix,
            k=1,
            which=which,
            v0=start,
            ncv=60,
            maxiter=_RESTARTS,
            tol=tolerance,
            return_eigenvectors=False,
        )
    except sparse_linalg.ArpackNoConvergence as error:
        raise ConvergenceError(
            f"the spectral abscissa of {matrix.shape[0]} neurons did not converge, its leading "
            "eigenvalues being too close together: use at most "
            f"{DENSE_EIGENVALUES:,} neurons, for which all are computed"
        ) from error
    return float(np.max(np.real(top)))


def weights_abscissa(csr: sparse.csr_array, *, symmetric: bool) -> float:
    """Largest real part of the eigenvalues of a weight matrix with zero diagonal, at least 0.

    The largest over the strongly connected parts: a feedforward path between parts moves no
    eigenvalue, yet misleads Arnoldi iteration.
    """
    n_parts, label = sparse.csgraph.connected_components(csr, connection="strong")
    ends = np.cumsum(np.bincount(label))
    members = np.split(np.argsort(label, kind="stable"), ends[:-1])
    parts = [csr] if n_parts == 1 else (csr[k][:, k] for k in members if k.size > 1)
    abscissa = max((_part_abscissa(part, symmetric=symmetric) for part in parts), default=0.0)
    rounding = 1e-12 * float(np.max(absolute_sums(csr)[0], initial=0.0))
    return abscissa if abscissa > rounding else 0.0


def _part_abscissa(weights: sparse.csr_array, *, symmetric: bool) -> float:
    n = weights.shape[0]
    if n > _DENSE_WEIGHTS:
        try:
            tolerance = 1e-9 if n <= _PRECISE else 1e-3
            return iterative_abscissa(weights, symmetric=symmetric, tolerance=tolerance)
        except ConvergenceError:
            if n > DENSE_EIGENVALUES:
                raise
    return dense_abscissa(weights.toarray(), symmetric=symmetric)
