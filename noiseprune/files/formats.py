"""NumPy arrays and networkx graphs: how each is read and written.

Readers take a path and give what they find, unchecked; they may raise anything. Writers take
a checked network. All store W[post, pre]; graphs have edges from pre to post.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import FileError
from noiseprune.files.guard import open_arrays
from noiseprune.files.stored import Stored, names_or_none
from noiseprune.network import RateNetwork

# --------------------------------------------------------------------------------- arrays


def read_npz(path: Path) -> Stored:
    """W as `scipy.sparse.save_npz` writes it, with `leak` and `labels` if they are there."""
    expected = "not a sparse W: save W with scipy.sparse.save_npz or noiseprune.save"
    with open_arrays(path, ("format",), expected) as archive:
        leak = archive["leak"] if "leak" in archive.files else None
        labels = _texts(archive["labels"]) if "labels" in archive.files else None
    return Stored(sparse.load_npz(path), leak, labels)


def write_npz(network: RateNetwork, path: Path) -> None:
    """Not compressed: weights hardly shrink, and it would take fifty times as long."""
    csr = network.csr
    arrays: dict[str, npt.NDArray[Any]] = {
        "format": np.array(b"csr"),
        "_is_array": np.array(True),
        "shape": np.array(csr.shape),
        "data": csr.data,
        "indices": csr.indices,
        "indptr": csr.indptr,
        "leak": network.leak,
    }
    if network.labels is not None:
        arrays["labels"] = np.array(network.labels, dtype=np.str_)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _texts(labels: npt.NDArray[Any]) -> list[str]:
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    return [str(label) for label in labels.ravel().tolist()]


def read_npy(path: Path) -> Stored:
    """Dense W. A memory map compares the size of the file with what its header promises."""
    return Stored(np.lib.format.open_memmap(path, mode="r"))


def write_npy(network: RateNetwork, path: Path) -> None:
    np.save(path, network.dense_weights(), allow_pickle=False)


# --------------------------------------------------------------------------------- graphs


def read_graph(path: Path) -> Stored:
    import networkx as nx

    if path.suffix.lower() == ".gml":
        graph = nx.read_gml(path, label=None)  # by id: labels may be missing or not unique
        labels = [str(known.get("label", node)) for node, known in graph.nodes(data=True)]
    else:
        graph = nx.read_graphml(path)
        labels = [str(node) for node in graph.nodes]
    leaks = [known.get("leak") for _, known in graph.nodes(data=True)]
    missing = leaks.count(None)
    if 0 < missing < len(leaks):
        raise FileError(
            f"{path} has no leak for {missing} of {len(leaks)} nodes: give it to all or to none"
        )
    adjacency = nx.to_scipy_sparse_array(graph, weight="weight", dtype=np.float64)
    return Stored(adjacency.T, None if missing else leaks, names_or_none(labels))


def write_graph(network: RateNetwork, path: Path) -> None:
    import networkx as nx

    graph = network.to_networkx()
    if path.suffix.lower() == ".gml":
        nx.write_gml(graph, path)
        return
    for label in network.labels or ():
        if _NOT_XML.search(label):
            raise FileError(
                f"label {label!r} has a character that GraphML cannot hold: rename the neuron or "
                "save as .npz"
            )
    nx.write_graphml(graph, path)


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
