"""Pruned models trained further: as the training itself would, and without touching that."""

import dataclasses

import numpy as np
import pytest
import torch

from noiseprune import ConvergenceError
from noiseprune.learning import train
from noiseprune.learning.burst.commands import ann
from noiseprune.learning.ctrnn import experiment as ctrnn
from noiseprune.learning.failures import experiment as failures
from noiseprune.learning.training import tuned_scores

SMALL = {
    "failures": (failures, failures.Options(
        epochs=2, log_every=1, hidden=8, samples=100, batch=50, path="moments", test_draws=0,
    )),
    "failures, averaged": (failures, failures.Options(
        epochs=2, log_every=1, hidden=8, samples=100, batch=50, averaged=True, test_draws=0,
    )),
    "images": (failures, failures.Options(
        dataset="digits", epochs=1, log_every=1, hidden=8, test_draws=0,
    )),
    "ann": (ann, ann.Options(epochs=1, layers=1, hidden=6, diagnostics=0, feedforward_noise=0.1)),
    "ctrnn": (ctrnn, ctrnn.Options(
        epochs=2, hidden=12, steps=1, batch=8, test_trials=20, preact_noise=0.3, optimizer="sgd",
        lr=0.05,
    )),
}  # fmt: skip


@pytest.fixture(params=SMALL)
def model(request):
    """Module, options."""
    return SMALL[request.param]


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return one is other or bool(np.array_equal(one, other))


def test_it_goes_on_as_the_training_would(model):
    """Where nothing was pruned, and the optimizer keeps nothing."""
    system, options = model
    found = train(
        system.experiment, dataclasses.replace(options, prune=1.0, rule="magnitude", fine_tune=2)
    ).result
    more = train(system.experiment, dataclasses.replace(options, epochs=options.epochs + 2)).result
    assert found["pruned_loss"] == pytest.approx(found["test_loss"], rel=1e-5)
    assert found["tuned_loss"] == pytest.approx(more["test_loss"], rel=1e-5)
    assert found["tuned_loss"] != pytest.approx(found["test_loss"], rel=1e-5)
    assert found.get("tuned_error") == pytest.approx(more.get("test_error"))


def test_the_training_is_left_as_it_was(model):
    system, options = model
    made = system.experiment(dataclasses.replace(options, prune=0.5, fine_tune=2))
    made.train_epoch()
    other = system.experiment(options)
    other.train_epoch()
    first = made.result()
    assert same(made.state(), other.state())
    again = made.result()
    names = ("pruned_loss", "tuned_loss")
    assert [again[name] for name in names] == [first[name] for name in names]


def test_a_run_can_be_pruned_in_other_ways(model, tmp_path):
    """Without training again; the files of the last pruning are replaced."""
    system, options = model
    folder = tmp_path / "run"
    pruned = dataclasses.replace(options, prune=0.5, fine_tune=1)
    first = train(system.experiment, pruned, folder=folder)
    assert (folder / "tuned.pt").exists()
    other = dataclasses.replace(options, prune=0.3, rule="weight")
    second = train(system.experiment, other, folder=folder)
    assert second.resumed_from == options.epochs
    assert second.log == first.log
    fresh = train(system.experiment, other)
    assert second.result == fresh.result
    assert (folder / "pruned.pt").exists()
    assert not (folder / "tuned.pt").exists()
    train(system.experiment, options, folder=folder)
    assert not (folder / "pruned.pt").exists()


def test_what_diverges_is_told_and_nothing_is_lost(tmp_path):
    system, _ = SMALL["failures"]
    options = failures.Options(
        epochs=20, log_every=20, samples=1000, batch=100, hidden=60, lr=0.3, prune=0.1, fine_tune=30
    )
    with pytest.raises(ConvergenceError, match="after fine-tuning by 30: keep more synapses"):
        train(system.experiment, options, folder=tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"network.pt", "pruned.pt", "checkpoint.npz"} <= names
    assert "tuned.pt" not in names
    again = train(system.experiment, dataclasses.replace(options, fine_tune=0), folder=tmp_path)
    assert again.resumed_from == 20
    assert np.isfinite(again.result["pruned_loss"])
    with pytest.raises(ConvergenceError, match="tuned_loss is nan"):
        tuned_scores({"tuned_error": 0.5, "tuned_loss": float("nan")}, 3)
