"""The drawings of the page: inline SVG in the page's own colours, so that they follow its theme.

Original and pruned differ by marker and line as well as by colour. Every function returns one
`<svg>` element, whose ids begin with a name that is its own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noiseprune.weights import FloatArray

_INK, _ORIGINAL, _PRUNED = "#010203", "#010204", "#010205"
_THEME = {_INK: "currentColor", _ORIGINAL: "var(--original)", _PRUNED: "var(--pruned)"}
"""Stand-ins that Matplotlib can draw with, and what the page makes of them."""

_BEFORE: dict[str, Any] = {"color": _ORIGINAL, "label": "original"}
_AFTER: dict[str, Any] = {"color": _PRUNED, "label": "pruned"}
_STYLE: Any = {
    "font.size": 10,
    "svg.fonttype": "none",
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}
_BINS = 30
_DECADES = 30
"""Values whose largest is further than this from their median need a logarithmic axis."""

Values = npt.NDArray[np.number]


def complex_plane(name: str, before: Values, after: Values) -> str:
    """Eigenvalues of both drifts in the complex plane, with the border of stability.

    An axis whose values span decades, as leaks may, is linear around 0 and logarithmic beyond.
    """
    with _drawing(name, "Eigenvalues of both drifts in the complex plane") as (axes, out):
        for scale, part in ((axes.set_xscale, before.real), (axes.set_yscale, before.imag)):
            sizes = np.abs(part)
            sizes = sizes[sizes > 1e-9 * np.max(np.abs(before))]
            if sizes.size and np.max(sizes) > _DECADES * np.median(sizes):
                border = max(np.median(sizes), 0.01 * np.max(sizes))
                scale("symlog", linthresh=float(10 ** np.round(np.log10(border))))
        axes.plot(before.real, before.imag, "o", mfc="none", ms=5, **_BEFORE)
        axes.plot(after.real, after.imag, "x", ms=4, **_AFTER)
        axes.axvline(0, color=_INK, linestyle=":", linewidth=1)
        axes.set(xlabel="real part (1/s)", ylabel="imaginary part (1/s)")
    return out[0]


def paired(name: str, before: Values, after: Values, what: str, epsilon: float | None) -> str:
    """Values of the pruned drift over those of the original, in the same order.

    Logarithmic where all are positive. With `epsilon` the band from (1 - epsilon) to
    (1 + epsilon) times the original is shaded.
    """
    with _drawing(name, f"{what} of the pruned drift over those of the original") as (axes, out):
        ends = np.array([np.min(before), np.max(before)])
        if epsilon is not None:
            low, high = (1 - epsilon) * ends, (1 + epsilon) * ends
            axes.fill_between(ends, low, high, color=_PRUNED, alpha=0.15, lw=0, label="1 ± epsilon")
        axes.plot(ends, ends, "--", color=_ORIGINAL, linewidth=1, label="unchanged")
        axes.plot(before, after, "x", color=_PRUNED, markersize=4, label="pruned")
        if min(np.min(before), np.min(after)) > 0:
            axes.set(xscale="log", yscale="log")
        axes.set(xlabel="original (1/s)", ylabel="pruned (1/s)")
    return out[0]


def degrees(name: str, before: Values, after: Values, what: str) -> str:
    """Histogram of a degree over the neurons, original and pruned."""
    width = -(-int(np.max(before, initial=0) + 1) // _BINS)
    last = max(int(np.max(before, initial=0)), int(np.max(after, initial=0)))
    edges = np.arange(0, last + width + 1, width)
    with _drawing(name, f"Number of neurons by {what}, original and pruned") as (axes, out):
        _histograms(axes, before, after, edges)
        axes.set(xlabel=what, ylabel="neurons", xlim=(0, None))
    return out[0]


def weights(name: str, before: FloatArray, after: FloatArray) -> str:
    """Histogram of the sizes of the weights in logarithmic bins, original and pruned."""
    sizes = np.abs(np.concatenate([before, after]))
    low, high = float(np.min(sizes)), float(np.max(sizes))
    edges = np.geomspace(0.9 * low, 1.1 * high, _BINS + 1)
    with _drawing(name, "Number of synapses by size of weight, original and pruned") as (axes, out):
        _histograms(axes, np.abs(before), np.abs(after), edges)
        axes.set(xlabel="size of the weight (1/s)", ylabel="synapses", xscale="log", yscale="log")
    return out[0]


def over_time(name: str, times: FloatArray, mean: FloatArray, std: FloatArray) -> str:
    """Relative trajectory error over time: mean and one standard deviation to either side."""
    with _drawing(name, "Relative trajectory error over time") as (axes, out):
        ends = np.maximum(mean - std, 0), mean + std
        axes.fill_between(times, *ends, color=_PRUNED, alpha=0.25, lw=0, label="±1 s.d.")
        axes.plot(times, mean, "-", color=_PRUNED, label="mean of the runs")
        axes.set(xlabel="time (s)", ylabel="relative error", ylim=(0, None))
    return out[0]


def _histograms(axes: Axes, before: Values, after: Values, edges: Values) -> None:
    axes.stairs(np.histogram(before, edges)[0], edges, linestyle="--", linewidth=1.5, **_BEFORE)
    axes.stairs(np.histogram(after, edges)[0], edges, linewidth=1.5, **_AFTER)


@contextmanager
def _drawing(name: str, title: str) -> Iterator[tuple[Axes, list[str]]]:
    """Axes to draw on, and a list that receives the finished `<svg>` element."""
    out: list[str] = []
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=(4.2, 3.0), layout="constrained")
        yield figure.add_subplot(), out
        figure.legend(loc="outside upper center", ncols=3)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True)
    out.append(_inlined(file.getvalue(), name, title))


def _inlined(svg: str, name: str, title: str) -> str:
    """A Matplotlib SVG file as an element of a page: themed, labelled, its ids its own."""
    box = re.search(r'viewBox="[^"]*"', svg)
    opening = f'<svg role="img" aria-label="{escape(title)}" {box[0] if box else ""}>'
    body = svg[svg.index(">", svg.index("<svg")) + 1 :].strip()
    body = re.sub(r"\s*<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r" font-family: [^;\"]*;?", "", body)
    used = set(re.findall(r"(?:url\(|href=\")#([^\")]+)", body))
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r"(url\(|href=\")#", rf"\1#{name}-", body).replace("xlink:href", "href")
    for stand_in, colour in _THEME.items():
        body = body.replace(stand_in, colour)
    return opening + body
