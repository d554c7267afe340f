"""Every option of `noiseprune train burstccn`, `burstprop`, `edn`, `ann` does what it says."""

import dataclasses

import numpy as np
import pytest
import torch

from noiseprune import OptionError
from noiseprune.checks import seed_sequence
from noiseprune.learning import ANN, diagnostics, prune_layers, train
from noiseprune.learning.experiments import burst as running
from noiseprune.learning.experiments.burst import LocalExperiment
from noiseprune.learning.experiments.burst import LocalExperiment as experiment
from noiseprune.learning.models.streams import new_generator
from noiseprune.learning.options.burst import (
    ANNOptions,
    BurstCCNOptions,
    BurstpropOptions,
    EDNOptions,
)
from noiseprune.learning.training.supervised import Scores, test_classifier

pytestmark = pytest.mark.usefixtures("digits_are_read_once")

SMALL = {"layers": 1, "hidden": 6, "epochs": 1, "diagnostics": 0}
KINDS = (ANNOptions, BurstCCNOptions, BurstpropOptions, EDNOptions)


def network(name):
    return lambda made: made.model.options[name]


def group(kind, value="lr"):
    """Of the optimizer's group of the parameters of this kind."""

    def found(made):
        (number,) = {
            id(parameter)
            for name, parameter in made.model.named_parameters()
            if name == f"stack.0.{kind}"
        }
        return next(
            g[value] for g in made.optimizer.param_groups if number in {id(p) for p in g["params"]}
        )

    return found


