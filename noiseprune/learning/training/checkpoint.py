"""Checkpoints: a nest of arrays, tensors and plain values in one .npz file, without pickles.

The structure is JSON under the name `tree`, in which an array stands as {"array": k} and a tensor
as {"tensor": k}, k the name of a member. torch is needed only where there are tensors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from noiseprune.errors import FileError
from noiseprune.files.atomic import write_atomically
from noiseprune.files.guard import reading


def save_checkpoint(path: Path, state: Any) -> None:
    """Write a state atomically.

    Parameters
    ----------
    state : dicts (keys str or int), lists and tuples of NumPy arrays, torch tensors, numbers,
        bools, strings and None, however deep; NumPy scalars become numbers
    """
    arrays: dict[str, np.ndarray] = {}
    tree = json.dumps(_packed(state, arrays))
    with write_atomically(path) as temporary:
        np.savez(temporary, tree=np.array(tree), **arrays)  # type: ignore[arg-type]


def load_checkpoint(path: Path) -> Any:
    """The state that `save_checkpoint` has written, equal to the last bit."""
    # Given a path, NumPy leaves the file open where it is damaged.
    with reading(path), path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        if "tree" not in stored:
            raise FileError(f"{path} is not a checkpoint: name the file that training has written")
        return _unpacked(json.loads(str(stored["tree"])), stored)


def _packed(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value as JSON; arrays are moved to `arrays`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {"dict": [[key, _packed(item, arrays)] for key, item in value.items()]}
    if isinstance(value, list):
        return [_packed(item, arrays) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_packed(item, arrays) for item in value]}
    name = f"a{len(arrays)}"
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        arrays[name] = value
        return {"array": name}
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        arrays[name] = value.detach().cpu().numpy()
        return {"tensor": name}
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def _unpacked(tree: Any, arrays: Any) -> Any:
    if isinstance(tree, list):
        return [_unpacked(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, value),) = tree.items()
    if kind == "dict":
        return {key: _unpacked(item, arrays) for key, item in value}
    if kind == "tuple":
        return tuple(_unpacked(item, arrays) for item in value)
    if kind == "array":
        return arrays[value]
    import torch

    return torch.from_numpy(arrays[value])
