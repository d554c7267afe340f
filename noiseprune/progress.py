"""Progress of long work: a callable `(done, total)`, or none."""

from collections.abc import Callable

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Report nothing."""


def part(progress: Progress, index: int, parts: int) -> Progress:
    """Progress of one of several parts of equal length, as progress of the whole."""
    return lambda done, total: progress(done + index * total, parts * total)
