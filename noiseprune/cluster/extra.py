"""Dask, where it is installed and can start."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from noiseprune.errors import ClusterError, MissingExtraError


def import_extra(name: str) -> Any:
    """The module of that name."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"--cluster needs the package {name}: pip install 'noiseprune[cluster]'"
        ) from error


def start(make: Callable[[], Any], where: str) -> Any:
    """The cluster, or why there is none."""
    try:
        return make()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise ClusterError(
            f"the cluster {where!r} cannot be started ({error}): see what it says, or use "
            "--cluster local:2"
        ) from error
