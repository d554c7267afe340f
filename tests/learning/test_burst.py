"""Local rules of burst-dependent learning: exact properties, gradients, feedback, files."""

import copy
import math
from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn import functional

from noiseprune import FileError, OptionError
from noiseprune.learning import ANN, EDN, BurstCCN, Burstprop, diagnostics, prune_layers
from noiseprune.learning.models.burst.gradients import angle, error_gradients
from noiseprune.learning.models.burst.synapses import Convolution, Dense
from noiseprune.learning.options.names import LocalActivation, LocalOptimizer, QMode, YMode
from noiseprune.learning.training.optimizers import SharedAdagrad, make_local_optimizer

KINDS = (ANN, BurstCCN, Burstprop, EDN)
SMALL = {"n_hidden_layers": 2, "n_hidden_units": 7, "seed": 3, "dtype": "float64"}
CONV = {"n_hidden_layers": 1, "n_hidden_units": 6, "conv": "3k3s2,4k2", "seed": 3}


def batch(inputs=5, outputs=4, rows=6, seed=5):
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(rows, inputs, generator=rng, dtype=torch.float64)
    return x, torch.rand(rows, outputs, generator=rng, dtype=torch.float64)


def images():
    x, t = batch(2 * 9 * 9)
    return x, t


def learnt(net, x, target):
    """Handed gradients of all W."""
    net(x)
    net.learn(target)
    return [layer.weight.grad.clone() for layer in net.layers]


def autograd(net, x, target):
    """Gradients of E |t - e|^2 / 2, of a functional twin of the network."""
    weights = [layer.weight.detach().clone().requires_grad_() for layer in net.layers]
    biases = [layer.bias.detach().clone().requires_grad_() for layer in net.layers]
    e = x.reshape(len(x), *net.shape)
    for layer, w, c in zip(net.layers, weights, biases):
        if w.dim() == 4:
            v = functional.conv2d(e, w, c, layer.synapses.stride)
        else:
            v = e.flatten(1) @ w.T + c
        e = layer.activation.rate(v)
    loss = (target - e).square().sum() / (2 * len(x))
    found = torch.autograd.grad(loss, [*weights, *biases])
    return found[: len(weights)], found[len(weights) :]


# ------------------------------------------------------------------------------- backprop


@pytest.mark.parametrize("activation", get_args(LocalActivation))
def test_ann_with_tied_feedback_is_backprop(activation):
    net = ANN(5, 4, Y_mode="tied", activation=activation, **SMALL)
    x, target = batch()
    weights, biases = autograd(net, x, target)
    for found, expected in zip(learnt(net, x, target), weights):
        torch.testing.assert_close(found, expected)
    for layer, expected in zip(net.layers, biases):
        torch.testing.assert_close(layer.bias.grad, expected)
    for found, expected in zip(error_gradients(net, target, feedback="W"), weights):
        torch.testing.assert_close(found, expected)


def test_convolutions_are_backprop_too():
    net = ANN((2, 9, 9), 4, Y_mode="tied", dtype="float64", **CONV)
    assert [layer.weight.shape[0] for layer in net.layers] == [3, 4, 6, 4]
    x, target = images()
    weights, biases = autograd(net, x, target)
    for found, expected in zip(learnt(net, x, target), weights):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(net.layers[0].bias.grad, biases[0])


def test_ann_with_random_feedback_is_feedback_alignment():
    net = ANN(5, 4, Y_mode="random_init", **SMALL)
    x, target = batch()
    found = learnt(net, x, target)
    below, middle, top = net.layers
    e = [layer.events for layer in net.layers]
    delta = -(target - e[2]) * e[2] * (1 - e[2])
    torch.testing.assert_close(found[2], delta.T @ e[1] / len(x))
    delta = (delta @ middle.Y) * e[1] * (1 - e[1])
    torch.testing.assert_close(found[1], delta.T @ e[0] / len(x))
    delta = (delta @ below.Y) * e[0] * (1 - e[0])
    torch.testing.assert_close(found[0], delta.T @ x / len(x))
    assert not torch.allclose(middle.Y, top.weight)


