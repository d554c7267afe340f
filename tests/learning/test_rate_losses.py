"""Losses of rate networks against their formulas in NumPy."""

import numpy as np
import pytest
import torch

from noiseprune import OptionError
from noiseprune.learning import (
    CTRNN,
    CompositeLoss,
    CrossEntropyLoss,
    EntropyLoss,
    FiringRateDistLoss,
    FiringRateLoss,
    HebbianLoss,
    PopulationKL,
    RNNConnectivityLoss,
    RNNLoss,
    StatePredictionLoss,
)

RNG = np.random.default_rng(3)
R = RNG.random((4, 9, 6))
STATE = torch.from_numpy(R)
MU = R.mean(axis=(0, 1))
MODEL = CTRNN((2, 6, 3), seed=3).double()
W_IN, W, W_OUT = (layer.weight.detach().numpy() for layer in MODEL.layers)


def close(found, expected):
    torch.testing.assert_close(found.detach(), torch.as_tensor(expected, dtype=torch.float64))


def test_rates():
    close(FiringRateLoss()(STATE), np.mean(MU**2))
    close(FiringRateLoss("l1")(-STATE), np.mean(MU))
    sd = MU.std(ddof=1)
    close(FiringRateDistLoss("sd")(STATE), sd)
    close(FiringRateDistLoss("cv")(STATE), sd / MU.mean())
    close(FiringRateDistLoss("mean_ad")(STATE), np.abs(MU - MU.mean()).mean())
    close(FiringRateDistLoss("max_ad")(STATE), np.abs(MU - MU.mean()).max())


def test_weights():
    frobenius = [np.linalg.norm(w) for w in (W_IN, W, W_OUT)]
    close(RNNConnectivityLoss(MODEL)(), sum(frobenius))
    close(RNNConnectivityLoss(MODEL, "hidden")(), frobenius[1])
    close(RNNConnectivityLoss(MODEL, "readout", "l1")(), np.abs(W_OUT).sum())
    energy = [abs(sum(W[i, j] * r[i] * r[j] for i in range(6) for j in range(6))) for r in R[0]]
    close(HebbianLoss(MODEL)(STATE[:1]), np.mean(energy))


def test_states_over_time():
    """The time axis is the second: a state that is constant in time costs nothing."""
    close(StatePredictionLoss(2)(STATE), np.mean((R[:, 2:] - R[:, :-2]) ** 2))
    close(StatePredictionLoss()(STATE[:, :1].expand(4, 9, 6)), 0.0)
    with pytest.raises(OptionError, match="tau is 9 steps"):
        StatePredictionLoss(9)(STATE)


def test_entropies():
    share = R / R.sum(axis=-1, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=-1).mean()
    close(EntropyLoss(reg=0.5)(STATE), entropy + 0.5 * (R**2).sum(axis=-1).mean())
    close(EntropyLoss(reg=0.0)(torch.ones_like(STATE)), np.log(6))
    silent = torch.zeros_like(STATE, requires_grad=True)
    EntropyLoss()(silent).backward()
    assert torch.isfinite(silent.grad).all()


def test_divergence_of_populations():
    other = 0.3 + 1.7 * torch.from_numpy(np.random.default_rng(5).random((4, 9, 6)))
    s, o = R.reshape(-1, 6), other.numpy().reshape(-1, 6)

    def divergence(a, b):
        m, v = a.mean(0) - b.mean(0), (a.var(0, ddof=1), b.var(0, ddof=1))
        return np.log(np.sqrt(v[1] / v[0])) + (v[0] + m**2) / (2 * v[1]) - 0.5

    close(PopulationKL(False, 0.0, "none")(STATE, other), divergence(s, o))
    both = 0.5 * (divergence(s, o) + divergence(o, s)) + 0.1 * (s**2).mean(0)
    close(PopulationKL(reg=0.1)(STATE, other), both.mean())
    close(PopulationKL(reg=0.1, reduction="sum")(STATE, other), both.sum())
    close(PopulationKL(reg=0.0)(STATE, STATE), 0.0)


def test_cross_entropy_of_soft_targets():
    logits, target = torch.from_numpy(RNG.normal(size=(5, 3))), torch.from_numpy(RNG.random((5, 3)))
    p = torch.softmax(logits, -1)
    expected = float(-(target * p.log()).sum(-1).mean())
    close(CrossEntropyLoss()(logits, target), expected)
    close(CrossEntropyLoss(apply_softmax=False)(p, target), expected)
    assert torch.isfinite(CrossEntropyLoss(apply_softmax=False)(0 * p, target))


def test_the_sum_of_everything():
    y, t = (torch.from_numpy(RNG.normal(size=(4, 9, 3))) for _ in range(2))
    terms = {
        "mse": np.mean((y - t).numpy() ** 2),
        "in": np.sum(W_IN**2) / 12,
        "hid": np.sum(W**2) / 36,
        "out": np.sum(W_OUT**2) / 18,
        "fr": np.mean(MU**2),
        "fr_sd": MU.std(ddof=1),
        "fr_cv": MU.std(ddof=1) / MU.mean(),
    }
    factors = {f"lambda_{name}": 0.1 * (k + 1) for k, name in enumerate(terms)}
    total, vector = RNNLoss(MODEL, **factors)(y, t, STATE)
    expected = [factors[f"lambda_{name}"] * value for name, value in terms.items()]
    close(vector, expected)
    close(total, sum(expected))
    total, vector = RNNLoss(MODEL)(y, t)
    close(vector, [terms["mse"]])
    assert float(RNNLoss(MODEL, lambda_mse=0.0)(y, t)[0]) == 0
    with pytest.raises(OptionError, match=r"lambda_fr is 1, but no states"):
        RNNLoss(MODEL, lambda_fr=1.0)(y, t)
    assert list(RNNLoss(MODEL).parameters()) == []


def test_losses_are_composed_by_name():
    y, t = (torch.from_numpy(RNG.normal(size=(4, 9, 3))) for _ in range(2))
    loss = CompositeLoss(
        {
            "task": {"type": "mse"},
            "wires": {"type": "rnn_conn", "params": {"layer": "hidden"}, "lambda": 0.1},
            "rate": {"type": "fr", "params": {"metric": "l1"}, "lambda": 2.0},
        },
        MODEL,
    )
    total, parts = loss({"task": {"prediction": y, "target": t}, "rate": {"state": STATE}})
    close(parts["wires"], 0.1 * np.linalg.norm(W))
    close(parts["rate"], 2 * MU.mean())
    close(total, float(sum(parts.values()).detach()))
    total.backward()
    assert MODEL.layers[1].theta.grad.abs().max() > 0
    with pytest.raises(OptionError, match="'task' takes prediction, target, but found state"):
        loss({"task": {"state": STATE}, "rate": {"state": STATE}})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "there is no loss"),
        ({"a": {"type": "fire"}}, "did you mean 'fr'"),
        ({"a": {"type": "fr", "lamda": 1.0}}, "did you mean 'lambda'"),
        ({"a": {"type": "hebbian"}}, "give the model"),
        ({"a": {"type": "fr", "params": {"tau": 1}}}, "has other options"),
        ({"a": {"type": "fr", "lambda": -1.0}}, "must be finite and at least 0"),
    ],
)
def test_bad_compositions_are_refused(parts, said):
    with pytest.raises(OptionError, match=said):
        CompositeLoss(parts)
