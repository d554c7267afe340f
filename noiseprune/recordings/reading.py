"""Recordings on disk: whatever Neo reads, NWB, this package's trajectories, and sorted spikes.

| file | read by |
|---|---|
| .nwb | pynwb (extra `nwb`): units as spike trains, time series as signals |
| .npz with `times`, `rates` | as a trajectory of `noiseprune simulate` |
| .npz with `spike_times` (s), `unit` | as sorted spikes; `labels` or `location` name the units; |
|  | from 0 to `duration` (s), or from the first spike to the last, in whole seconds |
| dataset:NAME | a recording that ships with the package |
| any other | the reader that Neo has for it, `.nix` included |
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune import datasets, files
from noiseprune.choices import Kind
from noiseprune.errors import FileError, MissingExtraError, RecordingError
from noiseprune.files.guard import open_arrays, printable, reading
from noiseprune.recordings import nwb
from noiseprune.recordings.record import Reading, Recording, from_arrays
from noiseprune.recordings.signals import recording_of

_PICKLES = (".pkl", ".pickle")


def read(
    path: str | os.PathLike[str],
    *,
    kind: Kind = "auto",
    bin: float = Reading.bin,
    smoothing: float | None = None,
    burn_in: float = 0.0,
    units: str | None = None,
    series: str | None = None,
) -> Recording:
    """The recording in a file (see the module), or in `dataset:NAME`.

    Parameters
    ----------
    kind : "signals" or "spikes" where a file has both; "auto" takes the one that there is
    bin : s, of spike counts
    smoothing : s, standard deviation of a Gaussian kernel for Elephant's instantaneous rate,
        instead of bins
    burn_in : s, left out at the start of every piece
    units : to express analog signals in
    series : name of the analog signal to take, where there are several

    Raises
    ------
    FileError
        If the file is missing, damaged, or of no known kind.
    RecordingError
        If what it holds is no recording, or one with a value that is not finite, or too short.
    MissingExtraError
        For .nwb without pynwb.
    """
    how, source = Reading(kind, bin, smoothing, burn_in, units, series), str(path)
    if source.startswith("dataset:"):
        spikes = datasets.load_spikes(source.removeprefix("dataset:"))
        trains = _trains(spikes.times, spikes.unit, spikes.labels, spikes.duration)
        return recording_of(trains, how, source)
    path = Path(path)
    suffix = path.suffix.lower()
    with reading(path, or_folder=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # readers warn about themselves
        if suffix == ".npz":
            return _read_npz(path, how)
        found = nwb.read_segments(path) if suffix == ".nwb" else _read_neo(path)
        return recording_of(found, how, source)


def _read_neo(path: Path) -> Any:
    from neo.io import get_io

    if path.suffix.lower() in _PICKLES:
        raise FileError(
            f"{path} is a pickle, which may run any program when it is read: save it as .nix"
        )
    if path.suffix.lower() in (".nix", ".h5"):
        _check_hdf5(path)
    try:
        reader = get_io(str(path))
    except (OSError, ValueError, AssertionError) as error:
        raise FileError(
            f"{path} is of no kind that Neo can read (suffix {path.suffix!r}), or damaged: save it "
            "as .nix"
        ) from error
    except ImportError as error:
        raise _missing(path, error) from error
    try:
        return reader.read()
    except ImportError as error:
        raise _missing(path, error) from error
    finally:
        if hasattr(reader, "close"):
            reader.close()


def _missing(path: Path, error: ImportError) -> MissingExtraError:
    return MissingExtraError(
        f"Neo reads {path} by a package that is not there ({error}): install it, or save as .nix"
    )


def _check_hdf5(path: Path) -> None:
    """NixIO leaves a half-built object behind when it cannot open a file; so look first."""
    import h5py  # comes with nixio

    if not h5py.is_hdf5(path):
        raise FileError(f"{path} is not an HDF5 file: it is damaged, or has the wrong suffix")
    with h5py.File(path, "r"):
        pass


def _read_npz(path: Path, how: Reading) -> Recording:
    with open_arrays(path) as archive:
        names = set(archive.files)
        if {"spike_times", "unit"} <= names:
            times, unit = np.asarray(archive["spike_times"]), np.asarray(archive["unit"])
            key = next((key for key in ("labels", "location") if key in names), None)
            given = None if key is None else [str(name) for name in archive[key]]
            duration = float(archive["duration"]) if "duration" in names else None
            if times.dtype.kind not in "fiu" or unit.dtype.kind not in "iu":
                raise RecordingError(
                    f"{path} has spike_times of {times.dtype} and unit of {unit.dtype}: give "
                    "seconds, and the whole number of each spike's unit"
                )
            if times.ndim != 1 or times.shape != unit.shape or not times.size:
                raise RecordingError(
                    f"{path} has spike_times of shape {times.shape} and unit of {unit.shape}: give "
                    "one time and one unit for each spike"
                )
            if given is not None and key == "location":
                given = [f"{place}:{k}" for k, place in enumerate(given)]
            trains = _trains(times, unit, given, duration, str(path))
            return recording_of(trains, how, str(path))
        if not {"times", "rates"} <= names:
            found = printable(", ".join(sorted(names))) or "nothing"
            raise FileError(
                f"{path} holds {found}, but a recording has times and rates (of a simulation) or "
                "spike_times and unit: give such a file"
            )
        labels = [str(name) for name in archive["labels"]] if "labels" in names else None
        step = float(archive["dt"]) if "dt" in names else None
    for option, least in (("kind", ("auto", "signals")), ("units", (None,)), ("series", (None,))):
        given = getattr(how, option)
        if given not in least:
            raise RecordingError(
                f"{path} holds rates without a unit, of one kind: leave {option} {given!r} out"
            )
    times, rates = files.load_trajectory(path)
    if len(times) < 2:
        raise RecordingError(f"{path} has {len(times)} sample: give a longer recording")
    steps = np.diff(times)
    if not np.ptp(steps) <= 1e-3 * np.mean(steps):
        raise RecordingError(
            f"{path} has samples {steps.min():.4g} to {steps.max():.4g} s apart: resample it to "
            "equal steps"
        )
    return from_arrays(
        [rates[:, k] for k in range(rates.shape[1])],
        float(times[1] - times[0]),
        labels,
        source=str(path),
        step=step,
    ).after(how.burn_in)


def _trains(
    times: npt.NDArray[Any],
    unit: npt.NDArray[Any],
    labels: Sequence[str] | None,
    duration: float | None,
    source: str = "recording",
) -> list[Any]:
    """Neo's spike trains of times (s) and the number of each spike's unit."""
    import neo
    import quantities as pq

    if not np.all(np.isfinite(times)):
        bad = int(np.flatnonzero(~np.isfinite(times))[0])
        raise RecordingError(f"{source}: spike_times[{bad}] is {times[bad]}: cut it out")
    n = int(unit.max()) + 1 if labels is None else len(labels)
    if unit.min() < 0 or unit.max() >= n or n > 1_000_000:
        raise RecordingError(
            f"{source}: units run from {unit.min()} to {unit.max()}, but {n} have a name: number "
            "them from 0"
        )
    # Clocks may have started long before: silence of all units at once would be covariance.
    start = min(0.0, float(times.min())) if duration else float(np.floor(times.min()))
    end = duration or float(np.ceil(times.max()))
    if not end >= times.max():
        raise RecordingError(
            f"{source}: its last spike is at {times.max():g} s, after its end at {end:g} s: mend "
            "the duration"
        )
    names = [str(k) for k in range(n)] if labels is None else labels
    return [
        neo.SpikeTrain(
            np.sort(times[unit == k]), units=pq.s, t_start=start, t_stop=end, name=names[k]
        )
        for k in range(n)
    ]
