"""Synapses that fail: their law, the networks of them, and the theory of what they learn."""

import copy
import functools
import pickle
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch

from noiseprune import FileError, OptionError
from noiseprune.learning import (
    RNN,
    DeepNet,
    LinearTheory,
    LinearWeightDropout,
    SemanticsDataset,
    failures_as,
    linear_teacher,
    load_statistics,
    load_weights,
    run_statistics,
)
from noiseprune.learning.experiments.failures import averaged
from noiseprune.learning.models.failures import dropout
from noiseprune.learning.models.failures.networks import initial_law
from noiseprune.learning.models.failures.statistics import participation_ratio
from noiseprune.learning.models.failures.theory import product_singular_values
from noiseprune.learning.options.names import Path

TEACHER = SemanticsDataset(1, seed=1).w


def layer(path="masks", drop_p=0.3, **options):
    return LinearWeightDropout(5, 3, drop_p, path=path, seed=3, dtype=torch.float64, **options)


def samples(made, x, number):
    """Outputs of the same input, (number, out)."""
    with torch.no_grad():
        return made(x.expand(number, -1))


def state_of_global_generator():
    return torch.get_rng_state()


INPUT = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0], dtype=torch.float64)


# ---------------------------------------------------------------------------------- the layer


@pytest.mark.parametrize("path", get_args(Path))
@pytest.mark.parametrize("drop_p", [0.1, 0.5, 0.9])
def test_mean_and_covariance_are_those_of_the_law(path, drop_p):
    made = layer(path, drop_p)
    n = 40_000
    y = samples(made, INPUT, n).numpy()
    mean = (made.weight @ INPUT + made.bias).detach().numpy()
    expected = drop_p / (1 - drop_p) * (made.weight**2 @ INPUT**2).detach().numpy()
    z = (y.mean(0) - mean) / np.sqrt(expected / n)
    assert np.abs(z).max() < 4
    centred = y - mean
    squares = centred**2
    z = (squares.mean(0) - expected) / (squares.std(0) / np.sqrt(n))
    assert np.abs(z).max() < 4
    for i, j in ((0, 1), (0, 2), (1, 2)):
        product = centred[:, i] * centred[:, j]
        assert abs(product.mean()) < 4 * product.std() / np.sqrt(n)
    planted = 1.02**2 * squares.mean(0) - expected  # a fluctuation 2 % too large would be seen
    assert drop_p != 0.5 or (planted / (squares.std(0) / np.sqrt(n))).max() > 4


@pytest.mark.parametrize("drop_p", [0.001, 0.5, 0.8])
def test_masks_transmit_with_the_right_probability(drop_p):
    n = 30_000
    share = layer(drop_p=drop_p).draw_masks(n).float().mean(0).numpy()
    z = (share - (1 - drop_p)) / np.sqrt(drop_p * (1 - drop_p) / n)
    assert np.abs(z).max() < 4
    assert 0.5 < np.sqrt((z**2).mean()) < 1.6


def test_masks_make_what_they_say():
    made = layer(drop_p=0.5)
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    masks = made.draw_masks(7)
    expected = torch.einsum("boi,oi,bi->bo", masks.double(), made.weight, x) / 0.5 + made.bias
    torch.testing.assert_close(made(x, masks), expected)


