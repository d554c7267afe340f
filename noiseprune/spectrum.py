"""How far a pruned drift A_s lies from the original A.

With M = -A and M_s = -A_s, epsilon is the size of the relative change, in the first of these
norms that exists:

- "pencil" (A symmetric, M > 0): max |lambda - 1| over M_s x = lambda M x.
- "symmetric-part" (H = (M + M^T) / 2 > 0): || H^-1/2 (A_s - A) H^-1/2 ||_2.
- "relative": || A^-1 (A_s - A) ||_2.

Beside it stands an interval: the range of the real part of x^H R x / x^H x for the relative
change R whose norm epsilon is (R = M^-1/2 (M_s - M) M^-1/2 and so on). In the pencil norm that
is [lambda_min - 1, lambda_max - 1]; above -1 in the first two norms, the pruned network is
stable.

Up to some thousands of neurons all is dense LAPACK. Above, Lanczos iteration on the pencil gives
the extreme eigenvalues, widened so that the interval holds with the stated probability
(Kuczynski and Wozniakowski, SIAM J. Matrix Anal. Appl. 13, 1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

from noiseprune import kernels
from noiseprune.choices import Seed, generator, one_of
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import ConvergenceError, NetworkError, OptionError
from noiseprune.network import RateNetwork, not_a_network, unstable
from noiseprune.weights import FloatArray, row_index

METHODS = ("auto", "dense", "lanczos")
DENSE_FACTOR = 12_000
"""Up to this many neurons the Lanczos solver is a dense factor (1.2 GB), above sparse CG."""
_MIN_RCOND = 100 * float(np.finfo(np.float64).eps)
"""Below this reciprocal condition a matrix is singular: two digits are left, as in `lyapunov`."""
_FAILURE = 0.01
_WIDTH = 0.005
_Operator = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Epsilon:
    """Size of the relative change, with its evidence.

    epsilon : the norm; in the Lanczos case its estimate from below
    interval : (low, high), see the module; in the Lanczos case an enclosure
    norm : "pencil", "symmetric-part" or "relative"
    method : "dense" or "lanczos"
    upper_bound : epsilon is at most this, with the probability of the next line
    failure_probability : of the bound and the interval; 0 if dense
    residual : largest residual of the extreme Ritz pairs; 0 if dense
    iterations : Lanczos steps; 0 if dense
    """

    epsilon: float
    interval: tuple[float, float]
    norm: str
    method: str
    upper_bound: float
    failure_probability: float = 0.0
    residual: float = 0.0
    iterations: int = 0


@dataclass(frozen=True)
class EigenErrors:
    """Errors per eigenpair (lambda, v) of a symmetric A, each (N,), in ascending lambda.

    eigenvalue : |lambda'_i / lambda_i - 1|, both spectra sorted
    eigenvector : |v^T A_s v / lambda - 1|
    cosine : |v^T A_s v| / ||A_s v||
    abscissa : (original, pruned) largest eigenvalue, 1/s
    """

    eigenvalue: FloatArray
    eigenvector: FloatArray
    cosine: FloatArray
    abscissa: tuple[float, float]


def check_same_size(net: RateNetwork, pruned: RateNetwork) -> None:
    for network in (net, pruned):
        if not isinstance(network, RateNetwork):
            raise NetworkError(not_a_network(network))
    if net.n_neurons != pruned.n_neurons:
        raise OptionError(
            f"the original has {net.n_neurons} neurons and the pruned network "
            f"{pruned.n_neurons}: compare a network with its own pruned version"
        )


def epsilon(
    net: RateNetwork, pruned: RateNetwork, *, method: str = "auto", seed: Seed = 0
) -> Epsilon:
    """Relative change from the drift of `net` to that of `pruned`; see the module.

    `method` is "auto", "dense" or "lanczos"; `seed` draws the start of the Lanczos iteration.

    Raises
    ------
    UnstableError
        If the original drift is singular, so that no relative change exists.
    OptionError
        If the sizes differ, the method is unknown or Lanczos iteration does not apply.
    ConvergenceError
        If the inner conjugate gradients do not converge.
    """
    check_same_size(net, pruned)
    one_of("epsilon method", method, METHODS)
    if method == "dense" or (method == "auto" and net.n_neurons <= DENSE_EIGENVALUES):
        return _dense_epsilon(net, pruned)
    return _lanczos_epsilon(net, pruned, seed)


def eigen_errors(net: RateNetwork, pruned: RateNetwork) -> EigenErrors:
    """The authors' measures per eigenvector of a symmetric network; dense, O(N^3)."""
    check_same_size(net, pruned)
    if not (net.is_symmetric and pruned.is_symmetric):
        raise OptionError("eigenvector errors need two symmetric networks")
    values, vectors = linalg.eigh(net.dense_drift(), overwrite_a=True, check_finite=False)
    pruned_drift = pruned.dense_drift()
    images = pruned_drift @ vectors
    pruned_values = linalg.eigvalsh(pruned_drift, overwrite_a=True, check_finite=False)
    forms = np.einsum("ij,ij->j", vectors, images)
    lengths = np.linalg.norm(images, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return EigenErrors(
            eigenvalue=np.abs(pruned_values / values - 1.0),
            eigenvector=np.abs(forms / values - 1.0),
            cosine=np.abs(forms) / lengths,
            abscissa=(float(values[-1]), float(pruned_values[-1])),
        )


# ------------------------------------------------------------------------------------ dense


def _dense_epsilon(net: RateNetwork, pruned: RateNetwork) -> Epsilon:
    drift = net.dense_drift()
    change = drift - pruned.dense_drift()
    symmetric = net.is_symmetric and pruned.is_symmetric
    factor = _symmetric_part_factor(drift)
    if factor is None:
        norm, relative = "relative", _relative_change(net, drift, change)
    else:
        norm = "pencil" if symmetric else "symmetric-part"
        half = linalg.solve_triangular(factor, change, lower=True, check_finite=False)
        relative = linalg.solve_triangular(factor, half.T, lower=True, check_finite=False).T
    ends = linalg.eigvalsh(0.5 * (relative + relative.T), check_finite=False)
    low, high = float(ends[0]), float(ends[-1])
    if norm == "pencil":
        size = max(abs(low), abs(high))
    else:
        n = net.n_neurons
        gram = relative.T @ relative
        top = linalg.eigvalsh(gram, subset_by_index=(n - 1, n - 1), check_finite=False)[0]
        size = float(np.sqrt(max(top, 0.0)))
    return Epsilon(size, (low, high), norm, "dense", size)


def _symmetric_part_factor(drift: FloatArray) -> FloatArray | None:
    """Lower L with H = L L^T, H the symmetric part of -A; None if H is not positive definite."""
    symmetric_part = -0.5 * (drift + drift.T)
    size = np.linalg.norm(symmetric_part, 1)
    try:
        factor: FloatArray = linalg.cholesky(
            symmetric_part, lower=True, overwrite_a=True, check_finite=False
        )
    except linalg.LinAlgError:
        return None
    rcond, _ = linalg.lapack.dpocon(factor, size, uplo="L")
    return factor if rcond > _MIN_RCOND else None


def _relative_change(net: RateNetwork, drift: FloatArray, change: FloatArray) -> FloatArray:
    """A^-1 (A_s - A) = M^-1 (M_s - M), from change = A - A_s."""
    with np.errstate(all="ignore"):
        factor, pivots, failed = linalg.lapack.dgetrf(drift)
        rcond, _ = linalg.lapack.dgecon(factor, np.linalg.norm(drift, 1))
    if failed or not rcond > _MIN_RCOND:
        raise unstable(net)
    return linalg.lu_solve((factor, pivots), -change)  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------- Lanczos


def _lanczos_epsilon(net: RateNetwork, pruned: RateNetwork, seed: Seed) -> Epsilon:
    symmetric = net.is_symmetric and pruned.is_symmetric
    change = sparse.csr_array(sparse.csr_array(net.drift) - sparse.csr_array(pruned.drift))
    symmetric_change = sparse.csr_array(0.5 * (change + change.T))
    rng = generator(seed)
    solve, start = _positive_solver(net, rng)
    steps = _steps(net.n_neurons)
    low, high, residual, done = _lanczos(lambda x: symmetric_change @ x, solve, start(), steps)
    slack = _slack(net.n_neurons, steps)
    width = slack / (1 - 2 * slack) * (high - low)
    interval = (low - width, high + width)
    if symmetric:
        size = max(abs(low), abs(high))
        bound = max(abs(interval[0]), abs(interval[1]))
    else:
        transposed = sparse.csr_array(change.T)
        _, top, top_residual, top_done = _lanczos(
            lambda x: transposed @ solve(change @ x), solve, start(), steps
        )
        size = float(np.sqrt(max(top, 0.0)))
        bound = float(np.sqrt(max(top, 0.0) / (1 - slack)))
        residual, done = max(residual, top_residual), done + top_done
    return Epsilon(
        size,
        interval,
        "pencil" if symmetric else "symmetric-part",
        "lanczos",
        bound,
        failure_probability=_FAILURE,
        residual=residual,
        iterations=done,
    )


def _positive_solver(
    net: RateNetwork, rng: np.random.Generator
) -> tuple[_Operator, Callable[[], tuple[FloatArray, FloatArray]]]:
    """x -> H^-1 x for H the symmetric part of -A, and a draw of (v, H v) with v ~ N(0, H^-1)."""
    n = net.n_neurons
    if n <= DENSE_FACTOR:
        factor = _symmetric_part_factor(net.dense_drift())
        if factor is None and net.is_symmetric:
            raise unstable(net)
        if factor is None:
            raise OptionError(
                f"no certificate for {n} neurons whose symmetric drift is not stable: use "
                "leak='dominant' (--leak dominant), or at most "
                f"{DENSE_EIGENVALUES} neurons"
            )

        def dense_start() -> tuple[FloatArray, FloatArray]:
            normal = rng.standard_normal(n)
            vector = linalg.solve_triangular(factor, normal, lower=True, trans="T")
            return vector, factor @ normal

        return lambda x: linalg.cho_solve((factor, True), x, check_finite=False), dense_start
    if not (net.is_diagonally_dominant and np.all(net.dominance_excess > 0)):
        raise OptionError(
            f"a certificate for {n} neurons needs a diagonally dominant drift with a margin: "
            "use leak='dominant' with a leak margin above 0"
        )
    weights = net.csr if net.is_symmetric else sparse.csr_array(0.5 * (net.csr + net.csr.T))
    matrix = sparse.csr_array(sparse.diags_array(net.leak) - weights)
    preconditioner = sparse.diags_array(1.0 / net.leak)
    rows = row_index(weights)
    upper = rows < weights.indices
    pairs = (rows[upper], weights.indices[upper], weights.data[upper])
    excess = net.leak - np.asarray(np.abs(weights).sum(axis=1)).ravel()

    def solve(x: FloatArray) -> FloatArray:
        solution, failed = sparse_linalg.cg(matrix, x, rtol=1e-9, maxiter=2000, M=preconditioner)
        if failed:
            raise ConvergenceError(
                f"conjugate gradients did not converge on {n} neurons: raise the leak margin"
            )
        return solution  # type: ignore[no-any-return]

    def sparse_start() -> tuple[FloatArray, FloatArray]:
        right_side = kernels.incidence_noise(*pairs, rng.standard_normal(pairs[0].size), n)
        right_side += np.sqrt(np.maximum(excess, 0.0)) * rng.standard_normal(n)
        return solve(right_side), right_side

    return solve, sparse_start


def _lanczos(
    apply: _Operator, solve: _Operator, start: tuple[FloatArray, FloatArray], steps: int
) -> tuple[float, float, float, int]:
    """Extreme Ritz values of the pencil B x = lambda H x, their largest residual, and the steps.

    `apply` is x -> B x (B symmetric), `solve` x -> H^-1 x, `start` (v, H v). Full
    reorthogonalisation in the H inner product.
    """
    vector, image = start
    n = vector.size
    steps = min(steps, n)
    vectors, images = np.empty((steps, n)), np.empty((steps, n))
    diagonal, off_diagonal = np.zeros(steps), np.zeros(steps)
    length = np.sqrt(vector @ image)
    done = steps
    for k in range(steps):
        vectors[k], images[k] = vector / length, image / length
        image = apply(vectors[k])
        diagonal[k] = vectors[k] @ image
        for _ in range(2):
            image = image - (vectors[: k + 1] @ image) @ images[: k + 1]
        vector = solve(image)
        squared = float(vector @ image)
        length = off_diagonal[k] = np.sqrt(max(squared, 0.0))
        if length <= 1e-13 * np.max(np.abs(diagonal[: k + 1])):
            done = k + 1
            break
    values, modes = linalg.eigh_tridiagonal(diagonal[:done], off_diagonal[: done - 1])
    residual = off_diagonal[done - 1] * np.max(np.abs(modes[-1, [0, -1]]))
    return float(values[0]), float(values[-1]), float(residual), done


def _steps(n: int) -> int:
    """Steps after which the interval is wider than the spectrum by at most 2 * 0.5 %."""
    return int(np.ceil(0.5 + 0.5 * _log_term(n) / np.sqrt(_WIDTH)))


def _slack(n: int, steps: int) -> float:
    """s with (lambda_max - theta_max) <= s (lambda_max - lambda_min), and the same below.

    Kuczynski and Wozniakowski: after k steps from a random start this fails with a probability
    of at most 1.648 sqrt(n) exp(-sqrt(s) (2k - 1)), for each end. Both ends holding, the spectrum
    is at most (theta_max - theta_min) / (1 - 2s) wide.
    """
    return float((_log_term(n) / (2 * steps - 1)) ** 2)


def _log_term(n: int) -> float:
    """ln(1.648 sqrt(n) / failure probability), the failures shared by three extreme values."""
    return float(np.log(1.648 * np.sqrt(n) * 3 / _FAILURE))
