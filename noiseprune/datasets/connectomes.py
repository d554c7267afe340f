"""The built-in connectomes: what there is, and how it becomes a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.checks import one_of
from noiseprune.datasets import optic_lobe
from noiseprune.datasets.spikes import available_spikes
from noiseprune.datasets.tables import catalogue, column, read_table
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork


@dataclass(frozen=True)
class Dataset:
    """What is known about a built-in connectome.

    `n_synapses` counts the non-zero entries of W, as everywhere: a gap junction counts twice.
    """

    name: str
    description: str
    n_neurons: int
    n_synapses: int
    directed: bool
    signed: bool
    source: str
    licence: str
    citation: str


_DATASETS = tuple(Dataset(**known) for known in catalogue()["connectomes"])


def available() -> tuple[Dataset, ...]:
    """Every built-in connectome; the counts of "optic-lobe" are those of extent 15."""
    return _DATASETS


def load(
    name: str,
    leak: str | float | npt.ArrayLike = "dominant",
    leak_margin: float = 0.1,
    *,
    extent: int | None = None,
) -> RateNetwork:
    """Load a built-in connectome as a rate network with labels.

        W[post, pre] = synapse count,    A = W - diag(leak)

    Self-synapses are left out: only "celegans-gap" has any (6 cells joined to themselves).

    Parameters
    ----------
    name : str
        "celegans", "celegans-gap", "mushroom-body" or "optic-lobe"; "optic-lobe:3" is the
        optic lobe with extent 3.
    leak, leak_margin :
        As for `RateNetwork`.
    extent : int, optional
        Size of the optic lobe, and of it only: 0 to 15 hexagonal columns around the central one,
        15 if not given (45,669 neurons). Label "T4a:0:-3" is the T4a cell of column u = 0, v = -3.

    Raises
    ------
    OptionError
        If the name is unknown, or the extent is out of range or not for this dataset.
    NetworkError
        If the leak does not fit.
    """
    base, colon, suffix = str(name).partition(":")
    if base in (recorded.name for recorded in available_spikes()):
        raise OptionError(
            f"dataset {base!r} is a recording and has no synapses: noiseprune infer dataset:{base} "
            "estimates a network from it"
        )
    base = one_of("dataset", base, (dataset.name for dataset in _DATASETS))
    if base == "optic-lobe":
        weights, labels = optic_lobe.tiled(_chosen_extent(suffix if colon else None, extent))
    elif colon or extent is not None:
        raise OptionError(f"dataset {base!r} has no extent: only 'optic-lobe' takes one")
    else:
        weights, labels = _FIXED[base]()
    return RateNetwork(weights, leak, leak_margin, labels)


def _chosen_extent(suffix: str | None, extent: int | None) -> int:
    largest = optic_lobe.LARGEST_EXTENT
    if suffix is not None and extent is not None and suffix != str(extent):
        raise OptionError(f"extent is {extent}, but the name says {suffix}: give one of the two")
    given = extent if suffix is None else suffix
    if given is None:
        return largest
    whole = str(given)
    if not (whole.isdecimal() and whole.isascii() and int(whole) <= largest):
        raise OptionError(
            f"extent of the optic lobe is {given!r}, but must be a whole number from 0 to {largest}"
        )
    return int(whole)


Parts = tuple[sparse.coo_array, list[str]]


def _celegans(kind: str) -> Parts:
    """Named cells in alphabetical order; a gap junction conducts both ways and is listed once."""
    table = read_table("celegans_white1986.csv")
    chosen = column(table, "type", str) == kind
    cells = np.stack([column(table, end, str)[chosen] for end in ("post", "pre")])
    count = column(table, "synapses", float)[chosen]
    if kind == "electrical":
        own = cells[0] == cells[1]
        cells, count = cells[:, ~own], count[~own]
        cells, count = np.hstack([cells, cells[::-1]]), np.tile(count, 2)
    names, index = np.unique(cells, return_inverse=True)
    shape = (len(names), len(names))
    return sparse.coo_array((count, tuple(index)), shape=shape), names.tolist()


def _mushroom_body() -> Parts:
    table = read_table("larva_mushroom_body_left.csv")
    cells = read_table("larva_mushroom_body_left_cells.csv")
    labels = [f"{kind}{neuron}" for neuron, kind in zip(cells["neuron"], cells["cell_type"])]
    entries = (column(table, "post", int), column(table, "pre", int))
    shape = (len(labels), len(labels))
    return sparse.coo_array((column(table, "synapses", float), entries), shape=shape), labels


_FIXED: dict[str, Callable[[], Parts]] = {
    "celegans": partial(_celegans, "chemical"),
    "celegans-gap": partial(_celegans, "electrical"),
    "mushroom-body": _mushroom_body,
}
