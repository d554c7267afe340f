"""Losses of rate networks: what a network does, how active it is, and how it is wired.

States are (batch, time, neurons). mu_i is the mean rate of neuron i over batch and time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from noiseprune.checks import count, not_negative, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.models.ctrnn.network import CTRNN, NAMES


class RNNLoss(nn.Module):
    """Mean squared error, with penalties on weights and rates.

        mse  mean (y - y*)^2           in, hid, out  |W|_F^2 / number of places of W
        fr   mean_i mu_i^2             fr_sd  std_i mu_i          fr_cv  std_i m_i / mean_i m_i

    with m_i the mean of |r_i|, and standard deviations unbiased. Each has a weight lambda.
    """

    TERMS = ("mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv")

    def __init__(
        self,
        model: CTRNN,
        *,
        lambda_mse: float = 1.0,
        lambda_in: float = 0.0,
        lambda_hid: float = 0.0,
        lambda_out: float = 0.0,
        lambda_fr: float = 0.0,
        lambda_fr_sd: float = 0.0,
        lambda_fr_cv: float = 0.0,
    ) -> None:
        super().__init__()
        self._layers = tuple(model.layers)  # a tuple: the model's parameters stay the model's
        values = (
            lambda_mse, lambda_in, lambda_hid, lambda_out, lambda_fr, lambda_fr_sd, lambda_fr_cv
        )  # fmt: skip
        self.lambdas = {
            name: not_negative(f"lambda_{name}", value) for name, value in zip(self.TERMS, values)
        }

    def forward(
        self, prediction: Tensor, target: Tensor, states: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(sum, vector of the weighted terms whose lambda is not 0, in the order of TERMS)"""
        terms = [
            factor * self._term(name, prediction, target, states)
            for name, factor in self.lambdas.items()
            if factor != 0
        ]
        vector = torch.stack(terms or [prediction.sum() * 0.0])
        return vector.sum(), vector

    def _term(self, name: str, prediction: Tensor, target: Tensor, states: Tensor | None) -> Tensor:
        if name == "mse":
            return nn.functional.mse_loss(prediction, target)
        if name in ("in", "hid", "out"):
            weight: Tensor = self._layers[("in", "hid", "out").index(name)].weight
            return weight.square().mean()
        if states is None:
            factor = self.lambdas[name]
            raise OptionError(f"lambda_{name} is {factor:g}, but no states are given")
        if name == "fr_cv":
            sizes = states.abs().mean(dim=(0, 1))
            return sizes.std() / sizes.mean()
        rates = states.mean(dim=(0, 1))
        return rates.square().mean() if name == "fr" else rates.std()


class _MeanRateLoss(nn.Module):
    """A measure of the mean rates mu, by name."""

    METRICS: Mapping[str, Callable[[Tensor], Tensor]]

    def __init__(self, metric: str) -> None:
        super().__init__()
        self.metric = one_of("metric", metric, self.METRICS)

    def forward(self, state: Tensor) -> Tensor:
        return self.METRICS[self.metric](state.mean(dim=(0, 1)))


class FiringRateLoss(_MeanRateLoss):
    """ "l2": mean_i mu_i^2; "l1": mean_i |mu_i|"""

    METRICS = {"l2": lambda mu: mu.square().mean(), "l1": lambda mu: mu.abs().mean()}  # noqa: RUF012

    def __init__(self, metric: str = "l2") -> None:
        super().__init__(metric)


class FiringRateDistLoss(_MeanRateLoss):
    """How unequal the mean rates are: "sd": std_i; "cv": std_i / |mean_i|; "mean_ad", "max_ad":
    mean or largest |mu_i - mean_i|."""

    METRICS = {  # noqa: RUF012
        "sd": lambda mu: mu.std(),
        "cv": lambda mu: mu.std() / mu.mean().abs(),
        "mean_ad": lambda mu: (mu - mu.mean()).abs().mean(),
        "max_ad": lambda mu: (mu - mu.mean()).abs().max(),
    }

    def __init__(self, metric: str = "sd") -> None:
        super().__init__(metric)


class RNNConnectivityLoss(nn.Module):
    """Norm of the weights of a layer, or the sum over all: "fro": |W|_F; "l1": sum |W|."""

    def __init__(self, model: CTRNN, layer: str = "all", metric: str = "fro") -> None:
        super().__init__()
        one_of("layer", layer, ("all", *NAMES))
        self.metric = one_of("metric", metric, ("fro", "l1"))
        self._layers = tuple(
            found for name, found in zip(NAMES, model.layers) if layer in ("all", name)
        )

    def forward(self) -> Tensor:
        weights = [layer.weight for layer in self._layers]
        norms = [w.norm() if self.metric == "fro" else w.abs().sum() for w in weights]
        return torch.stack(norms).sum()


class StatePredictionLoss(nn.Module):
    """mean (s_t - s_{t + tau})^2 over batch, time and neurons: slow states cost less."""

    def __init__(self, tau: int = 1) -> None:
        super().__init__()
        self.tau = count("tau", tau)

    def forward(self, state: Tensor) -> Tensor:
        if state.shape[1] <= self.tau:
            raise OptionError(
                f"tau is {self.tau} steps, but the states have {state.shape[1]}: give longer ones"
            )
        return nn.functional.mse_loss(state[:, : -self.tau], state[:, self.tau :])


class HebbianLoss(nn.Module):
    """mean over batch and time of |sum_ij W_ij r_i r_j|, W the recurrent weights."""

    def __init__(self, model: CTRNN) -> None:
        super().__init__()
        self._layer = (model.layers[1],)

    def forward(self, state: Tensor) -> Tensor:
        energy: Tensor = ((state @ self._layer[0].weight.t()) * state).sum(dim=-1)
        return energy.abs().mean()


