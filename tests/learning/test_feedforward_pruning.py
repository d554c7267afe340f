"""Pruning of feed-forward layers: propagated noise, counts, means, and what stays pruned."""

import itertools

import numpy as np
import pytest
import torch

from noiseprune import OptionError, RateNetwork, synapse_variance
from noiseprune.learning import ANN, BurstCCN, DeepNet, failures_as, prune_layers
from noiseprune.learning.prune.feedforward import activity_variances, noise_variances

RNG = np.random.default_rng(3)
OPTIONS = {"n_hidden_layers": 2, "n_hidden_units": 12, "seed": 3, "dtype": "float64"}


def network(**options):
    return BurstCCN(9, 4, Y_mode="tied", Q_mode="tied", **OPTIONS, **options)


def sample(rows=40):
    return torch.from_numpy(np.random.default_rng(5).random((rows, 9)))


def test_propagated_noise_is_the_stationary_covariance_of_the_whole_network():
    """Against the Lyapunov equation of all neurons together."""
    sizes = (3, 5, 4, 2)
    layers = [RNG.normal(size=(post, pre)) for pre, post in itertools.pairwise(sizes)]
    starts = np.cumsum([0, *sizes])
    whole = np.zeros((sum(sizes), sum(sizes)))
    for k, f in enumerate(layers):
        whole[starts[k + 1] : starts[k + 2], starts[k] : starts[k + 1]] = f
    net = RateNetwork(whole, leak=1.0)
    expected = np.zeros_like(whole)
    expected[net.synapses] = synapse_variance(net, noise=0.7).variance
    for k, found in enumerate(noise_variances(layers, noise=0.7)):
        block = expected[starts[k + 1] : starts[k + 2], starts[k] : starts[k + 1]]
        np.testing.assert_allclose(found, block, rtol=1e-9)


def test_one_layer_in_closed_form():
    w = RNG.normal(size=(4, 3))
    (found,) = noise_variances([w])
    expected = 1 + (w**2).sum(1, keepdims=True) / 4 - np.abs(w) / 2
    np.testing.assert_allclose(found, expected)


def test_activity_is_the_variance_of_differences():
    w, x = RNG.normal(size=(4, 3)), RNG.normal(size=(50, 3))
    v = x @ w.T
    (found,) = activity_variances([w], [x, v])
    for i in range(4):
        for j in range(3):
            assert found[i, j] == pytest.approx(np.var(v[:, i] - np.sign(w[i, j]) * x[:, j]))


@pytest.mark.parametrize("rule", ["noise", "weight", "uniform", "magnitude", "surgeon"])
@pytest.mark.parametrize("variance", ["noise", "activity"])
def test_counts_and_masks(rule, variance):
    net = network()
    before = [layer.weight.clone() for layer in net.layers]
    found = prune_layers(net, 0.3, rule, x=sample(), variance=variance, seed=3)
    assert found.n_synapses == [108, 144, 48]
    for k, (layer, old) in enumerate(zip(found.network.layers, before)):
        assert torch.equal(net.layers[k].weight, old)
        kept = found.kept[k]
        assert kept.sum() == found.n_kept[k] == pytest.approx(0.3 * old.numel(), abs=1)
        new = layer.weight.detach().numpy()
        assert np.array_equal(new != 0, kept)
        assert np.array_equal(np.sign(new[kept]), np.sign(old.detach().numpy()[kept]))
        assert found.keep_probability[k].sum() == pytest.approx(found.n_kept[k], abs=1)
        if rule == "magnitude":
            absolute = old.detach().abs().numpy()
            assert absolute[kept].min() >= absolute[~kept].max()
            np.testing.assert_allclose(new[kept], old.detach().numpy()[kept])
    assert found.density == pytest.approx(0.3, abs=0.01)


def deep():
    return DeepNet(9, 4, [12, 12], activation="tanh", seed=3, dtype="float64")


@pytest.mark.parametrize("make", [network, deep])
def test_the_surgeon_mends_what_each_layer_receives(make):
    """Its outputs are nearer to the original's than those of the largest weights."""
    net, x = make(), sample(200).to(make().layers[0].weight.dtype)
    original, error = net.working_point(x)[1][-1], {}
    for rule in ("surgeon", "magnitude"):
        found = prune_layers(net, 0.5, rule, x=x, seed=3)
        error[rule] = float((found.network.working_point(x)[1][-1] - original).norm())
    assert error["surgeon"] < 0.5 * error["magnitude"]
    with pytest.raises(OptionError, match="give x"):
        prune_layers(net, 0.5, "surgeon", seed=3)


@pytest.mark.parametrize("rule", ["noise", "uniform"])
def test_the_mean_of_draws_is_the_original(rule):
    net, draws, total = network(), 60, 0
    for seed in range(draws):
        found = prune_layers(
            net, 0.5, rule, x=sample(2), sampling="systematic", balance="none", seed=seed
        )
        total = total + found.network.layers[1].weight.detach().numpy()
    w, p = net.layers[1].weight.detach().numpy(), found.keep_probability[1]
    deviation = np.abs(w) * np.sqrt((1 - p) / p / draws)
    likely = (p > 0.1) & (p < 0.95)  # elsewhere too few are kept, or pruned, for a normal law
    z = (total / draws - w)[likely] / deviation[likely]
    assert np.abs(z).max() < 4.5
    assert 0.7 < np.sqrt((z**2).mean()) < 1.3
    planted = (1.2 * total / draws - w)[likely] / deviation[likely]
    assert np.sqrt((planted**2).mean()) > 1.5
    np.testing.assert_allclose((total / draws)[p >= 1], w[p >= 1])


