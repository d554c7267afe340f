"""CTRNN: input layer -> leaky recurrent layer -> readout; see `layers` for the equations."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import Seed, positive, seed_sequence
from noiseprune.errors import OptionError
from noiseprune.learning.models.ctrnn.constraints import Array
from noiseprune.learning.models.ctrnn.layers import HiddenLayer
from noiseprune.learning.models.ctrnn.linear import LinearLayer
from noiseprune.learning.models.saving import AnyPath, read_document, write_document
from noiseprune.learning.models.streams import new_generator
from noiseprune.learning.options import names
from noiseprune.learning.options.ctrnn import CTRNNOptions

NAMES = ("input", "hidden", "readout")
_FORMAT = "noiseprune CTRNN 1"
OF_HIDDEN = (
    *("activation", "dt", "preact_noise", "postact_noise"),
    *("noise_scaling", "init_state", "learn_alpha"),
)
"""Options that the hidden layer has by the same name."""


class CTRNN(nn.Module):
    """A rate network with biological constraints, trained by gradient descent.

        v_{t+1} = (1 - alpha) v_t + alpha (W r_t + b + W_in u_t + b_in + eps_t),  alpha = dt / tau
        r_{t+1} = phi(v_{t+1}) + xi_t,      y_t = W_out r_t + b_out

    Where a parameter says "layers", it is one value for all of input, hidden and readout layer, or
    a list of three (masks: always a list of three, None where there is none).

    Parameters
    ----------
    dims : (inputs, neurons, outputs)
    activation : "relu", "tanh", "sigmoid", "retanh", "softplus" or "linear"
    dt, tau : step and time constant, in one unit; tau a number or one for each neuron
    biases : layers: None (zero, not trained), "zero", "uniform", "normal", or an array
    weights : layers: "uniform" U(-1, 1)/sqrt(in), "normal" N(0, 1)/sqrt(in), "zero", or an array
        W[post, pre]
    sparsity_masks, ei_masks, plasticity_masks, growth_masks : see `LinearLayer`; a neuron that is
        excitatory in the hidden layer cannot be inhibitory in the readout
    growth_budgets : largest number of synapses of each layer that growth may lead to
    growth_weights : layers: initial weight of a synapse that grows
    dale : "parametrisation" or "projection", see `LinearLayer`
    orientation : of all masks: "post-pre" (W[post, pre]) or "pre-post"
    preact_noise, postact_noise : standard deviations of eps and xi; there is noise in train mode
        only
    noise_scaling : "alpha" (eps as above) or "sqrt" (sqrt(2 alpha) eps_t in place of alpha eps_t)
    init_state : v_0: "zero", "keep" (where the last sequence ended) or "learn"
    learn_alpha : train alpha of every neuron; it stays within (0, 1), and weight decay pulls it to
        the given dt / tau
    spectral_radius : scale the initial recurrent weights to this spectral radius
    seed : of initial weights and noise

    Raises
    ------
    OptionError
        If an argument lies outside its range, or a mask or an array does not fit.
    """

    def __init__(
        self,
        dims: Sequence[int] = (1, 100, 1),
        *,
        activation: names.RateActivation = CTRNNOptions.activation,
        dt: float = 10.0,
        tau: float | Sequence[float] | Array = CTRNNOptions.tau,
        biases: Any = None,
        weights: Any = "uniform",
        sparsity_masks: Sequence[Any] | None = None,
        ei_masks: Sequence[Any] | None = None,
        plasticity_masks: Sequence[Any] | None = None,
        growth_masks: Sequence[Any] | None = None,
        growth_budgets: Sequence[int | None] | None = None,
        growth_weights: Any = "uniform",
        dale: names.Dale = "parametrisation",
        orientation: names.Orientation = "post-pre",
        preact_noise: float = CTRNNOptions.preact_noise,
        postact_noise: float = CTRNNOptions.postact_noise,
        noise_scaling: names.NoiseScaling = "alpha",
        init_state: names.InitState = CTRNNOptions.init_state,
        learn_alpha: bool = CTRNNOptions.learn_alpha,
        spectral_radius: float | None = None,
        seed: Seed = None,
    ) -> None:
        super().__init__()
        if len(dims) != 3:
            raise OptionError(f"dims are {dims!r}: give (inputs, neurons, outputs)")
        seeds = seed_sequence(seed).generate_state(4, np.uint64) >> np.uint64(1)
        n_in, n, n_out = dims
        layers = [
            LinearLayer(
                size_in,
                size_out,
                weights=_of_layer("weights", weights, k),
                biases=_of_layer("biases", biases, k),
                sparsity=_mask("sparsity_masks", sparsity_masks, k),
                ei=_mask("ei_masks", ei_masks, k),
                plasticity=_mask("plasticity_masks", plasticity_masks, k),
                growth=_mask("growth_masks", growth_masks, k),
                budget=_mask("growth_budgets", growth_budgets, k),
                growth_weights=_of_layer("growth_weights", growth_weights, k),
                dale=dale,
                orientation=orientation,
                seed=int(seeds[k]),
            )
            for k, (size_in, size_out) in enumerate(((n_in, n), (n, n), (n, n_out)))
        ]
        conflict = (layers[1].sign * layers[2].sign < 0).nonzero().flatten()
        if len(conflict):
            raise OptionError(
                f"neuron {int(conflict[0])} has one sign in the hidden and the other in the "
                f"readout layer (such neurons: {len(conflict)}): by Dale's law it has one"
            )
        if spectral_radius is not None:
            _scale_to_radius(layers[1], positive("spectral_radius", spectral_radius))
        self.hidden = HiddenLayer(
            layers[0],
            layers[1],
            activation=activation,
            dt=dt,
            tau=tau,
            learn_alpha=learn_alpha,
            preact_noise=preact_noise,
            postact_noise=postact_noise,
            noise_scaling=noise_scaling,
            init_state=init_state,
            seed=int(seeds[3]),
        )
        self.readout = layers[2]

    @property
    def layers(self) -> list[LinearLayer]:
        """[input, hidden, readout] layer"""
        return [self.hidden.input_layer, self.hidden.recurrent_layer, self.readout]

    @property
    def dims(self) -> tuple[int, int, int]:
        """(inputs, neurons, outputs)"""
        return self.layers[0].input_dim, self.hidden.n_neurons, self.readout.output_dim

    def forward(
        self, x: Tensor, init_state: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """(output (batch, time, out), {"h": rates (batch, time, N)}) for x (batch, time, in)."""
        rates = self.hidden(x, init_state)
        return self.readout(rates), {"h": rates}

    def potentials(self, x: Tensor, init_state: Tensor | None = None) -> Tensor:
        """v_1 .. v_T (batch, time, N): what the activation is applied to."""
        v: Tensor = self.hidden(x, init_state, potentials=True)
        return v

    def reset_state(self) -> None:
        """With init_state "keep": the next sequence starts from 0."""
        self.hidden.reset_state()

    def grow(self, seed: Seed = None) -> int:
        """One round of synapse growth in every layer; how many synapses came into being."""
        generator = new_generator(seed_sequence(seed))
        return sum(layer.grow(generator) for layer in self.layers)

    def describe(self) -> str:
        """A table of the layers: sizes, synapses, constraints, trained parameters."""
        head = ("layer", "in", "out", "synapses", "density", "exc/inh", "frozen", "|W| <=", "bias")
        rows = [head, *(_described(*each) for each in zip(NAMES, self.layers))]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]
        hidden = self.hidden
        lines.append(
            f"{hidden.activation}, dt {hidden.dt:g}, tau {float(hidden.tau.detach().mean()):g}"
            f"{' (trained)' if hidden.learn_alpha else ''}, init_state {hidden.init_state}, "
            f"preact_noise {hidden.preact_noise:g}, postact_noise {hidden.postact_noise:g}"
        )
        return "\n".join(lines)

    def print_layers(self, file: TextIO | None = None) -> None:
        """Write `describe()` to a file, by default standard output."""
        (sys.stdout if file is None else file).write(self.describe() + "\n")

    def save(self, path: AnyPath) -> None:
        """Write the whole model to one file, at once: options, weights, masks, state of the noise.

        `CTRNN.load` gives it back bit for bit.
        """
        options = {name: getattr(self.hidden, name) for name in OF_HIDDEN} | {
            "dims": list(self.dims),
            "dale": self.layers[0].dale,
            "growth_weights": [layer.growth_weights for layer in self.layers],
            "biases": ["zero" if layer.has_bias else None for layer in self.layers],
        }
        document = {
            "format": _FORMAT,
            "options": options,
            "state": self.state_dict(),
            "training": self.training,
            "dtype": str(self.readout.theta.dtype).removeprefix("torch."),
        }
        write_document(path, document)

    @classmethod
    def load(cls, path: AnyPath, map_location: str = "cpu") -> CTRNN:
        """Read a model that `save` wrote, onto the device `map_location`.

        Raises
        ------
        FileError
            If the file is not there, damaged, or something else.
        """
        with read_document(path, "format", _FORMAT, map_location) as document:
            options = document["options"]
            model = cls(**options, weights="zero", tau=2 * options["dt"], seed=0)
            model.to(device=map_location, dtype=getattr(torch, document["dtype"]))
            model.load_state_dict(document["state"])
            return model.train(document["training"])


def _described(name: str, layer: LinearLayer) -> tuple[str, ...]:
    """A row of the table of layers."""
    signs = layer.sign
    both = f"{int((signs > 0).sum())}/{int((signs < 0).sum())}"
    return (
        name,
        str(layer.input_dim),
        str(layer.output_dim),
        str(layer.n_synapses),
        f"{100 * layer.density:.1f} %",
        both if bool(signs.any()) else "free",
        str(int((layer.present & (layer.plasticity == 0)).sum())),
        f"{float(layer.weight.detach().abs().max()):.3g}",
        "trained" if layer.has_bias else "none",
    )


def _of_layer(what: str, value: Any, k: int) -> Any:
    """The value of layer k: one for all, or one of a list of three."""
    if not isinstance(value, (list, tuple)):
        if value is None or isinstance(value, (str, int, float)):
            return value
        raise OptionError(f"{what} is one array, for three layers: give a list of three")
    return _mask(what, value, k)


def _mask(what: str, values: Sequence[Any] | None, k: int) -> Any:
    if values is None:
        return None
    if isinstance(values, (str, np.ndarray, Tensor)) or len(values) != 3:
        raise OptionError(
            f"{what} must be a list of three, for the input, hidden and readout layer: give None "
            "where there is none"
        )
    return values[k]


def _scale_to_radius(layer: LinearLayer, radius: float) -> None:
    weight = layer.weight.detach()
    found = float(torch.linalg.eigvals(weight.double()).abs().max())
    if not found > 0:
        raise OptionError(
            "the initial recurrent weights have spectral radius 0, which no factor can scale: "
            "leave spectral_radius out"
        )
    layer.set_weights(weight * (radius / found))
