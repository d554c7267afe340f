"""Matrix Market: W as text. It holds neither leak nor labels.

Files are read here rather than by `scipy.io.mmread`, whose compiled reader takes "1.0x5" for a
number and can crash the interpreter on a damaged file (SciPy 1.17).

Source: R. F. Boisvert, R. Pozo and K. A. Remington, "The Matrix Market exchange formats:
initial design", NISTIR 5935, 1996.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import FileError
from noiseprune.files.guard import printable
from noiseprune.files.stored import Stored
from noiseprune.network import RateNetwork

FloatArray = npt.NDArray[np.float64]
_MIRROR_SIGN = {"symmetric": 1.0, "skew-symmetric": -1.0}


def read_mtx(path: Path) -> Stored:
    """W of a "coordinate" or "array" file of real, integer or pattern entries."""
    with path.open(encoding="utf-8") as file:
        banner = file.readline()
        match banner.lower().split():
            case ["%%matrixmarket", "matrix", ("coordinate" | "array") as layout, field, symmetry]:
                pass
            case _:
                raise FileError(
                    f"{path} starts with {printable(banner, 40)!r}, but a Matrix Market file "
                    "starts with '%%MatrixMarket matrix': save the weights as one"
                )
        known = symmetry == "general" or symmetry in _MIRROR_SIGN
        if field not in ("real", "double", "integer", "pattern") or not known:
            raise FileError(
                f"{path} is {printable(field, 20)} {printable(symmetry, 20)}, but weights are "
                "real and general, symmetric or skew-symmetric: save them as such"
            )
        size = file.readline()
        while size.startswith("%") or (size and not size.strip()):
            size = file.readline()
        counts = [int(cell) for cell in size.split()]
        if len(counts) != (3 if layout == "coordinate" else 2) or min(counts) < 0:
            raise FileError(f"{path} gives no size of its matrix: save it again")
        if layout == "coordinate":
            columns = 2 if field == "pattern" else 3
            body = _body(path, file, counts[2], columns)
            return Stored(_from_coordinates(path, body, counts[0], counts[1], symmetry))
        return Stored(_from_columns(path, file, counts[0], counts[1], symmetry))


def _body(path: Path, file: TextIO, entries: int, columns: int) -> FloatArray:
    """(entries, columns) the numbers that follow the header."""
    # An entry takes two bytes at least; a damaged count must not be believed any further.
    if 2 * entries > path.stat().st_size + 2:
        found = 0
    elif entries == 0:
        return np.empty((0, columns))
    else:
        try:
            body = np.loadtxt(file, dtype=np.float64, comments="%", ndmin=2)
        except ValueError as error:
            raise FileError(
                f"{path} has rows that are not {columns} numbers: it is truncated or damaged, so "
                "save it again"
            ) from error
        if body.shape == (entries, columns):
            return body
        found = len(body)
    raise FileError(
        f"{path} promises {entries} rows of {columns}, but has {found or 'no room for them'}: it "
        "is truncated or damaged, so save it again"
    )


def _from_coordinates(
    path: Path, body: FloatArray, n_rows: int, n_columns: int, symmetry: str
) -> sparse.coo_array:
    values = body[:, 2] if body.shape[1] == 3 else np.ones(len(body))
    if not np.all((body[:, :2] >= 1) & (body[:, :2] <= [n_rows, n_columns])):
        raise FileError(f"{path} has an index outside 1..{n_rows}, 1..{n_columns}: save it again")
    rows, columns = body[:, :2].T.astype(np.int64) - 1
    if symmetry != "general":
        mirrored = rows != columns
        sign = _MIRROR_SIGN[symmetry]
        values = np.concatenate([values, sign * values[mirrored]])
        rows, columns = (
            np.concatenate([rows, columns[mirrored]]),
            np.concatenate([columns, rows[mirrored]]),
        )
    return sparse.coo_array((values, (rows, columns)), shape=(n_rows, n_columns))


def _from_columns(
    path: Path, file: TextIO, n_rows: int, n_columns: int, symmetry: str
) -> npt.NDArray[Any]:
    """Dense W, column by column; a symmetric file holds the lower triangle only."""
    if symmetry == "general":
        body = _body(path, file, n_rows * n_columns, 1)
        return body.reshape((n_rows, n_columns), order="F")
    sign = _MIRROR_SIGN[symmetry]
    without_diagonal = int(sign < 0)
    body = _body(path, file, n_rows * (n_rows + 1 - 2 * without_diagonal) // 2, 1)
    # Column by column below the diagonal is row by row above it.
    upper = np.triu_indices(n_rows, k=without_diagonal)
    weights = np.zeros((n_rows, n_columns))
    weights[upper] = sign * body[:, 0]
    weights.T[upper] = body[:, 0]
    return weights


def write_mtx(network: RateNetwork, path: Path) -> None:
    from scipy.io import mmwrite

    symmetry = "symmetric" if network.is_symmetric else "general"
    mmwrite(path, network.weights, field="real", symmetry=symmetry)