@pytest.mark.parametrize(
    "synapses", [Dense((5,), 4), Convolution((2, 9, 8), 3, 3, 2), Convolution((2, 5, 5), 4, 1)]
)
def test_back_and_outer_are_the_adjoints_of_forward(synapses):
    rng = torch.Generator().manual_seed(3)
    drawn = [
        torch.randn(*shape, generator=rng, dtype=torch.float64)
        for shape in ((3, *synapses.below), (3, *synapses.above), synapses.weight)
    ]
    x, y, w = drawn
    product = (synapses.forward(x, w, torch.zeros(w.shape[0]).double()) * y).sum()
    torch.testing.assert_close((synapses.back(y, w) * x).sum(), product)
    torch.testing.assert_close((synapses.outer(y, x) * w).sum(), product)


# ------------------------------------------------------------------------ exact properties


@pytest.mark.parametrize("p_baseline", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("Y_mode", get_args(YMode))
@pytest.mark.parametrize("Q_learning", [False, True])
def test_without_a_teacher_there_is_no_apical_potential(p_baseline, Y_mode, Q_learning):
    """By construction where Q is p_b Y itself; by cancellation where it is of its own."""
    net = BurstCCN(5, 4, p_baseline, Y_mode=Y_mode, Q_learning=Q_learning, **SMALL)
    x, target = batch()
    assert all((layer.q is not None) == Q_learning for layer in net.layers[:-1])
    learnt(net, x, target)
    assert min(layer.apical.abs().max() for layer in net.layers[:-1]) > 1e-6
    gradients = learnt(net, x, None)
    for layer in net.layers[:-1]:
        assert layer.apical.abs().max() < 1e-15
        torch.testing.assert_close(layer.Q, p_baseline * layer.Y)
    assert max(g.abs().max() for g in gradients) < 1e-15


@pytest.mark.parametrize("p_baseline", [0.05, 0.3, 0.5, 0.9])
def test_without_error_there_is_no_update(p_baseline):
    net = BurstCCN(5, 4, p_baseline, Q_learning=True, **SMALL)
    x, _ = batch()
    gradients = learnt(net, x, net(x))
    assert max(g.abs().max() for g in gradients) < 1e-15
    for layer in net.layers:
        torch.testing.assert_close(
            layer.burst_probability, torch.full_like(layer.events, p_baseline)
        )


def test_mismatched_cancellation_is_seen():
    net = BurstCCN(5, 4, Q_mode="random_init", **SMALL)
    x, _ = batch()
    learnt(net, x, None)
    assert net.layers[0].apical.abs().max() > 0.1


@pytest.mark.parametrize("p_baseline", [0.2, 0.5])
@pytest.mark.parametrize("activation", ["sigmoid", "softplus", "exponential"])
def test_small_errors_send_p_b_times_feedback_alignment_with_an_error_of_third_order(
    p_baseline, activation
):
    """Of the odd function tanh: the relative deviation falls fourfold where the error halves."""
    net = BurstCCN(5, 4, p_baseline, activation=activation, gain=0.5, **SMALL)
    x, _ = batch()
    events = net(x).clone()
    deviations = []
    for size in (0.02, 0.01):
        target = events + size * torch.cos(torch.arange(24.0)).reshape(6, 4)
        local = learnt(net, x, target)
        expected = [p_baseline * g for g in error_gradients(net, target, feedback="Y")]
        deviations.append(float((local[0] - expected[0]).norm() / expected[0].norm()))
    assert deviations[0] < 0.02
    assert deviations[0] / deviations[1] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("seed", [1, 3, 5, 7])
def test_at_first_small_tied_updates_are_backprop_within_a_twentieth_degree(seed):
    """784-500-500-500-10 and random data of that shape; errors to classes are not small."""
    net = BurstCCN(784, 10, Y_mode="tied", seed=seed)
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(64, 784, generator=rng)
    classes = functional.one_hot(torch.randint(10, (64,), generator=rng), 10).float()
    events = net(x).clone()
    half = events + (classes - events) / 2
    assert diagnostics(net, x, classes)["angle_bp"] <= 0.12
    found = diagnostics(net, x, half)
    assert found["angle_bp"] <= 0.05
    assert found["angle_fa"] == pytest.approx(found["angle_bp"])
    net(x)
    net.learn(half)
    local = torch.cat([layer.weight.grad.flatten() for layer in net.layers])
    exact = torch.cat([g.flatten() for g in error_gradients(net, half, feedback="W")])
    assert float(local.norm() / exact.norm()) == pytest.approx(0.5, rel=1e-3)
    random = BurstCCN(784, 10, Y_mode="random_init", seed=seed)
    assert diagnostics(random, x, classes)["angle_bp"] > 45


def test_the_rule_is_the_published_one_at_one_half():
    """p = logistic(4 u (1 - e)), written out."""
    net = BurstCCN(5, 4, Y_mode="random_init", Q_mode="random_init", **SMALL)
    x, target = batch()
    found = learnt(net, x, target)
    below, middle, _top = net.layers
    e = [layer.events for layer in net.layers]
    p = 0.5 * ((target - e[2]) * (1 - e[2]) + 1)
    u = (p * e[2]) @ middle.Y - e[2] @ middle.Q
    p_middle = torch.sigmoid(4 * u * (1 - e[1]))
    torch.testing.assert_close(middle.burst_probability, p_middle)
    torch.testing.assert_close(found[1], -((p_middle - 0.5) * e[1]).T @ e[0] / len(x))
    u = (p_middle * e[1]) @ below.Y - e[1] @ below.Q
    torch.testing.assert_close(below.apical, u)


@pytest.mark.parametrize("p_baseline", [0.1, 0.5, 0.95])
def test_bursts_have_probabilities(p_baseline):
    net = BurstCCN(5, 4, p_baseline, Q_mode="random_init", Y_scale=50, Q_scale=50, **SMALL)
    x, target = batch()
    learnt(net, x, target)
    for layer in net.layers:
        assert layer.burst_probability.min() >= 0
        assert layer.burst_probability.max() <= min(1, 2 * p_baseline) + 1e-12


# --------------------------------------------------------------------- Burstprop and EDN


@pytest.mark.parametrize("kind", [Burstprop, EDN])
def test_phases_without_a_teacher_teach_nothing(kind):
    net = kind(5, 4, **SMALL)
    x, _ = batch()
    if kind is Burstprop:
        assert max(g.abs().max() for g in learnt(net, x, None)) == 0
        return
    net.layers[-2].k.data[:] = net.layers[-1].bias.data  # interneurons that predict the output
    learnt(net, x, None)
    assert net.layers[1].apical.abs().max() < 1e-15
    assert net.layers[1].delta.abs().max() < 1e-15


def test_burstprop_as_written():
    net = Burstprop(5, 4, **SMALL)
    x, target = batch()
    found = learnt(net, x, target)
    _, middle, _top = net.layers
    e = [layer.events for layer in net.layers]
    b, taught = 0.2 * e[2], 0.2 * ((target - e[2]) * (1 - e[2]) + 1) * e[2]
    before = torch.sigmoid(b @ middle.Y) * e[1]
    lateral = before @ middle.r.T
    u = (b @ middle.Y) * (1 - e[1]) - lateral
    with_teacher = (taught @ middle.Y) * (1 - e[1]) - lateral
    change = (torch.sigmoid(with_teacher) - torch.sigmoid(u)) * e[1]
    torch.testing.assert_close(found[1], -change.T @ e[0] / len(x))
    torch.testing.assert_close(found[2], -(taught - b).T @ e[1] / len(x))
    torch.testing.assert_close(middle.r.grad, -u.T @ before / len(x))


def test_edn_as_written():
    net = EDN(5, 4, lambda_output=0.2, lambda_intn=0.3, lambda_hidden=0.4, **SMALL)
    x, target = batch()
    found = learnt(net, x, target)
    _, middle, _top = net.layers
    v, e = [layer.potential for layer in net.layers], [layer.events for layer in net.layers]
    aim = 0.2 + 0.6 * target
    soma = 0.8 * v[2] + 0.2 * torch.log(aim / (1 - aim))
    rate = torch.sigmoid(soma)
    torch.testing.assert_close(found[2], -(rate - e[2]).T @ e[1] / len(x))
    basal = e[1] @ middle.p.T + middle.k
    intn = torch.sigmoid(0.7 * basal + 0.3 * soma)
    apical = rate @ middle.Y - intn @ middle.g
    nudged = torch.sigmoid(v[1] + 0.4 * apical)
    torch.testing.assert_close(found[1], -(nudged - e[1]).T @ e[0] / len(x))
    expected = (intn - torch.sigmoid(basal)).T @ nudged / len(x)
    torch.testing.assert_close(middle.p.grad, -expected)
    torch.testing.assert_close(middle.k.grad, -(intn - torch.sigmoid(basal)).mean(0))
    power = (intn**2).sum(1).mean()
    torch.testing.assert_close(middle.g.grad, -intn.T @ apical / len(x) / (1 + power))


@pytest.mark.parametrize("kind", KINDS)
def test_every_network_can_be_convolutional(kind):
    net = kind((2, 9, 9), 4, Y_mode="tied", dtype="float64", **CONV)
    x, target = images()
    before = float((net(x) - target).square().sum())
    optimizer = torch.optim.SGD(net.groups(1.0, r=0.01, g=0.1), 1.0)
    for _ in range(20):
        net(x)
        net.learn(0.25 + 0.5 * target)
        optimizer.step()
    after = float((net(x) - target).square().sum())
    assert after < before
    assert diagnostics(net, x, target)["angle_bp_1"] < 90


# ------------------------------------------------------------------------------- feedback


@pytest.mark.parametrize("mode", get_args(QMode))
def test_modes_of_q(mode):
    scale = 1.0 if mode == "tied" else 1.5
    net = BurstCCN(5, 4, 0.4, Q_mode=mode, Q_scale=scale, Y_mode="random_init", **SMALL)
    layer = net.layers[1]
    expected = {
        "symmetric_init": 0.4 * 1.5 * layer.Y,
        "tied": 0.4 * layer.Y,
        "W_symmetric_init": 0.4 * 1.5 * layer.above.weight,
    }
    if mode in expected:
        torch.testing.assert_close(layer.Q, expected[mode])
    else:
        wide = BurstCCN(5, 4, 0.4, 2, 300, Q_mode=mode, Q_scale=1.5, seed=3)
        assert float(wide.layers[0].Q.detach().std()) == pytest.approx(1.5, rel=0.02)


def test_modes_of_y():
    symmetric = BurstCCN(5, 4, Y_mode="symmetric_init", Y_scale=2.0, **SMALL).layers[0]
    torch.testing.assert_close(symmetric.Y, 2 * symmetric.above.weight)
    random = BurstCCN(5, 4, 0.5, 2, 300, Y_scale=0.5, seed=3).layers[0]
    assert float(random.Y.detach().std()) == pytest.approx(0.5, rel=0.02)
    tied = BurstCCN(5, 4, Y_mode="tied", **SMALL)
    x, target = batch()
    optimizer = torch.optim.SGD(tied.parameters(), 1.0)
    learnt(tied, x, target)
    optimizer.step()
    torch.testing.assert_close(tied.layers[0].Y, tied.layers[1].weight)


@pytest.mark.parametrize("which", ["Y", "Q"])
def test_the_apical_rules_silence_the_dendrites(which):
    """u falls by gradient descent on |u|^2 / 2 through Q; through Y, whose bursts carry p."""
    options = {f"{which}_learning": True, "Q_mode": "random_init", "Q_scale": 0.5, **SMALL}
    net = BurstCCN(5, 4, **options)
    x, _target = batch()
    learnt(net, x, None)
    layer = net.layers[1]
    outer = layer.above.events.T @ layer.apical / len(x)
    parameter, sign = (layer.q, -1) if which == "Q" else (layer.y, 1)
    torch.testing.assert_close(parameter.grad, sign * outer)
    before = float(layer.apical.abs().mean())
    optimizer = torch.optim.SGD(net.groups(0.0, y=0.5, q=0.5), 0.0)
    for _ in range(200):
        net(x)
        net.learn(None)
        optimizer.step()
    assert float(layer.apical.abs().mean()) < 0.1 * before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", get_args(LocalOptimizer))
def test_kolen_pollack_feedback_becomes_the_weights(kind, name):
    """Y - W only decays: by 1 - lr wd a step."""
    rule = {"Y_rule": "kolen-pollack"} if kind is BurstCCN else {}
    net = kind(5, 4, Y_mode="random_init", Y_learning=True, **rule, **SMALL)
    x, target = batch()
    layer, top = net.layers[1:]
    first, weight = (layer.Y - top.weight).detach(), top.weight.detach().clone()
    rate = 0.5 if name in ("sgd", "globalcost") else 0.01
    groups = net.groups(rate, weight_decay=0.01 / rate, r=0.0)
    optimizer = make_local_optimizer(name, groups, rate, 0.0)
    for _ in range(20):
        net(x)
        net.learn(target)
        optimizer.step()
    torch.testing.assert_close((layer.Y - top.weight).detach(), 0.99**20 * first)
    assert (top.weight - 0.99**20 * weight).abs().max() > 0.01


def test_angles():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])
    assert angle(a, b) == pytest.approx(45)
    assert angle(a, -a) == pytest.approx(180)
    assert angle(a, a + torch.tensor([0.0, 1e-6])) == pytest.approx(math.degrees(1e-6), rel=1e-2)
    assert math.isnan(angle(a, 0 * a))


