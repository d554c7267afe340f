"""Reading files that may be damaged, hostile or something else altogether."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZipFile

import numpy as np

from noiseprune.errors import FileError, NoisePruneError

Format = TypeVar("Format")
_LARGE = 2**30
_LARGEST_RATIO = 200


@contextmanager
def reading(path: Path, *, or_folder: bool = False) -> Iterator[None]:
    """Turn whatever goes wrong while `path` is read into a FileError of one sentence."""
    try:
        if not (or_folder and path.is_dir()):
            _check_is_file(path)
        yield
    except NoisePruneError:
        raise
    except MemoryError as error:
        raise FileError(
            f"{path} does not fit into memory: if it should, it is damaged, and must be saved again"
        ) from error
    except OSError as error:
        raise FileError(
            f"{path} cannot be read ({reason(error)}): it is damaged, or not yours to read"
        ) from error
    except Exception as error:  # parsers raise all sorts of things on foreign bytes
        raise FileError(
            f"{path} is not a sound {path.suffix} file ({reason(error)}): it may be truncated or "
            "of another format; save it again"
        ) from error


def _check_is_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise FileError(f"there is no file {path}: check the name and the folder") from error
    if path.is_dir():
        raise FileError(f"{path} is a folder: give the name of a file in it")
    if not path.is_file():
        raise FileError(f"{path} is not a regular file: copy its content into one")
    if size == 0:
        raise FileError(f"{path} is empty: its writing was interrupted, so save it again")


def reason(error: BaseException) -> str:
    """The first line of what an exception says, fit to stand within a sentence."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = next(iter(text.splitlines()), "").strip().rstrip(".") or type(error).__name__
    return printable(line)


def printable(text: str, at_most: int = 120) -> str:
    """Text from a file, fit to be shown: on one line, not too long."""
    shown = "".join(c if c.isprintable() else "?" for c in text.strip())
    return shown if len(shown) <= at_most else f"{shown[: at_most - 3]}..."


def largest_expansion(size: int) -> int:
    """Bytes to which `size` compressed bytes may honestly expand; weights shrink much less."""
    return max(_LARGE, _LARGEST_RATIO * size)


def open_arrays(
    path: Path, names: Collection[str] = (), expected: str = ""
) -> np.lib.npyio.NpzFile:
    """Open an .npz file with these `names`; refuse pickles, and expansion beyond all proportion.

    `expected` is the rest of the sentence that says what they are needed for.
    """
    with ZipFile(path) as archive:
        expanded = sum(member.file_size for member in archive.infolist())
    if expanded > largest_expansion(path.stat().st_size):
        raise FileError(f"{path} would expand to {expanded} bytes: it is damaged or malicious")
    opened: Any = np.load(path, allow_pickle=False)
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise FileError(f"{path} is not an .npz archive: save it again with numpy.savez")
    if not set(names) <= set(opened.files):
        found = printable(", ".join(opened.files)) or "nothing"
        raise FileError(f"{path} holds {found}, but {expected}")
    return opened


def by_suffix(path: Path, formats: Mapping[str, Format], otherwise: str) -> Format:
    """The format that the suffix of a file says."""
    found = formats.get(path.suffix.lower())
    if found is None:
        raise FileError(f"{path} has the suffix {path.suffix!r}, {otherwise}")
    return found
