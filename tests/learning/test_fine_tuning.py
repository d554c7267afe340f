"""Pruned models trained further: as the training itself would, and without touching that."""

import dataclasses

import numpy as np
import pytest
import torch

from noiseprune import ConvergenceError
from noiseprune.learning import train
from noiseprune.learning.experiments.burst import LocalExperiment
from noiseprune.learning.experiments.ctrnn import RateExperiment
from noiseprune.learning.experiments.failures import FailuresExperiment
from noiseprune.learning.options.burst import ANNOptions
from noiseprune.learning.options.ctrnn import CTRNNOptions
from noiseprune.learning.options.failures import FailuresOptions

SMALL = {
    "failures": (FailuresExperiment, FailuresOptions(
        epochs=2, log_every=1, hidden=8, samples=100, batch=50, path="moments", test_draws=0,
    )),
    "failures, averaged": (FailuresExperiment, FailuresOptions(
        epochs=2, log_every=1, hidden=8, samples=100, batch=50, averaged=True, test_draws=0,
    )),
    "images": (FailuresExperiment, FailuresOptions(
        dataset="digits", epochs=1, log_every=1, hidden=8, test_draws=0,
    )),
    "ann": (LocalExperiment, ANNOptions(
        epochs=1, layers=1, hidden=6, diagnostics=0, feedforward_noise=0.1
    )),
    "ctrnn": (RateExperiment, CTRNNOptions(
        epochs=2, hidden=12, steps=1, batch=8, test_trials=20, preact_noise=0.3, optimizer="sgd",
        lr=0.05,
    )),
}  # fmt: skip


@pytest.fixture(params=SMALL)
def model(request):
    """Experiment, options."""
    return SMALL[request.param]


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return one is other or bool(np.array_equal(one, other))


def after(made):
    """Scores of the pruned model, and of that trained further, as the harness finds them."""
    model, _ = made.prune()
    found = dict(made.scores("pruned", model))
    learn = made.learner(model)
    for _ in range(2):
        learn()
    return found | made.scores("tuned", model)


def test_it_goes_on_as_the_training_would(model):
    """Where nothing was pruned, and the optimizer keeps nothing."""
    system, options = model
    found = train(
        system, dataclasses.replace(options, prune=1.0, rule="magnitude", fine_tune=2)
    ).result
    more = train(system, dataclasses.replace(options, epochs=options.epochs + 2)).result
    assert found["pruned_loss"] == pytest.approx(found["test_loss"], rel=1e-5)
    assert found["tuned_loss"] == pytest.approx(more["test_loss"], rel=1e-5)
    assert found["tuned_loss"] != pytest.approx(found["test_loss"], rel=1e-5)
    assert found.get("tuned_error") == pytest.approx(more.get("test_error"))


def test_the_training_is_left_as_it_was(model):
    system, options = model
    made = system(dataclasses.replace(options, prune=0.5, fine_tune=2))
    made.train_epoch()
    other = system(options)
    other.train_epoch()
    first = after(made)
    assert same(made.state(), other.state())
    assert after(made) == first


def test_a_run_can_be_pruned_in_other_ways(model, tmp_path):
    """Without training again; the files of the last pruning are replaced."""
    system, options = model
    folder = tmp_path / "run"
    pruned = dataclasses.replace(options, prune=0.5, fine_tune=1)
    first = train(system, pruned, folder=folder)
    assert (folder / "tuned.pt").exists()
    other = dataclasses.replace(options, prune=0.3, rule="weight")
    second = train(system, other, folder=folder)
    assert second.resumed_from == options.epochs
    assert second.log == first.log
    fresh = train(system, other)
    assert second.result == fresh.result
    assert (folder / "pruned.pt").exists()
    assert not (folder / "tuned.pt").exists()
    train(system, options, folder=folder)
    assert not (folder / "pruned.pt").exists()


def test_what_diverges_is_told_and_nothing_is_lost(tmp_path):
    system, _ = SMALL["failures"]
    options = FailuresOptions(
        epochs=20, log_every=20, samples=1000, batch=100, hidden=60, lr=0.3, prune=0.1, fine_tune=30
    )
    with pytest.raises(ConvergenceError, match="after fine-tuning by 30: keep more synapses"):
        train(system, options, folder=tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"network.pt", "pruned.pt", "checkpoint.npz"} <= names
    assert "tuned.pt" not in names
    again = train(system, dataclasses.replace(options, fine_tune=0), folder=tmp_path)
    assert again.resumed_from == 20
    assert np.isfinite(again.result["pruned_loss"])