def test_diagnostics_leave_the_network_alone():
    """Its gradients, its noise, and the batch that it is about to learn from."""
    net, other = (BurstCCN(5, 4, Q_learning=True, feedforward_noise=0.3, **SMALL) for _ in range(2))
    x, target = batch()
    for each in (net, other):
        each(x)
        if each is net:
            found = diagnostics(net, x[:3], target[:3])
        each.learn(target)
    for layer, twin in zip(net.layers, other.layers):
        assert torch.equal(layer.weight.grad, twin.weight.grad)
    assert found == diagnostics(net, x[:3], target[:3])
    for layer, twin in zip(net.layers, other.layers):
        assert torch.equal(layer.weight.grad, twin.weight.grad)
    net(x), other(x)
    assert torch.equal(net.layers[-1].events, other.layers[-1].events)
    assert {"angle_bp", "angle_fa_1", "angle_w_y_2", "angle_q_y_1", "apical_variance_1"} <= set(
        found
    )
    assert found["angle_q_y_1"] == pytest.approx(0, abs=1e-6)


# ------------------------------------------------------------------------------ optimizers


def test_only_weights_decay_and_by_the_learning_rate():
    net = BurstCCN(5, 4, Q_learning=True, Y_learning=True, **SMALL)
    net.layers[0].bias.data[:] = 1.0
    x, _ = batch()
    first = copy.deepcopy(net)
    optimizer = make_local_optimizer(
        "sgd", net.groups(0.1, weight_decay=0.5, y=0.0, q=0.0), 0.1, 0.0
    )
    learnt(net, x, net(x))
    optimizer.step()
    for old, new in zip(first.layers, net.layers):
        torch.testing.assert_close(new.weight, (1 - 0.05) * old.weight)
        torch.testing.assert_close(new.bias, old.bias)
    torch.testing.assert_close(net.layers[0].y, first.layers[0].y)
    torch.testing.assert_close(net.layers[0].q, first.layers[0].q)