CASES = [
    # kind of options, those given, what they reach, what it is then
    *[(kind, {"layers": 3}, network("n_hidden_layers"), 3) for kind in KINDS],
    *[(kind, {"hidden": 7}, network("n_hidden_units"), 7) for kind in KINDS],
    *[(kind, {"y_scale": 0.25, "y_mode": "random_init"}, network("Y_scale"), 0.25)
      for kind in KINDS],
    *[(kind, {"y_mode": "symmetric_init"}, network("Y_mode"), "symmetric_init") for kind in KINDS],
    *[(kind, {"y_mode": "random_init", "y_learning": True}, network("Y_learning"), True)
      for kind in KINDS],
    *[(kind, {"conv": "2k3"}, network("conv"), "2k3") for kind in KINDS],
    *[(kind, {"gain": 0.7}, network("gain"), 0.7) for kind in KINDS],
    *[(kind, {"feedforward_noise": 0.3}, network("feedforward_noise"), 0.3) for kind in KINDS],
    *[(kind, {"dtype": "float64"}, network("dtype"), "float64") for kind in KINDS],
    *[(kind, {"seed": 5}, network("seed"), 5) for kind in KINDS],
    *[(kind, {"activation": "tanh"}, network("activation"), "tanh") for kind in KINDS[:3]],
    *[(kind, {"p_baseline": 0.3}, network("p_baseline"), 0.3) for kind in KINDS[1:3]],
    *[(kind, {"y_lr": 0.03, "y_learning": True, "y_mode": "random_init"}, group("y"), 0.03)
      for kind in KINDS],
    *[(kind, {"lr": 0.7}, group("weight"), 0.7) for kind in KINDS],
    *[(kind, {"lr": 0.7}, group("bias"), 0.7) for kind in KINDS],
    *[(kind, {"weight_decay": 0.01}, group("weight", "decay"), 0.01) for kind in KINDS],
    *[(kind, {"weight_decay": 0.01}, group("bias", "decay"), 0.0) for kind in KINDS],
    *[(kind, {"momentum": 0.6}, group("weight", "momentum"), 0.6) for kind in KINDS],
    (ANNOptions, {"y_mode": "random_init", "y_learning": True, "lr": 0.7}, group("y"), 0.7),
    (BurstpropOptions, {"y_learning": True, "lr": 0.7}, group("y"), 0.7),
    (BurstpropOptions, {"no_recurrent_input": True}, network("recurrent_input"), False),
    (BurstpropOptions, {"no_recurrent_learning": True}, network("recurrent_learning"), False),
    (BurstpropOptions, {}, group("r"), 3.2e-3),
    (BurstpropOptions, {"recurrent_lr": 0.02}, group("r"), 0.02),
    (BurstCCNOptions, {"y_mode": "tied"}, network("Q_mode"), None),
    (BurstCCNOptions, {"q_mode": "W_symmetric_init"}, network("Q_mode"), "W_symmetric_init"),
    (BurstCCNOptions, {"q_scale": 0.4, "q_mode": "random_init"}, network("Q_scale"), 0.4),
    (BurstCCNOptions, {"q_learning": True}, network("Q_learning"), True),
    (BurstCCNOptions, {"q_learning": True}, group("q"), 0.001),
    (BurstCCNOptions, {"q_learning": True, "q_lr": 0.02}, group("q"), 0.02),
    (BurstCCNOptions, {"y_learning": True}, network("Y_rule"), "apical"),
    (BurstCCNOptions, {"y_learning": True}, group("y"), 0.001),
    *[(BurstCCNOptions, {"y_learning": True, "y_rule": "kolen-pollack", "lr": 0.7}, *reached)
      for reached in ((network("Y_rule"), "kolen-pollack"), (group("y"), 0.7))],
    (EDNOptions, {"y_learning": True, "lr": 0.7}, group("y"), 0.7),
    *[(EDNOptions, {name: 0.3}, network(name), 0.3)
      for name in ("lambda_output", "lambda_intn", "lambda_hidden", "intn_scale")],
    (EDNOptions, {"intn_mode": "random_init"}, network("intn_mode"), "random_init"),
    *[(EDNOptions, options, group(kind), rate) for kind in "pkg" for options, rate in (
        ({"lr": 0.7}, 1.4), ({"lr": 0.5, "intn_lr_scale": 3.0}, 1.5), ({"intn_lr": 0.03}, 0.03),
    )],
    (ANNOptions, {"optimizer": "Adam"}, lambda made: type(made.optimizer), torch.optim.AdamW),
    *[(ANNOptions, {"optimizer": f"{letter}Adagrad"}, lambda made: made.optimizer.span, span)
      for letter, span in (("s", "synapse"), ("n", "neuron"), ("l", "layer"), ("f", "network"))],
    (ANNOptions, {"batch": 9}, lambda made: len(next(iter(made.training))[0]), 9),
    (ANNOptions, {"dtype": "float64"}, lambda made: made.training.x.dtype, torch.float64),
    (ANNOptions, {"standardise": True},
     lambda made: bool(made.training.x.mean(0).abs().max() < 1e-5), True),
    (ANNOptions, {"validation": 0.2}, lambda made: len(made.validation.x), 288),
]  # fmt: skip
TESTED_BELOW = {
    *("epochs", "log_every"),  # of every model: test_train_cli.py
    *("dataset", "data", "augment", "max_stagnant_epochs"),  # test_burst_training.py
    *("no_teaching_signal", "diagnostics", "prune", "rule", "variance", "fine_tune"),
}


@pytest.mark.parametrize(
    ("kind", "given", "reached", "wanted"),
    CASES,
    ids=[f"{kind.__name__[:-7]}-{'-'.join(given)}" for kind, given, _, _ in CASES],
)
def test_an_option_reaches_what_it_is_said_of(kind, given, reached, wanted):
    assert reached(LocalExperiment(kind(**{**SMALL, **given}))) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_no_option_is_left_out_of_these_tests(kind):
    shared = KINDS[0]  # of data and optimizer, which are the same for all
    tested = {name for each, given, _, _ in CASES if each in (kind, shared) for name in given}
    assert {field.name for field in dataclasses.fields(kind)} <= tested | TESTED_BELOW


def parameters(path):
    return ANN.load(path).state_dict()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def moved(options):
    """Change of every parameter in an epoch, by name."""
    made = LocalExperiment(options)
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    made.train_epoch()
    return made, {n: v - before[n] for n, v in made.model.state_dict().items()}


@pytest.mark.parametrize("kind", KINDS)
def test_global_cost_multiplies_the_step_by_the_loss(kind):
    whole = kind(**SMALL, batch=2000, dtype="float64")
    plain, step = moved(whole)
    cost = test_classifier(LocalExperiment(whole).model, plain.training, 10, "mse").loss / 10
    _, scaled = moved(dataclasses.replace(whole, optimizer="globalCost"))
    assert abs(cost - 1) > 0.1
    for name, change in step.items():
        torch.testing.assert_close(scaled[name], cost * change)