def test_all_kept_is_the_network_itself():
    net = network()
    for rule in ("noise", "paper", "magnitude"):
        found = prune_layers(net, 1.0, rule, balance=None if rule == "paper" else "none", seed=3)
        if rule != "paper":
            torch.testing.assert_close(found.network(sample()), net(sample()))
        assert found.n_kept[0] <= 108


def test_what_is_pruned_stays_pruned_and_silent_without_a_teacher(tmp_path):
    found = prune_layers(network(), 0.4, "noise", x=sample(), seed=3)
    net, x = found.network, sample()
    optimizer = torch.optim.SGD(net.parameters(), 0.5, momentum=0.9)
    for target in [torch.rand(40, 4, dtype=torch.float64)] * 5:
        net(x)
        net.learn(target)
        optimizer.step()
    for layer, kept in zip(net.layers, found.kept):
        assert np.array_equal(layer.weight.detach().numpy() != 0, kept)
    net(x)
    net.learn(None)
    assert max(float(layer.apical.abs().max()) for layer in net.layers[:-1]) == 0
    net.save(tmp_path / "net.pt")
    loaded = BurstCCN.load(tmp_path / "net.pt")
    assert torch.equal(loaded.layers[0].mask, net.layers[0].mask)
    assert torch.equal(loaded(x), net(x))


def test_the_largest_are_kept_as_they_are():
    net = network()
    by_weight = prune_layers(net, 0.3, "weight", sampling="largest", seed=3)
    magnitude = prune_layers(net, 0.3, "magnitude", seed=3)
    for a, b in zip(by_weight.network.layers, magnitude.network.layers):
        torch.testing.assert_close(a.weight, b.weight)
    found = prune_layers(net, 0.3, "noise", sampling="largest", seed=3)
    for k, layer in enumerate(net.layers):
        weight = layer.weight.detach().numpy()
        importance = np.abs(weight) * found.variance[k]
        assert importance[found.kept[k]].min() >= importance[~found.kept[k]].max()
        assert np.array_equal(found.network.layers[k].weight.detach()[found.kept[k]],
                              weight[found.kept[k]])  # fmt: skip


def test_failing_synapses_are_pruned_by_their_mean(tmp_path):
    """The slopes are those under failures; those that are left fail, and learn, alone."""
    net = DeepNet(9, 4, [12, 12], activation="tanh", drop_p=0.5, seed=3, dtype="float64")
    x = sample()
    slopes, potentials = net.working_point(x)
    with failures_as(net, "expected"):
        v = x @ net.layers[0].weight.detach().T
        torch.testing.assert_close(net.working_point(x)[1][0], v)
    assert not torch.allclose(potentials[0], v)
    torch.testing.assert_close(slopes[0], 1 - torch.tanh(potentials[0]) ** 2)
    torch.testing.assert_close(net.working_point(x)[0][1], slopes[1])
    found = prune_layers(net, 0.3, "noise", x=x, seed=3)
    gains = [np.ones(9), *(s.mean(0).numpy() for s in slopes[:-1])]
    seen = [w * g for w, g in zip(net.weights(), gains)]
    for a, b in zip(found.variance, noise_variances(seen)):
        np.testing.assert_allclose(a, b)
    assert found.density == pytest.approx(0.3, abs=0.01)
    pruned = found.network
    optimizer = torch.optim.AdamW(pruned.parameters(), 0.1, weight_decay=0.1)
    for path in ("moments", "masks"):
        for layer in pruned.layers:
            layer.path = path
        for _ in range(3):
            optimizer.zero_grad()
            pruned(x).square().sum().backward()
            optimizer.step()
    for w, old, kept in zip(pruned.weights(), net.weights(), found.kept):
        assert np.array_equal(w != 0, kept)
        assert not np.allclose(w[kept], old[kept])
    pruned.save(tmp_path / "net.pt")
    again = DeepNet.load(tmp_path / "net.pt")
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(again.layers, pruned.layers))
    assert torch.equal(again(x), pruned(x))


def test_seeds_make_draws():
    one, same, other = (prune_layers(network(), 0.4, seed=s) for s in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one.kept, same.kept))
    assert not all(np.array_equal(a, b) for a, b in zip(one.kept, other.kept))


def test_silent_neurons_go_last():
    net = ANN(9, 4, activation="relu", **OPTIONS)
    net.layers[0].bias.data[:6] = -100.0
    found = prune_layers(net, 0.4, "noise", x=sample(), seed=3)
    silent, others = np.split(found.keep_probability[1], [6], axis=1)
    assert silent.mean() < 0.1 < 0.5 < others.mean()
    strength = np.abs(net.layers[1].weight.detach().numpy()) / found.keep_probability[1]
    assert strength[:, :6].max() < 300 * strength[:, 6:].max()  # of a synapse that is kept
    assert found.kept[1][:, 6:].mean() > 0.7


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keep": 0.0}, "keep is 0"),
        ({"keep": 5}, "keep is 5"),
        ({"keep": 1.5}, "keep is 1.5"),
        ({"rule": "nois"}, "did you mean 'noise'"),
        ({"variance": "x"}, "unknown variance"),
        ({"variance": "activity"}, "give x"),
        ({"balance": "leak"}, "no leak to balance"),
        ({"sampling": "x"}, "unknown sampling"),
        ({"x": torch.zeros(1, 9)}, "at least 2"),
        ({"sampling": "largest", "balance": "homeostatic"}, "strengthens nothing"),
        ({"sampling": "largest", "rule": "paper"}, "strengthens nothing"),
        ({"noise": 0.0}, "noise is 0"),
    ],
)
def test_options_without_a_meaning_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        prune_layers(network(), **options)


def test_convolutions_are_refused():
    net = ANN((1, 5, 5), 4, 1, 6, conv="2k3", seed=3)
    with pytest.raises(OptionError, match="only dense layers"):
        prune_layers(net, 0.5)
