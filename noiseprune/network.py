"""The problem: a linear rate network driven by noise.

    dx/dt = A x + b + sigma xi(t),    A = W - diag(leak)

`W[i, j]` is the synapse from neuron j (presynaptic) to neuron i (postsynaptic); the
diagonal is zero and any sign is allowed. `leak[i] > 0` in 1/s. The network has a
stationary state exactly when every eigenvalue of the drift A has a negative real part.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.choices import positive
from noiseprune.errors import ConvergenceError, NetworkError, OptionError, UnstableError

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
Weights: TypeAlias = FloatArray | sparse.csr_array

DENSE_EIGENVALUES = 4000
"""Up to this many neurons eigenvalues come from dense LAPACK, above from Arnoldi iteration."""


class RateNetwork:
    """A rate network: weights, leak and labels; immutable.

    Parameters
    ----------
    weights : (N, N) array or SciPy sparse array or matrix
        W[post, pre], real and finite with a zero diagonal. Copied, never modified. Kept as
        CSR if it is sparse or less than half full, else as a dense array.
    leak : "dominant", float or (N,) array, 1/s
        "dominant": (1 + leak_margin) * sum_j |w_ij| for a symmetric network, and the larger
        of the row and the column sum for a directed one, so that -A, or its symmetric part,
        is diagonally dominant. A neuron without synapses gets the mean leak of the others.
    leak_margin : float
        Margin of the "dominant" leak, at least 0.
    labels : sequence of N strings, optional
    drop_self : bool
        Remove self-synapses rather than refuse them.

    Raises
    ------
    NetworkError
        If W is not square, finite, real, numeric or free of self-synapses, or if leak or
        labels do not fit it.
    """

    weights: Weights
    leak: FloatArray
    labels: tuple[str, ...] | None

    def __init__(
        self,
        weights: npt.ArrayLike | sparse.sparray | sparse.spmatrix,
        leak: str | float | npt.ArrayLike = "dominant",
        leak_margin: float = 0.1,
        labels: Sequence[str] | None = None,
        *,
        drop_self: bool = False,
    ) -> None:
        self.weights = _checked_weights(weights, drop_self=drop_self)
        n = self.n_neurons
        self.leak = _checked_leak(self, leak, leak_margin)
        if labels is not None and len(labels) != n:
            raise NetworkError(f"{len(labels)} labels for {n} neurons: give one label a neuron")
        self.labels = None if labels is None else tuple(str(label) for label in labels)
        self._freeze()

    @classmethod
    def from_parts(
        cls, weights: Weights, leak: FloatArray, labels: tuple[str, ...] | None = None
    ) -> RateNetwork:
        """Assemble a network from parts that are known to be sound, without copy or check.

        Here the leak may have any sign: the leak balance of a pruned network can drive it
        below zero, and a similarity report then says that the network is unstable.
        """
        network = cls.__new__(cls)
        network.weights, network.leak, network.labels = weights, leak, labels
        network._freeze()
        return network

    def _freeze(self) -> None:
        arrays = (
            [self.weights.data, self.weights.indices, self.weights.indptr]
            if isinstance(self.weights, sparse.csr_array)
            else [self.weights]
        )
        for array in (*arrays, self.leak):
            array.setflags(write=False)

    def __repr__(self) -> str:
        kind = "symmetric" if self.is_symmetric else "directed"
        return f"RateNetwork({self.n_neurons} neurons, {self.n_synapses} synapses, {kind})"

    # ------------------------------------------------------------------ size and synapses

    @property
    def n_neurons(self) -> int:
        return int(self.weights.shape[0])

    @property
    def n_synapses(self) -> int:
        """Number of non-zero entries of W; a symmetric pair counts twice."""
        return int(self.csr.nnz)

    @cached_property
    def csr(self) -> sparse.csr_array:
        """W as a CSR array in canonical form, whatever the storage of `weights`."""
        if isinstance(self.weights, sparse.csr_array):
            return self.weights
        csr = sparse.csr_array(self.weights)
        csr.sort_indices()
        return csr

    @property
    def synapses(self) -> tuple[IntArray, IntArray]:
        """(post, pre), each (n_synapses,), in row order."""
        return row_index(self.csr), self.csr.indices

    @property
    def synapse_weights(self) -> FloatArray:
        """(n_synapses,) the weights w_ij, aligned with `synapses`."""
        return cast(FloatArray, self.csr.data)

    def dense_weights(self) -> FloatArray:
        """W as a dense (N, N) array; a copy where the storage is sparse."""
        if isinstance(self.weights, sparse.csr_array):
            return cast(FloatArray, self.weights.toarray())
        return self.weights

    @property
    def drift(self) -> Weights:
        """A = W - diag(leak), in the same storage as `weights`."""
        if isinstance(self.weights, sparse.csr_array):
            return sparse.csr_array(self.weights - sparse.diags_array(self.leak))
        return self.dense_drift()

    def dense_drift(self) -> FloatArray:
        """A = W - diag(leak) as a new dense (N, N) array that the caller may overwrite."""
        sparse_storage = isinstance(self.weights, sparse.csr_array)
        drift = self.dense_weights() if sparse_storage else np.array(self.weights)
        np.fill_diagonal(drift, -self.leak)
        return drift

    # ------------------------------------------------------------------------- properties

    @cached_property
    def is_symmetric(self) -> bool:
        """True if W equals its transpose exactly."""
        if isinstance(self.weights, sparse.csr_array):
            transposed = self.weights.T.tocsr()
            return bool(
                np.array_equal(transposed.indptr, self.weights.indptr)
                and np.array_equal(transposed.indices, self.weights.indices)
                and np.array_equal(transposed.data, self.weights.data)
            )
        return bool(np.array_equal(self.weights, self.weights.T))

    @cached_property
    def input_strength(self) -> FloatArray:
        """(N,) sum_j |w_ij|: the total |input| of every neuron."""
        return absolute_sums(self.csr)[0]

    @cached_property
    def output_strength(self) -> FloatArray:
        """(N,) sum_i |w_ij|: the total |output| of every neuron."""
        return absolute_sums(self.csr)[1]

    @property
    def dominance_excess(self) -> FloatArray:
        """(N,) delta_i = leak_i - (row sum + column sum of |W|)_i / 2.

        -A of a symmetric network, or the symmetric part of -A of a directed one, is
        diagonally dominant where delta >= 0.
        """
        return self.leak - 0.5 * (self.input_strength + self.output_strength)

    @property
    def is_diagonally_dominant(self) -> bool:
        """True if the symmetric part of -A is diagonally dominant, to rounding."""
        return bool(np.all(self.dominance_excess >= -1e-12 * np.abs(self.leak)))

    def spectral_abscissa(self) -> float:
        """Largest real part of the eigenvalues of the drift A, 1/s.

        Dense LAPACK up to some thousands of neurons, Arnoldi iteration (ARPACK) above.
        """
        if self.n_neurons <= DENSE_EIGENVALUES:
            return _dense_abscissa(self.dense_drift(), symmetric=self.is_symmetric)
        return _iterative_abscissa(self.drift, symmetric=self.is_symmetric)

    # ------------------------------------------------------------------- other descriptions

    @classmethod
    def from_connectome(
        cls,
        counts: npt.ArrayLike | sparse.sparray | sparse.spmatrix,
        gain: float = 0.9,
        labels: Sequence[str] | None = None,
        *,
        drop_self: bool = False,
    ) -> RateNetwork:
        """Network with leak 1 and W scaled so that its spectral abscissa is `gain`.

            W = counts * gain / max Re lambda(counts),    A = W - I

        With gain below 1 the network is stable, with its slowest mode at gain - 1 (1/s).
        """
        gain = positive("gain", gain, remedy="give a number between 0 and 1")
        if gain >= 1:
            raise OptionError(f"gain is {gain:g}: the network is stable only for a gain below 1")
        raw = cls(counts, leak=1.0, labels=labels, drop_self=drop_self)
        abscissa = weights_abscissa(raw.weights, symmetric=raw.is_symmetric)
        if not abscissa > 1e-12 * max(float(np.max(raw.input_strength, initial=0.0)), 1e-300):
            raise NetworkError(
                f"the spectral abscissa of the counts is {abscissa:.3g}, so no gain can scale "
                "it (the network has no recurrent loop): give RateNetwork a leak instead"
            )
        return cls.from_parts(raw.weights * (gain / abscissa), raw.leak.copy(), raw.labels)

    @classmethod
    def from_networkx(
        cls,
        graph: Any,
        weight: str = "weight",
        leak: str | float | npt.ArrayLike = "dominant",
        leak_margin: float = 0.1,
        *,
        drop_self: bool = False,
    ) -> RateNetwork:
        """Network of a networkx graph; an edge (u, v) is the synapse from u to v.

        Edges without the attribute `weight` count 1, parallel edges add up, undirected graphs
        give symmetric networks. Nodes keep their order and become the labels.
        """
        import networkx as nx

        if not isinstance(graph, nx.Graph):
            raise NetworkError(f"expected a networkx graph, found {type(graph).__name__}")
        if graph.number_of_nodes() == 0:
            raise NetworkError("the graph has no nodes: give at least one neuron")
        try:
            adjacency = nx.to_scipy_sparse_array(graph, weight=weight, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise NetworkError(
                f"an edge's {weight!r} is not a number ({error}): give every edge a number"
            ) from error
        labels = [str(node) for node in graph.nodes]
        return cls(adjacency.T, leak, leak_margin, labels, drop_self=drop_self)

    def to_networkx(self) -> Any:
        """networkx graph: `Graph` if symmetric, else `DiGraph` with edges from pre to post.

        Nodes are the labels (or 0 .. N-1) with the attribute `leak`; edges have `weight`.
        """
        import networkx as nx

        graph = nx.Graph() if self.is_symmetric else nx.DiGraph()
        unique = self.labels is not None and len(set(self.labels)) == self.n_neurons
        nodes: Sequence[Hashable] = (
            self.labels if unique and self.labels is not None else range(self.n_neurons)
        )
        graph.add_nodes_from((node, {"leak": float(x)}) for node, x in zip(nodes, self.leak))
        post, pre = self.synapses
        graph.add_weighted_edges_from(
            (nodes[j], nodes[i], float(w)) for i, j, w in zip(post, pre, self.synapse_weights)
        )
        return graph


# ----------------------------------------------------------------------------- sparse parts


def row_index(csr: sparse.csr_array) -> IntArray:
    """(nnz,) row of every stored entry of a CSR array."""
    rows = np.arange(csr.shape[0], dtype=csr.indices.dtype)
    return np.repeat(rows, np.diff(csr.indptr))


def absolute_sums(csr: sparse.csr_array) -> tuple[FloatArray, FloatArray]:
    """Row sums and column sums of |W|, each (N,)."""
    magnitude = sparse.csr_array((np.abs(csr.data), csr.indices, csr.indptr), shape=csr.shape)
    ones = np.ones(csr.shape[0])
    return magnitude @ ones, ones @ magnitude


def stored(csr: sparse.csr_array) -> Weights:
    """Weights in the storage that their density asks for: CSR below one half, else dense."""
    n_rows, n_columns = csr.shape
    return csr if csr.nnz < 0.5 * n_rows * n_columns else cast(FloatArray, csr.toarray())


# -------------------------------------------------------------------------------- validation


def _checked_weights(weights: Any, *, drop_self: bool) -> Weights:
    if sparse.issparse(weights):
        if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
            raise NetworkError(_not_square(weights.shape))
        _check_numeric(weights.dtype)
        csr = sparse.csr_array(weights, dtype=np.float64, copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        _check_finite(csr.data, row_index(csr), csr.indices)
        size = csr.shape[0]
        was_sparse = True
    else:
        try:
            dense = np.asarray(weights)
        except ValueError as error:
            raise NetworkError(
                f"the weights are not a rectangular array ({error}): give an N x N array"
            ) from error
        if dense.ndim != 2 or dense.shape[0] != dense.shape[1]:
            raise NetworkError(_not_square(dense.shape))
        _check_numeric(dense.dtype)
        if not np.isfinite(np.sum(dense, dtype=np.float64)):
            bad = np.argwhere(~np.isfinite(dense))
            if len(bad):
                _check_finite(dense[bad[:, 0], bad[:, 1]], bad[:, 0], bad[:, 1])
        size = dense.shape[0]
        was_sparse = bool(np.count_nonzero(dense) < 0.5 * dense.size)
        csr = sparse.csr_array(dense, dtype=np.float64) if was_sparse else None
    if size == 0:
        raise NetworkError("the network is empty: give at least one neuron")
    if csr is None:
        return _without_self(np.array(dense, dtype=np.float64), drop_self=drop_self)
    csr.sort_indices()
    diagonal = csr.diagonal()
    if np.any(diagonal):
        _refuse_self(int(np.count_nonzero(diagonal)), drop_self=drop_self)
        csr.data[row_index(csr) == csr.indices] = 0.0
        csr.eliminate_zeros()
    if csr.nnz < 2**31 and csr.indices.dtype != np.int32:
        csr = sparse.csr_array(
            (csr.data, csr.indices.astype(np.int32), csr.indptr.astype(np.int32)), shape=csr.shape
        )
    return csr


def _without_self(dense: FloatArray, *, drop_self: bool) -> FloatArray:
    self_synapses = int(np.count_nonzero(np.diagonal(dense)))
    if self_synapses:
        _refuse_self(self_synapses, drop_self=drop_self)
        np.fill_diagonal(dense, 0.0)
    return dense


def _not_square(shape: tuple[int, ...]) -> str:
    return (
        f"the weights have shape {'x'.join(map(str, shape)) or '()'}, but must be square: "
        "give W[post, pre] as an N x N array"
    )


def _check_numeric(dtype: np.dtype[Any]) -> None:
    if dtype.kind == "c":
        raise NetworkError("the weights are complex: give real weights, such as W.real")
    if dtype.kind not in "fiub":
        raise NetworkError(f"the weights are of type {dtype}, not numbers: give real numbers")


def _check_finite(values: npt.NDArray[Any], rows: IntArray, columns: IntArray) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        k = bad[0]
        raise NetworkError(
            f"{bad.size} weights are not finite, the first is W[{rows[k]}, {columns[k]}] = "
            f"{values[k]}: replace or remove them"
        )


def _refuse_self(number: int, *, drop_self: bool) -> None:
    if not drop_self:
        plural = "self-synapse" if number == 1 else "self-synapses"
        raise NetworkError(
            f"{number} {plural} on the diagonal of W, but it must be zero: drop them with "
            "--drop-self (drop_self=True), or put them in the leak"
        )


def _checked_leak(network: RateNetwork, leak: Any, margin: float) -> FloatArray:
    n = network.n_neurons
    if isinstance(leak, str):
        if leak != "dominant":
            raise OptionError(f'unknown leak {leak!r}: give "dominant", a number or an array')
        if not (isinstance(margin, (int, float, np.number)) and 0 <= margin < np.inf):
            raise OptionError(f"leak margin is {margin!r}, but must be finite and at least 0")
        sums = network.input_strength
        if not network.is_symmetric:
            sums = np.maximum(sums, network.output_strength)
        connected = sums > 0
        isolated = float(np.mean(sums[connected])) if np.any(connected) else 1.0
        return np.where(connected, sums, isolated) * (1.0 + margin)
    try:
        values = np.array(leak, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NetworkError(
            f'leak is {leak!r}: give "dominant", a number or one number a neuron'
        ) from error
    if values.ndim == 0:
        values = np.full(n, float(values))
    if values.shape != (n,):
        raise NetworkError(
            f"leak has shape {values.shape} for {n} neurons: give a number or {n} of them"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise NetworkError(
            f"leak[{bad[0]}] is {values[bad[0]]:g}, but every leak must be finite and above 0"
        )
    return values


# ---------------------------------------------------------------------------- eigenvalues


def unstable(net: RateNetwork, abscissa: float | None = None) -> UnstableError:
    """The error for a drift without a stationary covariance, with a leak that would do."""
    if abscissa is None:
        abscissa = net.spectral_abscissa()
    scale = float(np.max(np.abs(net.leak)))
    found = "unstable" if abscissa > 1e-10 * scale else "singular to working precision"
    remedy = f"add at least {max(abscissa, 0.0) + 0.05 * scale:.3g} to the leak"
    if net.is_diagonally_dominant:
        remedy += ", or give the dominant leak a margin above 0 (--leak-margin 0.1)"
    else:
        remedy += ", or use leak='dominant' (--leak dominant)"
    return UnstableError(
        f"the drift is {found}: its spectral abscissa is {abscissa:.3g} 1/s, but must be below 0 "
        f"for a stationary covariance; {remedy}"
    )


def _dense_abscissa(matrix: FloatArray, *, symmetric: bool) -> float:
    from scipy import linalg

    if symmetric:
        n = matrix.shape[0]
        return float(linalg.eigvalsh(matrix, subset_by_index=(n - 1, n - 1))[0])
    return float(np.max(linalg.eigvals(matrix, overwrite_a=True, check_finite=False).real))


def _iterative_abscissa(matrix: Weights, *, symmetric: bool) -> float:
    from scipy.sparse import linalg as sparse_linalg

    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    try:
        if symmetric:
            top = sparse_linalg.eigsh(
                matrix, k=1, which="LA", v0=start, tol=1e-9, ncv=60, return_eigenvectors=False
            )
        else:
            top = sparse_linalg.eigs(
                matrix, k=1, which="LR", v0=start, tol=1e-9, ncv=60, return_eigenvectors=False
            )
    except sparse_linalg.ArpackNoConvergence as error:
        raise ConvergenceError(
            f"the spectral abscissa of {matrix.shape[0]} neurons did not converge: raise the leak"
        ) from error
    return float(np.max(np.real(top)))


def weights_abscissa(weights: Weights, *, symmetric: bool) -> float:
    """Largest real part of the eigenvalues of a weight matrix.

    That eigenvalue stands apart in most networks, so Arnoldi iteration is used early.
    """
    if weights.shape[0] <= 500:
        dense = weights.toarray() if isinstance(weights, sparse.csr_array) else np.array(weights)
        return _dense_abscissa(dense, symmetric=symmetric)
    return _iterative_abscissa(weights, symmetric=symmetric)