def test_without_a_teacher_w_rests_where_q_cancels():
    options = BurstCCNOptions(**SMALL, y_mode="tied")
    _, silent = moved(dataclasses.replace(options, no_teaching_signal=True))
    _, taught = moved(options)
    assert all(not change.any() for change in silent.values())
    assert all(change.any() for change in taught.values())


def test_without_a_teacher_and_lr_0_only_q_learns():
    options = BurstCCNOptions(
        **{**SMALL, "diagnostics": 50, "epochs": 2}, no_teaching_signal=True, lr=0.0,
        q_mode="random_init", q_learning=True, q_lr=0.1,
    )  # fmt: skip
    made, change = moved(options)
    assert {name for name, each in change.items() if each.any()} == {"stack.0.q"}
    run = train(experiment, options)
    u = run.column("apical_abs_1")[1]
    assert u[-1] < 0.7 * u[0]
    row = made.measure()
    made.model(made.training.x[:50])
    made.model.learn(None)
    potential = made.model.layers[0].apical
    assert row["apical_abs_1"] == pytest.approx(float(potential.abs().mean()))
    assert row["apical_mean_1"] == pytest.approx(float(potential.mean()))
    assert row["apical_variance_1"] == pytest.approx(float(potential.var(correction=0)))
    assert row["gradient_abs_1"] == pytest.approx(
        float(made.model.layers[0].weight.grad.abs().mean())
    )
    assert row["gradient_abs_2"] == 0
    angles = {name for name in row if name.startswith("angle")}
    assert angles == {"angle_w_y_1", "angle_q_y_1"}


def test_scores_on_the_way_are_those_of_networks_at_rest():
    made = LocalExperiment(BurstCCNOptions(**SMALL, lr=0.0, q_learning=True, dtype="float64"))
    row = made.train_epoch()
    found = test_classifier(made.model.eval(), made.training, 10, "mse")
    assert row["train_loss"] == pytest.approx(found.loss)
    assert row["train_error"] == found.error


def test_diagnostics_are_of_as_many_training_images():
    made = LocalExperiment(BurstCCNOptions(**{**SMALL, "diagnostics": 7}))
    row = made.measure()
    target = torch.nn.functional.one_hot(made.training.y[:7], 10).float()
    wanted = diagnostics(made.model, made.training.x[:7], target)
    assert {name: row[name] for name in wanted} == wanted
    assert "angle_bp" in wanted
    assert row.keys() - wanted.keys() == {"test_loss", "test_error"}


@pytest.mark.parametrize(
    "given",
    [
        {"y_mode": "tied"},
        {"y_learning": True, "y_rule": "kolen-pollack"},
    ],
)
def test_by_default_q_follows_a_y_that_moves_with_w(given):
    made, change = moved(BurstCCNOptions(**SMALL, **given))
    layer = made.model.layers[0]
    assert change["stack.1.weight"].any()
    assert torch.equal(layer.Q, 0.5 * layer.Y)


def spy(monkeypatch):
    """What the experiments prune, as it comes."""
    found, given = [], running.prune_layers

    def spied(*arguments, **more):
        found.append(given(*arguments, **more))
        return found[-1]

    monkeypatch.setattr(running, "prune_layers", spied)
    return found


@pytest.mark.parametrize("rule", ["paper", "noise"])
@pytest.mark.parametrize("variance", ["noise", "activity"])
def test_rule_and_variance_reach_the_pruning(rule, variance, monkeypatch):
    spied = spy(monkeypatch)
    made = LocalExperiment(ANNOptions(**SMALL, prune=0.4, rule=rule, variance=variance))
    made.prune()
    wanted = prune_layers(
        made.model, 0.4, rule, x=made.training.x[: running.PRUNING_SAMPLES], variance=variance,
        seed=1,
    )  # fmt: skip
    assert spied[0].rule == rule
    for found, each in zip(spied[0].keep_probability, wanted.keep_probability, strict=True):
        np.testing.assert_allclose(found, each)
    LocalExperiment(ANNOptions(**SMALL, prune=0.4)).prune()
    assert spied[1].rule == "noise"
    same = all(np.array_equal(a, b) for a, b in zip(spied[1].variance, wanted.variance))
    assert same == (variance == "noise")


