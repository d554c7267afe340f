"""The relative change that a pruning makes, and which synapses it hangs on, by probes.

With M = -A, M_s = -A_s and Delta = M_s - M, epsilon is the spectral norm of

    E = L^-1 Delta L^-T,  L L^T = H = (M + M^T) / 2      (E = M^-1 Delta where H is not positive)

and Delta is linear in multipliers x_e >= 0 of the synapses e = (i, j),

    Delta = sum_e (x_e - 1) |w_e| (a e_i e_i^T + b e_j e_j^T - sgn(w_e) e_i e_j^T)

where the leak follows the weights as the balance asks: (a, b) = (1, 0) for "leak", (1/2, 1/2) for
"homeostatic", whose rest goes to the leak, and (0, 0) for "none". What is to be made small is

    log ||E||_2q + lambda log d,    d^2 = || E L^T Y ||_F^2 / || L^T Y ||_F^2

the Schatten norm, which is the epsilon for large q, and the size of the change for the network's
own activity Y: noise, the uniform state, and the steady response -A^-1 1 to uniform input, all
weighted alike. The first alone would spend the slow, collective modes, in which E is small and the
dynamics large. Under noise L^T Y is white (where M is symmetric), so that part is ||E||_F.

The gradient of both is |w_e| (a P_ii + b P_jj - sgn(w_e) P_ij) for

    P = t y^T / <t, Delta y> summed over probes,    y = L^-T (E^T E)^b z,  t = L^-T E (E^T E)^a z

with a + b = q - 1 and z standard normal; and P = lambda t Y^T / <t, Delta Y>, t = H^-1 Delta Y, for
the activity. So a gradient on all synapses takes q solves with H for a block of probes, and no
N x N array but the factor of H where that is dense. New probes at every step cannot be overfitted.

Source: this package's; the Schatten norm by random probes is Hutchinson's estimate (1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from noiseprune import kernels
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.network import RateNetwork, unstable
from noiseprune.solvers import Dominant, drives
from noiseprune.solvers import kernels as blocks
from noiseprune.solvers.shifted import solve_shifted
from noiseprune.weights import FloatArray, IntArray, row_index

SHARES = {"leak": (1.0, 0.0), "none": (0.0, 0.0), "homeostatic": (0.5, 0.5)}
"""(a, b): shares of a synapse that stand in the leak of its post- and presynaptic neuron."""
ACTIVITY = 0.7
"""lambda"""
DENSE = 12_000
"""Up to this many neurons H is factored, above it is solved by conjugate gradients."""
_DENSITY = 0.05
"""A denser matrix is multiplied as a dense one."""
COLUMNS = drives.BLOCK
"""Probes of a gradient; random drives have no more."""
_SOLVE_ERROR = 0.3
Single = npt.NDArray[np.float32]


class _Whitening(Protocol):
    """L^-T, or where H is not positive definite the identity, and what stands around Delta."""

    def draw(self, z: Single, rng: np.random.Generator) -> Single:
        """L^-T z; (N, k) blocks"""

    def left(self, x: Single) -> Single:
        """H^-1 x, or (M M^T)^-1 x"""

    def right(self, x: Single) -> Single:
        """H^-1 x, or x"""


@dataclass(frozen=True)
class _Factored:
    """H = L L^T, dense; lower : (N, N) L in Fortran order."""

    lower: Single

    def draw(self, z: Single, rng: np.random.Generator) -> Single:
        return self._solve(z, transposed=True)

    def left(self, x: Single) -> Single:
        return self._solve(self._solve(x), transposed=True)

    right = left

    def _solve(self, x: Single, transposed: bool = False) -> Single:
        (trsm,) = linalg.get_blas_funcs(("trsm",), (x,))
        # BLAS reads columns: x^T <- x^T L^-T, or x^T L^-1
        return trsm(  # type: ignore[no-any-return]
            1.0, self.lower, x.T, side=1, lower=1, trans_a=int(not transposed)
        ).T


@dataclass(frozen=True)
class _Inverted:
    """M^-1, dense, where H is not positive definite."""

    inverse: Single

    def draw(self, z: Single, rng: np.random.Generator) -> Single:
        return z

    def left(self, x: Single) -> Single:
        return self.inverse.T @ (self.inverse @ x)

    def right(self, x: Single) -> Single:
        return x


@dataclass(frozen=True)
class _Iterated:
    """H sparse and diagonally dominant: conjugate gradients, to what a gradient needs."""

    system: Dominant

    def draw(self, z: Single, rng: np.random.Generator) -> Single:
        key = rng.integers(2**64, size=2, dtype=np.uint64)
        csr, load = self.system.weights, np.empty_like(z)
        drives.drive(csr.indptr, csr.indices, csr.data, self.system.excess, key, 0, load)
        return self.left(load)

    def left(self, x: Single) -> Single:
        return self.system.solve(x.copy(), _SOLVE_ERROR).x

    right = left


def _whitening(net: RateNetwork) -> _Whitening:
    if net.n_neurons > DENSE:
        return _Iterated(Dominant.of(net).with_preconditioner("auto"))
    drift = net.dense_drift()
    symmetric = -0.5 * (drift + drift.T)
    try:
        lower = linalg.cholesky(symmetric.T, lower=True, overwrite_a=True, check_finite=False)
        return _Factored(np.asarray(lower, dtype=np.float32, order="F"))
    except linalg.LinAlgError:
        if net.is_symmetric:
            raise unstable(net) from None
    try:
        return _Inverted(linalg.inv(-drift, check_finite=False).astype(np.float32))
    except linalg.LinAlgError as error:
        raise unstable(net) from error


@dataclass(frozen=True)
class Slope:
    """(n_units,) gradient, and the two terms of the objective, both logarithms."""

    gradient: Single
    log_norm: float
    log_activity: float

    @property
    def objective(self) -> float:
        return self.log_norm + ACTIVITY * self.log_activity


class Change:
    """E of a network as a function of the multipliers of its units.

    A unit is a synapse, or the two synapses of a pair of a symmetric network.
    """

    def __init__(self, net: RateNetwork, balance: str) -> None:
        self._csr = net.csr
        self.symmetric = net.is_symmetric
        self._shares = SHARES[balance]
        self._white = _whitening(net)
        n = net.n_neurons
        self._dense = n <= DENSE and net.n_synapses > _DENSITY * n**2
        self.starts: IntArray = self._csr.indptr
        self._transposed = None
        if self.symmetric:
            self.starts = kernels.pair_starts(self._csr.indptr, self._csr.indices)
        elif not self._dense:
            places = np.arange(self._csr.nnz, dtype=self._csr.indices.dtype)
            found = sparse.csr_array((places, self._csr.indices, self._csr.indptr), self._csr.shape)
            self._transposed = found.T.tocsr()
        self._own = self._steady(net)

    def _steady(self, net: RateNetwork) -> Single:
        """(N, 2) the uniform state and the response to uniform input, each of size 1 in H."""
        ones = np.ones(net.n_neurons)
        states = np.column_stack([ones, self._response(net, ones)])
        if isinstance(self._white, _Inverted):
            return np.asarray(states / np.linalg.norm(states, axis=0), dtype=np.float32)
        image = net.drift_product(states) + net.drift_product(states, transposed=True)
        size = np.sqrt(-0.5 * np.sum(states * image, axis=0))
        return np.asarray(states / size, dtype=np.float32)

    def _response(self, net: RateNetwork, drive: FloatArray) -> FloatArray:
        """(N,) M^-1 drive: where the rates come to rest."""
        if net.n_neurons <= DENSE_EIGENVALUES:
            found: FloatArray = linalg.solve(-net.dense_drift(), drive, check_finite=False)
        elif not net.is_symmetric:
            load = drive[:, None].astype(np.complex128)
            steady, _ = solve_shifted(net.csr, net.leak, np.zeros(1), load)
            found = cast(FloatArray, steady[:, 0].real)
        elif isinstance(self._white, _Iterated):
            found = cast(FloatArray, self._white.system.solve(drive[:, None].copy()).x[:, 0])
        else:  # M is H, and has its factor
            found = self._white.left(drive[:, None].astype(np.float32))[:, 0].astype(np.float64)
        return found

    @property
    def n_synapses(self) -> int:
        return int(self._csr.nnz)

    def on_entries(self, units: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of the units on all entries."""
        if not self.symmetric:
            return units
        found: npt.NDArray[Any] = kernels.onto_pairs(self._csr.indptr, self._csr.indices, units)
        return found

    def on_units(self, entries: FloatArray) -> FloatArray:
        """Values of the entries, one a unit."""
        if not self.symmetric:
            return entries
        found: FloatArray = kernels.above_diagonal(self._csr.indptr, self._csr.indices, entries)[1]
        return found

    def slope(self, multiplier: Single, order: int, rng: np.random.Generator) -> Slope:
        """Objective and gradient for q = `order` at the multipliers (n_units,), by new probes."""
        csr, white = self._csr, self._white
        delta = self._delta(multiplier)
        z = rng.standard_normal((csr.shape[0], COLUMNS), dtype=np.float32)
        noise = white.draw(z, rng)
        noise *= np.float32(1.0 / np.linalg.norm(z))
        own = np.concatenate([noise, self._own], axis=1)
        image = delta.product(own)
        answer = white.left(image)
        activity = _inner(image, answer)
        y, t, image = noise, answer[:, :COLUMNS].copy(), image[:, :COLUMNS]
        size_y = size_t = 0.0  # logarithms of what y and t were divided by
        for power in range(1, order):
            if power % 2:
                y = white.right(delta.product(t, transposed=True))
                size_y = size_t + _normalise(y)
                image = delta.product(y)
            else:
                t = white.left(image)
                size_t = size_y + _normalise(t)
        trace = _inner(t, image)
        if not (trace > 0 and activity > 0):
            return Slope(np.zeros(multiplier.size, np.float32), -np.inf, -np.inf)
        left = np.concatenate([t / np.float32(trace), answer * np.float32(ACTIVITY / activity)], 1)
        gradient = blocks.on_synapses(
            csr.indptr,
            csr.indices,
            csr.data,
            self.starts,
            left,
            np.concatenate([y, own], axis=1),
            *self._shares,
            self.symmetric,
        )
        norm = (np.log(csr.shape[0] * trace) + size_y + size_t) / (2 * order)
        return Slope(gradient, norm, 0.5 * np.log(activity / (1 + self._own.shape[1])))

    def _delta(self, multiplier: Single) -> _Delta:
        csr = self._csr
        change = csr.data * (self.on_entries(multiplier) - np.float32(1.0))
        leak = np.zeros(csr.shape[0])
        if any(self._shares):
            a, b = self._shares
            strength = np.sign(csr.data) * change
            leak += a * np.bincount(row_index(csr), strength, minlength=leak.size)
            leak += b * np.bincount(csr.indices, strength, minlength=leak.size)
        change = change.astype(np.float32)
        matrix = None
        if self._dense:
            matrix = sparse.csr_array((-change, csr.indices, csr.indptr), csr.shape).toarray()
            matrix[np.diag_indices_from(matrix)] = leak
        return _Delta(csr, change, leak, self._transposed, matrix)


@dataclass(frozen=True)
class _Delta:
    """M_s - M = diag(leak) - the off-diagonal entries (nnz,).

    transposed : CSR whose data are the places of its entries; None where it is not needed
    matrix : (N, N) the whole, where that is faster
    """

    csr: sparse.csr_array
    entries: Single
    leak: FloatArray
    transposed: sparse.csr_array | None
    matrix: Single | None

    def product(self, x: Single, *, transposed: bool = False) -> Single:
        """Delta x, or Delta^T x"""
        if self.matrix is not None:
            return (self.matrix.T if transposed else self.matrix) @ x
        y, csr, entries = np.empty_like(x), self.csr, self.entries
        if transposed and self.transposed is not None:
            csr, entries = self.transposed, entries[self.transposed.data]
        blocks.product(csr.indptr, csr.indices, entries, self.leak, x, y)
        return y


def _inner(a: Single, b: Single) -> float:
    return float(np.einsum("ic,ic->", a, b, dtype=np.float64))


def _normalise(x: Single) -> float:
    """Divide x by its size, and give the logarithm of that."""
    size = float(np.linalg.norm(x))
    if size > 0:
        x /= np.float32(size)
    return float(np.log(size)) if size > 0 else 0.0
