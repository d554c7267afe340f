"""Exact stationary covariance of a noise-driven network.

    A C + C A^T + sigma^2 I = 0,    A = W - diag(leak),    C (N, N), rates squared

Three ways, from the cheapest:

- "cholesky" (A symmetric): C = (sigma^2 / 2) (-A)^-1 by LAPACK potrf and potri, in place.
- "normal" (A A^T = A^T A): C = -sigma^2 (A + A^T)^-1, the same way.
- "schur" (any A): A = U T U^T in real Schur form, then T X + X T^T = -sigma^2 I by recursive
  halving, whose work is matrix products (after Jonsson and Kagstrom, ACM TOMS 28, 2002), and
  C = U X U^T (Bartels and Stewart, CACM 15, 1972).

Accuracy. The inverse Lyapunov operator of a stable A is a positive map, so its norm between
spectral norms is attained at the identity (Russo and Dye, Duke Math. J. 33, 1966) and equals
||C||_2 / sigma^2. (Between Frobenius norms it differs, by a factor of at most sqrt(N).) The
condition number is therefore at most kappa = 2 ||A||_2 ||C||_2 / sigma^2, and the relative error
of C about eps kappa. A result with fewer than two correct digits (kappa above 4.5e13) is refused,
never returned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from noiseprune.choices import noise_strength, one_of, positive
from noiseprune.errors import OptionError, UnstableError
from noiseprune.network import RateNetwork, unstable
from noiseprune.weights import FloatArray

METHODS = ("auto", "cholesky", "normal", "schur")

_EPS = float(np.finfo(np.float64).eps)
_MAX_CONDITION = 1e-2 / _EPS
_NORMAL_RESIDUAL = 1e-14
_LEAF = 48
"""Order below which LAPACK trsyl solves a triangular block directly; flat between 32 and 64."""


@dataclass(frozen=True)
class Covariance:
    """Stationary covariance with its evidence.

    covariance : (N, N), exactly symmetric
    residual : ||AC + CA^T + Q||_F / (2 ||A||_F ||C||_F + ||Q||_F), the backward error
    condition : kappa = 2 ||A|| ||C|| / sigma^2, its norms estimated from below, usually within a
        few per cent; C is correct to about eps kappa, relatively
    method : "cholesky", "normal" or "schur"; "cholesky" or "cayley" in discrete time
    noise : sigma
    """

    covariance: FloatArray
    residual: float
    condition: float
    method: str
    noise: float


def covariance(net: RateNetwork, noise: float = 1.0, method: str = "auto") -> Covariance:
    """Exact stationary covariance C of `net` under white noise of strength sigma = `noise`.

        A C + C A^T + sigma^2 I = 0

    `method` is "auto", "cholesky" (symmetric networks), "normal" (normal drift) or "schur".

    Raises
    ------
    UnstableError
        If the drift is unstable, or so nearly singular or so far from normal that C has fewer
        than two correct digits.
    OptionError
        If the method does not apply to the network.

    Source: theorem and algorithms as named in the module's docstring.
    """
    noise = noise_strength(noise)
    one_of("covariance method", method, METHODS)
    drift = net.dense_drift()
    automatic = method == "auto"
    if automatic:
        method = "cholesky" if net.is_symmetric else "normal" if _is_normal(drift) else "schur"
    if method == "cholesky" and not net.is_symmetric:
        raise OptionError("method 'cholesky' needs a symmetric network: use 'schur' or 'auto'")
    if method == "normal" and not _is_normal(drift):
        raise OptionError("method 'normal' needs a normal drift: use 'schur' or 'auto'")
    result = _solved(net, drift, noise, method)
    if automatic and method == "normal" and not result.residual <= _NORMAL_RESIDUAL:
        # Near instability a drift that is normal only to rounding is not normal enough.
        result = _solved(net, drift, noise, "schur")
    return result


def discrete_covariance(net: RateNetwork, dt: float, noise: float = 1.0) -> Covariance:
    """Stationary covariance C_h of the Euler-Maruyama scheme with step h = `dt`.

        C_h = (I + hA) C_h (I + hA)^T + h sigma^2 I

    It differs from the continuous-time covariance at first order in h. Solved as the continuous
    equation B C_h + C_h B^T + sigma^2 F F^T = 0 with F = (I + hA/2)^-1 and B = A F (Cayley).

    Raises
    ------
    UnstableError
        If the network is not stable, or the step is not: the spectral radius of I + hA is not
        below 1; also if C_h has fewer than two correct digits.
    """
    noise, dt = noise_strength(noise), positive("dt", dt)
    drift = net.dense_drift()
    forcing = dt * noise**2
    step = dt * drift
    _add_to_diagonal(step, 1.0)
    if net.is_symmetric:
        method, solution = "cholesky", _symmetric_step_solution(net, drift, dt, noise)
    else:
        method, solution = "cayley", _cayley_solution(net, drift, dt, noise)
    condition = _checked_condition(net, drift, solution, noise, dt)
    residual = step @ solution @ step.T - solution
    _add_to_diagonal(residual, forcing)
    n, size = net.n_neurons, np.linalg.norm(solution)
    scale = (np.linalg.norm(step) ** 2 + 1) * size + forcing * np.sqrt(n)
    return Covariance(solution, float(np.linalg.norm(residual) / scale), condition, method, noise)


# ------------------------------------------------------------------------------ the methods


def _solved(net: RateNetwork, drift: FloatArray, noise: float, method: str) -> Covariance:
    if method == "schur":
        solution = _schur_solution(net, drift, noise)
    else:
        solution = _inverse_solution(net, drift, noise, halve=method == "cholesky")
    return _with_evidence(net, drift, solution, noise, method)


def _inverse_solution(
    net: RateNetwork, drift: FloatArray, noise: float, *, halve: bool
) -> FloatArray:
    """sigma^2 (-(A + A^T))^-1, in the memory of one matrix."""
    solution = np.negative(drift) if halve else -(drift + drift.T)
    if not _invert_positive_definite(solution):
        raise unstable(net)
    solution *= 0.5 * noise**2 if halve else noise**2
    return solution


def _schur_solution(net: RateNetwork, drift: FloatArray, noise: float) -> FloatArray:
    schur, basis = linalg.schur(drift, check_finite=False)
    # LAPACK's real Schur form repeats the real part on the diagonal of each 2 x 2 block.
    if not np.max(np.diagonal(schur)) < 0:
        raise unstable(net, float(np.max(np.diagonal(schur))))
    solution = np.zeros_like(schur)
    np.fill_diagonal(solution, -(noise**2))
    return _back_transformed(schur, basis, solution)


def _symmetric_step_solution(
    net: RateNetwork, drift: FloatArray, dt: float, noise: float
) -> FloatArray:
    """sigma^2 (-2A - h A^2)^-1, the covariance of the scheme where A is symmetric."""
    solution: FloatArray = (-dt * drift) @ drift
    solution -= 2.0 * drift
    if not _invert_positive_definite(solution):
        raise _refusal(net, dt)
    solution *= noise**2
    return solution


def _cayley_solution(net: RateNetwork, drift: FloatArray, dt: float, noise: float) -> FloatArray:
    factor = 0.5 * dt * drift
    _add_to_diagonal(factor, 1.0)
    try:
        inverse = np.linalg.inv(factor)
    except np.linalg.LinAlgError as error:
        raise _refusal(net, dt) from error
    schur, basis = linalg.schur(drift @ inverse, overwrite_a=True, check_finite=False)
    if not np.max(np.diagonal(schur)) < 0:
        raise _refusal(net, dt)
    rotated = basis.T @ inverse
    return _back_transformed(schur, basis, -(noise**2) * (rotated @ rotated.T))


def _back_transformed(schur: FloatArray, basis: FloatArray, right_side: FloatArray) -> FloatArray:
    """U X U^T, symmetrised, where T X + X T^T = `right_side` (overwritten)."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused afterwards
        _lyapunov_triangular(schur, right_side)
        solution: FloatArray = basis @ right_side @ basis.T
    solution += solution.T.copy()
    solution *= 0.5
    return solution


