"""The similarity report as one page that needs no network: HTML with inline CSS and SVG.

    to_dict() of a report + the two networks  ->  measures  ->  figures, tables  ->  page

`page` says what stands where, `measures` holds the arrays behind the figures, `figures` draws
them and `markup` writes HTML. The page's numbers are those of the JSON, which it also carries.
"""

from noiseprune.report.page import page, write_html

__all__ = ["page", "write_html"]
