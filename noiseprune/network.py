"""The problem: a linear rate network driven by noise.

    dx/dt = A x + b + sigma xi(t),    A = W - diag(leak)

`W[i, j]` is the synapse from neuron j (presynaptic) to neuron i (postsynaptic); the
diagonal is zero and any sign is allowed. `leak[i] > 0` in 1/s. The network has a
stationary state exactly when every eigenvalue of the drift A has a negative real part.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import cached_property
from numbers import Real
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

_DENSE_WEIGHTS = 500
"""The same for the weights alone, whose leading eigenvalue stands apart in most networks."""

_RESTARTS = 300
"""Arnoldi restarts before giving up: typical networks need some ten."""


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
        self.labels = None if labels is None else _checked_labels(labels, n)
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
        _read_only(self.weights)
        _read_only(self.leak)
        vars(self)["_frozen"] = True

    def __setattr__(self, name: str, value: object) -> None:
        if "_frozen" in vars(self):
            raise AttributeError(f"a RateNetwork is immutable: make a new one to change its {name}")
        super().__setattr__(name, value)

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
        _read_only(csr)
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
    def _strengths(self) -> tuple[FloatArray, FloatArray]:
        inputs, outputs = absolute_sums(self.csr)
        _read_only(inputs)
        _read_only(outputs)
        return inputs, outputs

    @property
    def input_strength(self) -> FloatArray:
        """(N,) sum_j |w_ij|: the total |input| of every neuron."""
        return self._strengths[0]

    @property
    def output_strength(self) -> FloatArray:
        """(N,) sum_i |w_ij|: the total |output| of every neuron."""
        return self._strengths[1]

    @property
    def dominance_excess(self) -> FloatArray:
        """(N,) delta_i = leak_i - (row sum + column sum of |W|)_i / 2.

        Where delta >= 0, -A of a symmetric network, or the symmetric part of -A of a directed
        one, is diagonally dominant. (Directed, the converse fails: w_ij and w_ji may cancel.)
        """
        return self.leak - 0.5 * (self.input_strength + self.output_strength)

    @property
    def is_diagonally_dominant(self) -> bool:
        """True if the symmetric part of -A is diagonally dominant, to rounding:
        leak_i >= sum_j |w_ij + w_ji| / 2 for every neuron i.
        """
        excess = self.dominance_excess
        if not self.is_symmetric:
            both = sparse.csr_array(self.csr + self.csr.T)
            excess = self.leak - 0.5 * absolute_sums(both)[0]
        return bool(np.all(excess >= -1e-12 * np.abs(self.leak)))

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
        abscissa = weights_abscissa(raw.csr, symmetric=raw.is_symmetric)
        if not abscissa > 0:
            raise NetworkError(
                "the spectral abscissa of the counts is 0, so no gain can scale it (the network "
                "has no recurrent loop, or only loops that oscillate): give RateNetwork a leak "
                "instead"
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
        for pre, post, value in graph.edges(data=weight, default=1):
            if not isinstance(value, Real):
                raise NetworkError(
                    f"edge ({pre!r}, {post!r}) has {weight} {value!r}: give every edge a number"
                )
        adjacency = nx.to_scipy_sparse_array(graph, weight=weight, dtype=np.float64)
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


def _read_only(array: Weights) -> None:
    parts = [array]
    if isinstance(array, sparse.csr_array):
        parts = [array.data, array.indices, array.indptr]
    for part in parts:
        part.setflags(write=False)


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
        _check_shape(weights.shape)
        _check_numeric(weights.dtype)
        csr = sparse.csr_array(weights, dtype=np.float64, copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        _check_finite(csr.data, row_index(csr), csr.indices)
    else:
        try:
            dense = np.asarray(weights)
        except ValueError as error:
            raise NetworkError(
                f"the weights are not a rectangular array ({error}): give an N x N array"
            ) from error
        _check_shape(dense.shape)
        _check_numeric(dense.dtype)
        finite = np.isfinite(dense)
        if not finite.all():
            rows, columns = np.nonzero(~finite)
            _check_finite(dense[rows, columns], rows, columns)
        n_synapses = np.count_nonzero(dense) - np.count_nonzero(np.diagonal(dense))
        if n_synapses >= 0.5 * dense.size:
            return _without_self(np.array(dense, dtype=np.float64), drop_self=drop_self)
        csr = sparse.csr_array(dense, dtype=np.float64)
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


def _check_shape(shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise NetworkError(f"the network is empty, of shape {shape}: give at least one neuron")
    if len(shape) != 2 or shape[0] != shape[1]:
        raise NetworkError(
            f"the weights have shape {shape}, but must be square: give W[post, pre] as an N x N "
            "array"
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
            f"W[{rows[k]}, {columns[k]}] = {values[k]}, but weights must be finite ({bad.size} "
            "of them are not): replace or remove them"
        )


def _refuse_self(number: int, *, drop_self: bool) -> None:
    if not drop_self:
        plural = "self-synapse" if number == 1 else "self-synapses"
        raise NetworkError(
            f"{number} {plural} on the diagonal of W, but it must be zero: drop them with "
            "--drop-self (drop_self=True), or put them in the leak"
        )


def _checked_labels(labels: Any, n: int) -> tuple[str, ...]:
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise NetworkError(f"labels are {labels!r}: give a sequence of {n} strings")
    names = tuple(str(label) for label in labels)
    if len(names) != n:
        raise NetworkError(f"{len(names)} labels for {n} neurons: give one label a neuron")
    return names


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
        if not np.all(np.isfinite(sums)):
            raise NetworkError("the sum of |weights| of a neuron overflows: scale the weights down")
        connected = sums > 0
        isolated = float(np.mean(sums[connected])) if np.any(connected) else 1.0
        return np.where(connected, sums, isolated) * (1.0 + margin)
    try:
        values = np.asarray(leak)
    except ValueError:
        values = np.empty(0, dtype=object)
    if values.dtype.kind not in "fiu":
        raise NetworkError(f'leak is {leak!r}: give "dominant", a number or one number a neuron')
    values = np.array(values, dtype=np.float64)
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
    solve, which = (sparse_linalg.eigsh, "LA") if symmetric else (sparse_linalg.eigs, "LR")
    try:
        top = solve(
            matrix,
            k=1,
            which=which,
            v0=start,
            ncv=60,
            maxiter=_RESTARTS,
            tol=1e-9,
            return_eigenvectors=False,
        )
    except sparse_linalg.ArpackNoConvergence as error:
        raise ConvergenceError(
            f"the spectral abscissa of {matrix.shape[0]} neurons did not converge: set "
            f"noiseprune.network.DENSE_EIGENVALUES to {matrix.shape[0]} to have it computed densely"
        ) from error
    return float(np.max(np.real(top)))


def weights_abscissa(csr: sparse.csr_array, *, symmetric: bool) -> float:
    """Largest real part of the eigenvalues of a weight matrix with zero diagonal, at least 0.

    The largest over the strongly connected parts: a feedforward path between parts moves no
    eigenvalue, yet misleads Arnoldi iteration.
    """
    n_parts, label = sparse.csgraph.connected_components(csr, connection="strong")
    ends = np.cumsum(np.bincount(label))
    members = np.split(np.argsort(label, kind="stable"), ends[:-1])
    parts = [csr] if n_parts == 1 else (csr[k][:, k] for k in members if k.size > 1)
    abscissa = max((_part_abscissa(part, symmetric=symmetric) for part in parts), default=0.0)
    rounding = 1e-12 * float(np.max(absolute_sums(csr)[0], initial=0.0))
    return abscissa if abscissa > rounding else 0.0


def _part_abscissa(weights: sparse.csr_array, *, symmetric: bool) -> float:
    n = weights.shape[0]
    if n > _DENSE_WEIGHTS:
        try:
            return _iterative_abscissa(weights, symmetric=symmetric)
        except ConvergenceError:
            if n > DENSE_EIGENVALUES:
                raise
    return _dense_abscissa(weights.toarray(), symmetric=symmetric)
