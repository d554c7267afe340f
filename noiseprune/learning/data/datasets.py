"""Data to learn from: of a linear teacher, of scikit-learn, or of local files.

All are NumPy arrays, a row each sample; `data[k], targets[k]` make any of them a data set for
`torch.utils.data.DataLoader`. Nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noiseprune._lazy import required
from noiseprune.checks import Seed, count, generator, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.data.images import CIFAR10, MNIST, read_images
from noiseprune.learning.options.base import below_1
from noiseprune.weights import FloatArray

Array = np.ndarray[Any, np.dtype[Any]]

CLASSIFIED = ("digits", MNIST, CIFAR10)
DIGITS_TEST = 0.2

SEMANTICS = np.array(
    [[1.0, 1, 0, 1, 0, 0, 0], [1, 1, 0, 0, 1, 0, 0], [1, 0, 1, 0, 0, 1, 0], [1, 0, 1, 0, 0, 0, 1]]
)
"""Covariance of the items (rows) with their features (columns)."""
FEATURES = ("grow", "move", "roots", "fly", "swim", "leaves", "petals")


class LinearRegressionDataset:
    """Samples of a linear teacher: x ~ N(0, C), y = w* x.

    data (n_samples, N), targets (n_samples, d), w = w* (d, N), cov = C (N, N); float64

    Parameters
    ----------
    w_star : w* (d, N), or (N,) for one output
    cov : C; the identity by default

    Raises
    ------
    OptionError
        If C is not a covariance of N inputs.
    """

    def __init__(
        self,
        w_star: FloatArray,
        n_samples: int,
        cov: FloatArray | None = None,
        *,
        seed: Seed = None,
    ) -> None:
        self.w = np.atleast_2d(np.asarray(w_star, float))
        n = self.w.shape[1]
        self.cov = np.eye(n) if cov is None else np.asarray(cov, float)
        if self.cov.shape != (n, n) or not np.allclose(self.cov, self.cov.T):
            raise OptionError(
                f"the covariance has shape {self.cov.shape}: give a symmetric one of {(n, n)}"
            )
        values, vectors = np.linalg.eigh(self.cov)
        if not values[0] > -1e-12 * max(values[-1], 1e-300):
            raise OptionError(f"the covariance has an eigenvalue {values[0]:.3g}, below 0")
        root = vectors * np.sqrt(np.maximum(values, 0))
        normal = generator(seed).standard_normal((count("samples", n_samples), n))
        self.data = normal @ root.T
        self.targets = self.data @ self.w.T

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        return self.data[index], self.targets[index]


class SemanticsDataset(LinearRegressionDataset):
    """Four items told by seven features, in a hierarchy: w* = E[y x^T] C^-1 with E[y x^T] given.

    Features in the order `FEATURES`; with C = I the singular values of w* are sqrt 7, sqrt 3, 1, 1.
    Parameters, attributes and errors as `LinearRegressionDataset`.
    """

    def __init__(self, n_samples: int, cov: FloatArray | None = None, *, seed: Seed = None) -> None:
        teacher = SEMANTICS
        if cov is not None:
            try:
                teacher = np.linalg.solve(np.asarray(cov, float), SEMANTICS.T).T
            except (ValueError, np.linalg.LinAlgError):
                raise OptionError(
                    f"the covariance of the seven features has shape {np.shape(cov)} or is "
                    "singular: give one of (7, 7) that is not"
                ) from None
        super().__init__(teacher, n_samples, cov, seed=seed)


def linear_teacher(singular_values: Sequence[float], d_input: int) -> FloatArray:
    """w* (d, d_input) with these singular values, the same at every call, dense on both sides.

    Left and right vectors are of the discrete cosine basis.

    Raises
    ------
    OptionError
        If there are more singular values than inputs, or one is negative.
    """
    s = np.asarray(singular_values, float)
    if s.ndim != 1 or not 1 <= len(s) <= count("inputs", d_input) or not np.all(s >= 0):
        raise OptionError(
            f"the singular values are {list(singular_values)}: give 1 to {d_input} numbers >= 0"
        )
    return np.asarray((_cosines(len(s)) * s) @ _cosines(d_input)[:, : len(s)].T)


def _cosines(n: int) -> FloatArray:
    """Orthogonal (n, n): the columns are cosines of rising frequency."""
    k = np.arange(n)
    basis = np.cos(np.pi * np.outer(k + 0.5, k) / n) * np.sqrt(2 / n)
    basis[:, 0] /= np.sqrt(2)
    return np.asarray(basis)


@dataclass(frozen=True)
class Classification:
    """Samples with classes, in three parts; the test data choose nothing.

    x_* : (samples, features) float32; y_* : (samples,) int64 classes from 0 on
    shape : of one sample, such as (28, 28) or (3, 32, 32)
    """

    x_train: Array
    y_train: Array
    x_validation: Array
    y_validation: Array
    x_test: Array
    y_test: Array
    n_classes: int
    shape: tuple[int, ...]

    def rows(self, x: Array) -> Array:
        """Samples as sequences (samples, time, features): an image row by row, colours together."""
        images = x.reshape(len(x), *self.shape)
        if len(self.shape) == 3:
            images = images.transpose(0, 2, 1, 3)
        time = self.shape[-2]
        return np.ascontiguousarray(images.reshape(len(x), time, int(np.prod(self.shape)) // time))


def classification(
    name: str = "digits",
    data: Path | None = None,
    *,
    validation: float = 0.0,
    standardise: bool = False,
    seed: Seed = 0,
) -> Classification:
    """A data set of images to classify, pixels in [0, 1].

    "digits" are the 1,797 images of 8 x 8 pixels of scikit-learn, of which 20 % are for testing;
    "mnist" and "cifar10" are read from the folder `data` (see `images.read_images`) and keep their
    own test data.

    Parameters
    ----------
    validation : fraction of the training data set aside
    standardise : subtract the mean of each feature of the training data, divide by the standard
        deviation over all of them
    seed : of the division

    Raises
    ------
    OptionError
        If there is no such data set, a fraction is not in [0, 1) or leaves no image, or `data` is
        missing.
    FileError
        If the files cannot be read.
    MissingExtraError
        If scikit-learn is not installed.
    """
    one_of("data set", name, CLASSIFIED)
    below_1("validation", validation)
    rng = generator(seed)
    shape: tuple[int, ...]
    if name == "digits":
        if data is not None:
            raise OptionError("the digits come with scikit-learn: leave the folder of data out")
        found = required("sklearn.datasets", "the data set digits").load_digits()
        x, y, shape = found.data.astype(np.float32) / 16, found.target.astype(np.int64), (8, 8)
        order = rng.permutation(len(x))
        test, train = np.split(order, [round(DIGITS_TEST * len(x))])
        x, y, x_test, y_test = x[train], y[train], x[test], y[test]
    else:
        if data is None:
            raise OptionError(
                f"{name} is read from files of your own: name their folder with --data (nothing "
                "is downloaded)"
            )
        (x, y, x_test, y_test), shape = read_images(name, data)
        if validation:
            order = rng.permutation(len(x))
            x, y = x[order], y[order]
    held = round(validation * len(x))
    if held == len(x) or (validation and not held):
        raise OptionError(
            f"validation is {validation:g}, which leaves {len(x) - held:,} of the {len(x):,} "
            f"images for training and {held:,} for validation: give a fraction that leaves both "
            "some"
        )
    if standardise:
        mean, deviation = x[held:].mean(0), max(float(x[held:].std()), 1e-12)
        x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    return Classification(
        x_train=x[held:],
        y_train=y[held:],
        x_validation=x[:held],
        y_validation=y[:held],
        x_test=x_test,
        y_test=y_test,
        n_classes=10,
        shape=shape,
    )
