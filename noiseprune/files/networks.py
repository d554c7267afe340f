"""Networks in files: the format is that of the suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import FileError, NetworkError
from noiseprune.files import formats, matlab, matrix_market, tables
from noiseprune.files.atomic import checked_target, writing
from noiseprune.files.guard import by_suffix, reading
from noiseprune.files.stored import Stored, is_plausible
from noiseprune.files.trajectories import trajectory_format
from noiseprune.network import RateNetwork
from noiseprune.weights import stored


@dataclass(frozen=True)
class _Format:
    read: Callable[[Path], Stored]
    write: Callable[[RateNetwork, Path], None]
    holds_leak: bool = False


_FORMATS = {
    ".npz": _Format(formats.read_npz, formats.write_npz, holds_leak=True),
    ".mtx": _Format(matrix_market.read_mtx, matrix_market.write_mtx),
    ".npy": _Format(formats.read_npy, formats.write_npy),
    ".csv": _Format(tables.read_table, tables.write_table),
    ".tsv": _Format(tables.read_table, tables.write_table),
    ".graphml": _Format(formats.read_graph, formats.write_graph, holds_leak=True),
    ".gml": _Format(formats.read_graph, formats.write_graph, holds_leak=True),
    ".mat": _Format(matlab.read_mat, matlab.write_mat, holds_leak=True),
}


def load(
    path: str | os.PathLike[str],
    *,
    leak: str | float | npt.ArrayLike | None = None,
    leak_margin: float = 0.1,
    default_leak: str | float | npt.ArrayLike = "dominant",
    drop_self: bool = False,
) -> RateNetwork:
    """Load a network; the suffix says the format.

    Parameters
    ----------
    path : path of a .npz, .mtx, .npy, .csv, .tsv, .graphml, .gml or .mat file
        Holding W[post, pre]; a .npz file is what `scipy.sparse.save_npz` writes. A table has a
        header that names the columns pre (or source), post (or target) and weight (or synapses,
        count); other columns are ignored and rows of one pair add up. Neurons are names, or
        0-based indices if all are whole numbers below 1000 or 100 times the number of neurons.
    leak : None, "dominant", float or (N,) array, 1/s
        None: the leak that the file holds (of any sign, so that every pruned network can be
        loaded again), or `default_leak` if it holds none. Otherwise as for `RateNetwork`.
    default_leak : "dominant", float or (N,) array, 1/s
    leak_margin : float
        Margin of the "dominant" leak.
    drop_self : bool
        Remove self-synapses rather than refuse them.

    Raises
    ------
    FileError
        If the file is missing, unreadable, truncated, or not what its suffix says.
    NetworkError
        If what it holds is not a network (see `RateNetwork`).

    >>> path = Path(tempfile.mkdtemp()) / "net.csv"
    >>> path.write_text("pre,post,weight\\nAVA,AVB,3\\nAVB,AVA,2\\n")
    36
    >>> load(path).labels
    ('AVA', 'AVB')
    """
    path = Path(path)
    form = _format(path)
    with reading(path):
        found = form.read(path)
        weights = _sound(path, found.weights)
        kept = leak is None and found.leak is not None
        chosen = 1.0 if kept else default_leak if leak is None else leak
        try:
            network = RateNetwork(weights, chosen, leak_margin, found.labels, drop_self=drop_self)
            rates = _stored_leak(found.leak, network.n_neurons) if kept else network.leak
        except NetworkError as error:
            raise NetworkError(f"{path}: {error}") from error
        # Sparse formats also hold dense networks, which are to come back as they were.
        storage = stored(network.weights) if sparse.issparse(network.weights) else network.weights
        return RateNetwork.from_parts(storage, rates, network.labels)


def save(network: RateNetwork, path: str | os.PathLike[str]) -> None:
    """Save a network; the suffix says the format (see the table in `noiseprune.files`).

    Weights survive exactly in every format. The leak is lost in .mtx, .npy, .csv and .tsv: give
    it to `load` again. Labels are lost in .mtx and .npy; in .csv, .tsv, .graphml and .gml they
    give way to 0-based indices if they are not unique, and in tables also if a reader would
    mistake them for indices (see `load`).

    Raises
    ------
    FileError
        If the suffix is unknown, or the file cannot be written (no such folder, no permission,
        a full disk, a name that the format cannot hold).

    >>> path = Path(tempfile.mkdtemp()) / "net.npz"
    >>> save(RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=1.0), path)
    >>> load(path)
    RateNetwork(2 neurons, 2 synapses, symmetric)
    """
    path = Path(path)
    form = _format(path)
    if not isinstance(network, RateNetwork):
        raise NetworkError(f"expected a RateNetwork to save, found {type(network).__name__}")
    with writing(path) as temporary:
        form.write(network, temporary)


def holds_leak(path: str | os.PathLike[str]) -> bool:
    """True if the format of `path` can hold the leak (see the table in `noiseprune.files`)."""
    form = _FORMATS.get(Path(path).suffix.lower())
    return form is not None and form.holds_leak


def check_destination(path: str | os.PathLike[str], *, trajectory: bool = False) -> None:
    """Refuse a path that `save` (or `save_trajectory`) could not write, before the long work.

    Raises
    ------
    FileError
        If the suffix is unknown, the folder does not exist or may not be written to.
    """
    path = Path(path)
    if trajectory:
        trajectory_format(path)
    else:
        _format(path)
    checked_target(path)


def _format(path: Path) -> _Format:
    return by_suffix(path, _FORMATS, f"which is not a network's: use one of {', '.join(_FORMATS)}")


def _sound(path: Path, weights: Any) -> Any:
    """Refuse sparse arrays whose structure would crash compiled code or exhaust the memory."""
    if not sparse.issparse(weights):
        return weights
    size = max(weights.shape, default=0)
    if not is_plausible(size, weights.nnz):
        raise FileError(
            f"{path} claims {size} neurons with {weights.nnz} synapses: its header or an index "
            "is damaged"
        )
    if weights.format in ("csr", "csc", "bsr"):
        weights.check_format(full_check=True)
    return weights


def _stored_leak(leak: Any, n: int) -> npt.NDArray[np.float64]:
    """(N,) leak of a file: finite, of any sign."""
    values = np.array(leak, dtype=np.float64)
    if values.size == 1:
        values = np.full(n, values.item())
    if values.shape != (n,):
        raise NetworkError(f"the stored leak has shape {values.shape} for {n} neurons")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise NetworkError(f"the stored leak[{bad[0]}] is {values[bad[0]]}, not a finite number")
    return values
