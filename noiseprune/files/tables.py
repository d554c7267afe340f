"""Connection tables: one row a synapse, columns pre, post and weight.

A table names its columns in the first row; more columns may stand beside them. Neurons are
names, numbered in the order in which they appear. Whole numbers are 0-based indices, unless
they are so large that most neurons would have no synapse: then they are identifiers, that is,
names. Rows of the same pair add up. A row of weight 0 makes no synapse but does declare its two
neurons: so `write_table` keeps the order of the neurons, and those without synapses. A table
cannot hold the leak.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import FileError
from noiseprune.files.stored import Stored
from noiseprune.network import RateNetwork

_COLUMNS = {
    "pre": ("pre", "source", "from", "presynaptic"),
    "post": ("post", "target", "to", "postsynaptic"),
    "weight": ("weight", "synapses", "count", "n_synapses"),
}
_ROWS_AT_ONCE = 2_000
"""Rows kept as text at a time: few, as text takes ten times the memory of its numbers."""


def read_table(path: Path) -> Stored:
    """Weights, and labels if the neurons have names, of a .csv or .tsv file."""
    codes: dict[str, int] = {}  # cell of pre or post -> number of its neuron
    names: dict[str, int] = {}  # the same without the spaces around it
    entries: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[np.float64]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=_delimiter(path))
        where = _columns_of(path, next(rows, []))
        choose = itemgetter(*where)
        filled = filter(None, rows)
        while block := list(islice(filled, _ROWS_AT_ONCE)):
            try:
                pre, post, weight = zip(*map(choose, block))
                values.append(np.array([float(cell) for cell in weight]))
            except (IndexError, ValueError):
                _raise_first_fault(path, where)
            for cell in dict.fromkeys(chain.from_iterable(zip(pre, post))):
                codes[cell] = names.setdefault(cell.strip(), len(names))
            entries.append(np.array([[codes[c] for c in post], [codes[c] for c in pre]]))
    if not values:
        raise FileError(f"{path} has a header but no rows: expected one row a synapse")
    if "" in names:
        _raise_first_fault(path, where)
    indices = np.concatenate(entries, axis=1)
    n, labels = len(names), None if _are_indices(names) else list(names)
    if labels is None:
        indices = np.array([int(name) for name in names])[indices]
        n = int(indices.max()) + 1
    weights = sparse.coo_array((np.concatenate(values), tuple(indices)), shape=(n, n))
    return Stored(weights, labels=labels)


def write_table(network: RateNetwork, path: Path) -> None:
    """Write pre, post, weight; see the module for what becomes of neurons without synapses.

    Labels that a reader could not tell apart, or would take for indices, give way to 0-based
    indices.
    """
    names = _distinct_names(network.labels)
    cells: Sequence[str | int] = range(network.n_neurons) if names is None else names
    isolated = (network.input_strength == 0) & (network.output_strength == 0)
    declared = cells if names is not None else np.flatnonzero(isolated).tolist()
    post, pre = network.synapses
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=_delimiter(path), lineterminator="\n")
        table.writerow(_COLUMNS)
        table.writerows((cell, cell, 0) for cell in declared)
        table.writerows(
            (cells[j], cells[i], w)
            for i, j, w in zip(post.tolist(), pre.tolist(), network.synapse_weights.tolist())
        )


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _columns_of(path: Path, header: list[str]) -> tuple[int, int, int]:
    """Positions of pre, post and weight in the header, whatever they are called."""
    found = [cell.strip().lower() for cell in header]
    positions = []
    for names in _COLUMNS.values():
        matches = [k for k, cell in enumerate(found) if cell in names]
        if len(matches) != 1:
            shown = _delimiter(path).join(header)[:60]
            raise FileError(
                f"{path} starts with {shown!r}, but a table must start with a header that names "
                f"one column each of pre, post and weight (here: {' or '.join(names)}), separated "
                f"by {'tabs' if path.suffix.lower() == '.tsv' else 'commas'}"
            )
        positions += matches
    return positions[0], positions[1], positions[2]


def _are_indices(names: Collection[str]) -> bool:
    """True if all names are whole numbers and at most a hundred times as large as their count."""
    largest = max(1000, 100 * len(names))
    return all(name.isdecimal() and len(name) < 19 and int(name) < largest for name in names)


def _distinct_names(labels: tuple[str, ...] | None) -> list[str] | None:
    """The labels as a reader will find them, or None if it could not tell neurons apart."""
    if labels is None:
        return None
    names = [label.strip() for label in labels]
    sound = len(set(names)) == len(names) and "" not in names and not _are_indices(names)
    return names if sound else None


def _raise_first_fault(path: Path, where: tuple[int, int, int]) -> NoReturn:
    """Read the table again, row by row, to say on which line it goes wrong."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=_delimiter(path))
        next(rows, None)
        for row in filter(None, rows):
            place = f"{path}, line {rows.line_num}"
            if len(row) <= max(where):
                raise FileError(
                    f"{place}: {len(row)} cells, but the header promises at least "
                    f"{max(where) + 1}: complete the row or remove it"
                )
            *names, weight = (row[column].strip() for column in where)
            if "" in names:
                raise FileError(f"{place}: a neuron has no name: give pre and post")
            try:
                float(weight)
            except ValueError as error:
                raise FileError(
                    f"{place}: the weight is {weight[:40]!r}, but must be a number"
                ) from error
    raise FileError(f"{path} changed while it was read: read it again")