def test_fine_tuning_goes_on_with_the_pruned_network(tmp_path):
    """As the run itself does where nothing was pruned: the order of images, noise, learning."""
    options = {**SMALL, "lr": 0.5, "feedforward_noise": 0.1, "epochs": 2, "dtype": "float64"}
    tuned = train(experiment, ANNOptions(**options, prune=1.0, rule="weight", fine_tune=2))
    longer = train(experiment, ANNOptions(**{**options, "epochs": 4}))
    assert tuned.result["tuned_loss"] == pytest.approx(longer.result["test_loss"], rel=1e-9)
    assert tuned.result["pruned_loss"] == pytest.approx(tuned.result["test_loss"], rel=1e-9)

    options = ANNOptions(**SMALL, lr=0.01, prune=0.3, fine_tune=10, optimizer="Adam")
    run = train(experiment, options, folder=tmp_path)
    assert run.result["tuned_loss"] < run.result["pruned_loss"]
    pruned, tuned = (parameters(tmp_path / f"{name}.pt") for name in ("pruned", "tuned"))
    weights = [name for name in pruned if name.endswith(".weight")]
    assert sum(int(pruned[name].count_nonzero()) for name in weights) == run.result["n_kept"]
    for name in weights:
        assert not tuned[name][pruned[name] == 0].any()
        assert not torch.equal(tuned[name], pruned[name])


def test_a_finished_run_is_pruned_the_same_again(tmp_path):
    options = ANNOptions(**SMALL, lr=1.0, feedforward_noise=2.0, prune=0.9, fine_tune=1)
    first, again = (train(experiment, options, folder=tmp_path).result for _ in range(2))
    assert again == first


def test_the_best_network_is_that_of_the_smallest_validation_error(tmp_path, monkeypatch):
    """Test errors choose nothing: here the smallest is of another epoch, also resumed."""
    errors = {"test": [0.5, 0.2, 0.3, 0.1], "validation": [0.5, 0.4, 0.2, 0.3]}
    calls = []

    def scripted(model, batches, n_classes, loss):
        epoch, validation = divmod(len(calls), 2)  # test images first
        calls.append(loss)
        return Scores(1.0, errors["validation" if validation else "test"][epoch], 10)

    monkeypatch.setattr(running, "test_classifier", scripted)
    options = ANNOptions(**{**SMALL, "epochs": 3}, validation=0.2)
    whole = train(experiment, options, folder=tmp_path / "whole")
    assert whole.column("test_error")[1] == errors["test"]
    assert whole.result["best_epoch"] == 2
    assert whole.result["best_validation_error"] == 0.2
    assert whole.result["best_test_error"] == whole.log[2]["test_error"] == 0.3
    calls.clear()
    train(experiment, dataclasses.replace(options, epochs=2), folder=tmp_path / "two")
    two, best, last = (
        parameters(tmp_path / path) for path in ("two/network.pt", "whole/best.pt",
                                                      "whole/network.pt")
    )  # fmt: skip
    assert same(best, two)
    assert not same(best, last)
    (tmp_path / "two" / "best.pt").unlink()  # it comes from the checkpoint
    resumed = train(experiment, options, folder=tmp_path / "two")
    assert resumed.result == whole.result
    assert same(parameters(tmp_path / "two" / "best.pt"), best)
    calls.clear()
    train(experiment, ANNOptions(**SMALL), folder=tmp_path / "none")
    assert not (tmp_path / "none" / "best.pt").exists()


def test_weights_order_division_and_pruning_have_streams_of_their_own(monkeypatch):
    seeds = {"weights": 3}
    for name in ("classification", "prune_layers"):
        given = getattr(running, name)

        def spied(*arguments, name=name, given=given, **more):
            seeds[name] = more["seed"]
            return given(*arguments, **more)

        monkeypatch.setattr(running, name, spied)
    made = LocalExperiment(ANNOptions(**SMALL, seed=3, prune=0.5))
    made.prune()
    states = {tuple(seed_sequence(seed).generate_state(2)) for seed in seeds.values()}
    assert len(states) == len(seeds) == 3
    orders = {made._order.initial_seed(), made.model.generator.initial_seed()}
    assert len(orders) == 2
    assert made.model.generator.initial_seed() == new_generator(seed_sequence(3)).initial_seed()