@pytest.mark.parametrize(
    ("span", "shape"), [("synapse", (3, 2)), ("neuron", (3, 1)), ("layer", ()), ("network", ())]
)
def test_shared_adagrad(span, shape):
    w, other = torch.zeros(3, 2), torch.zeros(4)
    g, g2 = torch.arange(1.0, 7).reshape(3, 2), torch.full((4,), 2.0)
    optimizer = SharedAdagrad([torch.nn.Parameter(w), torch.nn.Parameter(other)], 0.1, span=span)
    w, other = optimizer.param_groups[0]["params"]
    for _ in range(2):
        w.grad, other.grad = g, g2
        optimizer.step()
    square = {
        "synapse": g**2,
        "neuron": (g**2).mean(1, keepdim=True),
        "layer": (g**2).mean(),
        "network": torch.cat([g.flatten(), g2]).square().mean(),
    }[span]
    assert square.shape == shape
    torch.testing.assert_close(w.detach(), -0.1 * g * (1 + 2**-0.5) / square.sqrt())


def test_adagrad_by_synapse_is_that_of_torch():
    ours, theirs = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    for parameter, made in ((ours, SharedAdagrad([ours], 0.1)),
                            (theirs, torch.optim.Adagrad([theirs], 0.1))):  # fmt: skip
        for k in range(3):
            parameter.grad = torch.tensor([1.0, -2.0, 0.5 * k])
            made.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("name", "momentum"),
    [*((name, 0.0) for name in get_args(LocalOptimizer)), ("sgd", 0.9), ("globalcost", 0.9)],
)
def test_decay_is_times_the_rate_under_every_optimizer(name, momentum):
    w = torch.nn.Parameter(torch.tensor([[1.0, 10.0]]))
    made = make_local_optimizer(name, [{"params": [w], "weight_decay": 0.01}], 0.1, momentum)
    w.grad = torch.zeros_like(w)
    for _ in range(5):
        made.step()
    torch.testing.assert_close(w.detach(), 0.999**5 * torch.tensor([[1.0, 10.0]]))


