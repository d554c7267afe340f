"""Networks in files of torch (.pt): the options with which one is made again, and its state."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.errors import FileError
from noiseprune.files.atomic import write_atomically
from noiseprune.files.guard import reading
from noiseprune.learning.options.base import Checked

AnyPath = str | os.PathLike[str]


def write_document(path: AnyPath, document: Mapping[str, Any]) -> None:
    """Write plain values and tensors, atomically."""
    with write_atomically(path) as temporary:
        torch.save(dict(document), temporary)


@contextmanager
def read_document(
    path: AnyPath, key: str, wanted: str, device: str = "cpu"
) -> Iterator[dict[str, Any]]:
    """What `write_document` wrote, if its `key` says that it is what is wanted."""
    path = Path(path)
    with reading(path):
        document = torch.load(path, map_location=device, weights_only=True)
        told = document if isinstance(document, dict) else {}
        if told.get(key) != wanted:
            found = told.get("network") or told.get("format") or "no network"
            raise FileError(f"{path} holds {found}, not a {wanted}: give a file that it saved")
        yield document


class DeclaredModule(Checked, nn.Module):
    """A module that can be a dataclass: it is ready for the fields before they are set."""

    def __new__(cls, *args: object, **options: object) -> Self:
        made = super().__new__(cls)
        nn.Module.__init__(made)
        return made


class SavedNetwork(DeclaredModule):
    """A network that is saved with the options of its constructor: the fields of a dataclass."""

    NOT_SAVED: ClassVar[tuple[str, ...]] = ()

    @property
    def options(self) -> dict[str, Any]:
        """What the constructor was given; arrays and their numbers as plain ones."""
        own = (each.name for each in fields(cast(Any, self)) if each.init)
        return {name: _plain(getattr(self, name)) for name in own if name not in self.NOT_SAVED}

    def save(self, path: AnyPath) -> None:
        """Write options, parameters and the states of the generators (.pt), atomically."""
        document = {
            "network": type(self).__name__,
            "options": self.options,
            "parameters": self.state_dict(),
        }
        write_document(path, document | self.beside())

    @classmethod
    def load(cls, path: AnyPath, device: str = "cpu") -> Self:
        """The network that `save` wrote: same weights, and the same draws to come.

        Raises
        ------
        FileError
            If there is no such file, or it holds something else.
        """
        with read_document(path, "network", cls.__name__, device) as document:
            network = cls(**document["options"]).to(device)
            network.restore(document["parameters"])
            network.set_beside(document)
        return network

    def restore(self, parameters: Mapping[str, Tensor]) -> None:
        """`load_state_dict`, masks of pruned synapses included."""
        for name, value in parameters.items():
            place, _, kind = name.rpartition(".")
            if kind == "mask":
                cast(Any, self.get_submodule(place)).mask = torch.ones_like(value)
        self.load_state_dict(parameters)

    def beside(self) -> dict[str, Any]:
        """What a file holds beside options and parameters."""
        return {}

    def set_beside(self, document: Mapping[str, Any]) -> None:
        """Take that from a file."""


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
