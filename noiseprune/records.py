"""Results that tell themselves: as JSON, in a few lines, as a table of a notebook, as a data frame.

JSON is strict: it has no NaN or infinity, and no NumPy scalars.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any

from noiseprune.errors import MissingExtraError

Rows = list[tuple[str, str]]
"""What, and how much: the lines of a result in words."""


class Plain(ABC):
    """What has a dictionary of itself: whatever `to_dict` puts into it comes out as `plain`."""

    def __init_subclass__(cls) -> None:
        if told := vars(cls).get("to_dict"):
            cls.to_dict = wraps(told)(lambda self: plain(told(self)))  # type: ignore[method-assign]

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-ready values, under the keys of the command line."""


class Record(Plain):
    """A result. What it says of itself is said once, in `to_dict` and `in_words`."""

    @abstractmethod
    def in_words(self) -> Rows:
        """The result in words."""

    def __repr__(self) -> str:
        rows = self.in_words()
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join(
            [type(self).__name__, *(f"  {what:<{width}}  {how}" for what, how in rows)]
        )

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, (), self.in_words())


class Table(Record):
    """A result that is a table: a header, and lines of numbers and texts."""

    @abstractmethod
    def header(self) -> tuple[str, ...]:
        """Names of the columns, as in `to_dict`."""

    @abstractmethod
    def lines(self) -> list[tuple[Any, ...]]:
        """The values, a tuple a line."""

    def to_frame(self) -> Any:
        """The table as a `pandas.DataFrame`.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError(
                "a data frame needs the package pandas, which is not installed: pip install pandas"
            ) from error
        return pd.DataFrame(self.lines(), columns=list(self.header()))

    def in_words(self) -> Rows:
        cells = [[number(value) for value in line] for line in (self.header(), *self.lines())]
        widths = [max(len(cell) for cell in column) for column in zip(*cells)]
        lined = [[cell.ljust(width) for cell, width in zip(line, widths)] for line in cells]
        return [(first, "  ".join(rest).rstrip()) for first, *rest in lined]

    def _repr_html_(self) -> str:
        lines = [[number(value) for value in line] for line in self.lines()]
        return html_table(type(self).__name__, self.header(), lines)


def html_table(title: str, header: Any, lines: Any) -> str:
    """An HTML table with a caption, for a notebook; every cell is text."""

    def row(cells: Any, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    head = f"<thead>{row(header, 'th')}</thead>" if header else ""
    body = "".join(row(line, "td") for line in lines)
    return f"<table><caption>{escape(title)}</caption>{head}<tbody>{body}</tbody></table>"


def number(value: Any, digits: int = 3) -> str:
    """A number with some significant digits, a whole one in full; a dash for None; a text as is."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}g}"


def json_text(result: Mapping[str, Any]) -> str:
    """JSON of a result, indented."""
    return json.dumps(plain(result), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """The value as JSON can hold it: arrays are lists, NaN and infinity become None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
