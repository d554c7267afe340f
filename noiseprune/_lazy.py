"""Public names that a package imports from their modules when they are first used.

    __getattr__, __dir__, __all__ = attach(__name__, home)

`import noiseprune` stays quick, and what is not installed is missed where it is needed alone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from noiseprune.errors import MissingExtraError

INSTALL = {
    "torch": "noiseprune[learn]",
    "sklearn": "noiseprune[learn]",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
}
"""Packages that are not installed with noiseprune itself, and what brings each."""


def attach(
    package: str, home: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package.

    Parameters
    ----------
    package : its name
    home : the module below the package that each public name stands in; "" for a module itself

    Reading a name raises MissingExtraError if its module needs a package that is not installed.
    """

    def read(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = required(f"{package}.{home[name] or name}", f"{package}.{name}")
        value = getattr(module, name) if home[name] else module
        setattr(sys.modules[package], name, value)
        return value

    names = sorted(home)
    return read, lambda: list(names), names


def required(module: str, what: str) -> Any:
    """The module, or an error that says what needs a package and how to install it.

    Raises
    ------
    MissingExtraError
        If it cannot be imported without a package of `INSTALL`.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in INSTALL:
            raise
        raise MissingExtraError(
            f"{what} needs the package {missing}, which is not installed: "
            f"pip install '{INSTALL[missing]}'"
        ) from error


def stubbed(package: str, path: str) -> dict[str, str]:
    """The homes of the names that the stub of a package hands on, the .pyi beside its `__init__`.

    It has them as `from PACKAGE.HOME import NAME as NAME`, so that no list stands twice.
    """
    tree = ast.parse(Path(path).with_suffix(".pyi").read_text(encoding="utf-8"))
    return {
        alias.name: (node.module or "").removeprefix(package).removeprefix(".")
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