def test_momentum_without_decay_is_that_of_torch():
    ours, theirs = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    for parameter, made in ((ours, make_local_optimizer("sgd", [{"params": [ours]}], 0.1, 0.9)),
                            (theirs, torch.optim.SGD([theirs], 0.1, momentum=0.9))):  # fmt: skip
        for k in range(3):
            parameter.grad = torch.tensor([1.0, -2.0, 0.5 * k])
            made.step()
    assert torch.equal(ours, theirs)


def test_feedback_shares_among_the_synapses_onto_the_neurons_below():
    net = BurstCCN(5, 4, Y_learning=True, Q_learning=True, **SMALL)
    made = make_local_optimizer("nadagrad", net.groups(0.02), 0.02, 0.0)
    x, target = batch()
    learnt(net, x, target)
    made.step()
    q, w = net.layers[1].q, net.layers[2].weight
    assert q.shape == w.shape == (4, 7)
    torch.testing.assert_close(made.state[q]["sum"], (q.grad**2).mean(0, keepdim=True))
    torch.testing.assert_close(made.state[w]["sum"], (w.grad**2).mean(1, keepdim=True))


def test_edn_learns_the_cancellation_at_any_width():
    """G's normalised rule: |u| falls at a rate that would be far beyond the plain one's limit."""
    net = EDN(5, 400, n_hidden_layers=1, n_hidden_units=8, intn_scale=0.0, seed=3)
    x = torch.randn(64, 5, generator=torch.Generator().manual_seed(3))
    made = torch.optim.SGD([net.layers[0].g], 1.0)
    sizes = []
    for _ in range(300):
        net(x)
        net.learn(None)
        sizes.append(float(net.layers[0].apical.abs().mean()))
        made.step()
    assert sizes[-1] < 0.1 * sizes[0]
    assert max(sizes) == sizes[0]


