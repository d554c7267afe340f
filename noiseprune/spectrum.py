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

Up to 1,500 neurons all is dense LAPACK. Above, Lanczos iteration on the pencil, with one
Cholesky factor of H (in the memory of one matrix) as its solver, gives the extreme eigenvalues,
widened so that the interval holds with the stated probability (Kuczynski and Wozniakowski,
SIAM J. Matrix Anal. Appl. 13, 1992). `Original` keeps what depends on the original alone, so that
any number of pruned networks are held against one factor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from scipy import linalg
from scipy.linalg import blas

from noiseprune import kernels
from noiseprune.checks import Seed, generator, one_of
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import NetworkError, OptionError
from noiseprune.network import RateNetwork, not_a_network, unstable
from noiseprune.solvers import Dominant
from noiseprune.weights import FloatArray, row_index

METHODS = ("auto", "dense", "lanczos")
DENSE_PENCIL = 1500
"""Up to this many neurons epsilon is exact, by a dense eigenproblem of a second or two."""
DENSE_FACTOR = 12_000
"""Up to this many neurons the Lanczos solver is a dense factor (1.2 GB), above sparse CG."""
_MIN_RCOND = 100 * float(np.finfo(np.float64).eps)
"""Below this reciprocal condition a matrix is singular: two digits are left, as in `lyapunov`."""
_INNER = 1e-4
"""Error of the inner iterations relative to the solution, in the norm of H. With 1e-2 epsilon
differs in the sixth digit only."""
_FAILURE = 0.01
_WIDTH, _LARGE_WIDTH = 0.005, 0.02
"""The interval is wider than the spectrum by at most twice this share of it: with a dense factor,
and with inner iterations."""
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
    values : (original, pruned) eigenvalues (N,), ascending, 1/s
    """

    eigenvalue: FloatArray
    eigenvector: FloatArray
    cosine: FloatArray
    values: tuple[FloatArray, FloatArray]

    @property
    def abscissa(self) -> tuple[float, float]:
        """(original, pruned) largest eigenvalue, 1/s."""
        before, after = self.values
        return float(before[-1]), float(after[-1])


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
    return Original(net, method=method).epsilon(pruned, seed=seed)


def eigen_errors(net: RateNetwork, pruned: RateNetwork) -> EigenErrors:
    """The authors' measures per eigenvector of a symmetric network; dense, O(N^3)."""
    check_same_size(net, pruned)
    if not (net.is_symmetric and pruned.is_symmetric):
        raise OptionError("eigenvector errors need two symmetric networks")
    values, vectors = linalg.eigh(net.dense_drift(), overwrite_a=True, check_finite=False)
    images = pruned.dense_drift() @ vectors
    pruned_values = cast(FloatArray, pruned.eigenvalues)
    forms = np.einsum("ij,ij->j", vectors, images)
    lengths = np.linalg.norm(images, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return EigenErrors(
            eigenvalue=np.abs(pruned_values / values - 1.0),
            eigenvector=np.abs(forms / values - 1.0),
            cosine=np.abs(forms) / lengths,
            values=(values, pruned_values),
        )


class Original:
    """The original's side of `epsilon`: factored once, for any number of pruned networks.

    Raises as `epsilon` does.
    """

    def __init__(self, net: RateNetwork, *, method: str = "auto") -> None:
        one_of("epsilon method", method, METHODS)
        n = net.n_neurons
        self.net = net
        self._factor: _Factor | None = None
        self._solver: _Solver | None = None  # stays None where all is dense
        dense = method == "dense" or (method == "auto" and n <= DENSE_PENCIL)
        if not dense and n > DENSE_FACTOR:
            self._solver = _ConjugateGradients.of(net)
            return
        self._factor = _Factor.of(net)
        if not dense:
            self._solver = self._factor
            if self._factor is None and (method == "lanczos" or n > DENSE_EIGENVALUES):
                raise _no_pencil(net)

    def epsilon(self, pruned: RateNetwork, *, seed: Seed = 0) -> Epsilon:
        """Relative change from the drift of the original to that of `pruned`."""
        check_same_size(self.net, pruned)
        if self._solver is None:
            return _dense_epsilon(self.net, pruned, self._factor)
        return _lanczos_epsilon(self.net, pruned, self._solver, generator(seed))


def _no_pencil(net: RateNetwork) -> Exception:
    if net.is_symmetric:
        return unstable(net)
    return OptionError(
        f"no certificate for {net.n_neurons} neurons whose symmetric drift is not stable: use "
        f"leak='dominant' (--leak dominant), or at most {DENSE_EIGENVALUES} neurons"
    )


# ---------------------------------------------------------------------------------- solvers


class _Solver(Protocol):
    """The positive definite H, the symmetric part of -A, as its inverse."""

    def solve(self, x: FloatArray) -> FloatArray:
        """(N,) H^-1 x"""

    def start(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """(v, H v) for a draw v ~ N(0, H^-1)"""


@dataclass(frozen=True)
class _Factor:
    """H = L L^T.

    lower : (N, N) L, as columns (in Fortran order); above the diagonal stands what may
    """

    lower: FloatArray

    @classmethod
    def of(cls, net: RateNetwork) -> _Factor | None:
        """In the memory of one matrix if A is symmetric; None if H is not positive definite."""
        matrix = net.dense_drift()
        if net.is_symmetric:
            np.negative(matrix, out=matrix)
        else:
            matrix = -0.5 * (matrix + matrix.T)
        # LAPACK reads columns: the transpose of a C-ordered symmetric matrix is itself, uncopied.
        size = linalg.lapack.dlange("1", matrix.T)
        lower, failed = linalg.lapack.dpotrf(matrix.T, lower=True, clean=False, overwrite_a=True)
        if failed:
            return None
        rcond, _ = linalg.lapack.dpocon(lower, size, uplo="L")
        return cls(lower) if rcond > _MIN_RCOND else None

    def solve(self, x: FloatArray) -> FloatArray:
        half = blas.dtrsv(self.lower, x, lower=1)
        return blas.dtrsv(self.lower, half, lower=1, trans=1)  # type: ignore[no-any-return]

    def start(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        normal = rng.standard_normal(self.lower.shape[0])
        vector = blas.dtrsv(self.lower, normal, lower=1, trans=1)
        return vector, blas.dtrmv(self.lower, normal, lower=1)

    def relative(self, change: FloatArray) -> FloatArray:
        """L^-1 (M_s - M) L^-T"""
        half = linalg.solve_triangular(self.lower, change, lower=True, check_finite=False)
        return linalg.solve_triangular(  # type: ignore[no-any-return]
            self.lower, half.T, lower=True, check_finite=False
        ).T


@dataclass(frozen=True)
class _ConjugateGradients:
    """H as a sparse diagonally dominant matrix: sum |w_ij| b_ij b_ij^T + diag(excess)."""

    system: Dominant

    @classmethod
    def of(cls, net: RateNetwork) -> _ConjugateGradients:
        if not (net.is_diagonally_dominant and np.all(net.dominance_excess > 0)):
            raise OptionError(
                f"a certificate for {net.n_neurons} neurons needs a diagonally dominant drift "
                "with a margin: use leak='dominant' with a leak margin above 0"
            )
        return cls(Dominant.of(net).with_preconditioner("auto"))

    def solve(self, x: FloatArray) -> FloatArray:
        per_mode = _INNER * np.sqrt(x.size)
        return cast(FloatArray, self.system.solve(x.copy()[:, None], per_mode).x[:, 0])

    def start(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        csr, excess = self.system.weights, self.system.excess
        rows = row_index(csr)
        upper = rows < csr.indices
        normal = rng.standard_normal(np.count_nonzero(upper))
        right_side = kernels.incidence_noise(
            rows[upper], csr.indices[upper], csr.data[upper], normal, excess.size
        )
        right_side += np.sqrt(excess) * rng.standard_normal(excess.size)
        return self.solve(right_side), right_side


# ------------------------------------------------------------------------------------ dense


def _dense_epsilon(net: RateNetwork, pruned: RateNetwork, factor: _Factor | None) -> Epsilon:
    drift = net.dense_drift()
    change = drift - pruned.dense_drift()
    if factor is None:
        norm, relative = "relative", _relative_change(net, drift, change)
    else:
        symmetric = net.is_symmetric and pruned.is_symmetric
        norm, relative = "pencil" if symmetric else "symmetric-part", factor.relative(change)
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


def _relative_change(net: RateNetwork, drift: FloatArray, change: FloatArray) -> FloatArray:
    """A^-1 (A_s - A) = M^-1 (M_s - M), from change = A - A_s."""
    with np.errstate(all="ignore"):
        factor, pivots, failed = linalg.lapack.dgetrf(drift)
        rcond, _ = linalg.lapack.dgecon(factor, np.linalg.norm(drift, 1))
    if failed or not rcond > _MIN_RCOND:
        raise unstable(net)
    return linalg.lu_solve((factor, pivots), -change)  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------- Lanczos


def _lanczos_epsilon(
    net: RateNetwork, pruned: RateNetwork, solver: _Solver, rng: np.random.Generator
) -> Epsilon:
    symmetric = net.is_symmetric and pruned.is_symmetric

    def change(x: FloatArray) -> FloatArray:
        """(M_s - M) x, for which no matrix is formed"""
        return net.drift_product(x) - pruned.drift_product(x)

    def transposed(x: FloatArray) -> FloatArray:
        return net.drift_product(x, transposed=True) - pruned.drift_product(x, transposed=True)

    def symmetric_change(x: FloatArray) -> FloatArray:
        return change(x) if symmetric else 0.5 * (change(x) + transposed(x))

    width = _WIDTH if isinstance(solver, _Factor) else _LARGE_WIDTH
    steps = _steps(net.n_neurons, width)
    solve = solver.solve
    low, high, residual, done = _lanczos(symmetric_change, solve, solver.start(rng), steps)
    slack = _slack(net.n_neurons, steps)
    margin = slack / (1 - 2 * slack) * (high - low)
    interval = (low - margin, high + margin)
    if symmetric:
        size = max(abs(low), abs(high))
        bound = max(abs(interval[0]), abs(interval[1]))
    else:
        _, top, top_residual, top_done = _lanczos(
            lambda x: transposed(solve(change(x))), solve, solver.start(rng), steps
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


def _steps(n: int, width: float) -> int:
    """Steps after which the interval is wider than the spectrum by at most 2 * `width`."""
    return int(np.ceil(0.5 + 0.5 * _log_term(n) / np.sqrt(width)))


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
