"""Pictures of a training, drawn from its log alone, and what all pictures of runs share.

Where runs differ in the seed alone, colours tell quantities apart. Where they differ in other
options, colours tell the settings apart, named in a legend below, and dashes the quantities. Of
more than MOST settings, those of least loss are coloured, and the others grey.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator
from matplotlib.typing import LineStyleType

from noiseprune.learning.training.experiment import Training
from noiseprune.learning.training.runs import differing

COLUMNS = {"train_loss": ("training", "#0072b2"), "test_loss": ("test", "#d55e00")}
ERROR = "#000000"
INK, OTHERS = "#222222", "#b0b0b0"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of settings."""
MOST = len(COLOURS)
LINES: tuple[LineStyleType, ...] = ("-", "--", ":", "-.")
"""Lines of quantities, where colours are those of settings."""
FEW = 2
"""Points of a curve, at most, that are marked."""
LETTERS = 14
"""That fit into an inch of a legend or a title."""

Points = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Quantity:
    """What is drawn of every run.

    label : in the legend; none if empty
    colour, line : where colours are not those of settings
    points : epochs and values; no epochs where a run does not have it
    """

    label: str
    colour: Any
    points: Callable[[Training], Points]
    line: LineStyleType = "-"


@dataclass(frozen=True)
class Setting:
    """Runs that differ in the seed alone; no colour if there is no other setting."""

    runs: tuple[Training, ...]
    label: str = ""
    colour: str | None = None


@dataclass(frozen=True)
class Settings:
    """Runs by setting: the options that differ, those shown in colour, and the others."""

    names: tuple[str, ...]
    shown: tuple[Setting, ...]
    others: tuple[Setting, ...] = ()


def settings_of(runs: Sequence[Training]) -> Settings:
    """Runs by what their options differ in, the seed aside."""
    names = tuple(name for name in differing(runs) if name != "seed")
    if not names:
        return Settings((), (Setting(tuple(runs)),))
    found: dict[str, list[Training]] = {}
    for run in runs:
        found.setdefault(repr([run.options[name] for name in names]), []).append(run)
    ranked = sorted(found, key=lambda key: fmean(map(_last_loss, found[key])))
    colours = dict(zip((key for key in found if key in ranked[:MOST]), COLOURS))
    shown: list[Setting] = []
    others: list[Setting] = []
    for key, alike in found.items():
        label = ", ".join(_text(alike[0].options[name]) for name in names)
        setting = Setting(tuple(alike), label, colours.get(key, OTHERS))
        (shown if key in colours else others).append(setting)
    return Settings(names, tuple(shown), tuple(others))


def named(run: Training, names: Iterable[str]) -> str:
    """Options of a run, as "lr 0.1, hidden 30"."""
    return ", ".join(f"{_spoken(name)} {_text(run.options[name])}" for name in names)


