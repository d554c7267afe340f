"""Results as readable tables."""

from collections.abc import Iterable

from rich import box
from rich.table import Table

from noiseprune.measures import MEASURES


def facts(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """A table of two columns: what, and how much."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def grid(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """A table with a header."""
    look = box.SIMPLE_HEAD
    table = Table(title=title, title_justify="left", box=look, padding=(0, 1, 0, 0))
    for k, name in enumerate(header):
        table.add_column(name, justify="left" if k == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def legend(short: bool = False) -> Table:
    """What the measures mean and which choices they make, a sentence each."""
    table = Table(title="What the errors mean", title_justify="left", box=None, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for measure in MEASURES:
        table.add_row(measure.short if short else measure.title, measure.in_words())
    return table
