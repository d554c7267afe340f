"""Constraints on a layer's weights W[post, pre]: their shape, sign, place, plasticity and growth.

    W_ij = held_ij                        where plasticity_ij = 0 (frozen)
    W_ij = s_j |theta_ij|                 where neuron j is excitatory (s_j = 1) or inhibitory (-1)
    W_ij = theta_ij                       elsewhere
    W_ij = 0                              where there is no synapse

theta is what an optimiser sees. Since frozen and absent weights are not functions of theta, no
momentum, weight decay or adaptive step can move them, and Dale's law holds whatever theta is.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from noiseprune.checks import one_of
from noiseprune.errors import OptionError
from noiseprune.learning.options.base import proportion
from noiseprune.learning.options.names import Initial, Orientation

Array = npt.NDArray[Any]
ORIENTATIONS = get_args(Orientation)


def as_matrix(what: str, values: object, shape: tuple[int, int], orientation: str) -> Array:
    """(post, pre) matrix of finite numbers, from a mask in either orientation, of this shape."""
    one_of("orientation", orientation, ORIENTATIONS)
    matrix = as_array(what, values)
    expected = shape if orientation == "post-pre" else shape[::-1]
    if matrix.shape != expected:
        other = ORIENTATIONS[orientation == "post-pre"]
        hint = (
            f"it fits the orientation {other!r}: give that, or transpose it"
            if matrix.shape == expected[::-1]
            else f"give one entry a synapse, in the orientation {orientation!r}"
        )
        raise OptionError(
            f"{what} has shape {matrix.shape}, but the layer of {shape[1]} presynaptic and "
            f"{shape[0]} postsynaptic neurons needs {expected}: {hint}"
        )
    return matrix if orientation == "post-pre" else matrix.T


def as_array(what: str, values: object) -> Array:
    """An array of finite real numbers, from anything that NumPy or torch holds as such."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biuf":
        raise OptionError(f"{what} is {values!r}, not an array of numbers: give real numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise OptionError(f"{what} is {array[place]} at {place}: give finite numbers")
    return array


def presynaptic_signs(
    what: str, values: object, shape: tuple[int, int], orientation: str
) -> npt.NDArray[np.int8]:
    """(pre,) +1 (excitatory), -1 (inhibitory) or 0 (free), from a vector or a signed mask.

    In a mask all non-zero entries of a presynaptic neuron must have one sign (Dale's law).
    """
    array = as_array(what, values)
    if array.ndim == 1 and array.shape == (shape[1],):
        return np.sign(array).astype(np.int8)
    if array.ndim == 1:
        raise OptionError(
            f"{what} has {array.size} signs, but the layer has {shape[1]} presynaptic neurons: "
            "give one sign for each"
        )
    signs = np.sign(as_matrix(what, values, shape, orientation))
    mixed = np.flatnonzero((signs.max(axis=0) > 0) & (signs.min(axis=0) < 0))
    if mixed.size:
        raise OptionError(
            f"{what} gives presynaptic neuron {mixed[0]} both signs (neurons with both: "
            f"{mixed.size}): by Dale's law all synapses of a neuron have one"
        )
    result: npt.NDArray[np.int8] = np.sign(signs.max(axis=0) + signs.min(axis=0)).astype(np.int8)
    return result


def fractions(what: str, values: object, shape: tuple[int, int], orientation: str) -> Array:
    """(post, pre) matrix of numbers in [0, 1]."""
    matrix = as_matrix(what, values, shape, orientation)
    if matrix.size and (matrix.min() < 0 or matrix.max() > 1):
        worst = matrix.min() if matrix.min() < 0 else matrix.max()
        raise OptionError(f"{what} holds {worst:g}, but its entries must lie in [0, 1]")
    return matrix


def initial_weights(
    rule: str, shape: tuple[int, int], generator: torch.Generator, fan_in: int
) -> Tensor:
    """U(-1, 1) / sqrt(fan_in) for "uniform", N(0, 1) / sqrt(fan_in) for "normal"; or "zero"."""
    one_of("initial weights", rule, get_args(Initial))
    values = torch.zeros(shape)
    if rule == "uniform":
        values.uniform_(-1, 1, generator=generator)
    elif rule == "normal":
        values.normal_(generator=generator)
    return values.div_(fan_in**0.5)


def balanced_rows(weights: Tensor) -> Tensor:
    """Every neuron's excitatory and inhibitory input made equal, its total |input| unchanged.

    A neuron with one of the two only stays as it is.
    """
    excitation = weights.clamp(min=0).sum(dim=1, keepdim=True)
    inhibition = (-weights).clamp(min=0).sum(dim=1, keepdim=True)
    both = (excitation > 0) & (inhibition > 0)
    half = 0.5 * (excitation + inhibition)
    factor = torch.where(weights > 0, half / excitation, half / inhibition)
    balanced: Tensor = torch.where(both, weights * factor, weights)
    return balanced


def grown(present: Tensor, probability: Tensor, budget: int, generator: torch.Generator) -> Tensor:
    """(post, pre) bool: synapses that come into being in one round of growth.

    Every absent place grows with its own probability, independently; if that exceeds the budget
    (the largest number of synapses), as many of them as it allows, each as likely as another.
    """
    coins = torch.rand(present.shape, generator=generator).to(present.device)
    new = ~present & (coins < probability)
    room = max(0, budget - int(present.sum()))
    places = new.flatten().nonzero().flatten()
    if len(places) > room:
        order = torch.randperm(len(places), generator=generator).to(present.device)
        new = torch.zeros_like(new)
        new.view(-1)[places[order[:room]]] = True
    return new


def dale_signs(n_neurons: int, excitatory: float = 0.8) -> npt.NDArray[np.int8]:
    """(n_neurons,) signs: the first floor(n excitatory) neurons +1, the others -1."""
    proportion("excitatory", excitatory)
    signs = np.full(n_neurons, -1, dtype=np.int8)
    signs[: int(n_neurons * excitatory)] = 1
    return signs