def test_interneurons_begin_like_the_layer_above():
    net = EDN(300, 200, n_hidden_layers=1, n_hidden_units=300, intn_mode="random_init", gain=1.0,
              seed=3)  # fmt: skip
    below, top = net.layers
    assert float(below.p.detach().std() / top.weight.detach().std()) == pytest.approx(1, abs=0.02)
    assert not torch.equal(below.p, top.weight)


@pytest.mark.parametrize("activation", get_args(LocalActivation))
def test_networks_begin_with_moderate_events(activation):
    net = ANN(784, 10, activation=activation, seed=3)
    found = net(torch.rand(64, 784, generator=torch.Generator().manual_seed(3)))
    assert found.abs().max() < 30


@pytest.mark.parametrize("name", get_args(LocalOptimizer))
def test_every_optimizer_descends(name):
    net = BurstCCN(5, 4, Y_mode="tied", **SMALL)
    x, target = batch()
    made = make_local_optimizer(name, net.groups(0.02), 0.02, 0.0)
    before = float((net(x) - target).square().sum())
    for _ in range(30):
        net(x)
        net.learn(target)
        made.step()
    assert float((net(x) - target).square().sum()) < before


# ----------------------------------------------------------------------- seeds, noise, files


@pytest.mark.parametrize("kind", KINDS)
def test_files_and_seeds(kind, tmp_path):
    net = kind(5, 4, **SMALL)
    state = torch.get_rng_state()
    again, other = kind(5, 4, **SMALL), kind(5, 4, **{**SMALL, "seed": 4})
    assert torch.equal(torch.get_rng_state(), state)
    x, target = batch()
    assert torch.equal(net(x), again(x))
    assert not torch.equal(net(x), other(x))
    net.learn(target)
    net.save(tmp_path / "net.pt")
    loaded = kind.load(tmp_path / "net.pt")
    assert torch.equal(loaded(x), net(x))
    with pytest.raises(FileError, match="not a"):
        (BurstCCN if kind is ANN else ANN).load(tmp_path / "net.pt")
    twin = copy.deepcopy(net)
    twin.layers[0].weight.data.zero_()
    assert net.layers[0].weight.abs().max() > 0
    assert twin.layers[0].above is twin.layers[1]


