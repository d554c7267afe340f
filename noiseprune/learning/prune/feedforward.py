"""Pruning of feed-forward layers: the rules on the rectangular W (post, pre) of each layer.

At a working point with slopes g = f'(v) a stack of layers is a linear rate network

    dv_l/dt = -v_l + F_l v_(l-1) + noise,   F_l = W_l diag(g_(l-1)),   g of the inputs 1

whose drift is A = -1 + F, F with the F_l below its block diagonal. Noise of strength sigma in every
neuron, the inputs too, is propagated in closed form: with P_(l,k) = F_l ... F_(l-k+1), P_(l,0) = 1,

    C_(l,l)   = sigma^2 sum_k binom(2k, k) 2^-(2k+1) P_(l,k) P_(l,k)^T
    C_(l,l-1) = sigma^2 sum_k binom(2k+1, k) 2^-(2k+2) P_(l,k+1) P_(l-1,k)^T

and a synapse's importance is |f_ij| v_ij, v_ij = C_ii + C_jj - 2 sgn(w_ij) C_ij, as in a recurrent
network. Draw and balance are those of `noiseprune.prune`, layer by layer.

What the theory covers: draws keep E[W_pruned] = W, hence the mean drive of every neuron for given
activities below ("independent" and "systematic" exactly, "balanced" nearly, and before the factors
of the homeostatic balance). What it does not: its bound on epsilon is for symmetric, diagonally
dominant drifts, and a feed-forward drift is as far from symmetric as can be. Its eigenvalues are
all -1 before and after, whatever is pruned, so that a preserved spectrum promises nothing about
what the network computes. That |f| v finds what matters is a heuristic here, and measured it is a
poor one: better than "uniform", worse than "weight" while a third or more is kept, and far worse
than "magnitude" (see benchmarks/burst_pruning.py).

Failing synapses (DeepNet) are pruned as what they are on average: m o W / q has the mean W.

The feedback Y and Q of local rules is pruned where it is tied to W, and stays as it is otherwise;
with Q = p_b Y the apical potentials without a teacher remain 0 either way. A Q of its own under a
tied Y, and the interneurons of EDN, are not pruned: what they cancelled has changed, until they
have learned again. Only W is counted as synapses.

Source of the rule: E. Moore and R. Chaudhuri (2020).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb
from typing import Any, Generic, Protocol, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor

from noiseprune.checks import Seed, noise_strength, one_of, seed_sequence, substream
from noiseprune.choices import UNDRAWN
from noiseprune.errors import OptionError
from noiseprune.learning.options.names import Balance, LayerVariance, Rule, Sampling
from noiseprune.learning.prune.draw import prune_dense, ratio
from noiseprune.pruning import Activity, Recipe, rules
from noiseprune.weights import FloatArray

SMALLEST_GAIN = 0.01
"""Relative to the layer's largest: neurons that are silent on the samples may speak on others, and
a synapse kept by a very small probability would then drown the rest, so strong is it made."""


class Prunable(Protocol):
    """A network of layers in a row, such as `BurstCCN` or `DeepNet`.

    layers : each with a parameter weight (post, pre) and a mask of that shape, or None
    working_point : of samples (rows, inputs): slopes (rows, neurons) and potentials v of every
        layer
    """

    @property
    def layers(self) -> list[Any]: ...

    def working_point(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]: ...


N = TypeVar("N", bound=Prunable)


@dataclass(frozen=True)
class FeedforwardPruning(Generic[N]):
    """A pruned network with its evidence; lists have an entry for each layer.

    network : a copy; it can be trained further, and what was pruned stays pruned
    kept : (post, pre) bool; keep_probability : (post, pre)
    variance : (post, pre) synapse variances; None where the rule needs none
    n_synapses, n_kept : counts of non-zero weights
    rule, seed : as given
    """

    network: N = field(repr=False)
    kept: list[np.ndarray] = field(repr=False)
    keep_probability: list[FloatArray] = field(repr=False)
    variance: list[FloatArray] | None = field(repr=False)
    n_synapses: list[int]
    n_kept: list[int]
    rule: str
    seed: Seed

    @property
    def density(self) -> float:
        """Fraction of the synapses that was kept."""
        return sum(self.n_kept) / sum(self.n_synapses)

    def counts(self) -> dict[str, float]:
        """Counts over all layers, as the command line has them."""
        return {
            "n_synapses": sum(self.n_synapses),
            "n_kept": sum(self.n_kept),
            "kept_fraction": self.density,
        }


def prune_layers(
    net: N,
    keep: float = 0.1,
    rule: Rule = "noise",
    *,
    x: Tensor | None = None,
    variance: LayerVariance = "noise",
    noise: float = 1.0,
    sampling: Sampling | None = None,
    balance: Balance | None = None,
    seed: Seed = None,
) -> FeedforwardPruning[N]:
    """Prune every layer to the same fraction; the network itself stays as it is.

    Parameters
    ----------
    net : of local rules (`BurstCCN`, `Burstprop`, `EDN`, `ANN`), or `DeepNet`
    keep : fraction in (0, 1] of each layer's synapses
    rule : "noise", "paper", "weight", "uniform", "magnitude", "surgeon" as for `noiseprune.prune`
    x : (samples, inputs) for the working point; without them g = 1, for the noise rules. The
        surgeon needs them: it sees the second moment of what each layer receives
    variance : "noise", propagated (see the module), or "activity", over the samples x
    sampling : as for `noiseprune.prune`, or "largest": the synapses of the largest importance, not
        strengthened (for "weight" that is "magnitude")
    balance : as for `noiseprune.prune`, but there is no leak here that could be balanced:
        "homeostatic" (the default of rules that strengthen) or "none"; "paper" has none

    Raises
    ------
    OptionError
        If an argument lies outside its range, the network has convolutions, or samples are missing.
    """
    check_prunable(net)
    one_of("variance", variance, get_args(LayerVariance))
    noise = noise_strength(noise)
    if sampling == "largest" and (balance == "homeostatic" or rule in ("paper", *UNDRAWN)):
        raise OptionError(
            "sampling 'largest' strengthens nothing, and is for rules that draw: leave it out, or "
            "the balance"
        )
    if str(balance) == "leak":
        raise OptionError("feed-forward layers have no leak to balance: choose homeostatic or none")
    if isinstance(keep, (bool, int)) and keep != 1:
        raise OptionError(f"keep is {keep!r}: give a fraction in (0, 1] of each layer's synapses")
    rules.budget(float(keep), 1)
    recipe = Recipe.of(rule, sampling, balance)
    weights = [layer.weight.detach().double().numpy() for layer in net.layers]
    found: list[FloatArray] | None = None
    seen = weights
    if recipe.needs_variance:
        gains, potentials = _working_point(net, x)
        seen = [w * g for w, g in zip(weights, gains)]
        if variance == "activity":
            if potentials is None:
                raise OptionError("variance 'activity' is that of samples: give x")
            found = activity_variances(weights, potentials)
        else:
            found = noise_variances(seen, noise=noise)
    received = _received(net, x) if recipe.needs_activity else [None] * len(weights)
    pruned = copy.deepcopy(net)
    kept, probabilities = [], []
    for k, (layer, whole) in enumerate(zip(pruned.layers, seen)):
        local = None if found is None else found[k]
        rng = np.random.default_rng(substream(seed_sequence(seed), k))
        number = max(1, round(keep * np.count_nonzero(whole)))
        probability, left = prune_dense(whole, local, number, recipe, rng, activity=received[k])
        factor = ratio(left, whole)
        probabilities.append(probability)
        kept.append(factor != 0)
        layer.mask = torch.from_numpy(factor != 0)
        with torch.no_grad():
            layer.weight *= torch.from_numpy(factor).to(layer.weight.dtype)
        layer.weight.grad = None
    return FeedforwardPruning(
        network=pruned,
        kept=kept,
        keep_probability=probabilities,
        variance=found,
        n_synapses=[int(np.count_nonzero(w)) for w in weights],
        n_kept=[int(k.sum()) for k in kept],
        rule=rule,
        seed=seed,
    )


def check_prunable(net: Prunable) -> None:
    """Refuse convolutions: a kernel's weights are shared, and are not synapses of their own."""
    if any(layer.weight.dim() != 2 for layer in net.layers):
        raise OptionError("only dense layers can be pruned: train without conv, or without prune")


