"""Long work in pieces: a function, what all pieces share, and one item each.

A `Worker` makes the results anywhere and in any order; `in_order` puts them back, so that sums over
them do not depend on who made them. `serial` makes them here, `noiseprune.cluster` elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Result = tuple[Any, ...]
"""Arrays and numbers."""


class Shared(Protocol):
    """What all pieces of a piece of work have in common."""

    def digest(self) -> str:
        """A text that differs if anything differs that the results depend on."""


class Worker(Protocol):
    """worker(function, shared, items) yields (index, function(shared, items[index]))."""

    def __call__(
        self, function: Callable[[Any, Any], Result], shared: Any, items: Sequence[Any], /
    ) -> Iterator[tuple[int, Result]]: ...


def serial(
    function: Callable[[Any, Any], Result], shared: Any, items: Sequence[Any], /
) -> Iterator[tuple[int, Result]]:
    """One after the other, in this process."""
    for index, item in enumerate(items):
        yield index, function(shared, item)


class Memory(Protocol):
    """Where long work in one piece keeps its state, so that it goes on after an interruption."""

    def load(self, digest: str) -> dict[str, Any] | None:
        """The arrays that were kept last of the work with this digest; None at its start."""

    def save(self, arrays: dict[str, Any]) -> None:
        """Keep these arrays."""


@dataclass(frozen=True)
class Means:
    """By what means long work is done."""

    worker: Worker = serial
    memory: Memory | None = None


HERE = Means()


def digest(*parts: Any) -> str:
    """Hexadecimal digest of arrays, CSR arrays, numbers and texts."""
    found = hashlib.sha256()
    for part in parts:
        arrays = [part]
        if hasattr(part, "indptr"):
            arrays = [part.indptr, part.indices, part.data]
        for array in arrays:
            plain = isinstance(array, np.ndarray)
            found.update(np.ascontiguousarray(array).data if plain else repr(array).encode())
    return found.hexdigest()


def in_order(results: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """The results by their index, each as soon as those before it are there."""
    waiting: dict[int, Result] = {}
    following = 0
    for index, result in results:
        waiting[index] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1
