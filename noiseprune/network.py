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
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune import eigenvalues, kernels
from noiseprune.checks import positive
from noiseprune.errors import NetworkError, OptionError, UnstableError
from noiseprune.weights import (
    FloatArray,
    IntArray,
    Weights,
    absolute_sums,
    checked_weights,
    read_only,
    row_index,
)


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
        self.weights = checked_weights(weights, drop_self=drop_self)
        self.leak = _checked_leak(self, leak, leak_margin)
        self.labels = None if labels is None else _checked_labels(labels, self.n_neurons)
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
        read_only(self.weights)
        read_only(self.leak)
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
        read_only(csr)
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
        weights = self.weights
        drift = weights.toarray() if isinstance(weights, sparse.csr_array) else np.array(weights)
        np.fill_diagonal(drift, -self.leak)
        return drift

    def drift_product(self, x: FloatArray, *, transposed: bool = False) -> FloatArray:
        """A x, or A^T x, for x (N,) or (N, k), without forming A."""
        weights = self.weights.T if transposed else self.weights
        product = weights @ x
        product -= (self.leak * x.T).T
        return cast(FloatArray, product)

    # ------------------------------------------------------------------------- properties

    @cached_property
    def is_symmetric(self) -> bool:
        """True if W equals its transpose exactly."""
        if isinstance(self.weights, sparse.csr_array):
            csr = self.weights
            return bool(kernels.is_symmetric(csr.indptr, csr.indices, csr.data))
        return bool(np.array_equal(self.weights, self.weights.T))

    @cached_property
    def _strengths(self) -> tuple[FloatArray, FloatArray]:
        sums = absolute_sums(self.csr)
        for each in sums:
            read_only(each)
        return sums

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
        return self._abscissa

    @cached_property
    def _abscissa(self) -> float:
        if self.n_neurons > eigenvalues.DENSE_EIGENVALUES:
            return eigenvalues.iterative_abscissa(self.drift, symmetric=self.is_symmetric)
        if self.is_symmetric:
            return eigenvalues.dense_abscissa(self.dense_drift(), symmetric=True)
        return float(np.max(self.eigenvalues.real))

    @cached_property
    def eigenvalues(self) -> npt.NDArray[np.inexact[Any]]:
        """(N,) eigenvalues of the drift A, 1/s: ascending if symmetric, else complex and unordered.

        Dense LAPACK, in O(N^3) and the memory of two matrices; computed once.
        """
        values = eigenvalues.dense_eigenvalues(self.dense_drift(), symmetric=self.is_symmetric)
        values.setflags(write=False)
        return values

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
        abscissa = eigenvalues.weights_abscissa(raw.csr, symmetric=raw.is_symmetric)
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
        leak: str | float | npt.ArrayLike | None = None,
        leak_margin: float = 0.1,
        *,
        drop_self: bool = False,
    ) -> RateNetwork:
        """Network of a networkx graph; an edge (u, v) is the synapse from u to v.

        Edges without the attribute `weight` count 1, parallel edges add up, undirected graphs
        give symmetric networks. Nodes keep their order and become the labels. With `leak` None
        the leak is the nodes' attribute `leak` if all have it, else "dominant".
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
        if leak is None:
            rates = [rate for _, rate in graph.nodes(data="leak")]
            leak = "dominant" if any(rate is None for rate in rates) else rates
        return cls(adjacency.T, leak, leak_margin, labels, drop_self=drop_self)

    def to_networkx(self) -> Any:
        """networkx graph: `Graph` if symmetric, else `DiGraph` with edges from pre to post.

        Nodes are the labels (or 0 .. N-1) with the attribute `leak`; edges have `weight`.
        """
        import networkx as nx

        graph = nx.Graph() if self.is_symmetric else nx.DiGraph()
        labels, n = self.labels or (), self.n_neurons
        nodes: Sequence[Hashable] = labels if len(set(labels)) == n else range(n)
        graph.add_nodes_from((node, {"leak": float(x)}) for node, x in zip(nodes, self.leak))
        post, pre = self.synapses
        graph.add_weighted_edges_from(
            (nodes[j], nodes[i], float(w)) for i, j, w in zip(post, pre, self.synapse_weights)
        )
        return graph


def on_synapses(net: RateNetwork, values: npt.NDArray[kernels.V]) -> npt.NDArray[kernels.V]:
    """Values of units on all synapses, (n_synapses,): a unit of a symmetric network is a pair, by
    its entry above the diagonal, and of a directed one a synapse.
    """
    if not net.is_symmetric:
        return values
    return kernels.onto_pairs(net.csr.indptr, net.csr.indices, values)


def size_in_words(net: RateNetwork) -> str:
    """Neurons and synapses, with the neurons that have none."""
    alone = int(((net.input_strength == 0) & (net.output_strength == 0)).sum())
    without = f" ({alone:,} without synapses)" if alone else ""
    return f"{net.n_neurons:,} neurons{without}, {net.n_synapses:,} synapses"


def not_a_network(found: object) -> str:
    """What to say where a `RateNetwork` is needed and something else was given."""
    kind = type(found).__name__
    if kind == "Pruning":
        return "expected a RateNetwork, found a Pruning: give its .network"
    return f"expected a RateNetwork, found {kind}: make one with RateNetwork(weights)"


def unstable(net: RateNetwork, abscissa: float | None = None) -> UnstableError:
    """The error for a drift without a stationary covariance, with a leak that would do."""
    if abscissa is None:
        abscissa = net.spectral_abscissa()
    scale = float(np.max(np.abs(net.leak)))
    found = "unstable" if abscissa > 1e-10 * scale else "singular to working precision"
    remedy = f"add {max(abscissa, 0.0) + 0.05 * scale:.3g} to the leak"
    if net.is_diagonally_dominant:
        remedy += ", or give the dominant leak a margin above 0 (--leak-margin 0.1)"
    else:
        remedy += ", or use leak='dominant' (--leak dominant)"
    return UnstableError(
        f"the drift is {found}: its spectral abscissa is {abscissa:.3g} 1/s, but must be below 0 "
        f"for a stationary covariance; {remedy}"
    )


# -------------------------------------------------------------------------------- validation


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
    if values.shape not in ((), (n,)):
        raise NetworkError(
            f"leak has shape {values.shape} for {n} neurons: give a number or {n} of them"
        )
    values = np.array(np.broadcast_to(values, (n,)), dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise NetworkError(
            f"leak[{bad[0]}] is {values[bad[0]]:g}, but every leak must be finite and above 0"
        )
    return values