IDLE = [
    (BurstCCNOptions, {"y_lr": 0.1}, "give --y-learning"),
    (BurstCCNOptions, {"y_rule": "kolen-pollack"}, "give --y-learning"),
    (BurstCCNOptions, {"q_lr": 0.001}, "give --q-learning"),
    (BurstCCNOptions, {"rule": "noise"}, "give --prune"),
    (BurstCCNOptions, {"variance": "activity"}, "give --prune"),
    *[(BurstCCNOptions, {"prune": 0.5, "rule": rule, "variance": "noise"}, f"{rule} needs none")
      for rule in ("weight", "uniform", "magnitude")],
    (BurstpropOptions, {"no_recurrent_input": True, "recurrent_lr": 0.1}, "recurrent_lr is of"),
    (BurstpropOptions, {"no_recurrent_input": True, "no_recurrent_learning": True},
     "no_recurrent_learning is of"),
    (BurstpropOptions, {"no_recurrent_learning": True, "recurrent_lr": 0.1}, "recurrent_lr is of"),
    (BurstpropOptions, {"no_teaching_signal": True, "y_learning": True}, "y_learning follows W"),
    (EDNOptions, {"intn_lr": 0.1, "intn_lr_scale": 2.0}, "intn_lr_scale is the rate"),
    (EDNOptions, {"lr": 0.0, "intn_lr_scale": 2.0}, "intn_lr_scale multiplies lr"),
    (EDNOptions, {"no_teaching_signal": True, "lambda_output": 0.2}, "lambda_output is of"),
    (ANNOptions, {"no_teaching_signal": True}, "leave no_teaching_signal out"),
    *[(ANNOptions, {"layers": 0, "hidden": 500, **given}, f"{next(iter(given))} is of the feedback")
      for given in ({"y_mode": "random_init"}, {"y_scale": 2.0}, {"y_learning": True})],
    (BurstCCNOptions, {"layers": 0, "hidden": 500, "q_mode": "tied"}, "q_mode is of"),
    (EDNOptions, {"layers": 0, "hidden": 500, "intn_mode": "random_init"}, "intn_mode is of"),
    (BurstpropOptions, {"layers": 0, "hidden": 500, "recurrent_lr": 1.0}, "recurrent_lr is of"),
    (ANNOptions, {"layers": 0}, "hidden is of dense hidden layers"),
    (ANNOptions, {"layers": 0, "conv": "2k3"}, "hidden is of dense hidden layers"),
    (ANNOptions, {"augment": True}, "augment is an option of cifar10"),
    (ANNOptions, {"lr": 0.0}, "every learning rate is 0"),
    (EDNOptions, {"lr": 0.0}, "every learning rate is 0"),
    (BurstCCNOptions, {"lr": 0.0, "q_learning": True, "q_lr": 0.0}, "every learning rate is 0"),
    (BurstCCNOptions, {"lr": 0.0, "q_learning": True, "weight_decay": 0.1}, "weight_decay is"),
    (ANNOptions, {"optimizer": "adam", "momentum": 0.5}, "momentum is an option of"),
    (ANNOptions, {"max_stagnant_epochs": 3}, "give --validation"),
    (ANNOptions, {"validation": 1e-5, "max_stagnant_epochs": 2}, "leaves 1,438 of the 1,438"),
    (ANNOptions, {"validation": 0.9999}, "leaves 0 of the 1,438 images for training"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "given", "said"), IDLE, ids=[f"{k.__name__[:-7]}-{'-'.join(g)}" for k, g, _ in IDLE]
)
def test_an_option_that_would_do_nothing_is_refused(kind, given, said):
    with pytest.raises(OptionError, match=said) as caught:
        experiment(kind(**{**SMALL, **given}))
    assert "\n" not in str(caught.value)


def test_options_of_hidden_layers_have_a_meaning_for_convolutions():
    made = experiment(ANNOptions(layers=0, conv="2k3", y_mode="random_init", y_scale=0.5))
    assert len(made.model) == 2
    assert made.model.layers[0].y is not None