def _invert_positive_definite(matrix: FloatArray) -> bool:
    """Overwrite a symmetric C-ordered matrix by its inverse; False if not positive definite."""
    # LAPACK reads columns: the transpose of a C-ordered symmetric matrix is itself, uncopied.
    factor, failed = linalg.lapack.dpotrf(matrix.T, lower=False, clean=False, overwrite_a=True)
    if failed:
        return False
    _, failed = linalg.lapack.dpotri(factor, lower=False, overwrite_c=True)
    _mirror_lower(matrix)
    return not failed


def _with_evidence(
    net: RateNetwork, drift: FloatArray, solution: FloatArray, noise: float, method: str
) -> Covariance:
    condition = _checked_condition(net, drift, solution, noise)
    n = net.n_neurons
    residual = drift @ solution
    residual += residual.T.copy()
    _add_to_diagonal(residual, noise**2)
    drift_norm, solution_norm = np.linalg.norm(drift), np.linalg.norm(solution)
    scale = 2 * drift_norm * solution_norm + noise**2 * np.sqrt(n)
    return Covariance(solution, float(np.linalg.norm(residual) / scale), condition, method, noise)


def _checked_condition(
    net: RateNetwork, drift: FloatArray, solution: FloatArray, noise: float, dt: float = 0.0
) -> float:
    """kappa, if it leaves C two correct digits."""
    with np.errstate(over="ignore", invalid="ignore"):
        condition = 2 * _two_norm(drift) * _two_norm(solution) / noise**2
    if not (condition < _MAX_CONDITION and np.all(np.diagonal(solution) > 0)):
        raise _refusal(net, dt)
    return condition


