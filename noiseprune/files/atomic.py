"""Writing so that an interrupted run leaves the old file whole."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from noiseprune.errors import FileError, NoisePruneError
from noiseprune.files.guard import reason

_REMEDY = {
    errno.ENOSPC: "the disk is full: free some space or write elsewhere",
    errno.EDQUOT: "your disk quota is used up: free some space or write elsewhere",
    errno.EACCES: "there is no permission: write to a folder of your own",
    errno.EPERM: "there is no permission: write to a folder of your own",
    errno.EROFS: "the disk is read-only: write elsewhere",
    errno.ENAMETOOLONG: "the name is too long: shorten it",
    errno.EFBIG: "it grows larger than is allowed here: raise the limit or write elsewhere",
}


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to `path` once all is well.

    The temporary file is in the same folder and has the same suffix. If the body raises (also
    KeyboardInterrupt), it is removed and `path` stays as it was. A new file gets the usual
    permissions, a replaced one keeps its own; a symbolic link is followed.

        with write_atomically("net.npz") as temporary:
            np.savez(temporary, ...)

    Raises
    ------
    FileError
        If the file cannot be written: no such folder, no permission, a full disk.
    """
    path = Path(path)
    target = checked_target(path)
    # The name does not contain the target's, which may already be as long as is allowed.
    temporary = target.parent / f".noiseprune-{secrets.token_hex(6)}{target.suffix}"
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        # A rename may reach the disk before the data does; a full disk may show only here.
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        known = _REMEDY.get(error.errno or 0)
        raise FileError(f"{path} cannot be written, {known or reason(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def checked_target(path: Path) -> Path:
    """The file that a write to `path` replaces, if there can be one."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise FileError(f"{path} is not a file that can be replaced: give the name of a file")
    if not target.parent.is_dir():
        raise FileError(
            f"{path} cannot be written, the folder {path.parent} does not exist: create it first"
        )
    if not os.access(target.parent, os.W_OK):
        raise FileError(f"{path} cannot be written, {_REMEDY[errno.EACCES]}")
    return target


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """`write_atomically` for the writers of other libraries, which may raise anything."""
    with write_atomically(path) as temporary:
        try:
            yield temporary
        except (NoisePruneError, OSError):
            raise
        except Exception as error:
            raise FileError(
                f"{path} cannot be written as {path.suffix} ({reason(error)}): choose another "
                "format, such as .npz"
            ) from error


def make_folder(folder: Path, what: str) -> None:
    """Make the folder of what it is to hold, if it is not there.

    Raises
    ------
    FileError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"{folder} cannot be the folder of {what} ({error.strerror}): give another"
        ) from error
