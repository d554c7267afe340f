"""The figures of the paper, remade: measured, kept as numbers, drawn from the numbers alone.

    measure  ->  NAME.json  ->  draw  ->  NAME.png, NAME.svg

A module each: `measure(fast, seed, progress)` gives the numbers and `draw(numbers)` the picture.
"""

from noiseprune.figures.pictures import PICTURES, redraw, remake, write

__all__ = [
    "PICTURES",
    "redraw",
    "remake",
    "write",
]
