"""Trajectories on disk: simulated rates, as arrays (.npz) or as a Neo block (.nix)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from noiseprune.errors import FileError
from noiseprune.files.atomic import writing
from noiseprune.files.guard import by_suffix, open_arrays, reading

FloatArray = npt.NDArray[np.float64]
_HDF5 = b"\x89HDF\r\n\x1a\n"
_EXTRA = ("labels", "dt")
"""Beside times and rates in an .npz file: the neurons' names, and the step of the scheme, s."""


class TimedRates(Protocol):
    """What can be saved: times (T,) in s, rates (T, replicas, N), and a way to Neo."""

    @property
    def times(self) -> npt.NDArray[Any]: ...
    @property
    def rates(self) -> npt.NDArray[Any]: ...
    def to_neo(self) -> Any: ...


def save_trajectory(trajectory: TimedRates, path: str | os.PathLike[str]) -> None:
    """Write a trajectory: arrays times, rates, labels and dt (.npz), or its Neo block (.nix).

    The .nix file is Neo's NixIO, one segment a replica with one analog signal (T, N). NixIO
    stores every channel of it separately: for thousands of neurons prefer .npz.

    Raises
    ------
    FileError
        If the suffix is neither, or the file cannot be written.
    """
    path = Path(path)
    _, write = trajectory_format(path)
    with writing(path) as temporary:
        write(trajectory, temporary)


def load_trajectory(path: str | os.PathLike[str]) -> tuple[FloatArray, npt.NDArray[Any]]:
    """Read what `save_trajectory` wrote: times (T,) in s and rates (T, replicas, N).

    Raises
    ------
    FileError
        If the file is missing, damaged, or holds something else.
    """
    path = Path(path)
    read, _ = trajectory_format(path)
    with reading(path):
        times, rates = read(path)
        if not (
            times.dtype.kind in "fiu"
            and rates.dtype.kind in "fiu"
            and rates.ndim == 3
            and times.shape == rates.shape[:1]
        ):
            raise FileError(
                f"{path} has times {times.shape} and rates {rates.shape}, but a trajectory has "
                "numbers of shape (T,) and (T, replicas, N)"
            )
        return times.astype(np.float64, copy=False), rates


def _read_npz(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    expected = "a trajectory has times and rates: give a file that was saved from a simulation"
    with open_arrays(path, ("times", "rates"), expected) as archive:
        return archive["times"], archive["rates"]


def _write_npz(trajectory: TimedRates, path: Path) -> None:
    known = {name: getattr(trajectory, name) for name in _EXTRA if hasattr(trajectory, name)}
    np.savez(path, allow_pickle=False, times=trajectory.times, rates=trajectory.rates, **known)


def _read_nix(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    from neo.io import NixIO

    # NixIO leaves a half-built object behind when it cannot open a file; so look first.
    with path.open("rb") as file:
        if file.read(len(_HDF5)) != _HDF5:
            raise FileError(f"{path} is not a .nix file: give one that NixIO wrote")
    with NixIO(str(path), "ro") as nix:
        blocks = nix.read_all_blocks()
    signals = [segment.analogsignals for block in blocks for segment in block.segments]
    if not signals or any(len(of_segment) != 1 for of_segment in signals):
        counts = sorted({len(of_segment) for of_segment in signals})
        raise FileError(
            f"{path} has {len(signals)} segments with {counts} analog signals, but a trajectory "
            "has one signal in each segment: give a file that was saved from a simulation"
        )
    (first,), *_ = signals
    rates = np.stack([signal.magnitude for (signal,) in signals], axis=1)
    return np.asarray(first.times.rescale("s").magnitude), rates


def _write_nix(trajectory: TimedRates, path: Path) -> None:
    from neo.io import NixIO

    with NixIO(str(path), "ow") as nix:
        nix.write_block(trajectory.to_neo())


_Read = Callable[[Path], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
_Write = Callable[[TimedRates, Path], None]
_FORMATS: dict[str, tuple[_Read, _Write]] = {
    ".npz": (_read_npz, _write_npz),
    ".nix": (_read_nix, _write_nix),
}


def trajectory_format(path: Path) -> tuple[_Read, _Write]:
    return by_suffix(path, _FORMATS, f"unknown for trajectories: use {' or '.join(_FORMATS)}")