def test_numbers_of_numpy_are_options_like_others(tmp_path):
    net = BurstCCN(np.int64(5), 4, np.float64(0.3), n_hidden_units=np.int64(6), seed=np.int64(3))
    net.save(tmp_path / "net.pt")
    assert BurstCCN.load(tmp_path / "net.pt").options["p_baseline"] == 0.3


def test_targets_are_checked():
    net = BurstCCN(5, 4, **SMALL)
    x, target = batch()
    with pytest.raises(OptionError, match="a batch first"):
        net.learn(target)
    net(x)
    for wrong in (target[0], target[:, :1]):
        with pytest.raises(OptionError, match=r"output's events \(6, 4\)"):
            net.learn(wrong)


def test_rates_of_kinds_that_there_are():
    net = BurstCCN(5, 4, Y_learning=True, **SMALL)
    assert {g["lr"] for g in net.groups(0.3, y=0.001)} == {0.3, 0.001}
    with pytest.raises(OptionError, match="kind of parameter 'Y_lr'"):
        net.groups(0.3, Y_lr=0.001)


def test_q_is_tied_unless_it_is_of_its_own():
    """With tied Y a Q that stayed at its first value would cancel nothing as soon as W moves."""
    net = BurstCCN(5, 4, Y_mode="tied", **SMALL)
    x, target = batch()
    made = torch.optim.SGD(net.groups(0.5), 0.5)
    for _ in range(20):
        learnt(net, x, target)
        made.step()
    learnt(net, x, None)
    assert net.layers[0].apical.abs().max() < 1e-15
    for own in ({"Q_learning": True}, {"Q_scale": 0.5}, {"Y_learning": True}):
        assert BurstCCN(5, 4, **own, **SMALL).layers[0].q is not None
    follows = BurstCCN(5, 4, Y_learning=True, Y_rule="kolen-pollack", **SMALL)
    assert follows.layers[0].q is None


