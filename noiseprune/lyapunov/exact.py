"""Exact stationary covariance of a noise-driven network.

    A C + C A^T + sigma^2 I = 0,    A = W - diag(leak),    C (N, N), rates squared

Four ways, from the cheapest:

- "cholesky" (A symmetric): C = (sigma^2 / 2) (-A)^-1 by LAPACK potrf and potri, in place.
- "normal" (A A^T = A^T A): C = -sigma^2 (A + A^T)^-1, the same way.
- "doubling" (well-conditioned A): the Cayley transform's series, doubled at each step.
- "schur" (any A): A = U T U^T in real Schur form, then T X + X T^T = -sigma^2 I by recursive
  halving, whose work is matrix products (after Jonsson and Kagstrom, ACM TOMS 28, 2002), and
  C = U X U^T (Bartels and Stewart, CACM 15, 1972).

Memory, in dense N x N float64 matrices beside the network: 1 (cholesky), 2 (normal), 4
(doubling), 6 to 7 (schur). At 10,000 neurons a matrix is 0.8 GB.

Accuracy. The inverse Lyapunov operator of a stable A is a positive map, so its norm between
spectral norms is attained at the identity (Russo and Dye, Duke Math. J. 33, 1966) and equals
||C||_2 / sigma^2. (Between Frobenius norms it differs, by a factor of at most sqrt(N).) The
condition number is therefore at most kappa = 2 ||A||_2 ||C||_2 / sigma^2, and the relative error
of C about eps kappa. That is what to expect; for the result at hand, with its residual R, the same
norm gives the bound ||dC||_2 / ||C||_2 <= ||R||_2 / sigma^2. Fewer than two correct digits, by the
first (kappa above 4.5e13) or the second (||R||_F above sigma^2 / 200), are refused, never returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np
from scipy import linalg

from noiseprune.checks import noise_strength, one_of, positive
from noiseprune.choices import Lyapunov
from noiseprune.errors import OptionError, UnstableError
from noiseprune.lyapunov import doubling, triangular
from noiseprune.lyapunov.doubling import add_to_diagonal
from noiseprune.network import RateNetwork, unstable
from noiseprune.weights import FloatArray

METHODS: tuple[Lyapunov, ...] = get_args(Lyapunov)

_EPS = float(np.finfo(np.float64).eps)
_MAX_ERROR = 1e-2
_MAX_CONDITION = _MAX_ERROR / _EPS
_ENOUGH = 1e-14
"""Backward error above which the automatic choice falls back on the Schur form."""
_PROBES = 8
"""Random vectors that the residual is measured on."""
_SETTLED = 1e-3
"""Relative growth of a norm in one step of its power iteration below which that ends."""
_Operator = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Covariance:
    """Stationary covariance with its evidence.

    covariance : (N, N), exactly symmetric
    residual : ||AC + CA^T + Q||_F / (2 ||A||_F ||C||_F + ||Q||_F), the backward error; its
        numerator in continuous time estimated from eight random vectors
    condition : kappa = 2 ||A|| ||C|| / sigma^2, its norms estimated from below, usually within a
        few per cent; C is correct to about eps kappa, relatively
    method : "cholesky", "normal", "doubling" or "schur"; "cholesky" or "cayley" in discrete time
    noise : sigma
    """

    covariance: FloatArray
    residual: float
    condition: float
    method: str
    noise: float


def covariance(net: RateNetwork, noise: float = 1.0, method: Lyapunov = "auto") -> Covariance:
    """Exact stationary covariance C of `net` under white noise of strength sigma = `noise`.

        A C + C A^T + sigma^2 I = 0

    `method` is "auto", "cholesky" (symmetric networks), "normal" (normal drift), "doubling" or
    "schur" (any).

    Raises
    ------
    UnstableError
        If the drift is unstable, or so nearly singular or so far from normal that C has fewer
        than two correct digits.
    OptionError
        If the method does not apply to the network.

    Source: theorem and algorithms as named in the module's docstring.

    >>> covariance(RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=1.0)).covariance.round(3)
    array([[0.667, 0.333],
           [0.333, 0.667]])
    """
    noise = noise_strength(noise)
    one_of("covariance method", method, METHODS)
    if method == "cholesky" and not net.is_symmetric:
        raise OptionError("method 'cholesky' needs a symmetric network: use 'schur' or 'auto'")
    if method == "cholesky" or (method == "auto" and net.is_symmetric):
        solution = net.dense_drift()
        solution *= -2.0
        if not _invert(solution, noise):
            raise unstable(net)
        return _with_evidence(net, solution, noise, "cholesky")
    drift = net.dense_drift()
    if method == "normal" and not _is_normal(drift):
        raise OptionError("method 'normal' needs a normal drift: use 'schur' or 'auto'")
    if method != "auto":
        found = _solution(net, drift, noise, method)
        if found is None:
            if not net.spectral_abscissa() < 0:
                raise _refusal(net)
            raise OptionError(
                "the network is too ill-conditioned for method 'doubling': use 'schur'"
            )
        return _with_evidence(net, found, noise, method)
    for fast in ("normal", "doubling") if _is_normal(drift) else ("doubling",):
        found = _solution(net, drift, noise, fast)
        # A drift that is normal only to rounding is not normal enough where it is nearly unstable.
        if found is None:
            continue
        residual, error = _backward_and_forward_error(net, found, noise)
        if residual <= _ENOUGH and error <= _MAX_ERROR:
            condition = _checked_condition(net, found, noise)
            return Covariance(found, residual, condition, fast, noise)
    return _with_evidence(net, _schur_solution(net, drift, noise), noise, "schur")


def discrete_covariance(net: RateNetwork, dt: float, noise: float = 1.0) -> Covariance:
    """Stationary covariance C_h of the Euler-Maruyama scheme with step h = `dt`.

        C_h = (I + hA) C_h (I + hA)^T + h sigma^2 I

    It differs from the continuous-time covariance at first order in h. Where A is symmetric it is
    sigma^2 (-2A - h A^2)^-1; else it solves the continuous equation B C_h + C_h B^T + sigma^2 F F^T
    = 0 with F = (I + hA/2)^-1 and B = A F (Cayley).

    Raises
    ------
    UnstableError
        If the network is not stable, or the step is not: the spectral radius of I + hA is not
        below 1; also if C_h has fewer than two correct digits.

    >>> discrete_covariance(RateNetwork([[0.0]], leak=1.0), dt=0.1).covariance.round(3)
    array([[0.526]])
    """
    noise, dt = noise_strength(noise), positive("dt", dt)
    drift = net.dense_drift()
    forcing = dt * noise**2
    step = dt * drift
    add_to_diagonal(step, 1.0)
    if net.is_symmetric:
        method, solution = "cholesky", (-dt * drift) @ drift
        solution -= 2.0 * drift
        if not _invert(solution, noise):
            raise _refusal(net, dt)
    else:
        method, solution = "cayley", _cayley_solution(net, drift, dt, noise)
    condition = _checked_condition(net, solution, noise, dt)
    residual = step @ solution @ step.T - solution
    add_to_diagonal(residual, forcing)
    n, size = net.n_neurons, np.linalg.norm(solution)
    scale = (np.linalg.norm(step) ** 2 + 1) * size + forcing * np.sqrt(n)
    return Covariance(solution, float(np.linalg.norm(residual) / scale), condition, method, noise)


# ------------------------------------------------------------------------------ the methods


def _solution(net: RateNetwork, drift: FloatArray, noise: float, method: str) -> FloatArray | None:
    """C by one method; None where doubling is not worth its while."""
    if method == "schur":
        return _schur_solution(net, drift, noise)
    if method == "doubling":
        doubled = doubling.solve(drift, noise)
        return None if doubled is None else _mirrored(doubled)
    solution = -(drift + drift.T)
    if not _invert(solution, noise):
        raise unstable(net)
    return solution


def _schur_solution(net: RateNetwork, drift: FloatArray, noise: float) -> FloatArray:
    schur, basis = linalg.schur(drift, check_finite=False)
    # LAPACK's real Schur form repeats the real part on the diagonal of each 2 x 2 block.
    if not np.max(np.diagonal(schur)) < 0:
        raise unstable(net, float(np.max(np.diagonal(schur))))
    solution = np.zeros_like(schur)
    np.fill_diagonal(solution, -(noise**2))
    return _back_transformed(schur, basis, solution)


def _cayley_solution(net: RateNetwork, drift: FloatArray, dt: float, noise: float) -> FloatArray:
    factor = 0.5 * dt * drift
    add_to_diagonal(factor, 1.0)
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
        triangular.solve_lyapunov(schur, right_side)
        solution: FloatArray = basis @ right_side @ basis.T
    solution += solution.T.copy()
    solution *= 0.5
    return solution


def _invert(matrix: FloatArray, noise: float) -> bool:
    """Overwrite a symmetric C-ordered M by sigma^2 M^-1; False if not positive definite."""
    # LAPACK reads columns: the transpose of a C-ordered symmetric matrix is itself, uncopied.
    factor, failed = linalg.lapack.dpotrf(matrix.T, lower=False, clean=False, overwrite_a=True)
    if failed:
        return False
    _, failed = linalg.lapack.dpotri(factor, lower=False, overwrite_c=True)
    _mirrored(matrix)
    matrix *= noise**2
    return not failed


def _with_evidence(net: RateNetwork, solution: FloatArray, noise: float, method: str) -> Covariance:
    condition = _checked_condition(net, solution, noise)
    residual, error = _backward_and_forward_error(net, solution, noise)
    if not error <= _MAX_ERROR:
        if method == "normal":
            raise OptionError(
                "the network is not normal enough for method 'normal', being nearly unstable: "
                "use 'schur'"
            )
        raise _refusal(net)
    return Covariance(solution, residual, condition, method, noise)


def _backward_and_forward_error(
    net: RateNetwork, solution: FloatArray, noise: float
) -> tuple[float, float]:
    """Estimates of ||R||_F / (2 ||A||_F ||C||_F + ||Q||_F) and of 2 ||R||_F / sigma^2.

    R = AC + CA^T + Q, Q = sigma^2 I. The second bounds the relative error of C (see the module),
    with the factor 2 since the few vectors may see but half of an R of rank one.
    For a vector z of random signs E ||R z||^2 = ||R||_F^2, with a relative variance below 2; the
    mean over a few takes O(N^2). An R of a single entry, or a diagonal one, is measured exactly.
    """
    n = net.n_neurons
    signs = np.random.default_rng(3).choice([-1.0, 1.0], (n, _PROBES))
    residual = net.drift_product(solution @ signs)
    residual += solution @ net.drift_product(signs, transposed=True)
    residual += noise**2 * signs
    # Scaled before it is squared, so that no unit under- or overflows.
    unit = max(noise**2, float(np.max(np.abs(residual))))
    size = unit * np.linalg.norm(residual / unit) / np.sqrt(_PROBES)
    drift_size = np.hypot(np.linalg.norm(net.synapse_weights), np.linalg.norm(net.leak))
    scale = 2 * drift_size * np.linalg.norm(solution) + noise**2 * np.sqrt(n)
    return float(size / scale), float(2 * size / noise**2)


def _checked_condition(
    net: RateNetwork, solution: FloatArray, noise: float, dt: float = 0.0
) -> float:
    """kappa, if it leaves C two correct digits."""
    n = net.n_neurons
    with np.errstate(over="ignore", invalid="ignore"):
        drift_norm = _two_norm(
            net.drift_product, lambda x: net.drift_product(x, transposed=True), n
        )
        condition = 2 * drift_norm * _two_norm(solution.dot, solution.dot, n) / noise**2
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
        "normal that double precision promises no digits of its covariance: raise the leak, "
        "or use leak='dominant' (--leak dominant)"
    )


# ------------------------------------------------------------------------------ small parts


def _mirrored(matrix: FloatArray) -> FloatArray:
    """The matrix, its lower triangle copied onto the upper one, block by block."""
    n, block = matrix.shape[0], 256
    for top in range(0, n, block):
        bottom = min(top + block, n)
        matrix[top:bottom, bottom:] = matrix[bottom:, top:bottom].T
        square = matrix[top:bottom, top:bottom]
        square[:] = np.tril(square) + np.tril(square, -1).T
    return matrix


def _is_normal(matrix: FloatArray) -> bool:
    """True if A A^T = A^T A to rounding, judged on three fixed random vectors in O(N^2)."""
    probe = np.random.default_rng(1).standard_normal((matrix.shape[0], 3))
    forward, backward = matrix @ (matrix.T @ probe), matrix.T @ (matrix @ probe)
    scale = np.linalg.norm(matrix) ** 2 * np.linalg.norm(probe)
    return bool(np.linalg.norm(forward - backward) <= 10 * _EPS * scale)


def _two_norm(apply: _Operator, transposed: _Operator, n: int) -> float:
    """Spectral norm of x -> M x from below, by power iteration on M^T M; within a few per cent."""
    vector = np.random.default_rng(2).standard_normal(n)
    norm = 0.0
    for _ in range(20):
        length = float(np.linalg.norm(vector))
        if length == 0:
            break
        if not length < np.inf:
            return np.inf
        image = apply(vector / length)
        before, norm = norm, float(np.linalg.norm(image))
        if norm <= (1 + _SETTLED) * before:
            break
        vector = transposed(image / (norm or 1.0))
    return norm
