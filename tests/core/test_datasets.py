"""The built-in connectomes: their counts, their signs, and the lattice of the optic lobe."""

import re
from importlib import resources

import numpy as np
import pytest

from noiseprune import OptionError, datasets

SMALL = [dataset for dataset in datasets.available() if dataset.name != "optic-lobe"]


@pytest.mark.parametrize("dataset", SMALL, ids=lambda dataset: dataset.name)
def test_a_dataset_is_what_its_record_says(dataset):
    net = datasets.load(dataset.name)
    assert (net.n_neurons, net.n_synapses) == (dataset.n_neurons, dataset.n_synapses)
    assert net.is_symmetric == (not dataset.directed)
    assert bool(np.any(net.synapse_weights < 0)) == dataset.signed
    assert len(set(net.labels)) == net.n_neurons
    assert net.is_diagonally_dominant
    np.testing.assert_array_equal(net.synapse_weights, np.round(net.synapse_weights))
    np.testing.assert_array_equal(net.csr.diagonal(), 0)


@pytest.mark.parametrize(
    ("extent", "neurons", "synapses"),
    [(0, 65, 454), (1, 443, 7698), (2, 1203, 26636), (3, 2345, 57663)],
)
def test_the_optic_lobe_has_its_published_size(extent, neurons, synapses):
    net = datasets.load("optic-lobe", extent=extent)
    assert (net.n_neurons, net.n_synapses) == (neurons, synapses)
    assert len(set(net.labels)) == neurons


def test_the_whole_optic_lobe_loads():
    record = {dataset.name: dataset for dataset in datasets.available()}["optic-lobe"]
    net = datasets.load("optic-lobe")
    assert (net.n_neurons, net.n_synapses) == (record.n_neurons, record.n_synapses)
    inhibitory = np.mean(net.synapse_weights < 0)
    assert inhibitory == pytest.approx(0.35, abs=0.001)


def test_synapses_go_from_the_column_of_pre_to_the_column_of_post():
    net = datasets.load("celegans")
    cell = {label: i for i, label in enumerate(net.labels)}
    assert net.csr[cell["AIBR"], cell["ADAL"]] == 2  # the file: ADAL,AIBR,chemical,2
    net = datasets.load("mushroom-body")
    assert net.labels[0] == "K0"
    assert net.csr[1, 0] == 4  # the file: 0,1,4
    net = datasets.load("optic-lobe:1")
    cell = {label: i for i, label in enumerate(net.labels)}
    assert net.csr[cell["L1:-1:1"], cell["R1:-1:1"]] == -40  # the file: R1,L1,0,0,-1,40


def test_the_optic_lobe_looks_the_same_from_every_column():
    """Translation: an offset has one weight wherever both of its ends exist."""
    net = datasets.load("optic-lobe:2")
    post, pre = net.synapses
    parts = [label.split(":") for label in net.labels]
    kind = [name for name, _, _ in parts]
    place = np.array([[int(u), int(v)] for _, u, v in parts])
    assert np.all(np.abs(place.sum(axis=1)) <= 2)
    seen: dict[tuple[object, ...], float] = {}
    for i, j, w in zip(post, pre, net.synapse_weights):
        step = (kind[j], kind[i], *(place[i] - place[j]))
        assert seen.setdefault(step, w) == w


def test_gap_junctions_are_exactly_symmetric():
    weights = datasets.load("celegans-gap").weights
    assert (weights != weights.T).nnz == 0


def test_the_leak_is_the_callers():
    np.testing.assert_array_equal(datasets.load("celegans", leak=100.0).leak, 100.0)
    wide = datasets.load("celegans", leak_margin=1.0).leak
    np.testing.assert_allclose(wide, 2 / 1.1 * datasets.load("celegans").leak, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("c-elegans", {}, "'celegans'"),
        ("optic-lobes", {}, "'optic-lobe'"),
        ("optic-lobe:16", {}, "0 to 15"),
        ("optic-lobe:-1", {}, "0 to 15"),
        ("optic-lobe:", {}, "0 to 15"),
        ("optic-lobe:two", {}, "0 to 15"),
        ("optic-lobe", {"extent": 16}, "0 to 15"),
        ("optic-lobe", {"extent": -1}, "0 to 15"),
        ("optic-lobe", {"extent": 1.5}, "0 to 15"),
        ("optic-lobe", {"extent": True}, "0 to 15"),
        ("optic-lobe:2", {"extent": 3}, "one of the two"),
        ("celegans:3", {}, "has no extent"),
        ("celegans", {"extent": 3}, "has no extent"),
    ],
)
def test_what_is_not_there_is_refused(name, options, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        datasets.load(name, **options)


def test_every_data_file_is_attributed():
    home = resources.files("noiseprune.datasets")
    sources = (home / "SOURCES.md").read_text(encoding="utf-8")
    for file in (home / "data").iterdir():
        assert f"`{file.name}`" in sources
