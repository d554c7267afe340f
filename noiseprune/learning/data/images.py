"""MNIST and CIFAR-10 from files that the user has, in the formats in which they are handed on.

mnist     train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-..., t10k-labels-... (also
          with a dot before idx, also .gz): the IDX format of Y. LeCun's page
          mnist_train.csv and mnist_test.csv: class and 784 pixels a line, a header or none
cifar10   data_batch_1.bin ... data_batch_5.bin, test_batch.bin: 1 byte class, 3072 bytes pixels
          data_batch_1 ... data_batch_5, test_batch: pickles of Python, of which only arrays,
          numbers and texts are let in
both      mnist.npz or cifar10.npz with x_train, y_train, x_test, y_test, as Keras keeps them

A folder is searched with its subfolders; if it has several of these, the first found is read.
"""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from noiseprune.checks import one_of
from noiseprune.errors import FileError
from noiseprune.files.guard import open_arrays, reading

MNIST, CIFAR10 = "mnist", "cifar10"
SHAPES = {MNIST: (28, 28), CIFAR10: (3, 32, 32)}
BATCHES = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")
IDX = ("images-idx3", "labels-idx1")

Array = np.ndarray[Any, np.dtype[Any]]
Parts = tuple[Array, Array, Array, Array]


def read_images(name: str, folder: Path) -> tuple[Parts, tuple[int, ...]]:
    """x_train, y_train, x_test, y_test, and the shape of an image.

    x (samples, pixels) float32 in [0, 1], colours red, green, blue one after the other; y int64.
    """
    shape = SHAPES[one_of("data set of files", name, SHAPES)]
    folder = Path(folder)
    if not folder.is_dir():
        raise FileError(f"{folder} is not a folder: name the one that holds the files of {name}")
    for read in READERS[name]:
        found = read(folder, name)
        if found is not None:
            x, y, x_test, y_test = found
            checked = *_checked(x, y, shape, folder), *_checked(x_test, y_test, shape, folder)
            return checked, shape
    wanted = {
        MNIST: "train-images-idx3-ubyte and the three others, or mnist.npz",
        CIFAR10: "data_batch_1 to 5 and test_batch (or these with .bin), or cifar10.npz",
    }
    raise FileError(f"{folder} has no files of {name}: put {wanted[name]} there")


def _checked(x: Array, y: Array, shape: tuple[int, ...], folder: Path) -> tuple[Array, Array]:
    pixels = int(np.prod(shape))
    classes = np.asarray(y).reshape(-1).astype(np.int64)
    if not (len(x) == len(classes) > 0 and x.size == len(x) * pixels and x.dtype == np.uint8):
        raise FileError(
            f"{folder} holds images {x.shape} of {x.dtype} and {len(classes)} classes, but needs "
            f"as many of both, of {pixels} pixels of uint8: get the files again"
        )
    if classes.min() < 0 or classes.max() > 9:
        raise FileError(f"{folder} holds the class {classes.max()}, but there are 0 to 9")
    return x.reshape(len(x), pixels).astype(np.float32) / 255, classes


def _file(folder: Path, *names: str) -> Path | None:
    """The first file of one of these names below the folder."""
    for name in names:
        for path in sorted(folder.rglob(name)):
            if path.is_file():
                return path
    return None


def _npz(folder: Path, name: str) -> Parts | None:
    path = _file(folder, f"{name}.npz")
    if path is None:
        return None
    with reading(path), open_arrays(path) as stored:
        x, y, x_test, y_test = (stored[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    if name == CIFAR10 and x.ndim == 4 and x.shape[-1] == 3:  # colours last
        x, x_test = x.transpose(0, 3, 1, 2), x_test.transpose(0, 3, 1, 2)
    return x, y, x_test, y_test


def _idx(folder: Path, name: str) -> Parts | None:
    found = []
    for plain in (f"{stem}-{kind}-ubyte" for stem in ("train", "t10k") for kind in IDX):
        dotted = plain.replace("-idx", ".idx")
        path = _file(folder, plain, dotted, f"{plain}.gz", f"{dotted}.gz")
        if path is None:
            return None
        found.append(read_idx(path))
    return found[0], found[1], found[2], found[3]


def _csv(folder: Path, name: str) -> Parts | None:
    found: list[Array] = []
    for path in (_file(folder, f"{name}_{stem}.csv") for stem in ("train", "test")):
        if path is None:
            return None
        with reading(path), path.open(encoding="ascii") as file:
            header = not file.readline()[:1].isdigit()
            table = np.loadtxt(path, np.uint8, delimiter=",", skiprows=int(header), ndmin=2)
        found += table[:, 1:], table[:, 0]
    return found[0], found[1], found[2], found[3]


def read_idx(path: Path) -> Array:
    """An array of bytes in the IDX format: 0, 0, 8, n; n sizes of 4 bytes, big-endian; data."""
    with reading(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(4)
        if len(head) < 4 or head[:3] != b"\0\0\x08":
            raise FileError(f"{path} is not an IDX file of bytes: get it again")
        sizes = np.frombuffer(file.read(4 * head[3]), ">u4").astype(int)
        data = np.frombuffer(file.read(), np.uint8)
    if data.size != np.prod(sizes):
        raise FileError(
            f"{path} holds {data.size} bytes, but its head says {int(np.prod(sizes))}: get it again"
        )
    return data.reshape(sizes)


def _binary(path: Path) -> tuple[Array, Array]:
    with reading(path):
        records = np.fromfile(path, np.uint8)
    if records.size % 3073:
        raise FileError(f"{path} is {records.size} bytes, no multiple of 3073: get it again")
    records = records.reshape(-1, 3073)
    return records[:, 1:], records[:, 0]


def _pickled(path: Path) -> tuple[Array, Array]:
    with reading(path), path.open("rb") as file:
        found = _ArraysOnly(file, encoding="bytes").load()
        return np.asarray(found[b"data"]), np.asarray(found[b"labels"])


def _batches(
    suffix: str, read: Callable[[Path], tuple[Array, Array]], folder: Path, name: str
) -> Parts | None:
    """The five batches of the training data together, and the test data."""
    paths = [_file(folder, batch + suffix) for batch in BATCHES]
    if None in paths:
        return None
    found = [read(path) for path in paths if path is not None]
    x, y = (np.concatenate([batch[k] for batch in found[:-1]]) for k in (0, 1))
    return x, y, *found[-1]


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of arrays, and refuses whatever else a pickle could call."""

    def find_class(self, module: str, name: str) -> Any:
        """What an array is made by; nothing else."""
        known = {
            ("multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        made = known.get((module.rpartition(".")[2], name))
        if made is None or not module.startswith("numpy"):
            raise pickle.UnpicklingError(f"it calls {module}.{name}, which no data need")
        return made


READERS: dict[str, tuple[Callable[[Path, str], Parts | None], ...]] = {
    MNIST: (_npz, _idx, _csv),
    CIFAR10: (_npz, partial(_batches, ".bin", _binary), partial(_batches, "", _pickled)),
}
"""Readers of each data set, in the order in which they are tried."""
