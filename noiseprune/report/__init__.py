"""The similarity report as one page that needs no network: HTML with inline CSS and SVG.

    SpectralReport + Making  ->  measures  ->  figures, tables  ->  page

`page` says what stands where, `measures` holds the arrays behind the figures, `figures` draws
them and `markup` writes HTML. The page's numbers are those of the JSON, which it also carries.
"""

from noiseprune.report.page import Making, page, write_html

__all__ = ["Making", "page", "write_html"]
