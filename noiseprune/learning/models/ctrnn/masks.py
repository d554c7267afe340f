"""Masks of structured networks: areas, excitatory and inhibitory neurons, grouped inputs.

Every builder gives the masks of the input, hidden and readout layer of a network of dims (in,
hidden, out), W[post, pre], or with orientation "pre-post" transposed, for `CTRNN`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from noiseprune.checks import Seed, count, generator, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.models.ctrnn.constraints import ORIENTATIONS, as_array, dale_signs
from noiseprune.learning.options.base import Checked, proportion

Mask = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(eq=False, repr=False)
class Masks(Checked):
    """The masks of the three layers, W[post, pre]: 1 where there is a synapse, else 0."""

    dims: Sequence[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.dims) != 3:
            raise OptionError(f"dims are {self.dims!r}: give (inputs, neurons, outputs)")
        names = ("inputs", "neurons", "outputs")
        self.dims = tuple(count(what, n) for what, n in zip(names, self.dims))
        n_in, n, n_out = self.dims
        self._masks = [np.ones((n, n_in)), np.ones((n, n)), np.ones((n_out, n))]

    def get_masks(self, orientation: str = "post-pre") -> list[Mask]:
        """[input, hidden, readout] masks, new arrays."""
        return _oriented(self._masks, orientation)

    def get_specs(self) -> dict[str, Any]:
        """What was built: dims, and the density of every layer."""
        densities = [float(np.mean(mask != 0)) for mask in self._masks]
        return {"dims": self.dims, "densities": densities}


@dataclass(eq=False, repr=False)
class MultiArea(Masks):
    """Areas, with a density of synapses for every pair of them.

    Parameters
    ----------
    dims : (inputs, neurons, outputs)
    n_areas : number of areas of equal size (the first ones have one more if they cannot be), or
        their sizes
    area_connectivities : (forward, backward), (forward, backward, within) or a matrix whose entry
        [i, j] is the density from area j to area i; forward is to a later area. Within an area the
        density is 1 unless it is given
    input_areas, readout_areas : numbers of the areas that get the input, and that are read; all by
        default
    seed : of the draw: every synapse by its density, independently
    """

    n_areas: int | Sequence[int] = 2
    area_connectivities: Sequence[float] | Sequence[Sequence[float]] | Mask = (0.1, 0.1)
    input_areas: Sequence[int] | None = None
    readout_areas: Sequence[int] | None = None
    _: KW_ONLY
    seed: Seed = None

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.dims[1]
        self._areas = _groups("n_areas", self.n_areas, n)
        connectivities = _connectivities(self.area_connectivities, len(self._areas))
        self.area_connectivities = connectivities
        self._input = self._areas_of("input_areas", self.input_areas)
        self._readout = self._areas_of("readout_areas", self.readout_areas)
        area = self.area_of_neuron
        rng = generator(self.seed)
        density = connectivities[area[:, None], area[None, :]]
        self._masks[1] = (rng.random((n, n)) < density).astype(np.float64)
        self._masks[0][self.get_non_input_indices()] = 0.0
        self._masks[2][:, np.setdiff1d(np.arange(n), self.get_readout_indices())] = 0.0

    @property
    def area_of_neuron(self) -> Indices:
        """(neurons,) the number of its area"""
        return np.repeat(np.arange(len(self._areas)), [len(area) for area in self._areas])

    def get_areas(self) -> list[str]:
        """Names of the areas: area_1, area_2, ..."""
        return [f"area_{k + 1}" for k in range(len(self._areas))]

    def get_area_indices(self, area: int | str) -> Indices:
        """Neurons of an area, by its number from 0, or its name."""
        if isinstance(area, str):
            area = self.get_areas().index(one_of("area", area, self.get_areas()))
        return self._areas[_one_area("area", area, len(self._areas))]

    def get_all_area_indices(self) -> dict[str, Indices]:
        """Neurons of every area by its name."""
        return dict(zip(self.get_areas(), self._areas))

    def get_input_indices(self) -> Indices:
        """Neurons that get input."""
        return np.concatenate([self._areas[k] for k in self._input])

    def get_non_input_indices(self) -> Indices:
        """Neurons that get none."""
        return np.setdiff1d(np.arange(self.dims[1]), self.get_input_indices())

    def get_readout_indices(self) -> Indices:
        """Neurons that are read."""
        return np.concatenate([self._areas[k] for k in self._readout])

    def split_states(self, states: Any) -> Mapping[str, Any]:
        """States (..., neurons), an array or a tensor, of every area by its name."""
        return {name: states[..., area] for name, area in self.get_all_area_indices().items()}

    def _areas_of(self, what: str, chosen: Sequence[int] | None) -> list[int]:
        n_areas = len(self._areas)
        numbers = range(n_areas) if chosen is None else chosen
        if not len(numbers):
            raise OptionError(f"{what} is empty: name at least one area, or None for all")
        return sorted({_one_area(what, k, n_areas) for k in numbers})


@dataclass(eq=False, repr=False)
class MultiAreaEI(MultiArea):
    """Areas of excitatory and inhibitory neurons: the first of each area are excitatory.

    Parameters
    ----------
    dims, n_areas, area_connectivities, input_areas, readout_areas, seed : as for `MultiArea`
    exc_pct : fraction of each area that is excitatory, rounded down
    inter_area_connections : whether there are synapses between areas from excitatory to excitatory
        (E-E), E-I (onto inhibitory), I-E and I-I neurons
    inh_readout : whether inhibitory neurons are read
    """

    _: KW_ONLY
    exc_pct: float = 0.8
    inter_area_connections: Sequence[bool] = (True, True, True, True)
    inh_readout: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        between_areas = self.inter_area_connections
        if len(between_areas) != 4:
            raise OptionError(
                f"inter_area_connections are {between_areas!r}: give four truth values, for E-E, "
                "E-I, I-E and I-I"
            )
        self.signs = np.concatenate([dale_signs(len(area), self.exc_pct) for area in self._areas])
        inhibitory = (self.signs < 0).astype(int)
        allowed = np.array(between_areas, dtype=bool).reshape(2, 2)  # [pre, post]
        between = self.area_of_neuron[:, None] != self.area_of_neuron[None, :]
        self._masks[1][between & ~allowed[inhibitory[None, :], inhibitory[:, None]]] = 0.0
        if not self.inh_readout:
            self._masks[2][:, self.signs < 0] = 0.0

    def get_masks(self, orientation: str = "post-pre") -> list[Mask]:
        """As of `MultiArea`, with -1 for synapses of inhibitory neurons."""
        signed = [self._masks[0], *(mask * self.signs for mask in self._masks[1:])]
        return _oriented(signed, orientation)

    def get_sparsity_masks(self, orientation: str = "post-pre") -> list[Mask]:
        """1 where there is a synapse, else 0: the `sparsity_masks` of `CTRNN`."""
        return _oriented(self._masks, orientation)

    def get_ei_masks(self) -> list[npt.NDArray[np.int8] | None]:
        """[None, signs, signs]: the `ei_masks` of `CTRNN`."""
        return [None, self.signs.copy(), self.signs.copy()]


@dataclass(eq=False, repr=False)
class MultiIO(Masks):
    """Groups of inputs and outputs that reach, or are read from, groups of neurons only.

    Parameters
    ----------
    dims : (inputs, neurons, outputs)
    input_dims, readout_dims : sizes of the groups of inputs, and of outputs
    input_table : (groups of neurons, groups of inputs), non-zero where these neurons get this input
    readout_table : (groups of outputs, groups of neurons), non-zero where these are read

    The neurons are in as many groups as the tables have, of equal size (as for `MultiArea`).
    """

    input_dims: Sequence[int]
    readout_dims: Sequence[int]
    input_table: Any
    readout_table: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        inputs = _groups("input_dims", self.input_dims, self.dims[0])
        outputs = _groups("readout_dims", self.readout_dims, self.dims[2])
        to = as_array("input_table", self.input_table)
        read = as_array("readout_table", self.readout_table)
        if to.ndim != 2 or to.shape[1] != len(inputs):
            raise OptionError(
                f"input_table has shape {to.shape}, but there are {len(inputs)} groups of inputs: "
                "give a row for each group of neurons, a column for each group of inputs"
            )
        if read.shape != (len(outputs), len(to)):
            raise OptionError(
                f"readout_table has shape {read.shape}, but there are {len(outputs)} groups of "
                f"outputs and {len(to)} of neurons: give {(len(outputs), len(to))}"
            )
        self.groups = _groups("groups of neurons", len(to), self.dims[1])
        group, source, sink = (
            np.repeat(np.arange(len(parts)), [len(part) for part in parts])
            for parts in (self.groups, inputs, outputs)
        )
        self._masks[0] = (to[group[:, None], source[None, :]] != 0).astype(np.float64)
        self._masks[2] = (read[sink[:, None], group[None, :]] != 0).astype(np.float64)


@dataclass(eq=False, repr=False)
class RandomInput(Masks):
    """A random part of the neurons gets input, a random part is read.

    Parameters
    ----------
    dims : (inputs, neurons, outputs)
    input_spar, readout_spar : fractions of the neurons that get input, and that are read
    hidden_spar : density of the synapses between neurons, each drawn independently
    overlap : whether a neuron may be both; if not, the fractions add up to at most 1
    seed : of the draw
    """

    input_spar: Annotated[float, proportion] = 1.0
    readout_spar: Annotated[float, proportion] = 1.0
    hidden_spar: Annotated[float, proportion] = 1.0
    _: KW_ONLY
    overlap: bool = True
    seed: Seed = None

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.dims[1]
        rng = generator(self.seed)
        n_input, n_read = round(n * self.input_spar), round(n * self.readout_spar)
        order = rng.permutation(n)
        self._input = np.sort(order[:n_input])
        if self.overlap:
            self._read = np.sort(rng.choice(n, n_read, replace=False))
        elif n_input + n_read <= n:
            self._read = np.sort(order[n_input : n_input + n_read])
        else:
            raise OptionError(
                f"{n_input} neurons with input and {n_read} that are read overlap among {n}: allow "
                "overlap, or let the fractions add up to at most 1"
            )
        self._masks[0][np.setdiff1d(np.arange(n), self._input)] = 0.0
        self._masks[1] = (rng.random((n, n)) < self.hidden_spar).astype(np.float64)
        self._masks[2][:, np.setdiff1d(np.arange(n), self._read)] = 0.0

    def get_input_indices(self) -> Indices:
        """Neurons that get input."""
        return self._input

    def get_readout_indices(self) -> Indices:
        """Neurons that are read."""
        return self._read


def _oriented(masks: Sequence[Mask], orientation: str) -> list[Mask]:
    one_of("orientation", orientation, ORIENTATIONS)
    return [mask.copy() if orientation == "post-pre" else mask.T.copy() for mask in masks]


def _groups(what: str, sizes: int | Sequence[int], total: int) -> list[Indices]:
    """Consecutive groups of `total` things: so many of about equal size, or of these sizes."""
    if isinstance(sizes, (int, np.integer)):
        number = count(what, int(sizes))
        if number > total:
            raise OptionError(f"{what} is {number}, but there are {total} to divide: give fewer")
        return list(np.array_split(np.arange(total), number))
    parts = [count(what, size) for size in sizes]
    if sum(parts) != total:
        raise OptionError(f"{what} are {parts}, which sum to {sum(parts)}: they must to {total}")
    return list(np.split(np.arange(total), np.cumsum(parts)[:-1]))


def _connectivities(given: Any, n_areas: int) -> Mask:
    """(areas, areas) density from area j to area i."""
    densities = as_array("area_connectivities", given)
    if densities.shape in ((2,), (3,)):
        forward, backward, within = (*densities, 1.0)[:3]
        lower = np.tri(n_areas, k=-1)
        densities = forward * lower + backward * lower.T + within * np.eye(n_areas)
    if densities.shape != (n_areas, n_areas):
        raise OptionError(
            f"area_connectivities have shape {densities.shape}: give (forward, backward), "
            f"(forward, backward, within) or a {n_areas} x {n_areas} matrix"
        )
    if not (np.all(densities >= 0) and np.all(densities <= 1)):
        raise OptionError("area_connectivities are densities: give numbers in [0, 1]")
    return densities


def _one_area(what: str, k: int, n_areas: int) -> int:
    if count(what, k, at_least=0) >= n_areas:
        raise OptionError(f"{what} names area {k}, but there are {n_areas}, numbered from 0")
    return int(k)
