"""A linear layer whose weights keep to constraints, whatever optimiser moves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import Seed, count, not_negative, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.models.ctrnn import constraints
from noiseprune.learning.models.ctrnn.constraints import Array
from noiseprune.learning.models.streams import new_generator
from noiseprune.learning.options.names import Dale, Initial, Orientation


class LinearLayer(nn.Module):
    """y = x W^T + b, with W (output_dim, input_dim) = W[post, pre] under constraints.

    Parameters
    ----------
    weights : "uniform" U(-1, 1)/sqrt(input_dim), "normal" N(0, 1)/sqrt(input_dim), "zero", or an
        array (output_dim, input_dim)
    biases : None (zero, not trained), "zero", "uniform", "normal", or an array (output_dim,)
    sparsity : mask, non-zero where there is a synapse; all places by default
    ei : a sign for every presynaptic neuron, +1, -1 or 0 (free), or a signed mask. Drawn weights
        take the sign of their neuron and are balanced: each postsynaptic neuron's excitatory and
        inhibitory input are made equal, its total |input| unchanged. An array of weights is taken
        as it is, and must keep to the signs
    plasticity : mask in [0, 1], the learning rate of each synapse relative to the optimiser's; at 0
        it is frozen exactly. Between 0 and 1 the optimiser's step is scaled, after the event
    growth : mask in [0, 1], the probability with which an absent synapse grows in a round of `grow`
    budget : largest number of synapses that growth may lead to; all allowed places by default
    growth_weights : initial weight of a synapse that grows: "uniform", "normal" or "zero" as above,
        or its absolute value
    dale : "parametrisation", W = sign |theta|, or "projection", theta with its wrong signs set to 0
    orientation : of all masks: "post-pre" (the package's W[post, pre]) or "pre-post"
    seed : of the initial weights and biases; None takes fresh entropy

    Raises
    ------
    OptionError
        If a mask or an array does not fit the layer, a presynaptic neuron has two signs, or given
        weights break the constraints.
    """

    theta: nn.Parameter
    present: Tensor
    sign: Tensor
    plasticity: Tensor
    growth: Tensor
    held: Tensor
    reference: Tensor

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        weights: str | Array | Tensor = "uniform",
        biases: str | Array | Tensor | None = None,
        sparsity: object = None,
        ei: object = None,
        plasticity: object = None,
        growth: object = None,
        budget: int | None = None,
        growth_weights: str | float = "uniform",
        dale: Dale = "parametrisation",
        orientation: Orientation = "post-pre",
        seed: Seed = None,
    ) -> None:
        super().__init__()
        shape = (count("output_dim", output_dim), count("input_dim", input_dim))
        self.dale = one_of("dale", dale, get_args(Dale))
        one_of("orientation", orientation, constraints.ORIENTATIONS)
        self.growth_weights = _checked_growth_weights(growth_weights)

        def mask(read: Callable[..., Array], name: str, given: object, without: Array) -> Tensor:
            found = without
            if given is not None:
                found = read(f"the {name} mask", given, shape, orientation)
            return torch.tensor(found)

        all_, none, real = np.ones(shape), np.zeros(shape), torch.get_default_dtype()
        free = np.zeros(shape[1], dtype=np.int8)
        present = mask(constraints.as_matrix, "sparsity", sparsity, all_) != 0
        rates = mask(constraints.fractions, "plasticity", plasticity, all_)
        chances = mask(constraints.fractions, "growth", growth, none)
        self.register_buffer("present", present)
        self.register_buffer("sign", mask(constraints.presynaptic_signs, "ei", ei, free))
        self.register_buffer("plasticity", rates.to(real))
        self.register_buffer("growth", chances.to(real))
        allowed = int((self.present | (self.growth > 0)).sum())
        self.budget = allowed if budget is None else count("budget", budget, at_least=0)
        if self.budget < self.n_synapses:
            raise OptionError(
                f"the budget is {self.budget} synapses, but the sparsity mask has "
                f"{self.n_synapses}: give at least that many"
            )
        generator = new_generator(seed)
        self.theta = nn.Parameter(torch.zeros(shape))
        self.register_buffer("held", torch.zeros(shape))
        self.register_buffer("reference", torch.zeros(shape))
        self._note_constraints()
        if isinstance(weights, str):
            drawn = constraints.initial_weights(weights, shape, generator, input_dim)
            drawn = torch.where(self.sign == 0, drawn, drawn.abs() * self.sign)
            drawn = torch.where(self.present, drawn, 0.0)
            self.set_weights(constraints.balanced_rows(drawn) if self._signed else drawn)
        else:
            self.set_weights(weights)
        self._set_bias(biases, generator)

    def _set_bias(self, biases: str | Array | Tensor | None, generator: torch.Generator) -> None:
        n = self.output_dim
        if biases is None:
            self.register_buffer("bias", torch.zeros(n))
            return
        if isinstance(biases, str):
            values = constraints.initial_weights(biases, (n, 1), generator, self.input_dim)
        else:
            given = constraints.as_array("biases", biases)
            if given.shape != (n,):
                raise OptionError(
                    f"biases have shape {given.shape}, but the layer has {n} postsynaptic "
                    "neurons: give one number for each"
                )
            values = torch.tensor(given, dtype=torch.get_default_dtype())
        self.bias = nn.Parameter(values.flatten())

    def _note_constraints(self) -> None:
        """Which constraints there are at all: what is not there costs nothing."""
        self._sparse = not bool(self.present.all())
        self._signed = bool((self.sign != 0).any())
        self._frozen = bool((self.plasticity == 0).any())
        self._graded = bool(((self.plasticity > 0) & (self.plasticity < 1)).any())

    @property
    def input_dim(self) -> int:
        return int(self.theta.shape[1])

    @property
    def output_dim(self) -> int:
        return int(self.theta.shape[0])

    @property
    def n_synapses(self) -> int:
        """Number of places with a synapse, whatever its weight."""
        return int(self.present.sum())

    @property
    def has_bias(self) -> bool:
        """Whether there is one that is trained."""
        return isinstance(self.bias, nn.Parameter)

    @property
    def density(self) -> float:
        return self.n_synapses / self.present.numel()

    @property
    def weight(self) -> Tensor:
        """(output_dim, input_dim) W[post, pre] under all constraints, a function of theta."""
        self._settle()
        weight: Tensor = self.theta
        if self._signed:
            lawful = weight
            if self.dale == "parametrisation":
                # |theta| with slope 1 at 0, where that of abs() is 0: a weight of 0 learns, too.
                lawful = self.sign * torch.where(weight < 0, -weight, weight)
            weight = torch.where(self.sign == 0, weight, lawful)
        if self._frozen:
            weight = torch.where(self.plasticity == 0, self.held, weight)
        if self._sparse:
            weight = torch.where(self.present, weight, 0.0)
        return weight

    def _settle(self) -> None:
        """Scale the last step of an optimiser by the plasticity; project wrong signs to 0.

        Idempotent between two steps; a graph that is waiting for its backward pass is not harmed,
        as nothing changes then.
        """
        projected = self._signed and self.dale == "projection"
        if not (self._graded or projected) or torch.equal(self.theta.data, self.reference):
            return
        settled = self.theta.data
        if self._graded:
            settled = torch.lerp(self.reference, settled, self.plasticity)
        if projected:
            settled = torch.where(self.sign * settled < 0, 0.0, settled)
        self.theta.data.copy_(settled)
        self.reference.copy_(settled)

    @torch.no_grad()
    def set_weights(self, weights: object) -> None:
        """Set W (output_dim, input_dim), frozen synapses too; it must keep to the constraints."""
        shape = (self.output_dim, self.input_dim)
        given = constraints.as_matrix("the array of weights", weights, shape, "post-pre")
        values = torch.tensor(given, dtype=self.theta.dtype, device=self.theta.device)
        for what, bad in (
            ("non-zero where the sparsity mask has no synapse", ~self.present & (values != 0)),
            ("of the sign that the ei mask forbids", self.sign * values < 0),
        ):
            if bool(bad.any()):
                post, pre = (int(k) for k in bad.nonzero()[0])
                raise OptionError(
                    f"W[{post}, {pre}] = {float(values[post, pre]):g} is {what} (such weights: "
                    f"{int(bad.sum())}): set them to 0, or change the mask"
                )
        for target in (self.theta, self.held, self.reference):
            target.copy_(values)

    @torch.no_grad()
    def set_present(self, present: Tensor, weights: Tensor) -> None:
        """Set which synapses there are and their weights, together."""
        self.present.copy_(present)
        self._note_constraints()
        self.set_weights(weights)

    @torch.no_grad()
    def grow(self, generator: torch.Generator) -> int:
        """One round of growth; the number of synapses that came into being.

        Every absent synapse grows with its probability in the growth mask, within the budget, and
        starts at the initial weight of `growth_weights`, with the sign of its neuron (a random sign
        where that is free). All other theta stay as the optimiser left them.
        """
        new = constraints.grown(self.present, self.growth, self.budget, generator)
        if not bool(new.any()):
            return 0
        shape = (self.output_dim, self.input_dim)
        if isinstance(self.growth_weights, str):
            drawn = constraints.initial_weights(
                self.growth_weights, shape, generator, self.input_dim
            )
        else:
            signs = 2.0 * torch.randint(2, shape, generator=generator) - 1.0
            drawn = self.growth_weights * signs
        drawn = drawn.to(self.theta)
        drawn = torch.where(self.sign == 0, drawn, drawn.abs() * self.sign)
        for target in (self.theta, self.held, self.reference):
            target[new] = drawn[new]
        self.present |= new
        self._note_constraints()
        return int(new.sum())

    def forward(self, x: Tensor) -> Tensor:
        """(..., input_dim) -> (..., output_dim)"""
        return nn.functional.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"{self.input_dim} -> {self.output_dim}, {self.n_synapses} synapses "
            f"({100 * self.density:.1f} %)"
        )

    def get_extra_state(self) -> dict[str, int]:
        """What a state_dict holds beside tensors."""
        return {"budget": self.budget}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.budget = state["budget"]

    def _load_from_state_dict(self, *args: object, **options: object) -> None:
        super()._load_from_state_dict(*args, **options)
        self._note_constraints()


def _checked_growth_weights(rule: str | float) -> str | float:
    if isinstance(rule, str):
        found: str = one_of("initial weight of a grown synapse", rule, get_args(Initial))
        return found
    return not_negative("the initial weight of a grown synapse", rule)