class EntropyLoss(nn.Module):
    """Entropy of the rates as shares p_i = r_i / sum r of the activity, and their size.

    mean over batch and time of (-sum_i p_i ln p_i) + reg mean |r|^2, rates not below 0.
    """

    def __init__(self, reg: float = 10.0) -> None:
        super().__init__()
        self.reg = not_negative("reg", reg)

    def forward(self, state: Tensor) -> Tensor:
        total = state.sum(dim=-1, keepdim=True)
        share = state / torch.where(total > 0, total, 1.0)
        # The logarithm is cut, as its slope at 0 would make the gradient of a silent neuron NaN.
        entropy: Tensor = -(share * share.clamp(min=1e-12).log()).sum(dim=-1).mean()
        return entropy + self.reg * state.square().sum(dim=-1).mean()


class PopulationKL(nn.Module):
    """Kullback-Leibler divergence of two populations, neuron by neuron, as Gaussians.

        KL_i = ln(s2 / s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2

    with mean m and standard deviation s over batch and time; symmetric: the mean of both ways. To
    it comes reg times the mean |state| squared of the first (per neuron). reduction: "mean", "sum"
    over the neurons or "none".
    """

    def __init__(self, symmetric: bool = True, reg: float = 1e-3, reduction: str = "mean") -> None:
        super().__init__()
        self.symmetric, self.reg = symmetric, not_negative("reg", reg)
        self.reduction = one_of("reduction", reduction, ("mean", "sum", "none"))

    def forward(self, state: Tensor, other: Tensor) -> Tensor:
        first, second = (
            (s.mean(dim=(0, 1)), s.var(dim=(0, 1)).clamp(min=1e-12)) for s in (state, other)
        )
        divergence = _gaussian_kl(first, second)
        if self.symmetric:
            divergence = 0.5 * (divergence + _gaussian_kl(second, first))
        divergence = divergence + self.reg * state.square().mean(dim=(0, 1))
        if self.reduction == "none":
            return divergence
        return divergence.mean() if self.reduction == "mean" else divergence.sum()


def _gaussian_kl(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Tensor:
    (m1, v1), (m2, v2) = first, second
    return 0.5 * (torch.log(v2 / v1) + (v1 + (m1 - m2).square()) / v2 - 1)


class CrossEntropyLoss(nn.Module):
    """-mean sum_k t_k ln p_k for soft targets t (..., classes); p = softmax of the prediction, or
    the prediction itself, not below 1e-12."""

    def __init__(self, apply_softmax: bool = True) -> None:
        super().__init__()
        self.apply_softmax = apply_softmax

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        if self.apply_softmax:
            logs = torch.log_softmax(prediction, dim=-1)
        else:
            logs = prediction.clamp(min=1e-12).log()
        return -(target * logs).sum(dim=-1).mean()


class MSELoss(nn.Module):
    """mean (prediction - target)^2"""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return nn.functional.mse_loss(prediction, target)


LOSSES: Mapping[str, Callable[..., nn.Module]] = {
    "fr": FiringRateLoss,
    "fr_dist": FiringRateDistLoss,
    "rnn_conn": RNNConnectivityLoss,
    "state_pred": StatePredictionLoss,
    "entropy": EntropyLoss,
    "mse": MSELoss,
    "cross_entropy": CrossEntropyLoss,
    "hebbian": HebbianLoss,
    "population_kl": PopulationKL,
}


class CompositeLoss(nn.Module):
    """A weighted sum of losses.

    Parameters
    ----------
    parts : by a name of one's own, {"type": one of LOSSES, "params": options of that loss,
        "lambda": its weight, 1 by default}
    model : for the losses that look at weights

        loss = CompositeLoss({"task": {"type": "mse"}, "rate": {"type": "fr", "lambda": 0.1}})
        total, each = loss({"task": {"prediction": y, "target": t}, "rate": {"state": h}})
    """

    def __init__(self, parts: Mapping[str, Mapping[str, Any]], model: CTRNN | None = None) -> None:
        super().__init__()
        if not parts:
            raise OptionError("there is no loss: name at least one")
        self.losses = nn.ModuleDict()
        self.lambdas: dict[str, float] = {}
        self._inputs: dict[str, tuple[str, ...]] = {}
        for name, part in parts.items():
            for key in part:
                one_of(f"key of the loss {name!r}", key, ("type", "params", "lambda"))
            kind = LOSSES[one_of("type of loss", part.get("type", ""), LOSSES)]
            of_model = "model" in signature(kind).parameters
            if of_model and model is None:
                raise OptionError(f"the loss {name!r} looks at weights: give the model")
            options = dict(part.get("params", {}))
            try:
                self.losses[name] = kind(model, **options) if of_model else kind(**options)
            except TypeError as error:
                raise OptionError(f"the loss {name!r} has other options: {error}") from error
            self._inputs[name] = tuple(signature(self.losses[name].forward).parameters)
            self.lambdas[name] = not_negative(
                f"lambda of the loss {name!r}", part.get("lambda", 1.0)
            )

    def forward(
        self, inputs: Mapping[str, Mapping[str, Tensor]]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """(sum, weighted losses by name); each loss gets its inputs by name."""
        found = {}
        for name, loss in self.losses.items():
            given = inputs.get(name, {})
            if set(given) != set(self._inputs[name]):
                raise OptionError(
                    f"the loss {name!r} takes {', '.join(self._inputs[name]) or 'no inputs'}, but "
                    f"found {', '.join(given) or 'none'}: give exactly those"
                )
            found[name] = self.lambdas[name] * loss(**given)
        return torch.stack(list(found.values())).sum(), found
