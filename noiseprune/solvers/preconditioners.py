"""Approximate inverses of M = diag(leak) - W for networks that the diagonal is too weak for.

- "approximate-cholesky": randomised elimination (Gao, Kyng and Spielman, SIAM J. Sci. Comput.
  2025), by the package approx-chol, with a fixed seed.
- "multigrid": classical algebraic multigrid (Ruge and Stueben 1987), by the package pyamg.

Both take M-matrices, whose weights have one sign. A signed network goes through its double cover

    [[D - W+, -W-], [-W-, D - W+]],  W = W+ - W-,

an M-matrix for which (x, -x) answers (b, -b) if M x = b.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from scipy import sparse

from noiseprune.errors import MissingExtraError, OptionError
from noiseprune.kernels import Reals
from noiseprune.weights import FloatArray

Apply = Callable[[Reals], Reals]


@dataclass(frozen=True)
class Maker:
    """A preconditioner beside the diagonal.

    build : M, or its double cover -> (b -> P^-1 b), P symmetric and positive definite
    package : that it needs
    cost : time of a step over that with the diagonal, measured on a sheet of 90,000 neurons
    """

    build: Callable[[sparse.csr_array], Callable[[FloatArray], FloatArray]]
    package: str
    cost: float


def available() -> list[str]:
    """Names of the preconditioners whose packages are installed."""
    return [name for name, maker in MAKERS.items() if find_spec(maker.package)]


def build(name: str, weights: sparse.csr_array, leak: FloatArray) -> Apply:
    """r (N, k) -> P^-1 r, P near M."""
    maker = MAKERS[name]
    if find_spec(maker.package) is None:
        raise MissingExtraError(
            f"the preconditioner '{name}' needs the package {maker.package}: pip install "
            "'noiseprune[scale]'"
        )
    signed = bool(np.any(weights.data < 0))
    matrix = sparse.csr_array(sparse.diags_array(leak) - weights)
    if signed:
        excitatory, inhibitory = weights.maximum(0.0), (-weights).maximum(0.0)
        own = sparse.diags_array(leak) - excitatory
        matrix = sparse.csr_array(sparse.block_array([[own, -inhibitory], [-inhibitory, own]]))
    solve = maker.build(matrix)
    n = leak.size

    def apply(r: Reals) -> Reals:
        z = np.empty_like(r)
        for column in range(r.shape[1]):
            b = r[:, column].astype(np.float64)
            if signed:
                both = solve(np.concatenate([b, -b]))
                z[:, column] = 0.5 * (both[:n] - both[n:])
            else:
                z[:, column] = solve(b)
        return z

    return apply


def _cholesky(matrix: sparse.csr_array) -> Callable[[FloatArray], FloatArray]:
    from approx_chol import Config, factorize

    n = matrix.shape[0]
    if matrix.nnz >= 2**32:
        raise OptionError(
            f"approximate-cholesky counts entries in 32 bits, but the system has {matrix.nnz}: "
            "choose another solver (--solver diagonal)"
        )
    unsigned = sparse.csr_array(
        (matrix.data, matrix.indices.astype(np.uint32), matrix.indptr.astype(np.uint32)),
        shape=matrix.shape,
    )
    factor = factorize(unsigned, Config(seed=0))
    return lambda b: factor.solve(b)[:n]


def _multigrid(matrix: sparse.csr_array) -> Callable[[FloatArray], FloatArray]:
    import pyamg

    levels = pyamg.ruge_stuben_solver(matrix)
    cycle = levels.aspreconditioner()
    return lambda b: cycle @ b


MAKERS = {
    "approximate-cholesky": Maker(_cholesky, "approx_chol", cost=3.0),
    "multigrid": Maker(_multigrid, "pyamg", cost=19.0),
}