@pytest.mark.parametrize("chunk", [1, 40, 2**22])
def test_the_way_back_is_that_of_the_textbook(chunk, monkeypatch):
    monkeypatch.setattr(dropout, "CHUNK", chunk)
    made = layer(drop_p=0.4)
    masks = made.draw_masks(7)
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    x.requires_grad_()
    inputs = (x, made.weight, made.bias)
    plain = torch.einsum("boi,oi,bi->bo", masks.double(), made.weight, x) / 0.6 + made.bias
    ours = torch.autograd.grad(made(x, masks).pow(3).sum(), inputs)
    theirs = torch.autograd.grad(plain.pow(3).sum(), inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("path", get_args(Path))
def test_modes(path):
    made = layer(path)
    mean = made.weight @ INPUT + made.bias
    with failures_as(made, "expected"):
        torch.testing.assert_close(made(INPUT), mean)
    assert made.mode == "sample"
    one = samples(made, INPUT, 20_000).var(0)
    with failures_as(made, "average", 4):
        torch.testing.assert_close(4 * samples(made, INPUT, 20_000).var(0), one, rtol=0.1, atol=0)
    made.eval()
    assert not torch.equal(made(INPUT), made(INPUT)), "failures are no matter of training"


def test_moments_of_nothing_have_a_gradient():
    made = layer("moments")
    x = torch.zeros(2, 5, dtype=torch.float64, requires_grad=True)
    made(x).sum().backward()
    assert x.grad.isfinite().all()
    assert made.weight.grad.isfinite().all()


def test_the_seed_decides_and_the_global_generator_does_not():
    before = state_of_global_generator()
    one, other = layer(), layer()
    x = INPUT.expand(50, -1)
    torch.testing.assert_close(one(x), other(x), rtol=0, atol=0)
    assert not torch.equal(one(x), LinearWeightDropout(5, 3, 0.3, seed=5).double()(x))
    DeepNet(7, 4, seed=3)
    assert torch.equal(state_of_global_generator(), before)
    twins = copy.deepcopy(one), pickle.loads(pickle.dumps(one))
    drawn = one(x)
    for twin in twins:
        torch.testing.assert_close(twin(x), drawn, rtol=0, atol=0)
    fresh = LinearWeightDropout(5, 3)
    assert not torch.equal(fresh.weight, LinearWeightDropout(5, 3).weight)


def test_every_kind_of_seed_is_taken():
    kinds = (2**64 + 3, np.random.SeedSequence(3), np.random.default_rng(3))
    for seed, twin in zip(kinds, copy.deepcopy(kinds)):
        one, other = (LinearWeightDropout(5, 3, seed=each) for each in (seed, twin))
        assert torch.equal(one.weight, other.weight)
    assert len(DeepNet(4, 3, seed=np.random.default_rng(3))) == 2
    with pytest.raises(OptionError, match="seed is -1"):
        LinearWeightDropout(5, 3, seed=-1)


def test_leading_dimensions_are_kept():
    made = layer()
    assert made(INPUT.expand(2, 4, 5)).shape == (2, 4, 3)
    assert made(INPUT).shape == (3,)


@pytest.mark.parametrize("path", get_args(Path))
@pytest.mark.parametrize("more", [{}, {"mode": "average", "samples": 2}])
def test_no_rows_give_no_rows(path, more):
    made = layer(path, **more)
    x = torch.zeros(2, 0, 5, dtype=torch.float64, requires_grad=True)
    y = made(x)
    assert y.shape == (2, 0, 3)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not made.weight.grad.any()


def test_a_layer_says_what_it_is():
    made = layer()
    assert "drop_p=0.3" in repr(made)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"drop_p": 1.0}, "drop_p is 1.0"),
        ({"drop_p": float("nan")}, "drop_p is nan"),
        ({"path": "mask"}, "unknown path 'mask': did you mean 'masks'"),
        ({"mode": "mean"}, "unknown mode"),
        ({"samples": 0}, "samples is 0"),
    ],
)
def test_wrong_options_of_a_layer_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        layer(**options)


@pytest.mark.parametrize("path", get_args(Path))
def test_a_layer_may_move_to_another_device(path):
    made = layer(path).to("meta")
    assert made(INPUT.to("meta")).device.type == "meta"


def test_masks_hardly_ever_fail_where_synapses_do_not():
    assert layer(drop_p=1e-11).draw_masks(100).all()


def test_masks_are_one_draw():
    made = layer(mode="average", samples=3)
    with pytest.raises(OptionError, match="masks were given, which are one draw"):
        made(INPUT.expand(2, 5), made.draw_masks(2))


