"""What a file holds of a network, before it is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stored:
    """Content of a network file; `leak` and `labels` are None where it has none."""

    weights: Any
    leak: Any = None
    labels: Sequence[str] | None = None


def is_plausible(n_neurons: int, n_entries: int) -> bool:
    """False for a size that only a damaged header or index gives; it would fill the memory."""
    return n_neurons <= 1_000_000 + 100 * n_entries


def names_or_none(labels: Sequence[str]) -> Sequence[str] | None:
    """None if the labels are but the positions 0 .. N-1, which stand for a lack of labels."""
    return None if list(labels) == [str(i) for i in range(len(labels))] else labels
