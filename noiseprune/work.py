"""Long work in pieces: a function, what all pieces share, and one item each.

A `Worker` gives the results in the order of the items, wherever they are made, so that sums over
them do not depend on the number of workers. `serial` makes them here; `noiseprune.cluster` has
others.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol


class Worker(Protocol):
    """worker(function, shared, items): function(shared, item) for every item, in order."""

    def __call__(
        self, function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any], /
    ) -> Iterator[Any]: ...


def serial(
    function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any], /
) -> Iterator[Any]:
    """One after the other, in this process."""
    for item in items:
        yield function(shared, item)
