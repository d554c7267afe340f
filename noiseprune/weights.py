"""Weight matrices W[post, pre]: their types, storage and soundness."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import NetworkError

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
Weights: TypeAlias = FloatArray | sparse.csr_array

_ROWS = 512


def read_only(array: Weights) -> None:
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
    """Row sums and column sums of |W|, each (N,); a block of rows at a time, to save memory."""
    rows, columns = np.zeros(csr.shape[0]), np.zeros(csr.shape[1])
    for first in range(0, csr.shape[0], _ROWS):
        magnitude = abs(csr[first : first + _ROWS])
        rows[first : first + _ROWS] = magnitude @ np.ones(csr.shape[1])
        columns += np.ones(magnitude.shape[0]) @ magnitude
    return rows, columns


def stored(csr: sparse.csr_array) -> Weights:
    """Weights in the storage that their density asks for: CSR below one half, else dense."""
    n_rows, n_columns = csr.shape
    return csr if csr.nnz < 0.5 * n_rows * n_columns else cast(FloatArray, csr.toarray())


def checked_weights(weights: Any, *, drop_self: bool) -> Weights:
    """The weights in their storage, without self-synapses, or one clear sentence."""
    dense = None
    if sparse.issparse(weights):
        _check(weights.shape, weights.dtype)
        csr = sparse.csr_array(weights, dtype=np.float64, copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        if not np.isfinite(csr.data).all():
            _refuse_not_finite(csr.data, row_index(csr), csr.indices)
        diagonal = csr.diagonal()
    else:
        try:
            dense = np.asarray(weights)
        except ValueError as error:
            raise NetworkError(
                f"the weights are not a rectangular array ({error}): give an N x N array"
            ) from error
        _check(dense.shape, dense.dtype)
        finite = np.isfinite(dense)
        if not finite.all():
            rows, columns = np.nonzero(~finite)
            _refuse_not_finite(dense[rows, columns], rows, columns)
        diagonal = np.diagonal(dense)
    n_self = int(np.count_nonzero(diagonal))
    if n_self and not drop_self:
        raise NetworkError(
            f"{n_self} self-synapse{'' if n_self == 1 else 's'} on the diagonal of W, but it must "
            "be zero: drop them with --drop-self (drop_self=True), or put them in the leak"
        )
    if dense is not None:
        if np.count_nonzero(dense) - n_self >= 0.5 * dense.size:
            kept = np.array(dense, dtype=np.float64)
            np.fill_diagonal(kept, 0.0)
            return kept
        csr = sparse.csr_array(dense, dtype=np.float64)
        csr.sort_indices()
    if n_self:
        csr.data[row_index(csr) == csr.indices] = 0.0
        csr.eliminate_zeros()
    if csr.nnz < 2**31 and csr.indices.dtype != np.int32:
        csr = sparse.csr_array(
            (csr.data, csr.indices.astype(np.int32), csr.indptr.astype(np.int32)), shape=csr.shape
        )
    return csr


def _check(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if 0 in shape:
        raise NetworkError(f"the network is empty, of shape {shape}: give at least one neuron")
    if len(shape) != 2 or shape[0] != shape[1]:
        raise NetworkError(
            f"the weights have shape {shape}, but must be square: give W[post, pre] as an N x N "
            "array"
        )
    if dtype.kind == "c":
        raise NetworkError("the weights are complex: give real weights, such as W.real")
    if dtype.kind not in "fiub":
        raise NetworkError(f"the weights are of type {dtype}, not numbers: give real numbers")


def _refuse_not_finite(values: npt.NDArray[Any], rows: IntArray, columns: IntArray) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    k = bad[0]
    raise NetworkError(
        f"W[{rows[k]}, {columns[k]}] = {values[k]}, but weights must be finite (not finite: "
        f"{bad.size} in all): replace or remove them"
    )
