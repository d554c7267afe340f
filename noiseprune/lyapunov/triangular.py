"""Lyapunov equations with quasi-triangular coefficients, by recursive halving.

    T X + X T^T = F,    T in real Schur form (2 x 2 diagonal blocks allowed), F symmetric

Almost all of the work is matrix products (after Jonsson and Kagstrom, ACM TOMS 28, 2002); LAPACK
trsyl solves the small blocks.
"""

from __future__ import annotations

from scipy import linalg

from noiseprune.weights import FloatArray

LEAF = 48
"""Order below which LAPACK trsyl solves a block directly; flat between 32 and 64."""


def solve_lyapunov(schur: FloatArray, right_side: FloatArray) -> None:
    """Solve T X + X T^T = F for upper quasi-triangular T; F symmetric, overwritten by X.

    With T = [[T1, T12], [0, T2]] the last block is an equation of the same kind, the corner a
    Sylvester equation, and the first block an equation of the same kind again.
    """
    n = schur.shape[0]
    if n <= LEAF:
        right_side[:] = _leaf(schur, schur, right_side)
        return
    k = split(schur)
    first, corner, last = schur[:k, :k], schur[:k, k:], schur[k:, k:]
    solve_lyapunov(last, right_side[k:, k:])
    off = right_side[:k, k:]
    off -= corner @ right_side[k:, k:]
    _solve_sylvester(first, last, off)
    update = corner @ off.T
    right_side[:k, :k] -= update
    right_side[:k, :k] -= update.T
    solve_lyapunov(first, right_side[:k, :k])
    right_side[k:, :k] = off.T


def _solve_sylvester(left: FloatArray, right: FloatArray, right_side: FloatArray) -> None:
    """Solve L X + X R^T = F for upper quasi-triangular L and R; F is overwritten by X."""
    m, n = right_side.shape
    if m <= LEAF and n <= LEAF:
        right_side[:] = _leaf(left, right, right_side)
    elif m >= n:
        k = split(left)
        _solve_sylvester(left[k:, k:], right, right_side[k:])
        right_side[:k] -= left[:k, k:] @ right_side[k:]
        _solve_sylvester(left[:k, :k], right, right_side[:k])
    else:
        k = split(right)
        _solve_sylvester(left, right[k:, k:], right_side[:, k:])
        right_side[:, :k] -= right_side[:, k:] @ right[:k, k:].T
        _solve_sylvester(left, right[:k, :k], right_side[:, :k])


def _leaf(left: FloatArray, right: FloatArray, right_side: FloatArray) -> FloatArray:
    solution, scale, _ = linalg.lapack.dtrsyl(left, right, right_side, tranb="T")
    return solution / scale  # type: ignore[no-any-return]


def split(schur: FloatArray) -> int:
    """Half the order, moved by one where it would cut a 2 x 2 block of complex eigenvalues."""
    k: int = schur.shape[0] // 2
    return k + int(schur[k, k - 1] != 0)
