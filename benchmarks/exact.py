"""The stationary covariance with proof, in interval arithmetic of as many bits as it takes.

    A C + C A^T + I = 0

The Cayley transform S = (A + p I) (A - p I)^-1, p > 0, has a spectral radius below 1 if and only if
A is stable. It is squared until either its norm is below 1, which proves that A is stable and
bounds the rest of the series for C, or |trace| > N, which proves that A is not. All numbers are
intervals that hold the exact ones (Arb, by python-flint): no error in double precision is shared.
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat, ctx

BITS = (300, 600, 1200, 2400)
MAX_SQUARINGS = 90
"""Still undecided, the largest real part is 0 to about 1e-26 of the drift's size."""
_ACCURACY = 1e-12


def covariance(drift: np.ndarray) -> np.ndarray | None:
    """C to twelve digits of its largest entry; None where A is not stable.

    Raises ArithmeticError where no number of bits decides.
    """
    unit = 2.0 ** np.round(np.log2(np.linalg.norm(drift, 2)))  # a power of two scales exactly
    for bits in BITS:
        ctx.prec = bits
        try:
            found = _doubled(drift / unit)
        except ArithmeticError:  # too wide an interval
            continue
        return None if found is None else found / unit
    raise ArithmeticError(f"{BITS[-1]} bits decide nothing about this network")


def _doubled(drift: np.ndarray) -> np.ndarray | None:
    """C by the doubled series X <- X + S X S^T, S <- S S, from X = 2 p G G^T, G = (A - p I)^-1."""
    n = len(drift)
    smallest = np.linalg.svd(drift, compute_uv=False)[-1]
    shift = 2.0 ** np.round(0.5 * np.log2(max(smallest, 1e-16)))
    identity = arb_mat(n, n, np.eye(n).ravel().tolist())
    inverse = (arb_mat(n, n, drift.ravel().tolist()) - identity * shift).inv()
    step = identity + inverse * (2 * shift)
    solution = inverse * inverse.transpose() * (2 * shift)
    for _ in range(MAX_SQUARINGS):
        if abs(step.trace()) > n:
            return None
        norm = sum((entry * entry for entry in step.entries()), arb(0)).sqrt()
        if norm.rel_accuracy_bits() < 10:
            raise ArithmeticError
        if norm < _ACCURACY:
            return _rounded(solution)
        solution += step * solution * step.transpose()
        step = step * step
    return None


def _rounded(matrix: arb_mat) -> np.ndarray:
    entries = matrix.entries()
    found = np.array([float(entry.mid()) for entry in entries])
    if not max(float(entry.rad()) for entry in entries) < _ACCURACY * np.max(np.abs(found)):
        raise ArithmeticError
    return found.reshape(matrix.nrows(), matrix.ncols())