def wrapped(text: str, inches: float) -> str:
    """Text in lines of that width."""
    return textwrap.fill(text, max(1, int(LETTERS * inches)))


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    """A value as the command line takes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    short = f"{value:g}" if isinstance(value, float) else ""
    return short if short and float(short) == value else str(value)


def _last_loss(run: Training) -> float:
    for name in ("test_loss", "train_loss"):
        _, values = run.column(name)
        if values:
            return values[-1]
    return math.inf


def curves(axes: Axes, settings: Settings, quantities: Sequence[Quantity]) -> None:
    """Every quantity of every run over epochs, with a legend of the quantities."""
    epoch_axis(axes)
    handles = []
    for quantity, line in zip(quantities, cycle(LINES)):
        line = line if settings.names else quantity.line
        longest = 0
        for setting in (*settings.others, *settings.shown):
            grey = setting.colour == OTHERS
            opacity = 0.5 if grey else max(0.3, 1 / len(setting.runs) ** 0.5)
            thin: dict[str, Any] = {"linewidth": 0.5, "markersize": 2} if grey else {}
            for run in setting.runs:
                epochs, values = quantity.points(run)
                longest = max(longest, len(epochs))
                if epochs:
                    axes.plot(
                        epochs,
                        values,
                        color=setting.colour or quantity.colour,
                        linestyle=line,
                        alpha=opacity,
                        marker="o" if len(epochs) <= FEW else "",
                        **thin,
                    )
        if longest and quantity.label:
            colour = INK if settings.names else quantity.colour
            marker = "o" if longest <= FEW else ""
            handles.append(Line2D([], [], color=colour, linestyle=line, marker=marker))
            handles[-1].set_label(quantity.label)
    if handles:
        axes.legend(handles=handles)


def epoch_axis(axes: Axes) -> None:
    """Ticks at whole numbers."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def from_zero(*panels: Axes, at_least: float = 0.0) -> None:
    """Axes from 0 to beyond the largest value of all panels; what is 0 is not on the frame."""
    tops = [axes.dataLim.ymax for axes in panels]
    top = max([at_least, *(top for top in tops if math.isfinite(top))]) or 1.0
    for axes in panels:
        axes.set_ylim(-0.03 * top, 1.06 * top)


def angle_axis(axes: Axes) -> None:
    """From 0 to 90 degrees, or further if there is more."""
    from_zero(axes, at_least=90.0)
    axes.yaxis.set_major_locator(MultipleLocator(30))


def legend_of(figure: Figure, settings: Settings) -> None:
    """Below the panels, which stay as high as they are: colours of settings, if there are more."""
    if not settings.names:
        return
    title = ", ".join(map(_spoken, settings.names))
    handles = [Line2D([], [], color=each.colour, label=each.label) for each in settings.shown]
    if settings.others:
        number = len(settings.others)
        title += f" (the {len(handles)} settings of least loss of {len(handles) + number})"
        handles.append(Line2D([], [], color=OTHERS, linewidth=0.5, label=f"the other {number}"))
    width = figure.get_figwidth()
    longest = max(len(str(handle.get_label())) for handle in handles) + 9  # its line and margins
    columns = min(len(handles), max(1, int(LETTERS * width / longest)))
    title = wrapped(title, width)
    lines = title.count("\n") + 1 + math.ceil(len(handles) / columns)
    figure.set_figheight(figure.get_figheight() + 0.17 * lines + 0.1)
    figure.legend(
        handles=handles, title=title, loc="outside lower center", ncols=columns, fontsize=8,
        title_fontsize=8,
    )  # fmt: skip


def learning_curve(runs: Sequence[Training]) -> Figure:
    """Losses over epochs, logarithmic, every run a line; and the fraction wrong, if there is one.

    Rows without a positive value are left out.
    """
    wrong = any("test_error" in row for run in runs for row in run.log)
    figure = Figure(figsize=(3.6 * (1 + wrong), 3.0), layout="constrained")
    settings = settings_of(runs)
    loss, *rest = figure.subplots(1, 1 + wrong, squeeze=False)[0]
    curves(
        loss,
        settings,
        [Quantity(label, colour, _positive(name)) for name, (label, colour) in COLUMNS.items()],
    )
    loss.set(yscale="log", ylabel="loss")
    for axes in rest:
        curves(axes, settings, [Quantity("", ERROR, _percent)])
        axes.set_ylabel("wrong on the test data, %")
        from_zero(axes, at_least=1.0)
    legend_of(figure, settings)
    return figure


def column(name: str) -> Callable[[Training], Points]:
    """A column of the log as points of a quantity."""
    return lambda run: run.column(name)


def _positive(name: str) -> Callable[[Training], Points]:
    def points(run: Training) -> Points:
        pairs = [(epoch, value) for epoch, value in zip(*run.column(name)) if value > 0]
        return [epoch for epoch, _ in pairs], [value for _, value in pairs]

    return points


def _percent(run: Training) -> Points:
    epochs, values = run.column("test_error")
    return epochs, [100 * value for value in values]
