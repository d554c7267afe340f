"""Which figures there are, and how they are remade, drawn again and written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib as mpl
from matplotlib.figure import Figure

from noiseprune import __version__
from noiseprune.checks import one_of
from noiseprune.errors import FileError
from noiseprune.figures import (
    connectomes,
    cost,
    dynamics,
    eigenvalues,
    inference,
    kept,
    panels,
    plasticity,
    similarity,
    spikes,
    style,
)
from noiseprune.figures.protocol import Numbers
from noiseprune.files import write_atomically
from noiseprune.files.atomic import checked_target
from noiseprune.files.guard import reading
from noiseprune.progress import Progress, silent
from noiseprune.records import json_text


class Picture(Protocol):
    """A module of this package that makes one figure."""

    def measure(self, fast: bool, seed: int, progress: Progress) -> Numbers:
        """The numbers to draw, with all that repeats them; `fast` on small networks."""

    def draw(self, numbers: Numbers) -> Figure:
        """The picture, from the numbers as JSON holds them."""


PICTURES: Mapping[str, Picture] = {
    "panels": panels,
    "eigenvalues": eigenvalues,
    "similarity": similarity,
    "dynamics": dynamics,
    "kept": kept,
    "connectomes": connectomes,
    "cost": cost,
    "spikes": spikes,
    "inference": inference,
    "plasticity": plasticity,
}
FORMATS = ("png", "svg")


def remake(
    name: str, folder: Path, *, fast: bool = False, seed: int = 0, progress: Progress = silent
) -> list[Path]:
    """Measure a figure, write NAME.json, draw it from that, write NAME.png and NAME.svg.

    Every file is written at once, the numbers first: what an interrupted run has written is whole.

    Returns
    -------
    The files written.

    Raises
    ------
    OptionError
        If there is no figure of this name.
    FileError
        If the folder is none, or cannot be written to.
    """
    picture = PICTURES[one_of("figure", name, PICTURES)]
    targets = _targets(name, folder)
    for target in targets:  # before the long work
        checked_target(target)
    document = {
        "figure": name,
        "noiseprune": __version__,
        "fast": fast,
        "seed": seed,
        "numbers": picture.measure(fast, seed, progress),
    }
    with write_atomically(targets[0]) as temporary:
        temporary.write_text(_compact(json_text(document)) + "\n", encoding="utf-8")
    return [targets[0], *redraw(name, folder)]


def redraw(name: str, folder: Path) -> list[Path]:
    """Draw a figure again from NAME.json in the folder; the same numbers give the same picture.

    Returns and raises as `remake`.
    """
    picture = PICTURES[one_of("figure", name, PICTURES)]
    numbers, *images = _targets(name, folder)
    for image in images:
        checked_target(image)
    with reading(numbers):
        document = json.loads(numbers.read_text(encoding="utf-8"))
        if not (isinstance(document, dict) and document.get("figure") == name):
            raise FileError(
                f"{numbers} does not hold the numbers of the figure {name!r}: measure it again"
            )

    def figure() -> Figure:
        with reading(numbers):  # of another version they may lack something
            return picture.draw(document["numbers"])

    write(figure, images)
    return images


def write(figure: Callable[[], Figure], images: Sequence[Path]) -> None:
    """Draw in the style of all figures, and write to files of the suffixes .png, .svg or .pdf."""
    with mpl.rc_context(style.RC):
        drawn = figure()
        drawn.draw_without_rendering()
        drawn.set_layout_engine(None)  # laid out once for all formats
        for image in images:
            plain = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
            stamp: dict[str, Any] = plain.get(image.suffix.lower(), {})
            with write_atomically(image) as temporary:
                drawn.savefig(temporary, metadata=stamp)


def _targets(name: str, folder: Path) -> list[Path]:
    return [folder / f"{name}.{suffix}" for suffix in ("json", *FORMATS)]


def _compact(text: str) -> str:
    """Indented JSON with every innermost list on one line."""
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text)