def noise_variances(synapses: Sequence[FloatArray], *, noise: float = 1.0) -> list[FloatArray]:
    """v (post, pre) of every layer, of noise propagated through F_1, F_2, ... (post, pre) each.

    The closed form of the module: what `noiseprune.synapse_variance` finds for the whole network.
    """
    sizes = [synapses[0].shape[1], *(f.shape[0] for f in synapses)]
    # paths[k] is P_(l,k): from k layers below into layer l
    paths: list[FloatArray] = [np.eye(sizes[0])]
    own = _diagonal(paths)
    found = []
    for f in synapses:
        above = [np.eye(f.shape[0]), *(f @ path for path in paths)]
        cross = np.zeros(f.shape)
        for k, path in enumerate(paths):
            cross += comb(2 * k + 1, k) / 2.0 ** (2 * k + 2) * (above[k + 1] @ path.T)
        upper = _diagonal(above)
        found.append(noise**2 * (upper[:, None] + own - 2 * np.where(f > 0, 1, -1) * cross))
        paths, own = above, upper
    return found


def _diagonal(paths: Sequence[FloatArray]) -> FloatArray:
    """Diagonal of C_(l,l), for noise of strength 1."""
    parts = [comb(2 * k, k) / 2.0 ** (2 * k + 1) * (p**2).sum(1) for k, p in enumerate(paths)]
    return np.asarray(np.sum(parts, axis=0))


