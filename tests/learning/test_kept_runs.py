"""Runs kept in a folder before models had names, one of each, are taken up as they were.

`kept/MODEL` has the checkpoint and the result of `noiseprune train MODEL ... -o FOLDER`, from when
a run was known by the module of its experiment; those modules are gone.
"""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from noiseprune import FileError
from noiseprune.learning import train
from noiseprune.learning.options.base import PruneOptions, options_of
from noiseprune.learning.options.table import MODELS
from noiseprune.learning.training.checkpoint import load_checkpoint, save_checkpoint

KEPT = Path(__file__).parent / "kept"
OLD = [name for name, model in MODELS.items() if model.kept_as]
OTHER = {
    "deep": {"rule": "boltzmann", "temp": 0.1, "tol_w": 0.002},
    "ep": {"rule": "boltzmann", "temp": 0.1, "tol_w": 0.002},
    "burstccn": {"variance": "activity"},
    "burstccn-continuous": {"after": 2},
}
"""Options that the training does not depend on, beside those that all prunings have."""
pytestmark = pytest.mark.usefixtures("digits_are_read_once")


def stored(model):
    """Result and options of a kept run."""
    found = json.loads((KEPT / model / "result.json").read_text())
    return found, MODELS[model].options(**found["options"])


def test_a_run_is_kept_of_every_model_that_was_there():
    assert {path.name for path in KEPT.iterdir()} == set(OLD)


@pytest.fixture(params=OLD)
def model(request):
    return request.param


@pytest.fixture
def folder(model, tmp_path):
    shutil.copy(KEPT / model / "checkpoint.npz", tmp_path / "checkpoint.npz")
    return tmp_path


def alike(one, other):
    """The same to rounding, by which machines differ, and angles of 0 from 0 by 1e-5 degrees."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and other is not None:
        return bool(np.isclose(one, other, rtol=1e-4, atol=1e-5))
    return one == other


def test_a_run_of_every_model_is_taken_up_with_the_same_numbers(model, folder):
    before, options = stored(model)
    found = train(MODELS[model].load(), options, folder=folder)
    assert found.resumed_from == found.epochs == before["epochs"]
    assert alike(dict(found.result), before["result"])
    assert found.options == before["options"]


def test_it_goes_on_as_a_new_run_would(model, folder):
    before, options = stored(model)
    options = dataclasses.replace(options, epochs=before["epochs"] + 1)
    experiment = MODELS[model].load()
    found = train(experiment, options, folder=folder)
    assert found.resumed_from == before["epochs"]
    whole = train(experiment, options)
    assert alike([dict(row) for row in found.log], [dict(row) for row in whole.log])
    again = train(experiment, options, folder=folder)
    assert (again.resumed_from, again.result) == (found.epochs, found.result)
    assert load_checkpoint(folder / "checkpoint.npz")["identity"]["model"] == model


def test_what_the_training_does_not_depend_on_can_be_changed(model, folder):
    """The result is that of a new run, though nothing is trained again."""
    before, options = stored(model)
    other = OTHER.get(model, {})
    if isinstance(options, PruneOptions):
        other = {"prune": 0.4, "rule": None, "fine_tune": 1} | other
    changed = dataclasses.replace(options, **other)
    experiment = MODELS[model].load()
    found = train(experiment, changed, folder=folder)
    assert found.resumed_from == before["epochs"]
    assert alike(dict(found.result), dict(train(experiment, changed).result))
    assert not alike(dict(found.result), before["result"])


def test_every_other_option_tells_runs_apart(model, folder):
    _, options = stored(model)
    path, experiment = folder / "checkpoint.npz", MODELS[model].load()
    kept = load_checkpoint(path)
    for name in options_of(type(options)):
        if name not in kept["identity"]:  # what came after the training was not kept even then
            assert options.can_change(name)
            continue
        other = {**kept, "identity": {**kept["identity"], name: "another"}}
        save_checkpoint(path, other)
        if options.can_change(name) or name == "epochs":
            assert train(experiment, options, folder=folder).resumed_from
        else:
            with pytest.raises(FileError, match=f"a run with {name} = 'another'"):
                train(experiment, options, folder=folder)


def test_options_that_are_of_the_training_in_some_runs_alone():
    """Tolerance and temperature of the draws: where these are made in training."""
    record = MODELS["deep"].options
    assert record(prune=0.5, rule="boltzmann").can_change("temp")
    assert not record(sparse=True, prune=0.5, rule="boltzmann").can_change("temp")


def test_models_with_the_same_former_name_are_told_apart(tmp_path):
    shutil.copy(KEPT / "burstccn" / "checkpoint.npz", tmp_path / "checkpoint.npz")
    given = stored("burstccn")[0]["options"]
    own = options_of(MODELS["ann"].options)
    options = MODELS["ann"].options(**{k: v for k, v in given.items() if k in own})
    with pytest.raises(FileError, match="holds a run with p_baseline"):
        train(MODELS["ann"].load(), options, folder=tmp_path)
