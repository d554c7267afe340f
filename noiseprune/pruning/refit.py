"""Kept weights fitted to the certificate itself.

With M = -A, M_s = -A_s and H the symmetric part of M, epsilon is the spectral norm of

    E = L^-1 (M_s - M) L^-T,  H = L L^T        (E = M^-1 (M_s - M) where H is not positive definite)

and M_s is linear in multipliers x_e >= 0 of the kept synapses e = (i, j),

    M_s = diag(delta) + sum_e x_e |w_e| (a e_i e_i^T + b e_j e_j^T - sgn(w_e) e_i e_j^T)

    delta = leak - a (row sums of |W|) - b (column sums of |W|)    of the original

since the leak follows the weights as the balance asks: (a, b) = (1, 0) for "leak", (1/2, 1/2) for
"homeostatic", whose rest goes to the leak, and (0, 0) for "none". So the Schatten norm ||E||_2q,
with ||E||_2q^2q = tr (E^T E)^q, is convex in x. Bounded L-BFGS minimises it, with q raised step by
step towards the spectral norm. Its gradient is

    d log ||E||_2q / d x_e = |w_e| (a P_ii + b P_jj - sgn(w_e) P_ij),
    P = L^-T G L^-1,  G = E (E^T E)^(q-1) / tr (E^T E)^q

The slow, collective modes count more than others for the dynamics, and E would let all errors grow
up to the largest. So in the norms to minimise, and there alone, E becomes B E B with
B = 1 + (c - 1) Q Q^T, Q an orthonormal basis of L^T u for two activities u: the uniform one, and
the stationary response -A^-1 1 to uniform input. It costs a part of the gain in epsilon, and
halves the error of trajectories. c = 1 / (2 epsilon), between 1 and 3: few synapses have no room
for it. (There is no B where H is not positive definite.)

Some x reach zero: their synapses are pruned too. The products run in single precision; whether
epsilon fell is judged in double.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from scipy import linalg, optimize, sparse
from scipy.sparse import linalg as sparse_linalg

from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork, unstable
from noiseprune.progress import Progress
from noiseprune.weights import FloatArray, IntArray, row_index

MAX_NEURONS = 6000
"""Above this many neurons the dense products, some 700 N^3, would take hours."""
_SHARES = {"leak": (1.0, 0.0), "none": (0.0, 0.0), "homeostatic": (0.5, 0.5)}
_SQUARINGS = (3, 4, 5)
"""q = 1 + 2^k: 9, 17, 33. Starting from a balanced draw, smaller q gain nothing."""
_ITERATIONS = 15
_NOTHING = 1e-6
"""Epsilon that single precision cannot lower."""
_MEMORY = 20
_MAX_EMPHASIS = 3.0


@dataclass(frozen=True)
class Refit:
    """What the refit did to epsilon, in the norm of the module, and at what cost.

    epsilon_before, epsilon_after : spectral norm of E in double precision, by Lanczos iteration to
        three digits
    evaluations : of the Schatten norm and its gradient
    n_removed : synapses whose weight went to zero
    """

    epsilon_before: float
    epsilon_after: float
    evaluations: int
    n_removed: int


def check_size(n_neurons: int) -> None:
    if n_neurons > MAX_NEURONS:
        raise OptionError(
            f"refit works with dense matrices, for at most {MAX_NEURONS} neurons, but the network "
            f"has {n_neurons}: leave it out"
        )


def refit_weights(
    net: RateNetwork,
    pruned: sparse.csr_array,
    mirror: IntArray | None,
    *,
    balance: str,
    progress: Progress,
) -> tuple[FloatArray, FloatArray, Refit]:
    """Weights (nnz,) and leak (N,) for the entries of `pruned` (CSR), of a lower epsilon.

    `mirror` (nnz,) is the position of entry (j, i) for each (i, j) of a symmetric network, whose
    pairs share one multiplier; None for a directed one. A weight of zero asks to be removed. Where
    nothing is gained the weights come back as they were.

    Source: this package's; the surrogate norms are as in matrix discrepancy theory.
    """
    check_size(net.n_neurons)
    problem = _Certificate(net, pruned, mirror, balance=balance)
    start = np.ones(problem.n_units)
    before = problem.epsilon(start)
    if before > _NOTHING:
        problem.prepare(net, emphasis=min(_MAX_EMPHASIS, 0.5 / before))
    multiplier, evaluations = start, 0
    done = count(1)
    total = len(_SQUARINGS) * _ITERATIONS
    with np.errstate(all="ignore"):  # near singularity single precision may overflow: no gain then
        for squarings in _SQUARINGS if before > _NOTHING else ():
            result = optimize.minimize(
                problem.log_schatten,
                multiplier,
                args=(squarings,),
                jac=True,
                method="L-BFGS-B",
                bounds=optimize.Bounds(0.0, np.inf),
                callback=lambda _: progress(next(done), total),
                options={"maxiter": _ITERATIONS, "maxcor": _MEMORY},
            )
            multiplier, evaluations = result.x, evaluations + result.nfev
    after = problem.epsilon(multiplier)
    if not after < before:
        multiplier, after = start, before
    weights = pruned.data * problem.on_entries(multiplier)
    evidence = Refit(before, after, evaluations, int(np.count_nonzero(weights == 0)))
    return weights, problem.leak(np.abs(weights)), evidence


class _Certificate:
    """E as a function of the multipliers, its Schatten norms and their gradients."""

    def __init__(
        self,
        net: RateNetwork,
        pruned: sparse.csr_array,
        mirror: IntArray | None,
        *,
        balance: str,
    ) -> None:
        self._rows, self._columns = row_index(pruned), pruned.indices
        self._size, self._sign = np.abs(pruned.data), np.sign(pruned.data)
        self._mirror = mirror
        every = np.arange(pruned.nnz)
        self._unit = every if mirror is None else every[self._rows < self._columns]
        self._row_share, self._column_share = _SHARES[balance]
        inputs, outputs = net.input_strength, net.output_strength
        self._fixed = net.leak - self._row_share * inputs - self._column_share * outputs
        self._n = net.n_neurons
        self._whitening: dict[Any, _Whitening] = {}
        self._offset: dict[Any, FloatArray] = {}
        self._use(net, _Whitening.of(net), np.float64)

    def _use(self, net: RateNetwork, whitening: _Whitening, dtype: Any) -> None:
        """Take this whitening for what is computed in `dtype`."""
        offset = net.dense_drift()
        offset[np.diag_indices_from(offset)] += self._fixed
        self._offset[dtype] = whitening.whitened(offset).astype(dtype, copy=False)
        self._whitening[dtype] = whitening.of_type(dtype)

    def prepare(self, net: RateNetwork, emphasis: float = 1.0) -> None:
        """For `log_schatten`, which counts the collective modes `emphasis` times if above 1."""
        whitening = self._whitening[np.float64]
        if emphasis > 1 and whitening.triangular:
            whitening = whitening.emphasised(net, emphasis)
        self._use(net, whitening, np.float32)

    @property
    def n_units(self) -> int:
        return self._unit.size

    def on_entries(self, multiplier: FloatArray) -> FloatArray:
        """Multipliers of the units on all entries."""
        if self._mirror is None:
            return multiplier
        whole = np.empty(self._rows.size)
        whole[self._unit] = multiplier
        whole[self._mirror[self._unit]] = multiplier
        return whole

    def leak(self, size: FloatArray) -> FloatArray:
        """The leak that goes with weights of absolute `size` (nnz,)."""
        return self._fixed + self._strength(size)

    def epsilon(self, multiplier: FloatArray) -> float:
        """Spectral norm of E, in double precision."""
        change = self._change(multiplier, np.float64)
        start = np.random.default_rng(7).standard_normal(change.shape[0])
        size = float(np.linalg.norm(change))
        if change.shape[0] < 3 or size < _NOTHING:
            return size if size < _NOTHING else float(np.linalg.norm(change, 2))
        gram = sparse_linalg.LinearOperator(
            change.shape, matvec=lambda x: change.T @ (change @ x), dtype=np.float64
        )
        top = sparse_linalg.eigsh(gram, 1, v0=start, tol=1e-3, return_eigenvectors=False)[0]
        return float(np.sqrt(max(top, 0.0)))

    def log_schatten(self, multiplier: FloatArray, squarings: int) -> tuple[float, FloatArray]:
        """log ||E||_2q for q = 1 + 2^squarings, and its gradient (n_units,)."""
        change = self._change(multiplier, np.float32)
        scale = np.linalg.norm(change)
        change /= scale
        # Powers of E / ||E||_F, scaled to a norm of 1 again after every product: in single
        # precision large ones would overflow. `logarithm` is what was taken out.
        power, logarithm = change.T @ change, 0.0
        for _ in range(squarings):
            norm = np.linalg.norm(power)
            power /= norm
            logarithm = 2.0 * (logarithm + np.log(float(norm)))
            power = power @ power.T  # symmetric: half of the work
        power = change @ power
        trace = float(np.sum(power * change, dtype=np.float64))
        power *= np.float32(1.0 / (trace * scale))
        gradient = self._on_synapses(self._whitening[np.float32].sensitivity(power))
        q = 1 + 2**squarings
        return (np.log(trace) + logarithm) / (2 * q) + np.log(float(scale)), gradient

    def _change(self, multiplier: FloatArray, dtype: Any) -> Any:
        """E"""
        change = self._whitening[dtype].whitened(self._synaptic(multiplier, dtype))
        change += self._offset[dtype]
        return change

    def _synaptic(self, multiplier: FloatArray, dtype: Any) -> Any:
        """The part of M_s that the multipliers scale, dense."""
        size = self._size * self.on_entries(multiplier)
        matrix = np.zeros((self._n, self._n), dtype)
        matrix[self._rows, self._columns] = -self._sign * size
        np.fill_diagonal(matrix, self._strength(size))
        return matrix

    def _strength(self, size: FloatArray) -> FloatArray:
        """(N,) a (row sums) + b (column sums) of |weights|."""
        inputs = np.bincount(self._rows, self._row_share * size, minlength=self._n)
        outputs = np.bincount(self._columns, self._column_share * size, minlength=self._n)
        return np.asarray(inputs + outputs, dtype=np.float64)

    def _on_synapses(self, sensitivity: Any) -> FloatArray:
        """|w| (a P_ii + b P_jj - sgn(w) P_ij), pairs summed over both entries: (n_units,)."""
        gradient: FloatArray = -self._sign * sensitivity[self._rows, self._columns]
        diagonal = np.diagonal(sensitivity)
        gradient += self._row_share * diagonal[self._rows]
        gradient += self._column_share * diagonal[self._columns]
        gradient *= self._size
        if self._mirror is None:
            return gradient
        return gradient[self._unit] + gradient[self._mirror[self._unit]]


@dataclass(frozen=True)
class _Whitening:
    """X -> L^-1 X L^-T, or X -> M^-1 X where H has no factor L. Both overwrite a C-ordered X."""

    factor: Any
    triangular: bool

    @classmethod
    def of(cls, net: RateNetwork) -> _Whitening:
        try:
            return cls(_inverse_factor(_symmetric_part(net)), True)
        except linalg.LinAlgError:
            if not net.is_symmetric:
                return cls(_inverse(net), False)
        raise unstable(net)

    def of_type(self, dtype: Any) -> _Whitening:
        return _Whitening(self.factor.astype(dtype, copy=False), self.triangular)

    def emphasised(self, net: RateNetwork, weight: float) -> _Whitening:
        """B L^-1, up to a rotation, so that E becomes B E B: by the factor of L B^-2 L^T."""
        ones = np.ones(net.n_neurons)
        lower = {"lower": True, "check_finite": False}
        try:
            response = linalg.solve(-net.dense_drift(), ones, check_finite=False)
            modes = np.column_stack([ones, response])
            modes = linalg.solve_triangular(self.factor, modes, trans=1, **lower)
            modes /= np.linalg.norm(modes, axis=0)  # so that the unit of time does not matter
            basis, sizes, _ = linalg.svd(modes, full_matrices=False)
            half = linalg.solve_triangular(self.factor, basis[:, sizes > 1e-6], **lower)
            matrix = _symmetric_part(net)
            matrix -= (1.0 - weight**-2) * half @ half.T
            return _Whitening(_inverse_factor(matrix), True)
        except linalg.LinAlgError:  # nearly singular: as it is
            return self

    def whitened(self, matrix: Any) -> Any:
        """What a relative change is made of: L^-1 X L^-T, or M^-1 X."""
        return self._both_sides(matrix, False) if self.triangular else self.factor @ matrix

    def sensitivity(self, matrix: Any) -> Any:
        """The adjoint: L^-T X L^-1, or M^-T X."""
        return self._both_sides(matrix, True) if self.triangular else self.factor.T @ matrix

    def _both_sides(self, matrix: Any, adjoint: bool) -> Any:
        """F X F^T, or F^T X F, in half the work of two products; BLAS sees transposes."""
        (trmm,) = linalg.get_blas_funcs(("trmm",), (matrix,))
        upper, columns = self.factor.T, matrix.T
        columns = trmm(1.0, upper, columns, side=1, trans_a=int(adjoint), overwrite_b=1)
        columns = trmm(1.0, upper, columns, side=0, trans_a=int(not adjoint), overwrite_b=1)
        return columns.T


def _symmetric_part(net: RateNetwork) -> FloatArray:
    """H"""
    drift = net.dense_drift()
    return -0.5 * (drift + drift.T)


def _inverse_factor(matrix: FloatArray) -> FloatArray:
    """L^-1 of L L^T = matrix, (N, N), lower triangular."""
    factor = linalg.cholesky(matrix, lower=True, check_finite=False)
    inverse, failed = linalg.lapack.dtrtri(factor, lower=True)
    if failed:
        raise linalg.LinAlgError
    return np.ascontiguousarray(np.tril(inverse))


def _inverse(net: RateNetwork) -> FloatArray:
    """M^-1"""
    try:
        return np.ascontiguousarray(linalg.inv(-net.dense_drift(), check_finite=False))
    except linalg.LinAlgError as error:
        raise unstable(net) from error
