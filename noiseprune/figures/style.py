"""How the pictures look: one colour, marker and line for each way of pruning, in all of them.

The colours are of palettes that the colour-blind tell apart (Okabe and Ito; Tol); their greys, the
markers and the lines tell the ways apart in black and white too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from matplotlib.typing import LineStyleType

RC: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "figure.dpi": 200,
    "svg.hashsalt": "noiseprune",
}
"""Matplotlib settings under which every picture is drawn and written."""

INK = "#222222"


@dataclass(frozen=True)
class Look:
    """What one way of pruning looks like, wherever it is drawn."""

    label: str
    colour: str
    marker: str
    line: LineStyleType

    def handle(self) -> Line2D:
        """For a legend."""
        return Line2D(
            [],
            [],
            color=self.colour,
            marker=self.marker,
            linestyle=self.line,
            label=self.label,
        )


LOOKS = {
    "noise": Look("noise-prune", "#0072b2", "o", "-"),
    "refit": Look("noise-prune, refit", "#000000", "P", (0, (6, 1.5))),
    "paper": Look("paper's rule", "#56b4e9", "s", "--"),
    "weight": Look("weight-based", "#d55e00", "D", "-."),
    "uniform": Look("uniform", "#adadad", "^", ":"),
    "magnitude": Look("largest weights", "#882255", "v", (0, (4, 1.5, 1, 1.5, 1, 1.5))),
}
"""By the name of a rival."""


def below(figure: Figure, handles: list[Line2D], columns: int) -> None:
    """One legend for all panels, below them."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def percent_axis(axes: Axes, fractions: list[float]) -> None:
    """A logarithmic x axis of the percentage kept, up to 100, with plain ticks."""
    axes.set_xscale("log")
    axes.set_xlim(75 * min(fractions), 112)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick >= 75 * min(fractions)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def curve(axes: Axes, found: dict[str, Any], draws: int) -> None:
    """Epsilon over the percentage kept; a hollow marker where some draw is unstable."""
    look = LOOKS[found["name"]]
    kept = [100 * fraction for fraction in found["kept"]]
    axes.plot(kept, found["epsilon"], color=look.colour, linestyle=look.line, marker=look.marker)
    unstable = [k for k, stable in enumerate(found["n_stable"]) if stable < draws]
    axes.plot(
        [kept[k] for k in unstable],
        [found["epsilon"][k] for k in unstable],
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        markerfacecolor="white",
    )


def unstable_handle(curves: list[dict[str, Any]], draws: int) -> list[Line2D]:
    """What the hollow markers of `curve` mean, if there are any."""
    if all(stable == draws for found in curves for stable in found["n_stable"]):
        return []
    hollow = Line2D([], [], color=INK, linestyle="none", marker="o", markerfacecolor="white")
    hollow.set_label("a draw unstable")
    return [hollow]


def limit_handle() -> Line2D:
    """For the dotted line of `best_possible`."""
    return Line2D([], [], color=INK, linestyle=":", linewidth=1, label="2 / √(mean degree left)")