def test_a_network_is_averaged_as_a_whole():
    """Means of layers, each averaged by itself, are those without failures; z-scores."""
    net = DeepNet(4, 2, [20], activation="relu", drop_p=0.5, seed=3, dtype="float64")
    x = torch.ones(2000, 4, dtype=torch.float64)
    with torch.no_grad():
        drawn, mean = net(x.repeat(5, 1)), averaged(net, 10)(x)
        with failures_as(net, "expected"):
            whole = net(x[0])
    error = drawn.std(0) * (1 / 10_000 + 1 / 20_000) ** 0.5
    assert ((mean.mean(0) - drawn.mean(0)) / error).abs().max() < 4
    assert ((whole - drawn.mean(0)) / error).abs().max() > 8
    assert (10 * mean.var(0) / drawn.var(0) - 1).abs().max() < 0.15


def test_masks_of_another_shape_are_refused():
    with pytest.raises(OptionError, match=r"\(2, 5, 3\), but need \(2, 3, 5\)"):
        layer()(INPUT.expand(2, 5), torch.ones(2, 5, 3, dtype=torch.bool))


# -------------------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("rule", "mean", "deviation"),
    [
        ("lin", 0, 1 / 400),
        ("lin+", 1 / 400, 1 / 400),
        ("sqrt", 0, 1 / 20),
        ("const", 0, 1e-3),
        ("const+", 1e-3, 1e-3),
        ("0.75", 0, 400**-0.75),
        (0.75, 0, 400**-0.75),
    ],
)
def test_initial_weights(rule, mean, deviation):
    assert initial_law(rule, 400) == pytest.approx((mean, deviation))
    weight = DeepNet(400, 300, [], scaling=rule, seed=3).weights()[0]
    assert weight.mean() == pytest.approx(mean, abs=4 * deviation / 120_000**0.5)
    assert weight.std() == pytest.approx(deviation, rel=0.02)


def test_layers_may_begin_differently():
    first, second = DeepNet(40, 30, [50], scaling="const,sqrt", seed=3).weights()
    assert (first.std(), second.std()) == pytest.approx((1e-3, 50**-0.5), rel=0.1)
    with pytest.raises(OptionError, match="3 rules for 2 layers"):
        DeepNet(4, 3, [5], scaling="const,sqrt,lin")
    with pytest.raises(OptionError, match="unknown scaling 'squrt': did you mean 'sqrt'"):
        DeepNet(4, 3, [5], scaling="squrt")


@pytest.mark.parametrize("rule", ["nan", "inf", "sqrt,-inf", float("nan"), -600])
def test_exponents_that_make_no_weights_are_refused(rule):
    with pytest.raises(OptionError, match=r"scaling is .*, with which weights of \d inputs cannot"):
        DeepNet(4, 3, [5], scaling=rule)


def test_a_deep_net_is_its_equation():
    net = DeepNet(4, 3, [5, 6], activation="relu", bias=True, output_activation="softmax", seed=3)
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(3))
    hidden = x
    for each in net.layers[:-1]:
        hidden = torch.relu(hidden @ each.weight.T + each.bias)
    last = net.layers[-1]
    expected = torch.softmax(hidden @ last.weight.T + last.bias, -1)
    torch.testing.assert_close(net(x), expected)
    torch.testing.assert_close(net.activities(x)[1], hidden)
    assert len(net) == 3
    net(x).sum().backward()
    assert set(net.gradients()) == set(dict(net.named_parameters()))
    assert DeepNet(4, 3, seed=3).gradients() == {}


@pytest.mark.parametrize(
    ("given", "failing"), [("all", [1, 2, 3]), ("1,3", [1, 3]), ([2], [2]), ("", [])]
)
def test_only_the_layers_asked_for_fail(given, failing):
    net = DeepNet(4, 3, [5, 6], drop_p=0.5, drop_layers=given, seed=3)
    assert [k for k, each in enumerate(net.layers, 1) if each.drop_p] == failing


