"""How the pictures look: one colour, marker and line for each way of pruning, in all of them.

The colours are of palettes that the colour-blind tell apart (Okabe and Ito; Tol); their greys, the
markers and the lines tell the ways apart in black and white too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, Locator, NullLocator, StrMethodFormatter
from matplotlib.typing import LineStyleType

RC: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "figure.titlesize": 9,
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
_LIMIT: Any = {"color": INK, "linestyle": ":", "linewidth": 1}


@dataclass(frozen=True)
class Look:
    """What one way of pruning looks like, wherever it is drawn."""

    label: str
    colour: str
    marker: str
    line: LineStyleType

    @property
    def style(self) -> dict[str, Any]:
        """The options of a curve."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line}

    def handle(self, label: str | None = None) -> Line2D:
        """An entry of a legend."""
        return Line2D([], [], label=label or self.label, **self.style)


LOOKS = {
    "noise": Look("noise-prune", "#0072b2", "o", "-"),
    "refit": Look("noise-prune, refit", "#000000", "P", (0, (6, 1.5))),
    "paper": Look("paper's rule", "#56b4e9", "s", "--"),
    "weight": Look("weight-based", "#d55e00", "D", "-."),
    "uniform": Look("uniform", "#adadad", "^", ":"),
    "magnitude": Look("largest weights", "#882255", "v", (0, (4, 1.5, 1, 1.5, 1, 1.5))),
    "surgeon": Look("surgeon", "#00502e", "X", (0, (3, 1, 1, 1))),
}
"""By the name of a rival."""


def below(figure: Figure, handles: list[Line2D], columns: int) -> None:
    """One legend for all panels, below them."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def plain_ticks(axis: Axis, where: Locator) -> None:
    """Ticks in plain numbers on a logarithmic axis."""
    axis.set_major_locator(where)
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def over_kept(axes: Axes, fractions: list[float], best: list[float]) -> None:
    """Make ready for curves of epsilon over the percentage kept, up to 100: `best_possible`."""
    axes.plot([100 * fraction for fraction in fractions], best, **_LIMIT)
    least = 75 * min(fractions)
    axes.set(xscale="log", yscale="log", xlim=(least, 112))
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick >= least]
    plain_ticks(axes.xaxis, FixedLocator(ticks))


def curve(axes: Axes, found: dict[str, Any], draws: int) -> None:
    """Epsilon over the percentage kept; a hollow marker where some draw is unstable."""
    style = LOOKS[found["name"]].style
    kept, epsilon = 100 * np.array(found["kept"]), np.array(found["epsilon"], dtype=float)
    axes.plot(kept, epsilon, **style)
    unstable = np.array(found["n_stable"]) < draws
    hollow = style | {"linestyle": "none", "markerfacecolor": "white"}
    axes.plot(kept[unstable], epsilon[unstable], **hollow)


def explain(
    figure: Figure, curves: list[dict[str, Any]], draws: int, more: Sequence[Line2D] = ()
) -> None:
    """The legend of `over_kept` and `curve`, with `more` entries; hollow only if one is."""
    present = {found["name"] for found in curves}
    handles = [look.handle() for name, look in LOOKS.items() if name in present]
    handles += [Line2D([], [], label="2 / √(mean degree left)", **_LIMIT), *more]
    if any(stable < draws for found in curves for stable in found["n_stable"]):
        hollow = Look("a draw unstable", INK, "o", "none").handle()
        hollow.set_markerfacecolor("white")
        handles.append(hollow)
    below(figure, handles, 3)