def activity_variances(
    weights: Sequence[FloatArray], potentials: Sequence[FloatArray]
) -> list[FloatArray]:
    """v (post, pre) of every layer over samples, from (samples, n) of the inputs, v_1, v_2, ..."""
    found = []
    for w, below, above in zip(weights, potentials, potentials[1:]):
        cross = (above - above.mean(0)).T @ (below - below.mean(0)) / len(below)
        signed = above.var(0)[:, None] + below.var(0) - 2 * np.where(w > 0, 1, -1) * cross
        found.append(np.maximum(signed, 0.0))
    return found


def _received(net: Prunable, x: Tensor | None) -> Sequence[Activity | None]:
    """The second moment, over the samples, of what each layer receives."""
    if x is None or len(x) < 2:
        raise OptionError("rule 'surgeon' sees the activity of samples: give x, at least 2 of them")
    probe, found = copy.deepcopy(net), []
    for layer in probe.layers:
        layer.register_forward_pre_hook(lambda _, given: found.append(given[0].detach()))
    probe.working_point(x.to(probe.layers[0].weight.dtype))
    return [Activity.of_states(each.flatten(1).double().numpy()) for each in found]


def _working_point(
    net: Prunable, x: Tensor | None
) -> tuple[list[FloatArray], list[FloatArray] | None]:
    """Mean slope of the neurons below each layer; potentials of all, inputs first."""
    layers = net.layers
    if x is None:
        return [np.ones(layer.weight.shape[1]) for layer in layers], None
    if len(x) < 2:
        raise OptionError(f"there are {len(x)} samples: give at least 2")
    slopes, potentials = net.working_point(x.to(layers[0].weight.dtype))
    gains = [np.ones(layers[0].weight.shape[1])]
    for each in slopes[:-1]:
        slope = each.double().mean(0).numpy()
        gains.append(np.maximum(slope, SMALLEST_GAIN * (float(slope.max()) or 1.0)))
    return gains, [v.double().numpy() for v in (x.flatten(1), *potentials)]
