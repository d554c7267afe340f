"""Results as readable tables."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork


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
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for k, name in enumerate(header):
        table.add_column(name, justify="left" if k == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def number(value: Any, digits: int = 3) -> str:
    """A number with some significant digits; a dash for None."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}g}"


def size_of(net: "RateNetwork") -> str:
    """Neurons and synapses in words, with the neurons that have none."""
    alone = int(((net.input_strength == 0) & (net.output_strength == 0)).sum())
    without = f" ({alone:,} without synapses)" if alone else ""
    return f"{net.n_neurons:,} neurons{without}, {net.n_synapses:,} synapses"


def guarantee_line(guarantee: str, promised: float | None) -> str:
    """What the theorem says of a pruning: a promise, its class of networks, or nothing."""
    if guarantee == "none":
        return "none: epsilon is measured"
    if promised is None:
        return "none of this pruning, but the theorem covers such networks (see --epsilon)"
    return f"epsilon is at most {promised:.3g} with 95 % probability"


def interval(value: Iterable[float]) -> str:
    low, high = value
    return f"[{low:+.3f}, {high:+.3f}]"


NORMS = {
    "pencil": "|| M^-1/2 (M_s - M) M^-1/2 ||, M = -A",
    "symmetric-part": "|| H^-1/2 (A_s - A) H^-1/2 ||, H the symmetric part of -A",
    "relative": "|| A^-1 (A_s - A) ||",
}