@pytest.mark.parametrize("given", ["4", "0", "one", [5]])
def test_there_is_no_such_layer(given):
    with pytest.raises(OptionError, match=r"layer"):
        DeepNet(4, 3, [5, 6], drop_p=0.5, drop_layers=given)


def test_a_recurrent_network_is_its_equation():
    net = RNN(2, 3, 4, delay=2, bias=True, seed=3, dtype="float64")
    x = torch.randn(5, 6, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    outputs, states = net(x)
    assert outputs.shape == (5, 8, 3)
    assert states["h"].shape == (5, 8, 4)
    i2h, h2h, h2o = (each.weight for each in net.layers)
    h = torch.zeros(5, 4, dtype=torch.float64)
    for t in range(8):
        u = x[:, t] if t < 6 else torch.zeros(5, 2, dtype=torch.float64)
        h = torch.tanh(h @ h2h.T + u @ i2h.T)
        torch.testing.assert_close(states["h"][:, t], h)
        torch.testing.assert_close(outputs[:, t], h @ h2o.T)


def test_failures_of_a_trial_last():
    """A network without memory repeats its outputs only if the same synapses fail throughout."""
    found = {}
    for failures in ("trial", "step"):
        net = RNN(2, 3, 40, drop_p=0.5, drop_layers="1", failures=failures, seed=3)
        with torch.no_grad():
            net.layers[1].weight.zero_()
            outputs, _ = net(torch.ones(5, 6, 2))
        found[failures] = bool((outputs == outputs[:, :1]).all())
    assert found == {"trial": True, "step": False}


@pytest.mark.parametrize("failing", ["1", "2", "3", "1,2,3"])
def test_failures_of_a_trial_are_masks_of_every_step(failing):
    """The equation with masks held, those that a twin of the network draws."""
    net, twin = (
        RNN(2, 3, 4, drop_p=0.5, drop_layers=failing, failures="trial", bias=True, seed=3,
            dtype="float64")
        for _ in range(2)
    )  # fmt: skip
    x = torch.randn(5, 6, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    w_in, w, w_out = (
        each.weight * (2 * each.draw_masks(5) if str(number) in failing else torch.ones(5, 1, 1))
        for number, each in enumerate(twin.layers, start=1)
    )
    outputs, states = net(x)
    times = functools.partial(torch.einsum, "bij,bj->bi")
    h = torch.zeros(5, 4, dtype=torch.float64)
    for t in range(6):
        h = torch.tanh(times(w, h) + times(w_in, x[:, t]))
        torch.testing.assert_close(states["h"][:, t], h)
        torch.testing.assert_close(outputs[:, t], times(w_out, h))


def test_wrong_options_of_a_recurrent_network_are_refused():
    with pytest.raises(OptionError, match="give path='masks'"):
        RNN(2, 3, 4, failures="trial", path="moments")
    with pytest.raises(OptionError, match=r"\(5, 2\), but must be \(batch, time, 2\)"):
        RNN(2, 3, 4)(torch.ones(5, 2))


@pytest.mark.parametrize(
    "net", [DeepNet(4, 3, [5], drop_p=0.5, seed=3), RNN(4, 3, 5, drop_p=0.5, seed=3)]
)
def test_a_saved_network_goes_on_to_the_last_bit(net, tmp_path):
    x = torch.ones(6, 2, 4)
    net(x)
    net.save(tmp_path / "net.pt")
    found = type(net).load(tmp_path / "net.pt")
    assert found.options == net.options
    for one, other in zip(net.state_dict().values(), found.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    one, other = (each(x)[0] for each in (net, found))
    assert torch.equal(one, other), "the same failures to come"


@pytest.mark.parametrize("mode", [("expected", 1), ("average", 4)])
def test_a_saved_network_fails_as_it_did(mode, tmp_path):
    net = DeepNet(4, 3, [5], drop_p=0.5, seed=3)
    net.layers[0].set_mode(*mode)
    net.save(tmp_path / "net.pt")
    found = DeepNet.load(tmp_path / "net.pt")
    assert [(each.mode, each.samples) for each in found.layers] == [mode, ("sample", 1)]
    x = torch.ones(6, 4)
    assert torch.equal(found(x), net(x))


def test_files_that_hold_no_network_are_refused(tmp_path):
    DeepNet(4, 3).save(tmp_path / "net.pt")
    with pytest.raises(FileError, match="holds DeepNet, not a RNN"):
        RNN.load(tmp_path / "net.pt")
    torch.save({"a": 1}, tmp_path / "other.pt")
    with pytest.raises(FileError, match="holds no network"):
        DeepNet.load(tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(FileError, match=r"text\.pt is not a sound \.pt file"):
        DeepNet.load(tmp_path / "text.pt")


# ---------------------------------------------------------------------------------- the theory


def naive_loss(theory, weights, n_draws, seed):
    """Mean and standard error of |y - w* x|^2 over failures and inputs, drawn one by one."""
    rng = np.random.default_rng(seed)
    errors = []
    root = np.linalg.cholesky(theory.covariance)
    for _ in range(n_draws):
        x = root @ rng.standard_normal(len(root))
        y = x
        for weight, q in zip(weights, theory.transmission, strict=True):
            y = ((rng.random(weight.shape) < q) * weight / q) @ y
        errors.append(((y - theory.teacher @ x) ** 2).sum())
    return np.mean(errors), np.std(errors) / np.sqrt(n_draws)


def covariance(n, seed=3):
    mixing = np.random.default_rng(seed).standard_normal((n, n))
    return mixing @ mixing.T / n + np.eye(n)


@pytest.mark.parametrize("layers", ["all", "1", "2,3", ""])
def test_the_averaged_loss_is_that_of_samples(layers):
    theory = LinearTheory.of(
        linear_teacher([2, 1], 5), 3, drop_p=0.4, drop_layers=layers, covariance=covariance(5)
    )
    rng = np.random.default_rng(7)
    weights = [rng.standard_normal(shape) / 2 for shape in ((6, 5), (4, 6), (2, 4))]
    mean, error = naive_loss(theory, weights, 6000, seed=5)
    assert abs(mean - theory.loss(weights)) < 3.5 * error
    assert abs(mean - 1.3 * theory.loss(weights)) > 3.5 * error


@pytest.mark.parametrize("layers", ["all", "1", "2"])
def test_two_layers_have_the_closed_form(layers):
    """tr[E C E^T] + sum_j |a_j|^2 [W M W^T]_jj, and its gradient by hand."""
    theory = LinearTheory.of(
        TEACHER, drop_p=0.3, drop_layers=layers, covariance=covariance(7), weight_decay=0.02
    )
    rng = np.random.default_rng(7)
    w, a = rng.standard_normal((6, 7)), rng.standard_normal((4, 6))
    v1, v2 = (1 / q - 1 for q in theory.transmission)
    c = theory.covariance
    m = v2 * c + (1 + v2) * v1 * np.diag(np.diag(c))
    error = TEACHER - a @ w
    hidden = np.diag(w @ m @ w.T)
    expected = np.trace(error @ c @ error.T) + ((a**2).sum(0) * hidden).sum()
    assert theory.loss([w, a]) == pytest.approx(expected, rel=1e-12)
    to_w = a.T @ error @ c - np.diag((a**2).sum(0)) @ w @ m
    to_a = error @ c @ w.T - a * hidden
    for found, by_hand, weight in zip(theory.descent([w, a]), (to_w, to_a), (w, a), strict=True):
        np.testing.assert_allclose(found, by_hand * 2 / 4 - 0.02 * weight, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("path", get_args(Path))
def test_the_gradient_of_samples_is_on_average_that_of_the_theory(path):
    """The clock of the theory: one step of SGD on PyTorch's own MSELoss."""
    net = DeepNet(7, 4, [6], drop_p=0.3, path=path, seed=3, dtype="float64")
    data = SemanticsDataset(40_000, seed=5)
    x, y = torch.from_numpy(data.data), torch.from_numpy(data.targets)
    found = []
    for part, target in zip(x.split(400), y.split(400), strict=True):
        loss = torch.nn.functional.mse_loss(net(part), target)
        gradients = torch.autograd.grad(loss, [each.weight for each in net.layers])
        found.append(np.concatenate([gradient.numpy().ravel() for gradient in gradients]))
    theory = LinearTheory.of(TEACHER, drop_p=0.3)
    expected = -np.concatenate([part.ravel() for part in theory.descent(net.weights())])
    z = (np.mean(found, 0) - expected) / (np.std(found, 0) / 10)
    assert np.abs(z).max() < 4.5
    assert np.sqrt((z**2).mean()) < 1.3


@pytest.mark.parametrize(
    ("drop_p", "decay", "hidden", "time", "c"),
    [
        (0.5, 0.0, 8, 100, 1.0),
        (0.2, 0.05, 8, 200, 1.0),
        (0.2, 0.05, 1, 200, 1.0),
        (0.2, 0.05, 1, 50, 2.5),
        (0.5, 0.0, 8, 40, 2.5),
    ],
)
def test_the_flow_ends_at_the_fixed_point(drop_p, decay, hidden, time, c):
    teacher = linear_teacher([1.5, 1.0, 0.02], 5)
    theory = LinearTheory.of(teacher, drop_p=drop_p, weight_decay=decay, covariance=c * np.eye(5))
    ideal = theory.fixed_point(hidden)
    rng = np.random.default_rng(3)
    start = [rng.normal(0, 0.01, (hidden, 5)), rng.normal(0, 0.01, (3, hidden))]
    (end,) = theory.simulate(start, [time])
    np.testing.assert_allclose(
        product_singular_values(end)[:3], ideal.singular_values, atol=2e-3 * teacher.max()
    )
    assert theory.loss(end) == pytest.approx(ideal.loss, rel=1e-3)
    layers = [np.linalg.svd(weight, compute_uv=False)[:3] for weight in end]
    expected = ideal.layer_singular_values[:hidden]
    np.testing.assert_allclose(layers, [expected] * 2, atol=3e-3)
    assert ideal.singular_values[2] == 0


def test_steps_become_the_flow_at_the_rate_of_euler():
    """The error of n steps over the same time falls as 1 / n."""
    theory = LinearTheory.of(TEACHER, drop_p=0.3)
    rng = np.random.default_rng(3)
    start = [rng.normal(0, 0.3, (6, 7)), rng.normal(0, 0.3, (4, 6))]
    (flow,) = theory.simulate(start, [1.0])
    errors = [np.linalg.norm(theory.steps(start, n, 1 / n)[0] - flow[0]) for n in (20, 40, 80)]
    ratios = [one / other for one, other in pairwise(errors)]
    assert ratios == pytest.approx([2, 2], rel=0.15)


def test_published_fixed_points():
    """To the four digits of an independent derivation."""
    for n, layers, values, loss in (
        (128, "all", [2.5091, 1.5954, 0.8633, 0.8633], 0.8716),
        (128, "2", [2.5974, 1.6837, 0.9517, 0.9517], 0.3082),
        (512, "all", [2.6092, 1.6955, 0.9635, 0.9635], 0.2329),
        (512, "2", [2.6334, 1.7197, 0.9876, 0.9876], 0.0788),
    ):
        found = LinearTheory.of(TEACHER, drop_p=0.5, drop_layers=layers).fixed_point(n)
        np.testing.assert_allclose(found.singular_values, values, atol=5.1e-5)
        assert found.loss == pytest.approx(loss, abs=5.1e-5)


def test_without_failures_the_teacher_is_learnt():
    found = LinearTheory.of(TEACHER, drop_p=0.0).fixed_point(4)
    np.testing.assert_allclose(found.singular_values**2, [7, 3, 1, 1], rtol=1e-12)
    assert found.loss == pytest.approx(0, abs=1e-12)


def test_what_has_no_closed_form_is_refused():
    with pytest.raises(OptionError, match="3 layers, but only two"):
        LinearTheory.of(TEACHER, 3, drop_p=0.5).fixed_point(9)
    with pytest.raises(OptionError, match="not c times the identity"):
        LinearTheory.of(TEACHER, drop_p=0.5, covariance=covariance(7)).fixed_point(9)
    with pytest.raises(OptionError, match="n_hidden is 0"):
        LinearTheory.of(TEACHER, drop_p=0.5).fixed_point(0)
    with pytest.raises(OptionError, match=r"\(3, 3\), but needs \(7, 7\)"):
        LinearTheory.of(TEACHER, drop_p=0.5, covariance=np.eye(3))
    with pytest.raises(OptionError, match="drop_p is 1"):
        LinearTheory.of(TEACHER, drop_p=1)


# --------------------------------------------------------------------------------- statistics


def history(n=3):
    rng = np.random.default_rng(3)
    return [[rng.standard_normal((6, 5)), rng.standard_normal((4, 6))] for _ in range(n)]


def test_statistics_of_a_run(tmp_path):
    weights = history()
    found = run_statistics(weights)
    for t, (w, a) in enumerate(weights):
        assert found.norms[t] == pytest.approx([np.linalg.norm(w), np.linalg.norm(a)])
        assert found.participation[t] == pytest.approx(
            [participation_ratio(w), participation_ratio(a)]
        )
        np.testing.assert_allclose(
            found.singular_values[1][t], np.linalg.svd(a, compute_uv=False), rtol=1e-12
        )
    assert found.alignment[0].shape == (3, 4, 5)
    found.save(tmp_path / "statistics.npz", [0, 5, 10])
    again = load_statistics(tmp_path / "statistics.npz")
    np.testing.assert_array_equal(again.norms, found.norms)
    np.testing.assert_array_equal(again.alignment[0], found.alignment[0])
    assert len(again.singular_values) == 2
    np.savez(tmp_path / "other.npz", a=np.ones(1))
    with pytest.raises(FileError, match="no statistics of a run"):
        load_statistics(tmp_path / "other.npz")


def test_aligned_layers_have_the_identity():
    u = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 3)))[0]
    v = np.linalg.qr(np.random.default_rng(5).standard_normal((5, 3)))[0]
    s = np.array([3.0, 2.0, 1.0])
    found = run_statistics([[(u * s) @ v.T, s[:, None] * u.T]])
    np.testing.assert_allclose(found.alignment[0][0][:3, :3], np.eye(3), atol=1e-12)


def test_participation():
    assert participation_ratio(np.eye(4)) == pytest.approx(1)
    assert participation_ratio(np.ones((4, 4))) == pytest.approx(0.25)
    assert participation_ratio(np.zeros((4, 4))) == 0


def test_weights_are_read_in_the_order_of_their_numbers(tmp_path):
    weights = [[np.full((2, 2), 10.0 * k) for k in range(12)] for _ in range(3)]
    for k in range(12):
        np.save(tmp_path / f"weights_{k}.npy", np.array([moment[k] for moment in weights]))
    found = load_weights(tmp_path)
    assert len(found) == 3
    assert [layer[0, 0] for layer in found[0]] == [10.0 * k for k in range(12)]
    np.save(tmp_path / "weights_3.npy", np.zeros((2, 2, 2)))
    with pytest.raises(FileError, match=r"\(moments, out, in\) each"):
        load_weights(tmp_path)
    with pytest.raises(FileError, match="has no files weights_1"):
        load_weights(tmp_path / "nowhere")


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(OptionError, match="6 outputs is followed by one of 5 inputs"):
        run_statistics([[np.ones((6, 5)), np.ones((4, 5))]])
    with pytest.raises(OptionError, match="no weights"):
        run_statistics([])
