"""The tables that ship with the package: comma-separated, the first row names the columns."""

from __future__ import annotations

import csv
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

Table = dict[str, tuple[str, ...]]


def read_table(name: str) -> Table:
    """Columns of the packaged file data/`name`, by their header."""
    file = resources.files("noiseprune.datasets") / "data" / name
    header, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines())
    return dict(zip(header, zip(*rows)))


def column(table: Table, name: str, kind: type) -> npt.NDArray[Any]:
    """One column as an array of numbers or names."""
    return np.array([kind(cell) for cell in table[name]])
