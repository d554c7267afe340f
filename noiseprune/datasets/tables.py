"""The files that ship with the package: tables, and what is known about every dataset.

Tables are comma-separated; the first row names the columns.
"""

from __future__ import annotations

import csv
import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import numpy.typing as npt

Table = dict[str, tuple[str, ...]]


def packaged(name: str) -> Traversable:
    """The packaged file of that name."""
    return resources.files("noiseprune.datasets") / name


def catalogue() -> dict[str, Any]:
    """What is known about the connectomes and the recordings."""
    return tomllib.loads(packaged("catalogue.toml").read_text(encoding="utf-8"))


def read_table(name: str) -> Table:
    """Columns of the packaged file data/`name`, by their header."""
    header, *rows = csv.reader(packaged(f"data/{name}").read_text(encoding="utf-8").splitlines())
    return dict(zip(header, zip(*rows)))


def column(table: Table, name: str, kind: type) -> npt.NDArray[Any]:
    """One column as an array of numbers or names."""
    return np.array([kind(cell) for cell in table[name]])
