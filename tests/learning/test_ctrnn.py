"""The constrained rate network: its equations, and what no optimiser may break."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

from noiseprune import FileError, OptionError
from noiseprune.learning import CTRNN, DeepNet, HiddenLayer, LinearLayer, RNNLayer, dale_signs

N = 12
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, weight_decay=0.1),
}


def steps(model, number, optimizer="adam", each=None):
    """So many optimiser steps on a made-up task; `each` is called after every one."""
    generator = torch.Generator().manual_seed(5)
    descent = OPTIMIZERS[optimizer](model.parameters())
    model.train()
    for _ in range(number):
        x = torch.randn((4, 7, model.dims[0]), generator=generator)
        descent.zero_grad()
        output, states = model(x)
        ((output - 1).square().mean() + 0.1 * states["h"].mean()).backward()
        descent.step()
        if each is not None:
            each()
    return model


def inputs(n_in=2, seed=3, batch=3, n_steps=9):
    return torch.randn((batch, n_steps, n_in), generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------------ equations

PHI = {
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "retanh": lambda v: np.maximum(np.tanh(v), 0),
    "softplus": lambda v: np.log1p(np.exp(v)),
    "linear": lambda v: v,
}


def by_hand(model, x, v):
    """The equations, neuron by neuron in a loop, from the weights alone."""
    w_in, w, w_out = (layer.weight.detach().double().numpy() for layer in model.layers)
    b_in, b, b_out = (layer.bias.detach().double().numpy() for layer in model.layers)
    alpha = model.hidden.alpha.detach().double().numpy()
    phi = PHI[model.hidden.activation]
    rates, outputs = [], []
    r = phi(v)
    for t in range(x.shape[1]):
        new = np.empty_like(v)
        for i in range(v.shape[1]):
            drive = r @ w[i] + b[i] + x[:, t] @ w_in[i] + b_in[i]
            new[:, i] = (1 - alpha[i]) * v[:, i] + alpha[i] * drive
        v = new
        r = phi(v)
        rates.append(r)
        outputs.append(r @ w_out.T + b_out)
    return np.stack(outputs, 1), np.stack(rates, 1)


@pytest.mark.parametrize("activation", PHI)
def test_it_is_the_equation(activation):
    tau = np.linspace(20, 200, N)
    model = CTRNN((2, N, 3), activation=activation, tau=tau, biases="uniform", seed=3).double()
    x = inputs().double()
    start = torch.randn((3, N), generator=torch.Generator().manual_seed(7)).double()
    output, states = model(x, start)
    expected, rates = by_hand(model, x.numpy(), start.numpy())
    np.testing.assert_allclose(states["h"].detach(), rates, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(output.detach(), expected, rtol=1e-12, atol=1e-13)
    v = model.potentials(x, start).detach().numpy()
    np.testing.assert_allclose(PHI[activation](v), rates, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", PHI)
def test_slopes_are_derivatives(activation):
    from noiseprune.learning.models.activations import ACTIVATIONS

    v = torch.linspace(-3, 3, 40, dtype=torch.float64, requires_grad=True)
    ACTIVATIONS[activation].rate(v).sum().backward()
    torch.testing.assert_close(ACTIVATIONS[activation].at(v.detach()), v.grad)


def test_layers_in_a_stack_see_the_step_below():
    rng = torch.Generator().manual_seed(9)
    sizes = ((2, 5), (5, 4))
    hidden = [
        HiddenLayer(LinearLayer(a, b, seed=1 + k), LinearLayer(b, b, seed=11 + k), seed=3)
        for k, (a, b) in enumerate(sizes)
    ]
    stack = RNNLayer(hidden, LinearLayer(4, 2, seed=21))
    x = torch.randn((3, 8, 2), generator=rng)
    output, rates = stack(x)
    v = [torch.zeros(3, 5), torch.zeros(3, 4)]
    for t in range(8):
        below = x[:, t]
        for k, layer in enumerate(hidden):
            drive = layer.recurrent_layer(torch.relu(v[k])) + layer.input_layer(below)
            v[k] = 0.9 * v[k] + 0.1 * drive
            below = torch.relu(v[k])
            torch.testing.assert_close(rates[k][:, t], below)
        torch.testing.assert_close(output[:, t], stack.readout_layer(below))
    model = CTRNN((2, N, 2), seed=3)
    alone, (states,) = RNNLayer([model.hidden], model.readout)(x)
    torch.testing.assert_close(alone, model(x)[0], rtol=0, atol=0)
    torch.testing.assert_close(states, model(x)[1]["h"], rtol=0, atol=0)


def test_smaller_steps_converge_at_first_order():
    """To the flow of tau dv/dt = -v + W phi(v) + W_in u, here a slow input."""

    def at_the_end(dt):
        model = CTRNN((1, N, 1), activation="tanh", dt=dt, tau=10.0, seed=3).double()
        times = torch.arange(round(20 / dt), dtype=torch.float64) * dt
        return model.potentials(torch.sin(times / 5)[None, :, None])[0, -1].detach()

    reference = at_the_end(0.005)
    errors = [float((at_the_end(dt) - reference).norm()) for dt in (0.4, 0.2, 0.1)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.15)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(1, abs=0.15)


# ---------------------------------------------------------------------------------------- noise


def isolated(**options):
    """Neurons without input or synapses: v is an autoregressive process of order 1."""
    return CTRNN((1, 400, 1), weights="zero", activation="linear", seed=5, **options).train()


@pytest.mark.parametrize("dt", [10.0, 50.0])
@pytest.mark.parametrize(
    ("scaling", "variance"),
    [("alpha", lambda a: a / (2 - a)), ("sqrt", lambda a: 1 / (1 - a / 2))],
)
def test_noise_has_the_stationary_variance_it_says(scaling, variance, dt):
    model = isolated(preact_noise=0.7, noise_scaling=scaling, dt=dt)
    v = model.potentials(torch.zeros(2, 1500, 1)).detach()[:, 150:]
    expected = 0.7**2 * variance(dt / 100)
    n_independent = v.numel() * dt / 100 / 2
    z = (float(v.var()) / expected - 1) / (2 / n_independent) ** 0.5
    assert abs(z) < 4
    assert (2 / n_independent) ** 0.5 < 0.01  # an error of 5 % would fail


def test_noise_after_the_activation_comes_back():
    """r_t = v_t + xi_t drives the next step: Var v = (alpha w)^2 s^2 / (1 - (1 - alpha + aw)^2)."""
    weights = [np.zeros((400, 1)), 0.5 * np.eye(400), np.zeros((1, 400))]
    model = CTRNN(
        (1, 400, 1), weights=weights, activation="linear", dt=50.0, postact_noise=1.0, seed=5
    )
    v = model.train().potentials(torch.zeros(2, 1500, 1)).detach()[:, 100:]
    expected = 0.25**2 / (1 - 0.75**2)
    assert float(v.var()) == pytest.approx(expected, rel=0.02)
    noisy = model(torch.zeros(2, 1500, 1))[1]["h"].detach()[:, 100:]
    assert float(noisy.var()) == pytest.approx(expected + 1, rel=0.02)


def test_noise_is_off_in_eval_and_on_in_train():
    model = CTRNN((2, N, 1), preact_noise=0.5, postact_noise=0.5, seed=3)
    x = inputs()
    quiet = CTRNN((2, N, 1), seed=3)
    model.eval()
    assert torch.equal(model(x)[0], model(x)[0])
    assert torch.equal(model(x)[0], quiet(x)[0])
    assert model.train() is model
    assert not torch.equal(model(x)[0], model(x)[0])
    assert model.train(False) is model
    assert not model.hidden.training


def test_a_seed_gives_the_same_network_and_noise():
    state = torch.random.get_rng_state()
    first, second = (CTRNN((2, N, 1), preact_noise=0.5, seed=7) for _ in range(2))
    other = CTRNN((2, N, 1), preact_noise=0.5, seed=9)
    x = inputs()
    assert torch.equal(first(x)[0], second(x)[0])
    assert not torch.equal(first(x)[0], other(x)[0])
    assert torch.equal(torch.random.get_rng_state(), state)


# ------------------------------------------------------------------------------- initial state


def test_initial_states():
    x = inputs(n_steps=10)
    model = CTRNN((2, N, 1), init_state="keep", seed=3)
    whole = CTRNN((2, N, 1), seed=3)(x)[0]
    parts = torch.cat([model(x[:, :4])[0], model(x[:, 4:])[0]], dim=1)
    torch.testing.assert_close(parts, whole)
    with pytest.raises(OptionError, match=r"initial state has shape \(3, 12\).*reset_state"):
        model(x[:2])
    model.reset_state()
    torch.testing.assert_close(model(x)[0], whole)
    learned = CTRNN((2, N, 1), init_state="learn", activation="tanh", seed=3)
    before = learned.hidden.initial.detach().clone()
    steps(learned, 2)
    assert (learned.hidden.initial != before).all()
    with pytest.raises(OptionError, match=r"give \(3, 12\) or \(12,\)"):
        learned(x, torch.zeros(5))


def test_a_kept_state_follows_the_model():
    model = CTRNN((2, 5, 1), init_state="keep", seed=3)
    model(torch.ones(1, 2, 2))
    double = copy.deepcopy(model).double()
    assert double(torch.ones(1, 2, 2).double())[0].dtype == torch.float64
    assert model.to("meta")(torch.ones(1, 2, 2, device="meta"))[0].is_meta


def test_time_constants_are_learned_and_stay_possible():
    model = CTRNN((2, N, 1), learn_alpha=True, activation="tanh", seed=3)
    torch.testing.assert_close(model.hidden.tau, torch.full((N,), 100.0))
    steps(model, 60, "sgd", each=lambda: None)
    assert (model.hidden.alpha - 0.1).abs().min() > 0
    assert ((model.hidden.alpha > 0) & (model.hidden.alpha < 1)).all()


def test_the_gradient_of_time_constants_is_that_of_differences():
    tau = np.linspace(20, 80, 5)
    model = CTRNN((2, 5, 1), activation="tanh", tau=tau, learn_alpha=True, seed=3).double()
    x, shift = inputs().double(), model.hidden.alpha_shift

    def loss(theta):
        return torch.func.functional_call(model, {"hidden.alpha_shift": theta}, (x,))[0].sum()

    assert torch.autograd.gradcheck(loss, (shift.detach() + 0.3).requires_grad_())


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD])
def test_weight_decay_alone_pulls_time_constants_to_those_given(optimizer):
    tau = torch.linspace(20, 200, N)
    hidden = CTRNN((2, N, 1), tau=tau, learn_alpha=True, seed=3).hidden
    descent = optimizer([hidden.alpha_shift], lr=0.02, weight_decay=0.5)
    for shift in (0.0, 0.5):
        with torch.no_grad():
            hidden.alpha_shift.fill_(shift)
        before = (hidden.tau - tau).abs().detach()
        for _ in range(100):
            descent.zero_grad()
            (0 * hidden.alpha.sum()).backward()
            descent.step()
        after = (hidden.tau - tau).abs().detach()
        assert (after < 0.7 * before).all() if shift else (after < 1e-4 * tau).all()


# -------------------------------------------------------------------------------- Dale's law


@pytest.mark.parametrize("dale", ["parametrisation", "projection"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_dale_s_law_holds_after_every_step(dale, optimizer):
    signs = dale_signs(N)
    model = CTRNN((2, N, 2), ei_masks=[None, signs, signs], dale=dale, seed=3)
    start = [layer.weight.detach().clone() for layer in model.layers]

    def lawful():
        for layer in model.layers[1:]:
            assert (layer.weight * torch.from_numpy(signs) >= 0).all()

    lawful()
    steps(model, 40, optimizer, lawful)
    for layer, before in zip(model.layers, start):
        assert (layer.weight != before).float().mean() > 0.5
    free = steps(CTRNN((2, N, 2), seed=3), 40, optimizer)
    assert (free.layers[1].weight * torch.from_numpy(signs) < 0).any()


def test_a_projected_synapse_comes_back():
    layer = LinearLayer(1, 1, weights=[[0.01]], ei=[1], dale="projection")
    descent = torch.optim.SGD(layer.parameters(), lr=1.0)
    for target, expected in ((-1.0, 0.0), (1.0, 2.0)):
        descent.zero_grad()
        (layer(torch.ones(1, 1)) - target).square().sum().backward()
        descent.step()
        assert float(layer.weight.detach()) == expected


@pytest.mark.parametrize("dale", ["parametrisation", "projection"])
def test_a_weight_of_zero_learns(dale):
    layer = LinearLayer(2, 1, weights="zero", ei=[1, -1], dale=dale)
    descent = torch.optim.SGD(layer.parameters(), lr=0.5)
    (layer(torch.tensor([[1.0, -1.0]])) - 1).square().sum().backward()
    descent.step()
    assert layer.weight.tolist() == [[1.0, -1.0]]


def test_drawn_weights_are_balanced_for_every_neuron():
    signs = dale_signs(50, 0.8)
    free = LinearLayer(50, 40, seed=3).weight.detach()
    weight = LinearLayer(50, 40, ei=signs, seed=3).weight.detach()
    excitation = weight.clamp(min=0).sum(1)
    torch.testing.assert_close(excitation, -weight.clamp(max=0).sum(1))
    torch.testing.assert_close(weight.abs().sum(1), free.abs().sum(1))
    assert (weight != 0).all()


def test_signs_of_masks_are_by_presynaptic_neuron():
    mask = np.ones((3, 2)) * [1, -1]
    mask[0, 1] = 0  # no synapse, no say
    assert LinearLayer(2, 3, ei=mask).sign.tolist() == [1, -1]
    assert LinearLayer(2, 3, ei=mask.T, orientation="pre-post").sign.tolist() == [1, -1]
    assert LinearLayer(3, 3, ei=[1, 0, -1]).sign.tolist() == [1, 0, -1]
    mask[0, 1] = 1
    with pytest.raises(OptionError, match="presynaptic neuron 1 both signs"):
        LinearLayer(2, 3, ei=mask)
    with pytest.raises(OptionError, match="neuron 4 has one sign in the hidden and the other"):
        CTRNN((1, 5, 1), ei_masks=[None, [1] * 5, [1] * 4 + [-1]])


# --------------------------------------------------------------------------------- plasticity


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("signs", [None, dale_signs(N)])
def test_frozen_weights_stay_bit_for_bit(optimizer, signs):
    frozen = np.random.default_rng(5).random((N, N)) < 0.5
    model = CTRNN(
        (2, N, 2),
        plasticity_masks=[None, 1.0 - frozen, np.zeros((2, N))],
        ei_masks=None if signs is None else [None, signs, signs],
        seed=3,
    )
    before = [layer.weight.detach().clone() for layer in model.layers]
    steps(model, 100, optimizer)
    after = [layer.weight.detach() for layer in model.layers]
    still = torch.from_numpy(frozen)
    assert torch.equal(after[1][still], before[1][still])
    assert torch.equal(after[2], before[2])
    assert (after[1][~still] != before[1][~still]).all()
    assert (after[0] != before[0]).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_graded_plasticity_scales_the_step_of_any_optimiser(optimizer):
    def moved(rate):
        model = CTRNN((2, N, 1), plasticity_masks=[None, np.full((N, N), rate), None], seed=3)
        before = model.layers[1].weight.detach().clone()
        return steps(model, 1, optimizer).layers[1].weight.detach() - before

    torch.testing.assert_close(moved(0.25), 0.25 * moved(1.0), rtol=1e-3, atol=1e-7)
    assert moved(1.0).abs().max() > 1e-4


def test_absent_synapses_stay_absent():
    mask = np.random.default_rng(5).random((N, N)) < 0.3
    for optimizer in OPTIMIZERS:
        model = steps(CTRNN((2, N, 2), sparsity_masks=[None, mask, None], seed=3), 20, optimizer)
        assert torch.equal(model.layers[1].weight != 0, torch.from_numpy(mask))
    assert model.layers[1].n_synapses == mask.sum()


# ------------------------------------------------------------------------------------- growth


def growing(**options):
    present = np.random.default_rng(5).random((N, N)) < 0.2
    allowed = np.where(np.random.default_rng(6).random((N, N)) < 0.7, 0.3, 0.0)
    masks = {"sparsity_masks": [None, present, None], "growth_masks": [None, allowed, None]}
    return present, allowed, CTRNN((2, N, 2), seed=3, **masks, **options)


def test_growth_keeps_to_its_places_its_budget_and_its_signs():
    signs = dale_signs(N)
    present, allowed, model = growing(
        growth_budgets=[None, 60, None], ei_masks=[None, signs, signs], growth_weights=0.05
    )
    layer, counts = model.layers[1], []
    for seed in range(1, 41, 2):
        before, there = layer.weight.detach().clone(), layer.present.clone()
        grown = model.grow(seed)
        new = layer.present & ~there
        assert grown == int(new.sum())
        counts.append(layer.n_synapses)
        assert layer.n_synapses <= 60
        assert (torch.from_numpy(allowed)[new] > 0).all()
        assert torch.equal(layer.weight[~new], before[~new])
        torch.testing.assert_close(layer.weight[new].abs(), torch.full((grown,), 0.05))
        steps(model, 1)
        assert (layer.weight * torch.from_numpy(signs) >= 0).all()
    assert counts[0] > present.sum()
    assert counts[-1] == 60
    assert torch.equal(
        layer.present & ~torch.from_numpy(present | (allowed > 0)), layer.present & False
    )


@pytest.mark.parametrize("dale", ["parametrisation", "projection"])
def test_growth_leaves_what_is_there_to_the_optimiser(dale):
    signs = dale_signs(N)
    plastic = np.random.default_rng(7).choice([0.0, 0.5, 1.0], (N, N))
    _, _, model = growing(
        ei_masks=[None, signs, signs], plasticity_masks=[None, plastic, None], dale=dale
    )
    layer = model.layers[1]
    for number in (0, 2):
        with torch.no_grad():
            layer.theta.normal_(generator=torch.Generator().manual_seed(3))
        layer.budget = layer.n_synapses + number
        twin, there = copy.deepcopy(layer), layer.present.clone()
        assert model.grow(5) == number
        old = there | ~layer.present
        assert torch.equal(layer.theta[old], twin.theta[old])
        assert torch.equal(layer.weight[old], twin.weight[old])


def test_growth_is_bernoulli():
    """At 0.3 a round, of n places: the count is within 3 sigma; at 0.25 it would not be."""
    layer = LinearLayer(200, 200, sparsity=np.zeros((200, 200)), growth=np.full((200, 200), 0.3))
    grown = layer.grow(torch.Generator().manual_seed(5))
    z = (grown - 12000) / (40000 * 0.3 * 0.7) ** 0.5
    assert abs(z) < 3


def test_grown_synapses_learn_and_frozen_ones_do_not():
    _, _, model = growing()
    model.grow(3)
    layer = model.layers[1]
    before = layer.weight.detach().clone()
    assert (before[layer.present] != 0).all()
    steps(model, 3)
    assert (layer.weight != before)[layer.present].all()
    frozen = LinearLayer(
        4, 4, sparsity=np.zeros((4, 4)), growth=np.ones((4, 4)), plasticity=np.zeros((4, 4))
    )
    assert frozen.grow(torch.Generator().manual_seed(3)) == 16
    grown = frozen.weight.detach().clone()
    assert (grown != 0).all()
    descent = torch.optim.AdamW(frozen.parameters(), lr=0.1, weight_decay=0.5)
    frozen(torch.ones(2, 4)).sum().backward()
    descent.step()
    assert torch.equal(frozen.weight, grown)


# -------------------------------------------------------------------------------------- files

CASES = {
    "plain": {},
    "all": {
        "activation": "retanh",
        "dt": 7.0,
        "tau": list(np.linspace(20, 90, N)),
        "learn_alpha": True,
        "biases": ["zero", None, "uniform"],
        "ei_masks": [None, dale_signs(N), dale_signs(N)],
        "sparsity_masks": [None, np.tri(N), None],
        "growth_masks": [None, np.full((N, N), 0.1), None],
        "growth_budgets": [None, 100, None],
        "growth_weights": ["uniform", 0.1, "zero"],
        "plasticity_masks": [None, np.eye(N), None],
        "preact_noise": 0.3,
        "postact_noise": 0.1,
        "noise_scaling": "sqrt",
        "init_state": "learn",
        "dale": "projection",
    },
    "keep": {"init_state": "keep", "preact_noise": 0.2},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_saved_model_is_itself_bit_for_bit(case, dtype, tmp_path):
    model = CTRNN((2, N, 2), seed=3, **CASES[case]).to(dtype)
    x = inputs().to(dtype)
    model.train()(x)
    model.grow(5)
    model.save(tmp_path / "model.pt")
    loaded = CTRNN.load(tmp_path / "model.pt")
    assert loaded.describe() == model.describe()
    assert [p.requires_grad for p in loaded.parameters()] == [True] * len(list(model.parameters()))
    for first, second in zip(model.parameters(), loaded.parameters()):
        assert torch.equal(first, second)
    for _ in range(2):  # the noise and the kept state go on alike
        assert torch.equal(model(x)[0], loaded(x)[0])
    assert model.grow(7) == loaded.grow(7)
    if dtype is torch.float32:
        for each in (model, loaded):
            each.reset_state()
            steps(each, 3, "sgd", each.reset_state)
        assert torch.equal(model(x)[0], loaded(x)[0])


def test_files_that_are_not_models(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(FileError, match="there is no file"):
        CTRNN.load(path)
    path.write_bytes(b"what")
    with pytest.raises(FileError, match="not a sound"):
        CTRNN.load(path)
    torch.save({"weights": torch.ones(2)}, path)
    with pytest.raises(FileError, match="holds no network, not a noiseprune CTRNN"):
        CTRNN.load(path)
    DeepNet(1).save(path)
    with pytest.raises(FileError, match="holds DeepNet, not a noiseprune CTRNN 1: give"):
        CTRNN.load(path)
    CTRNN((1, 4, 1), seed=3).save(path)
    with pytest.raises(FileError, match="holds noiseprune CTRNN 1, not a DeepNet: give"):
        DeepNet.load(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match=r"damaged|not a sound"):
        CTRNN.load(path)
    with pytest.raises(FileError, match="does not exist"):
        CTRNN((1, 4, 1), seed=3).save(tmp_path / "nowhere" / "model.pt")


def test_a_copy_is_independent_and_alike():
    model = CTRNN((2, N, 1), preact_noise=0.3, seed=3)
    twin = copy.deepcopy(model)
    x = inputs()
    assert torch.equal(model(x)[0], twin(x)[0])
    steps(twin, 2)
    assert not torch.equal(model.layers[1].weight, twin.layers[1].weight)


def test_the_layers_are_printed():
    signs = dale_signs(10)
    model = CTRNN((1, 10, 1), ei_masks=[None, signs, None], biases="zero", seed=3)
    text = io.StringIO()
    model.print_layers(text)
    lines = text.getvalue().splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["layer", "input", "hidden", "readout"]
    assert "8/2" in lines[2]
    assert "100.0 %" in lines[2]


# -------------------------------------------------------------------------------------- doors


def test_weights_and_biases_are_taken_as_they_are():
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=shape) for shape in ((N, 2), (N, N), (3, N))]
    kept = [w.copy() for w in weights]
    biases = [torch.from_numpy(rng.normal(size=n)) for n in (N, N, 3)]
    model = CTRNN((2, N, 3), weights=weights, biases=biases).double()
    for layer, w, b in zip(model.layers, kept, biases):
        np.testing.assert_array_equal(layer.weight.detach(), w.astype(np.float32))
        np.testing.assert_array_equal(layer.bias.detach(), b.float())
        assert isinstance(layer.bias, nn.Parameter)
    assert all((w == k).all() for w, k in zip(weights, kept))
    assert len(list(CTRNN((2, N, 3)).parameters())) == 3


def test_a_layer_takes_every_kind_of_seed():
    kinds = (3, np.random.SeedSequence(3), np.random.default_rng(3))
    for seed, twin in zip(kinds, copy.deepcopy(kinds)):
        one, other = (LinearLayer(5, 5, seed=each).weight for each in (seed, twin))
        assert torch.equal(one, other)
    assert not torch.equal(LinearLayer(5, 5).weight, LinearLayer(5, 5).weight)
    with pytest.raises(OptionError, match="seed is -1"):
        LinearLayer(5, 5, seed=-1)


def test_the_spectral_radius_is_what_was_asked():
    model = CTRNN((2, 40, 1), ei_masks=[None, dale_signs(40), None], spectral_radius=1.3, seed=3)
    found = torch.linalg.eigvals(model.layers[1].weight.detach().double()).abs().max()
    assert float(found) == pytest.approx(1.3, rel=1e-5)


@pytest.mark.parametrize(
    "which", ["sparsity_masks", "ei_masks", "plasticity_masks", "growth_masks"]
)
@pytest.mark.parametrize("k", [0, 1, 2])
def test_masks_of_either_orientation_are_checked(which, k):
    shapes = [(5, 2), (5, 5), (3, 5)]
    for orientation, turned in (("post-pre", False), ("pre-post", True)):
        masks = [None, None, None]
        shape = shapes[k][::-1] if turned else shapes[k]
        masks[k] = np.ones(shape)
        CTRNN((2, 5, 3), orientation=orientation, **{which: masks})
        masks[k] = np.ones((4, 5))
        with pytest.raises(OptionError, match=r"has shape \(4, 5\), but the layer of"):
            CTRNN((2, 5, 3), orientation=orientation, **{which: masks})
        if k != 1:
            masks[k] = np.ones(shape[::-1])
            other = "post-pre" if turned else "pre-post"
            with pytest.raises(OptionError, match=f"fits the orientation '{other}'"):
                CTRNN((2, 5, 3), orientation=orientation, **{which: masks})


def test_orientations_are_transposes():
    mask = np.tri(5)
    one = CTRNN((1, 5, 1), sparsity_masks=[None, mask, None], seed=3)
    two = CTRNN((1, 5, 1), sparsity_masks=[None, mask.T, None], orientation="pre-post", seed=3)
    assert torch.equal(one.layers[1].weight, two.layers[1].weight)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dims": (1, 2)}, "dims are"),
        ({"dims": (1, 0, 1)}, "at least 1"),
        ({"activation": "rely"}, "did you mean 'relu'"),
        ({"dt": 200.0}, "tau is 100, but must be at least dt = 200"),
        ({"dt": 100.0, "learn_alpha": True}, "must be above dt"),
        ({"tau": [100.0, 50.0]}, "one for each of 6 neurons"),
        ({"tau": float("nan")}, "tau is nan"),
        ({"weights": np.zeros((6, 6))}, "give a list of three"),
        ({"weights": ["uniform", np.zeros((6, 5)), "zero"]}, r"has shape \(6, 5\)"),
        ({"weights": "unifrom"}, "did you mean 'uniform'"),
        ({"biases": [None, np.zeros(3), None]}, r"biases have shape \(3,\)"),
        ({"sparsity_masks": np.ones((6, 6))}, "list of three"),
        ({"sparsity_masks": [None, np.full((6, 6), np.nan), None]}, "finite"),
        ({"plasticity_masks": [None, np.full((6, 6), 2.0), None]}, r"must lie in \[0, 1\]"),
        ({"growth_budgets": [None, 5, None]}, "the budget is 5 synapses"),
        ({"growth_weights": -1.0}, "a grown synapse is -1"),
        ({"ei_masks": [None, [1, 1], None]}, "2 signs, but the layer has 6"),
        ({"preact_noise": -1.0}, "preact_noise is -1"),
        ({"init_state": "kept"}, "did you mean 'keep'"),
        ({"orientation": "pre"}, "unknown orientation"),
        ({"weights": "zero", "spectral_radius": 1.0}, "spectral radius 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_options_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        CTRNN(**({"dims": (2, 6, 1)} | options))


def test_bad_weights_and_inputs_are_refused():
    layer = LinearLayer(2, 2, sparsity=np.eye(2), ei=[1, -1])
    with pytest.raises(OptionError, match=r"W\[0, 1\] = -1 is non-zero where the sparsity mask"):
        layer.set_weights([[1.0, -1.0], [0.0, -1.0]])
    with pytest.raises(OptionError, match=r"W\[1, 1\] = 1 is of the sign"):
        layer.set_weights([[1.0, 0.0], [0.0, 1.0]])
    model = CTRNN((2, 6, 1), seed=3)
    for shape in ((3, 2), (3, 0, 2), (3, 4, 1)):
        with pytest.raises(OptionError, match=r"must be \(batch, time, 2\)"):
            model(torch.zeros(shape))
    with pytest.raises(OptionError, match="no hidden layer"):
        RNNLayer([])
    with pytest.raises(OptionError, match="the readout layer takes 3 inputs"):
        RNNLayer([model.hidden], LinearLayer(3, 1))
    with pytest.raises(OptionError, match="2 initial states for 1"):
        RNNLayer([model.hidden])(torch.zeros(1, 2, 2), [None, None])
    with pytest.raises(OptionError, match="same number"):
        HiddenLayer(LinearLayer(2, 3), LinearLayer(4, 4))
    with pytest.raises(OptionError, match=r"input_layer is 3: give a LinearLayer\(inputs, neurons"):
        HiddenLayer(3, 4)
    with pytest.raises(OptionError, match="recurrent_layer is None: give a LinearLayer"):
        HiddenLayer(LinearLayer(2, 3), None)