def test_angles_of_pruned_networks_leave_out_what_was_pruned():
    net = ANN(5, 4, n_hidden_layers=2, n_hidden_units=20, seed=3, dtype="float64")
    x, target = batch()
    pruned = prune_layers(net, 0.3, "weight", seed=3).network
    assert diagnostics(pruned, x, target)["angle_bp"] < 1e-3


def test_all_kinds_begin_with_the_same_weights():
    nets = [kind(5, 4, **SMALL) for kind in KINDS]
    for net in nets[1:]:
        for a, b in zip(net.layers, nets[0].layers):
            assert torch.equal(a.weight, b.weight)
    wide = ANN(300, 200, 0, seed=3).layers[0].weight
    assert float(wide.detach().std()) == pytest.approx(3.6 * np.sqrt(2 / 500), rel=0.02)


def test_noise_is_for_training_only():
    net = BurstCCN(5, 4, feedforward_noise=0.3, n_hidden_layers=0, seed=3, dtype="float64")
    x = torch.zeros(4000, 5, dtype=torch.float64)
    net.train()(x)
    v = net.layers[0].potential.flatten()
    assert abs(float(v.std()) / 0.3 - 1) < 4 / np.sqrt(2 * len(v))
    assert torch.equal(net.eval()(x), torch.full((4000, 4), 0.5).double())


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (BurstCCN, {"p_baseline": 0.0}, "p_baseline is 0.0, but must lie in"),
        (BurstCCN, {"p_baseline": float("nan")}, "p_baseline"),
        (Burstprop, {"p_baseline": 1.0}, "p_baseline"),
        (BurstCCN, {"Y_mode": "random"}, "did you mean 'random_init'"),
        (BurstCCN, {"Q_mode": "random"}, "did you mean 'random_init'"),
        (BurstCCN, {"Y_rule": "x"}, "unknown Y rule"),
        (BurstCCN, {"Y_mode": "tied", "Y_learning": True}, "leave its scale and its learning out"),
        (BurstCCN, {"Q_mode": "tied", "Q_scale": 2.0}, "leave its scale and its learning out"),
        (ANN, {"activation": "sigmoit"}, "did you mean 'sigmoid'"),
        (ANN, {"Y_scale": -1.0}, "Y_scale"),
        (ANN, {"gain": 0.0}, "gain"),
        (ANN, {"feedforward_noise": -1.0}, "feedforward_noise"),
        (ANN, {"n_hidden_units": 0}, "n_hidden_units is 0"),
        (ANN, {"dtype": "float16"}, "unknown dtype"),
        (ANN, {"conv": "3k3"}, "samples of shape"),
        (EDN, {"lambda_intn": 1.5}, "lambda_intn is 1.5"),
        (EDN, {"intn_mode": "none"}, "unknown intn mode"),
    ],
)
def test_options_without_a_meaning_are_refused(kind, options, said):
    with pytest.raises(OptionError, match=said):
        kind(5, 4, **{**SMALL, **options})


@pytest.mark.parametrize("text", ["3", "3k", "k3", "0k3", "3k3s0", "ak3"])
def test_convolutions_that_cannot_be_read(text):
    with pytest.raises(OptionError, match="channels, kernel and stride"):
        ANN((2, 9, 9), 4, conv=text)


def test_optimizers_without_a_meaning():
    with pytest.raises(OptionError, match="momentum is an option of sgd"):
        make_local_optimizer("adam", [], 0.1, 0.5)
    with pytest.raises(OptionError, match="momentum is 2"):
        make_local_optimizer("sgd", [], 0.1, 2)
    with pytest.raises(OptionError, match="unknown optimizer"):
        make_local_optimizer("lion", [], 0.1, 0)
