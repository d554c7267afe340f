"""Systems (M + i omega) z = b of directed networks, M = diag(leak) - W, a shift for every column.

BiCGSTAB (van der Vorst 1992), all columns in step, with the diagonal leak + i omega as its
preconditioner from the right. Complex blocks (N, k) are pairs of real columns for the product
with W, so that the matrix is streamed once for all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import ConvergenceError
from noiseprune.solvers import kernels
from noiseprune.weights import FloatArray

ComplexArray = npt.NDArray[np.complexfloating]
MAX_STEPS = 2000


def solve_shifted(
    weights: sparse.csr_array,
    leak: FloatArray,
    shifts: FloatArray,
    load: ComplexArray,
    error: float = 1e-4,
) -> tuple[ComplexArray, int]:
    """z (N, k) with || b - (M + i omega) z || <= error || b ||, both over leak + i omega; steps.

    Raises
    ------
    ConvergenceError
        If that takes more than 2,000 steps.
    """
    diagonal = leak[:, None] + 1j * shifts
    system = weights.indptr, weights.indices, weights.data, leak

    def product(x: ComplexArray) -> ComplexArray:
        """(M + i omega) diagonal^-1 x, for the iteration is on diagonal * z"""
        scaled = x / diagonal
        y = np.empty_like(scaled)
        kernels.product(*system, scaled.view(leak.dtype), y.view(leak.dtype))
        scaled *= 1j * shifts
        y += scaled
        return y

    r = load.copy()
    shadow = load / np.abs(diagonal) ** 2  # in the scale of the stopping rule
    size = _inner(shadow, load).real
    x, p, v = np.zeros_like(r), np.zeros_like(r), np.zeros_like(r)
    rho = alpha = omega = np.ones(r.shape[1], r.dtype)
    scale = 1.0 / np.abs(diagonal) ** 2
    for step in range(1, MAX_STEPS + 1):
        before, rho = rho, _inner(shadow, r)
        beta = _ratio(rho * alpha, before * omega)
        p -= omega * v
        p *= beta
        p += r
        v = product(p)
        alpha = _ratio(rho, _inner(shadow, v))
        r -= alpha * v
        t = product(r)
        weighted = t * scale
        omega = _ratio(_inner(weighted, r), _inner(weighted, t))
        x += alpha * p
        x += omega * r
        r -= omega * t
        left = np.einsum("ic,ic->c", scale, r.real**2 + r.imag**2)
        if np.all(left <= error**2 * size):
            return x / diagonal, step
    reached = float(np.sqrt(np.max(left / size)))
    raise ConvergenceError(
        f"the systems of {leak.size} neurons reached a relative error of {reached:.1g} in "
        f"{MAX_STEPS} steps, but {error:.1g} is needed: raise the leak (--leak dominant), or use "
        "method 'simulation'"
    )


def _inner(a: ComplexArray, b: ComplexArray) -> ComplexArray:
    return np.einsum("ic,ic->c", a.conj(), b)  # type: ignore[no-any-return]


def _ratio(a: ComplexArray, b: ComplexArray) -> ComplexArray:
    """a / b, and 0 where b is: a column that has converged stays."""
    return np.divide(a, b, out=np.zeros_like(a), where=np.abs(b) > 0)
