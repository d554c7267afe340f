"""Pruning of trained rate networks: the drift it sees, the law it keeps, what comes of it."""

import copy
from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn.utils import prune as torch_prune

import noiseprune as npr
from noiseprune import NetworkError, OptionError, UnstableError
from noiseprune.checks import seed_sequence, substream
from noiseprune.choices import UNDRAWN, Rule
from noiseprune.learning import (
    CTRNN,
    PerceptualDecision,
    compare_recurrent,
    dale_signs,
    prune_recurrent,
)
from noiseprune.learning.models.ctrnn.objective import Batch, score, training_step
from noiseprune.learning.options.names import RecurrentRule
from noiseprune.pruning import Recipe

N = 40
TASK = PerceptualDecision(fixation=1, stimulus=8, response=2)


def network(activation="tanh", seed=3, **options):
    options = {"ei_masks": [None, dale_signs(N), dale_signs(N)]} | options
    return CTRNN((3, N, 2), activation=activation, dt=20.0, preact_noise=0.3, seed=seed, **options)


def pruned(model, keep=0.3, rule="noise", **options):
    return prune_recurrent(
        model, keep, rule, **({"task": TASK, "n_trials": 40, "seed": 5} | options)
    )


@pytest.fixture(scope="module")
def trained():
    model = network("relu", biases="zero", spectral_radius=1.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    rng = np.random.default_rng(3)
    for _ in range(60):
        training_step(model, optimizer, TASK, 40, rng)
    return model


def step_jacobian(model, x, v):
    """d v_{t+1} / d v_t by automatic differentiation."""
    return torch.autograd.functional.jacobian(
        lambda start: model.potentials(x[None, None], start)[0, 0], v
    )


@pytest.mark.parametrize("activation", ["tanh", "softplus", "sigmoid", "relu"])
def test_the_drift_is_the_jacobian_of_the_network(activation):
    """At the mean of v: I + dt A is the derivative of a step."""
    tau = np.linspace(40, 90, N)
    model = network(activation, tau=tau).double().eval()
    x = torch.randn((5, 4, 3), generator=torch.Generator().manual_seed(3)).double()
    model.hidden.preact_noise = 0.0
    found = prune_recurrent(model, 0.5, inputs=x, working_point="mean", seed=3)
    v = model.potentials(x).mean(dim=(0, 1)).detach()
    jacobian = step_jacobian(model, x[0, 0], v).numpy()
    expected = (jacobian - np.eye(N)) / model.hidden.dt
    np.testing.assert_allclose(found.drift.dense_drift(), expected, atol=1e-12)
    np.testing.assert_allclose(found.gains, found.gains.clip(0, 1))


def test_linear_networks_need_no_task_and_have_the_variances_of_the_package():
    model = network("linear", tau=50.0).double()
    found = prune_recurrent(model, 0.4, seed=3)
    weights = model.layers[1].weight.detach().numpy()
    drift = (weights - np.eye(N)) / 50
    np.testing.assert_allclose(found.drift.dense_drift(), drift)
    assert (found.working_point, found.method) == ("linear", "exact")
    assert found.before is None
    diagonal = np.diagonal(weights).copy()
    net = npr.RateNetwork((weights - np.diag(diagonal)) / 50, leak=(1 - diagonal) / 50)
    expected = npr.prune(net, round(0.4 * N * (N - 1)), seed=3)
    assert expected.n_kept == found.n_kept
    probability = found.keep_probability[net.synapses]
    np.testing.assert_allclose(probability, expected.keep_probability, rtol=1e-6)


def test_noise_alone_has_the_covariance_of_the_exact_method():
    """The activity of a linear network under noise ranks its synapses as the solved one does."""
    model = network("linear", tau=200.0, noise_scaling="sqrt")
    quiet = torch.zeros(40, 500, 3)
    by_activity = prune_recurrent(model, 0.5, inputs=quiet, method="activity", seed=3)
    exact = prune_recurrent(model, 0.5, inputs=quiet, method="exact", seed=3)
    a, b = by_activity.keep_probability, exact.keep_probability
    open_places = (b > 0.05) & (b < 0.9)
    assert np.median(np.abs(a / b - 1)[open_places]) < 0.06
    uneven = prune_recurrent(model, 0.5, "uniform", inputs=quiet, seed=3).keep_probability
    assert np.median(np.abs(uneven / b - 1)[open_places]) > 0.15


def test_activity_is_seen_about_its_mean():
    """The variance of v_i - sgn(w_ij) v_j over trials and steps, of a v far from 0."""
    model = network("linear", tau=200.0, biases=[None, np.linspace(2, 6, N), None])
    model.hidden.preact_noise = 0.0
    x = torch.randn(4, 30, 3, generator=torch.Generator().manual_seed(3))
    found = prune_recurrent(
        model, 0.1, inputs=x, method="activity", sampling="independent", balance="none", seed=3
    )
    v = model.potentials(x).detach().double().flatten(0, 1).numpy()
    assert (np.abs(v.mean(0)) > 2 * v.std(0)).mean() > 0.5
    drift = found.drift.dense_drift()
    post, pre = found.drift.synapses
    weight = drift[post, pre]
    variance = np.var(v[:, post] - np.sign(weight) * v[:, pre], axis=0)
    expected = np.abs(weight) * variance
    p = found.keep_probability[post, pre]
    drawn = p < 1
    assert drawn.mean() > 0.5
    ratio = (p / expected)[drawn]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_the_rules_are_those_of_all_networks_and_one_more():
    assert get_args(RecurrentRule) == (*get_args(Rule), "random")


@pytest.mark.parametrize("rule", get_args(RecurrentRule))
@pytest.mark.parametrize("keep", [0.3, 100, 1.0])
def test_every_rule_keeps_count_law_and_masks(rule, keep):
    present = np.random.default_rng(3).random((N, N)) < 0.8
    plastic = np.random.default_rng(5).random((N, N)) < 0.9
    model = network(
        "softplus", sparsity_masks=[None, present, None], plasticity_masks=[None, plastic, None]
    )
    state = copy.deepcopy(model.state_dict())
    found = pruned(model, keep, rule)
    free = present & plastic & ~np.eye(N, dtype=bool)
    wanted = round(keep * free.sum()) if isinstance(keep, float) else keep
    assert found.n_synapses == free.sum()
    if rule != "paper":
        assert found.n_kept == wanted
    assert found.kept.sum() == found.n_kept + (present & ~free).sum()
    before = model.layers[1].weight.detach().numpy()
    after = found.model.layers[1].weight.detach().numpy()
    np.testing.assert_array_equal(after[present & ~free], before[present & ~free])
    np.testing.assert_array_equal(after != 0, found.kept)
    assert (after * dale_signs(N) >= 0).all()
    assert ((found.keep_probability > 0) == present).all() or rule in UNDRAWN
    assert found.density[1] == found.model.layers[1].density == found.kept.mean()
    assert found.density[0] == present.mean()
    for name, value in model.state_dict().items():  # the model itself is as it was
        if torch.is_tensor(value):
            assert torch.equal(value, state[name])
    if keep == 1.0:
        np.testing.assert_array_equal(after, before)


def test_a_state_that_is_kept_is_left_alone():
    """Scores and activity are those of trials from their start, whatever ran before."""
    model = network(init_state="keep")
    fresh = pruned(model)
    model.potentials(torch.ones(7, 2, 3))
    kept = model.hidden.kept.clone()
    found = pruned(model)
    assert torch.equal(model.hidden.kept, kept)
    assert (found.before, found.after) == (fresh.before, fresh.after)


@pytest.mark.parametrize("dale", ["parametrisation", "projection"])
def test_what_is_pruned_stays_pruned_when_it_learns_on(dale):
    found = pruned(network("relu", dale=dale), 0.2)
    model = found.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    before = model.layers[1].weight.detach().clone()
    for _ in range(5):
        training_step(model, optimizer, TASK, 10, np.random.default_rng(3))
        weight = model.layers[1].weight.detach()
        assert (weight[~torch.from_numpy(found.kept)] == 0).all()
        assert (weight * torch.from_numpy(dale_signs(N)) >= 0).all()
    assert (weight != before)[torch.from_numpy(found.kept)].float().mean() > 0.5


def test_what_is_pruned_does_not_grow_again():
    present = np.random.default_rng(3).random((N, N)) < 0.8
    chances = np.ones((N, N))
    model = network(sparsity_masks=[None, present, None], growth_masks=[None, chances, None])
    found = pruned(model, 0.2)
    there = found.model.layers[1].present.numpy()
    assert found.model.grow(3) == (~present).sum()
    np.testing.assert_array_equal(there, found.kept | ~present)
    assert (model.layers[1].growth == 1).all()


@pytest.mark.parametrize("keep", [0.5, 1.0])
def test_a_weight_of_zero_is_no_synapse(keep):
    model = network()
    weights = model.layers[1].weight.detach().clone()
    weights[:5] = 0.0
    model.layers[1].set_weights(weights)
    found = pruned(model, keep)
    assert found.n_synapses == (N - 5) * (N - 1)
    assert found.n_kept == round(keep * found.n_synapses)
    assert not (found.kept & ~np.eye(N, dtype=bool))[:5].any()
    # Its place is one, until it is pruned.
    assert found.density == (1.0, (found.n_kept + N) / N**2)
    found.model.layers[1].set_present(torch.ones(N, N, dtype=torch.bool), weights)
    assert found.density[1] < 1


def test_the_draw_is_right_on_average():
    """E[w'] = w for independent draws without balance: z-scores over 200 draws."""
    model = network("tanh")
    weights = model.layers[1].weight.detach().numpy()
    total, draws = np.zeros((N, N)), 60
    for seed in range(1, 2 * draws, 2):
        found = pruned(
            model, 0.5, sampling="independent", balance="none", seed=seed, task=None,
            inputs=torch.ones(2, 3, 3), working_point="linear",
        )  # fmt: skip
        total += found.model.layers[1].weight.detach().numpy()
    p = found.keep_probability
    drawn = (p > 0) & (p < 1)
    spread = np.abs(weights) * np.sqrt((1 / np.where(drawn, p, 1) - 1) / draws)
    z = (total / draws - weights)[drawn] / spread[drawn]
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert z.std() == pytest.approx(1, abs=0.1)


def test_magnitude_is_that_of_torch():
    model = network()
    layer = torch.nn.Linear(N, N)
    weight = model.layers[1].weight.detach() * (1 - torch.eye(N))
    layer.weight = torch.nn.Parameter(weight)
    number = N * N - 300
    torch_prune.l1_unstructured(layer, "weight", amount=number)
    found = pruned(model, 300, "magnitude")
    np.testing.assert_array_equal(
        found.model.layers[1].weight.detach() * (1 - torch.eye(N)), layer.weight.detach()
    )
    largest = pruned(model, 300, "weight", sampling="largest")
    np.testing.assert_array_equal(largest.kept, found.kept)


def test_homeostatic_balance_keeps_the_input_of_neurons():
    model = network("tanh", sparsity_masks=[None, 1 - np.eye(N), None])
    totals = {}
    for balance in ("none", "homeostatic"):
        found = pruned(model, 0.5, balance=balance)
        change = found.pruned_drift.input_strength / found.drift.input_strength
        totals[balance] = np.abs(change - 1).max()
    assert totals["homeostatic"] < 1e-6
    assert totals["none"] > 1e-3


@pytest.mark.parametrize("balance", [None, "none", "homeostatic"])
def test_a_random_draw_is_balanced_if_that_is_asked_for(balance):
    model = network("tanh", sparsity_masks=[None, 1 - np.eye(N), None])
    found = pruned(model, 0.9, "random", balance=balance)
    assert (found.rule, found.sampling, found.balance) == ("random", "none", balance or "none")
    np.testing.assert_array_equal(found.kept, pruned(model, 0.9, "random").kept)
    before, after = (m.layers[1].weight.detach().numpy() for m in (model, found.model))
    sums = [np.abs(weight).sum(axis) for weight in (before, after) for axis in (0, 1)]
    if balance == "homeostatic":
        np.testing.assert_allclose(sums[2:], sums[:2], rtol=1e-5)
    else:
        np.testing.assert_array_equal(after, before * found.kept)


def test_the_largest_of_equal_importances_are_not_the_rule_random():
    """Beside a symmetric matrix they are pairs; the rule "random" draws synapses."""
    weights = torch.randn((N, N), generator=torch.Generator().manual_seed(3))
    model = network("linear", ei_masks=None)
    model.layers[1].set_present(torch.ones(N, N, dtype=torch.bool), weights + weights.T)
    uniform = pruned(model, 0.5, "uniform", sampling="largest")
    told = pruned(model, 0.5, Recipe(rule="uniform", sampling="largest"))
    blind = pruned(model, 0.5, "random")
    assert (uniform.rule, uniform.sampling) == (told.rule, told.sampling) == ("uniform", "largest")
    np.testing.assert_array_equal(uniform.kept, told.kept)
    np.testing.assert_array_equal(uniform.kept, uniform.kept.T)
    assert (blind.kept != blind.kept.T).any()


def test_silent_synapses_go_first():
    """A rectified neuron that is never active has no say; its synapses are kept last."""
    biases = [None, np.where(np.arange(N) < 10, -50.0, 1.0), None]
    model = network("relu", biases=biases)
    found = pruned(model, 0.5)
    assert (found.gains[:10] == 0).all()
    off = found.kept & ~np.eye(N, dtype=bool)
    assert not off[:, :10].any()
    active = 30 * (N - 1)
    more = pruned(model, active + 50)
    off = more.kept & ~np.eye(N, dtype=bool)
    assert off[:, 10:].sum() == active
    assert off[:, :10].sum() == 50
    weights = (m.layers[1].weight.detach().numpy() for m in (model, more.model))
    before, after = (w[more.kept] for w in weights)
    np.testing.assert_array_equal(before, after)


def test_spectra_and_epsilon_are_of_the_drifts():
    found = pruned(network(), 0.3)
    for spectrum, abscissa, net in zip(
        found.spectra, found.spectral_abscissa, (found.drift, found.pruned_drift)
    ):
        assert spectrum[0].real == pytest.approx(abscissa)
        assert spectrum.sum() == pytest.approx(-net.leak.sum())
    change = found.epsilon()
    assert change.epsilon > 0
    whole = pruned(network(), 1.0)
    assert whole.epsilon().epsilon == pytest.approx(0, abs=1e-6)
    assert whole.before == whole.after


def test_inputs_are_arrays_or_tensors():
    x = np.random.default_rng(3).normal(size=(5, 4, 3))
    one, other = (
        prune_recurrent(network(), 0.5, inputs=given, seed=3) for given in (x, torch.from_numpy(x))
    )
    np.testing.assert_array_equal(one.gains, other.gains)
    with pytest.raises(OptionError, match="the input is nan"):
        prune_recurrent(network(), 0.5, inputs=np.full((2, 3, 3), np.nan))


def test_the_same_seed_prunes_alike():
    model = network()
    first, second, other = (pruned(model, seed=seed).kept for seed in (5, 5, 7))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_noise_keeps_a_trained_network_better_than_a_blind_draw(trained):
    test = Batch.of(TASK.trials(500, np.random.default_rng(9)), trained.readout.theta)
    loss = {
        rule: np.mean(
            [score(pruned(trained, 0.5, rule, seed=s).model, test).loss for s in (1, 3, 5)]
        )
        for rule in ("noise", "uniform")
    }
    whole = score(trained, test)
    assert whole.accuracy > 0.7
    assert whole.loss < loss["noise"] < loss["uniform"]


def test_the_surgeon_sees_what_neurons_hear_on_the_task(trained):
    """The drive that changes least under the rates of the task, against the formula by hand."""
    x = torch.randn(6, 30, 3, generator=torch.Generator().manual_seed(3))
    found = prune_recurrent(trained, 0.3, "surgeon", inputs=x, seed=3)
    assert found.method == "activity"
    own = copy.deepcopy(trained)
    own.hidden.reset_state()
    own.hidden.seed_noise(substream(seed_sequence(3), 1))
    rates = torch.relu(own.train().potentials(x)).detach().double().flatten(0, 1).numpy()
    moment = rates.T @ rates / len(rates)
    before = trained.layers[1].weight.detach().double().numpy()
    after = found.model.layers[1].weight.detach().double().numpy()
    for i, (w, new) in enumerate(zip(before, after)):
        others = np.flatnonzero(np.arange(N) != i)
        kept = others[new[others] != 0]
        damped = moment + 0.01 * np.mean(np.diagonal(moment)[others]) * np.eye(N)
        solved = np.linalg.solve(
            damped[np.ix_(kept, kept)], damped[np.ix_(kept, others)] @ w[others]
        )
        if np.all(solved * w[kept] > 0.01 * w[kept] ** 2):
            np.testing.assert_allclose(new[kept], solved, rtol=1e-4, atol=1e-6)
    lost = {}
    for rule in ("surgeon", "magnitude"):
        pruned_weights = (
            prune_recurrent(trained, 0.3, rule, inputs=x, seed=3).model.layers[1].weight
        )
        change = pruned_weights.detach().double().numpy() - before
        lost[rule] = np.einsum("ij,jk,ik->", change, moment, change)
    assert lost["surgeon"] < 0.5 * lost["magnitude"]


def test_a_comparison_has_a_row_for_everything(trained):
    rows = list(
        compare_recurrent(trained, TASK, (0.3,), fine_tune=2, n_trials=20, n_test=50, seed=3)
    )
    assert rows[0].rival == "unpruned"
    assert rows[0].pruning.epsilon().epsilon == pytest.approx(0, abs=1e-6)
    assert {row.rival for row in rows[1:]} == {
        "noise", "noise, largest", "weight", "uniform", "magnitude", "surgeon", "random"
    }  # fmt: skip
    assert [row.pruning.rule for row in rows if row.rival == "random"] == ["random"]
    for row in rows[1:]:
        assert row.pruning.n_kept / row.pruning.n_synapses == pytest.approx(0.3, abs=1e-3)
        assert row.tuned.loss != row.pruned.loss
    assert next(compare_recurrent(trained, TASK, (0.3,), n_test=5, seed=3)).tuned is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rule": "nois"}, "did you mean 'noise'"),
        ({"keep": 0.0}, r"must lie in \(0, 1\]"),
        ({"keep": 5000}, "network has 1560 synapses"),
        ({"method": "guess"}, "unknown method"),
        ({"balance": "leak"}, "which is 1 / tau"),
        ({"rule": "paper", "sampling": "balanced"}, "keeps the diagonal"),
        ({"rule": "random", "sampling": "balanced"}, "draws by itself"),
        ({"rule": "random", "balance": "foo"}, "unknown balance"),
        ({"rule": "random", "balance": "leak"}, "which is 1 / tau"),
        ({"sampling": "biggest"}, "unknown sampling"),
        ({"task": None, "working_point": "gain"}, "give a task, or inputs"),
        ({"task": None, "method": "activity"}, "give a task, or inputs"),
        ({"task": None, "rule": "surgeon"}, "give a task, or inputs"),
        ({"rule": "surgeon", "method": "exact"}, "leave the method out"),
        ({"rule": "surgeon", "balance": "homeostatic"}, "leave the balance out"),
        ({"rule": "surgeon", "sampling": "balanced"}, "draws by itself"),
        ({"inputs": torch.zeros(1, 1, 3)}, "both given"),
    ],
)
def test_bad_requests_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        pruned(network(), **options)


def test_networks_that_cannot_be_pruned():
    with pytest.raises(NetworkError, match="expected a CTRNN, found Linear"):
        prune_recurrent(torch.nn.Linear(2, 2), 0.5)
    frozen = network(plasticity_masks=[None, np.zeros((N, N)), None])
    with pytest.raises(OptionError, match="no synapse can be pruned"):
        pruned(frozen)
    unstable = network("linear", spectral_radius=3.0, ei_masks=None)
    with pytest.raises(UnstableError, match=r"unstable at its working point.*activity"):
        prune_recurrent(unstable, 0.5)
    assert pruned(unstable).method == "activity"
    still = CTRNN((3, N, 2), activation="tanh", seed=3)
    with pytest.raises(OptionError, match="every synapse variance is 0"):
        prune_recurrent(still, 0.5, inputs=torch.zeros(2, 3, 3), method="activity")


def test_an_effort_is_refused():
    """Searches are for networks; a recipe's effort would otherwise be passed over."""
    with pytest.raises(OptionError, match="leave it out"):
        prune_recurrent(CTRNN(dims=(2, 8, 1), seed=3), rule=Recipe(effort="regrow"))
