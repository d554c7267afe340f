"""HTML in small pieces; whatever a user may have named is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from noiseprune.records import number as in_words

__all__ = ["document", "escape", "figure", "finite", "number", "paragraph", "section", "table"]


def number(value: float | None, digits: int = 3) -> str:
    """A number with some significant digits, whole numbers in full; a dash for None."""
    return "–" if value is None else in_words(value, digits)


def finite(value: float | None) -> float | None:
    """The number as JSON has it: None where it is not finite."""
    return value if value is not None and math.isfinite(value) else None


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of HTML, with a class if `kind` names one."""
    return f"<p class='{kind}'>{text}</p>" if kind else f"<p>{text}</p>"


def section(title: str, *parts: str) -> str:
    """A section under its heading; nothing if it has no parts."""
    body = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>" if body else ""


def table(
    caption: str, header: Iterable[str], rows: Iterable[Iterable[str]], kind: str = ""
) -> str:
    """A table that scrolls in its own box; the first cell of every row is its header.

    Cells are HTML. Without a header the table lists facts.
    """
    columns = "".join(f"<th scope='col'>{cell}</th>" for cell in header)
    head = f"<thead><tr>{columns}</tr></thead>\n" if columns else ""
    body = "\n".join(
        f"<tr><th scope='row'>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    name = escape(caption)
    return (
        f"<div class='scroll' role='region' tabindex='0' aria-label='{name}'>\n"
        f"<table class='{kind}'>\n<caption>{name}</caption>\n{head}"
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def figure(svg: str, caption: str) -> str:
    """A drawing with its caption, both HTML."""
    return f"<figure>\n{svg}\n<figcaption>{caption}</figcaption>\n</figure>"


def document(title: str, style: str, body: str) -> str:
    """The whole page."""
    return (
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<meta name='color-scheme' content='light dark'>\n"
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
