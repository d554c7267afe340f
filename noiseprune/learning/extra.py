"""What is not installed with noiseprune itself, and the one line that says so."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from noiseprune.errors import MissingExtraError


def required(package: str, what: str = "learning", *, install: str = "noiseprune[learn]") -> Any:
    """The package, or an error that says what needs it and how to install it.

    Raises
    ------
    MissingExtraError
        If it cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f"{what} needs the package {package}, which is not installed: pip install '{install}'"
        ) from error
