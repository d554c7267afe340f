"""The Lyapunov equation by doubling (squared Smith iteration), whose work is matrix products.

    A C + C A^T + sigma^2 I = 0

With a shift p > 0, G = (A - p I)^-1 and S = I + 2 p G, the Cayley transform of A, the equation is
C = S C S^T + 2 p sigma^2 G G^T, and its solution a series of which each step doubles the terms:

    X <- X + S X S^T,    S <- S S,    from X = 2 p sigma^2 G G^T

The spectral radius of S is below 1 if and only if A is stable, so a series that ends is a proof of
stability. The number of steps grows with the logarithm of the condition: this wins over the Schur
form for a well-conditioned A, and leaves the others to it.

Source: Smith, SIAM J. Appl. Math. 16 (1968); the shift is the geometric mean of the extreme
singular values, the best for a real spectrum between them (Wachspress, 1962).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import get_blas_funcs, lapack

from noiseprune.weights import FloatArray

MAX_STEPS = 8
"""Doublings that take as long as a Schur form, by measurement at N = 2,000."""

_POWER_STEPS = 12
_LAST_GROWTH = 1e-8
"""Relative growth of the trace after which the next, about its square, is below rounding."""
_SINGLE_GROWTH = 5e-5
"""Growth after which the next is the last, and small enough for single precision."""


def solve(drift: FloatArray, noise: float) -> FloatArray | None:
    """C in the lower triangle; None where it takes more than `MAX_STEPS` doublings.

    Memory: three N x N matrices beside the drift, C included.
    """
    with np.errstate(all="ignore"):  # what overflows does not converge
        # BLAS reads columns: all that follows works on transposes of C-ordered matrices.
        shifted = drift.T.copy(order="F")
        shift = _shift(shifted)
        add_to_diagonal(shifted, -shift)
        inverse = _inverted(shifted) if shift > 0 else None
        del shifted
        if inverse is None or not _steps_needed(inverse, shift) <= MAX_STEPS:
            return None
        solution = _doubled(inverse, shift)
        if solution is not None:
            solution *= noise**2
        return solution


def _doubled(inverse: FloatArray, shift: float) -> FloatArray | None:
    gemm, syrk = get_blas_funcs(("gemm", "syrk"), (inverse,))
    # The first step is cheaper than the others: S G = G + 2 p G G, and S S = I + 2 p (G + S G).
    solution = syrk(2.0 * shift, inverse, trans=1)  # the upper triangle
    image = gemm(2.0 * shift, inverse, inverse, beta=1.0, c=inverse)
    solution = syrk(2.0 * shift, image, beta=1.0, c=solution, trans=1, overwrite_c=1)
    step, spare = inverse, image
    step += image
    step *= 2.0 * shift
    add_to_diagonal(step, 1.0)
    for _ in range(MAX_STEPS):
        before = np.trace(solution)
        _add_image(solution, step, spare, solution)
        growth = np.trace(solution) / before - 1.0
        if growth < _SINGLE_GROWTH:
            if growth > _LAST_GROWTH:
                _add_last_image(solution, step, spare)
            return solution.T  # type: ignore[no-any-return]  # C-ordered
        gemm(1.0, step, step, c=spare, overwrite_c=1)
        step, spare = spare, step
    return None


def _add_image(solution: Any, step: Any, spare: Any, total: Any) -> None:
    """Add S X S^T to the upper triangle of `total`, which may be X.

    With X = L + L^T, L upper triangular with half of the diagonal, S X S^T = (S L) S^T + S (S L)^T.
    """
    trmm, syr2k = get_blas_funcs(("trmm", "syr2k"), (solution,))
    diagonal = np.diag_indices_from(solution)
    whole = solution[diagonal]
    solution[diagonal] = 0.5 * whole
    spare[:] = step
    trmm(1.0, solution, spare, trans_a=1, overwrite_b=1)
    solution[diagonal] = whole
    syr2k(1.0, spare, step, beta=1.0, c=total, trans=1, overwrite_c=1)


def _add_last_image(solution: FloatArray, step: FloatArray, spare: FloatArray) -> None:
    """X <- X + S S X (S S)^T in single precision: too small for its rounding to be seen.

    All within the memory of S and the spare matrix, since fresh memory costs as much as a product.
    """
    single, square = _halves(spare)
    single[:] = step
    (gemm,) = get_blas_funcs(("gemm",), (single,))
    gemm(1.0, single, single, c=square, overwrite_c=1)
    scaled, image = _halves(step)
    unit = np.max(np.diagonal(solution))
    solution /= unit
    scaled[:] = solution
    image[:] = 0.0
    _add_image(scaled, square, single, image)
    solution += image
    solution *= unit


def _shift(transposed: FloatArray) -> float:
    """Geometric mean of the largest and the smallest singular value, each to a few per cent."""
    scale = float(max(np.max(transposed), -np.min(transposed)))
    single = np.empty_like(transposed, dtype=np.float32)
    np.multiply(transposed, 1.0 / scale, out=single, casting="same_kind")
    factor, pivots, singular = lapack.sgetrf(single)
    if singular:
        return np.nan
    start: Any = np.random.default_rng(3).standard_normal(single.shape[0], dtype=np.float32)
    (gemv,) = get_blas_funcs(("gemv",), (single,))
    large, small = start, start
    for _ in range(4):
        large = gemv(1.0, single, gemv(1.0, single, large, trans=1))
        large /= np.linalg.norm(large)
        small = lapack.sgetrs(factor, pivots, lapack.sgetrs(factor, pivots, small)[0], trans=1)[0]
        small /= np.linalg.norm(small)
    largest = np.linalg.norm(gemv(1.0, single, large, trans=1))
    smallest = 1.0 / np.linalg.norm(lapack.sgetrs(factor, pivots, small)[0])
    return scale * float(np.sqrt(largest * smallest))


def _inverted(matrix: FloatArray) -> Any:
    """The inverse of an F-ordered matrix, which is overwritten; None if it is singular.

    By substitution into the identity: LAPACK's getri, with fewer operations, takes twice as long.
    """
    factor, pivots, singular = lapack.dgetrf(matrix, overwrite_a=True)
    if singular:
        return None
    inverse = np.zeros_like(matrix, order="F")
    add_to_diagonal(inverse, 1.0)
    return lapack.dgetrs(factor, pivots, inverse, overwrite_b=True)[0]


def _steps_needed(inverse: FloatArray, shift: float) -> float:
    """Doublings until S^(2^k) is below rounding, from its spectral radius by power iteration."""
    vector: Any = np.random.default_rng(5).standard_normal(inverse.shape[0])
    vector /= np.linalg.norm(vector)
    (gemv,) = get_blas_funcs(("gemv",), (inverse,))
    logarithms = []
    for _ in range(_POWER_STEPS):
        vector = gemv(2.0 * shift, inverse, vector, beta=1.0, y=vector)
        length = float(np.linalg.norm(vector))
        if length == 0:
            return 0.0
        logarithms.append(np.log(length))
        vector /= length
    rate = -2.0 * float(np.mean(logarithms[_POWER_STEPS // 2 :]))
    return float(np.log2(-2.0 * np.log(_LAST_GROWTH) / rate)) if rate > 0 else np.inf


def _halves(matrix: FloatArray) -> tuple[Any, Any]:
    """Two single-precision matrices in the memory of an F-ordered double-precision one."""
    n = matrix.shape[0]
    halves = matrix.T.reshape(-1).view(np.float32).reshape(2, n, n)
    return halves[0].T, halves[1].T


def add_to_diagonal(matrix: FloatArray, value: float) -> None:
    matrix[np.diag_indices_from(matrix)] += value
