"""The Drosophila optic lobe: one set of cell types, repeated over a hexagonal lattice.

The lattice of extent x has the columns (u, v) with |u| <= x, |v| <= x and |u + v| <= x. A
cell type of stride (a, b) has one neuron in each column whose u is a multiple of a and v of
b. A row (pre, post, du, dv, sign, synapses) of the table connects the pre neuron at (u, v)
to the post neuron at (u + du, v + dv), where both exist:

    W[post at (u + du, v + dv), pre at (u, v)] = sign * synapses

Source: Lappalainen et al. 2024, as shipped by flyvis 1.2.0 (see SOURCES.md).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.datasets.tables import column, read_table

LARGEST_EXTENT = 15
"""The extent of the fly's eye as flyvis models it."""

_ABSENT = -1


def tiled(extent: int) -> tuple[sparse.coo_array, list[str]]:
    """Signed weights (N, N) and labels "type:u:v" of the patch of this extent.

    Neurons are ordered by cell type, then u, then v. Extent 0, 1, 2, 3 and 15 give N = 65,
    443, 1203, 2345 and 45669. No neuron connects to itself.
    """
    u, v = np.mgrid[-extent : extent + 1, -extent : extent + 1]
    on_lattice = np.abs(u + v) <= extent
    columns: dict[str, npt.NDArray[np.int64]] = {}  # cell type -> (2, n) its columns
    index: dict[str, npt.NDArray[np.int64]] = {}  # cell type -> neuron at [u, v], or _ABSENT
    labels: list[str] = []
    cells = read_table("fly_optic_lobe_cells.csv")
    for name, stride_u, stride_v in zip(*cells.values()):
        present = on_lattice & (u % int(stride_u) == 0) & (v % int(stride_v) == 0)
        columns[name] = np.stack([u[present], v[present]])
        index[name] = np.full(u.shape, _ABSENT)
        index[name][present] = len(labels) + np.arange(columns[name].shape[1])
        labels += [f"{name}:{i}:{j}" for i, j in columns[name].T.tolist()]

    table = read_table("fly_optic_lobe.csv")
    weights = column(table, "sign", float) * column(table, "synapses", float)
    offsets = np.stack([column(table, "du", int), column(table, "dv", int)], axis=1)
    rows, cols, values = [], [], []
    for pre, post, offset, weight in zip(table["pre"], table["post"], offsets, weights):
        source = columns[pre]
        target = source + offset[:, None]
        inside = np.all(np.abs(target) <= extent, axis=0)
        source, target = source[:, inside] + extent, target[:, inside] + extent
        post_neuron = index[post][target[0], target[1]]
        exists = post_neuron != _ABSENT
        rows.append(post_neuron[exists])
        cols.append(index[pre][source[0], source[1]][exists])
        values.append(np.full(np.count_nonzero(exists), weight))
    entries = (np.concatenate(rows), np.concatenate(cols))
    shape = (len(labels), len(labels))
    return sparse.coo_array((np.concatenate(values), entries), shape=shape), labels
