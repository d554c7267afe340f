"""Pieces of work kept on disk, so that an interrupted run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from noiseprune import __version__
from noiseprune.errors import FileError
from noiseprune.files.atomic import write_atomically
from noiseprune.work import Result, Shared, Worker, digest


def resumed(worker: Worker, folder: Path) -> Worker:
    """A worker that keeps every result in `folder`, and makes only those that are not there.

    Raises
    ------
    FileError
        If the folder cannot be written, or holds the results of other work.
    """

    def run(
        function: Callable[[Any, Any], Result], shared: Shared, items: Sequence[Any], /
    ) -> Iterator[tuple[int, Result]]:
        own = folder / function.__name__.strip("_")
        _claim(own, {"version": __version__, "digest": digest(shared.digest(), *items)})
        paths = [own / f"piece-{index:06d}.npz" for index in range(len(items))]
        missing = [index for index, path in enumerate(paths) if not path.exists()]
        made, following = set(range(len(items))) - set(missing), 0
        for place, result in worker(function, shared, [items[index] for index in missing]):
            with write_atomically(paths[missing[place]]) as temporary:
                np.savez(temporary, *result)
            made.add(missing[place])
            del result  # read again in its turn: pieces may be many, and large
            while following in made:
                yield following, tuple(_read(paths[following]).values())
                following += 1
        for index in range(following, len(items)):
            yield index, tuple(_read(paths[index]).values())

    return run


class Kept:
    """The state of a search in a folder; a `Memory`.

    Raises
    ------
    FileError
        If the folder cannot be written, or holds the state of other work.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "search"

    def load(self, digest: str) -> dict[str, Any] | None:
        _claim(self._folder, {"version": __version__, "digest": digest})
        path = self._folder / "state.npz"
        return _read(path) if path.exists() else None

    def save(self, arrays: dict[str, Any]) -> None:
        with write_atomically(self._folder / "state.npz") as temporary:
            np.savez(temporary, **arrays)


def _claim(folder: Path, manifest: dict[str, str]) -> None:
    """Make the folder this work's own, or find that it is: pieces of other versions may differ."""
    path = folder / "work.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with write_atomically(path) as temporary:
                temporary.write_text(json.dumps(manifest), encoding="utf-8")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(
            f"{folder} cannot hold an interrupted run ({error}): name another"
        ) from error
    if found != manifest:
        raise FileError(
            f"{folder} holds another run, of another network, seed, options or version: name an "
            "empty folder, or repeat that run's command"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise FileError(f"{path} is damaged ({error}): remove it, and it is made again") from error
