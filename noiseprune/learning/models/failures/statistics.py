"""What learning does to the layers: sizes, singular values, alignment, participation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noiseprune.errors import FileError, OptionError
from noiseprune.files.atomic import write_atomically
from noiseprune.files.guard import open_arrays, reading
from noiseprune.weights import FloatArray

MODES = 32
"""Singular modes of a layer that are kept; the memory of a run grows with these, not with units."""


@dataclass(frozen=True)
class RunStatistics:
    """What L layers were at T moments of a run.

    norms : (T, L) Frobenius norms
    participation : (T, L) participation ratios, see `participation_ratio`
    singular_values : of each layer (T, k), k at most `MODES`
    alignment : of each pair of neighbours (T, k, k): |V_(l+1)^T U_l|, the overlap of what a layer
        listens to with what the one below it sends; the identity if they are aligned
    """

    norms: FloatArray
    participation: FloatArray
    singular_values: tuple[FloatArray, ...]
    alignment: tuple[FloatArray, ...]

    def save(self, path: Path, epochs: Sequence[int] | None = None) -> None:
        """Write as .npz, atomically, with the epochs of the moments beside."""
        arrays = {"norms": self.norms, "participation": self.participation}
        arrays |= {f"singular_values_{k}": a for k, a in enumerate(self.singular_values)}
        arrays |= {f"alignment_{k}": a for k, a in enumerate(self.alignment)}
        if epochs is not None:
            arrays["epochs"] = np.asarray(epochs)
        with write_atomically(path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]


def run_statistics(weights: Sequence[Sequence[FloatArray]]) -> RunStatistics:
    """Statistics of weights[moment][layer], (out, in) each.

    Raises
    ------
    OptionError
        If there are none, or layers that do not fit one another.
    """
    if not weights or not weights[0]:
        raise OptionError("there are no weights: give those of one moment at least")
    for below, above in zip(weights[0], weights[0][1:], strict=False):
        if above.shape[1] != below.shape[0]:
            raise OptionError(
                f"a layer of {below.shape[0]} outputs is followed by one of {above.shape[1]} inputs"
            )
    n_layers = len(weights[0])
    svds = [[np.linalg.svd(w, full_matrices=False) for w in moment] for moment in weights]
    return RunStatistics(
        norms=np.array([[np.linalg.norm(found.S) for found in row] for row in svds]),
        participation=np.array([[_participation(found.S) for found in row] for row in svds]),
        singular_values=tuple(
            np.array([row[layer].S[:MODES] for row in svds]) for layer in range(n_layers)
        ),
        alignment=tuple(
            np.array([np.abs(row[k + 1].Vh[:MODES] @ row[k].U[:, :MODES]) for row in svds])
            for k in range(n_layers - 1)
        ),
    )


def load_statistics(path: Path) -> RunStatistics:
    """What `RunStatistics.save` has written.

    Raises
    ------
    FileError
        If there is no such file, or it is damaged.
    """
    with reading(Path(path)), open_arrays(Path(path)) as stored:
        if "norms" not in stored:
            raise FileError(f"{path} holds no statistics of a run: name the file that has them")
        layers = range(stored["norms"].shape[1])
        return RunStatistics(
            norms=stored["norms"],
            participation=stored["participation"],
            singular_values=tuple(stored[f"singular_values_{k}"] for k in layers),
            alignment=tuple(stored[f"alignment_{k}"] for k in layers[:-1]),
        )


def load_weights(folder: Path) -> list[list[FloatArray]]:
    """Weights[moment][layer] of files weights_K.npy, (moments, out, in) each, in the order of K.

    Raises
    ------
    FileError
        If there are none, or they are damaged, or differ in their numbers of moments.
    """
    found = {
        int(match[1]): path
        for path in Path(folder).glob("weights_*.npy")
        if (match := re.fullmatch(r"weights_(\d+)\.npy", path.name))
    }
    if not found:
        raise FileError(
            f"{folder} has no files weights_1.npy, weights_2.npy, ...: name their folder"
        )
    layers = []
    for number in sorted(found):
        with reading(found[number]):
            layers.append(np.load(found[number], allow_pickle=False))
    if len({len(layer) for layer in layers}) > 1 or any(layer.ndim != 3 for layer in layers):
        shapes = ", ".join(str(layer.shape) for layer in layers)
        raise FileError(f"{folder} holds weights {shapes}: they must be (moments, out, in) each")
    return [list(moment) for moment in zip(*layers)]


def participation_ratio(weight: FloatArray) -> float:
    """(sum s)^2 / (k sum s^2) of the k singular values s: 1 if all are alike, 1/k if one rules."""
    return _participation(np.asarray(np.linalg.svd(weight, compute_uv=False)))


def _participation(s: FloatArray) -> float:
    return float(s.sum() ** 2 / (s**2).sum() / len(s)) if s.any() else 0.0