def _refusal(net: RateNetwork, dt: float = 0.0) -> UnstableError:
    """Why there is no covariance: the network, its Euler step `dt`, or too few digits."""
    abscissa = net.spectral_abscissa()
    if not abscissa < -1e-10 * np.max(np.abs(net.leak)):
        return unstable(net, abscissa)
    if dt > 0:
        eigenvalues = linalg.eigvals(net.dense_drift(), overwrite_a=True, check_finite=False)
        largest = float(np.min(-2.0 * eigenvalues.real / np.abs(eigenvalues) ** 2))
        if not dt < largest * (1.0 - 1e-9):
            return UnstableError(
                f"dt is {dt:g} s, not a stable Euler step: give one below {largest:.6g} s "
                "(the largest that is stable)"
            )
    return UnstableError(
        f"the drift is stable, with a spectral abscissa of {abscissa:.3g} 1/s, but so far from "
        "normal that double precision leaves its covariance no correct digits: raise the leak, "
        "or use leak='dominant' (--leak dominant)"
    )


# --------------------------------------------------------------------- triangular equations


def _lyapunov_triangular(schur: FloatArray, right_side: FloatArray) -> None:
    """Solve T X + X T^T = F for upper quasi-triangular T; F symmetric, overwritten by X.

    With T = [[T1, T12], [0, T2]] the last block is an equation of the same kind, the corner a
    Sylvester equation, and the first block an equation of the same kind again.
    """
    n = schur.shape[0]
    if n <= _LEAF:
        right_side[:] = _leaf(schur, schur, right_side)
        return
    k = _split(schur)
    first, corner, last = schur[:k, :k], schur[:k, k:], schur[k:, k:]
    _lyapunov_triangular(last, right_side[k:, k:])
    off = right_side[:k, k:]
    off -= corner @ right_side[k:, k:]
    _sylvester_triangular(first, last, off)
    update = corner @ off.T
    right_side[:k, :k] -= update
    right_side[:k, :k] -= update.T
    _lyapunov_triangular(first, right_side[:k, :k])
    right_side[k:, :k] = off.T


def _sylvester_triangular(left: FloatArray, right: FloatArray, right_side: FloatArray) -> None:
    """Solve L X + X R^T = F for upper quasi-triangular L and R; F is overwritten by X."""
    m, n = right_side.shape
    if m <= _LEAF and n <= _LEAF:
        right_side[:] = _leaf(left, right, right_side)
    elif m >= n:
        k = _split(left)
        _sylvester_triangular(left[k:, k:], right, right_side[k:])
        right_side[:k] -= left[:k, k:] @ right_side[k:]
        _sylvester_triangular(left[:k, :k], right, right_side[:k])
    else:
        k = _split(right)
        _sylvester_triangular(left, right[k:, k:], right_side[:, k:])
        right_side[:, :k] -= right_side[:, k:] @ right[:k, k:].T
        _sylvester_triangular(left, right[:k, :k], right_side[:, :k])


def _leaf(left: FloatArray, right: FloatArray, right_side: FloatArray) -> FloatArray:
    solution, scale, _ = linalg.lapack.dtrsyl(left, right, right_side, tranb="T")
    return solution / scale  # type: ignore[no-any-return]


def _split(schur: FloatArray) -> int:
    """Half the order, moved by one where it would cut a 2 x 2 block of complex eigenvalues."""
    k: int = schur.shape[0] // 2
    return k + int(schur[k, k - 1] != 0)


# ------------------------------------------------------------------------------ small parts


def _mirror_lower(matrix: FloatArray) -> None:
    """Copy the lower triangle onto the upper one, block by block."""
    n, block = matrix.shape[0], 256
    for top in range(0, n, block):
        bottom = min(top + block, n)
        matrix[top:bottom, bottom:] = matrix[bottom:, top:bottom].T
        square = matrix[top:bottom, top:bottom]
        square[:] = np.tril(square) + np.tril(square, -1).T


def _is_normal(matrix: FloatArray) -> bool:
    """True if A A^T = A^T A to rounding, judged on three fixed random vectors in O(N^2)."""
    probe = np.random.default_rng(1).standard_normal((matrix.shape[0], 3))
    forward, backward = matrix @ (matrix.T @ probe), matrix.T @ (matrix @ probe)
    scale = np.linalg.norm(matrix) ** 2 * np.linalg.norm(probe)
    return bool(np.linalg.norm(forward - backward) <= 10 * _EPS * scale)


def _add_to_diagonal(matrix: FloatArray, value: float) -> None:
    matrix[np.diag_indices(matrix.shape[0])] += value


def _two_norm(matrix: FloatArray, steps: int = 20) -> float:
    """Spectral norm from below by power iteration on M^T M; within a few per cent."""
    vector = np.random.default_rng(2).standard_normal(matrix.shape[0])
    norm = 0.0
    for _ in range(steps):
        length = float(np.linalg.norm(vector))
        if length == 0:
            break
        if not length < np.inf:
            return np.inf
        image = np.matmul(matrix, vector / length)
        norm = float(np.linalg.norm(image))
        vector = np.matmul(image / (norm or 1.0), matrix)
    return norm
