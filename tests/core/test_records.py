"""Results tell themselves: as JSON, in a few lines, as a table of a notebook, as a data frame."""

import builtins
import json
from dataclasses import FrozenInstanceError, dataclass, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import noiseprune as npr
from noiseprune.records import Record, Table, html_table, number
from noiseprune.similarity import dynamics_error
from noiseprune.simulation import Simulation

NET = npr.clustered_network((14, 3, 3), 0.6, 20, leak_margin=0.3, seed=7)
HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module")
def results():
    run = npr.simulate(NET, duration=60.0, noise=1.0, drive=0.0, x0="zero", record_every=20, seed=3)
    recording = npr.recordings.from_trajectory(run, burn_in=5.0)
    pruning = npr.prune(NET, 0.5, seed=3)
    recorded = npr.recordings.synapse_variance(NET, recording)
    report = npr.spectral_similarity(NET, pruning.network).with_dynamics(seed=3)
    asked = Simulation(duration=1.0, drive=np.linspace(0.0, 1.0, NET.n_neurons), seed=3)
    driven = dynamics_error(NET, pruning.network, asked)
    found = {
        "pruning": pruning,
        "magnitude pruning": npr.prune(NET, 0.5, "magnitude", seed=np.random.SeedSequence(3)),
        "refitted": npr.prune(NET, 0.5, refit=True, seed=3),
        "recorded pruning": npr.prune(NET, 0.5, variance=recorded, seed=3),
        "variance": npr.synapse_variance(NET),
        "probed variance": npr.synapse_variance(NET, method="probe", n_probes=8, seed=3),
        "recorded variance": recorded,
        "report": report,
        "report of driven networks": replace(report, dynamics_error=driven),
        "comparison": npr.compare(NET, [0.5, 0.8], draws=1, seed=3),
        "comparison of NumPy's counts": npr.compare(NET, np.array([9, 20]), draws=1, seed=3),
        "plasticity": npr.plasticity(NET, 0.5, rounds=3, seed=3),
        "plasticity that keeps all": npr.plasticity(NET, 1.0, rounds=2, seed=3),
        "inferred": npr.infer_network(recording),
        "inferred of equal noise": npr.infer_network(recording, equal_noise=True),
    }
    assert all(isinstance(result, Record) for result in found.values())
    return found


NAMES = (
    *("pruning", "magnitude pruning", "refitted", "recorded pruning", "variance"),
    *("probed variance", "recorded variance", "report", "report of driven networks"),
    *("comparison", "comparison of NumPy's counts", "plasticity", "plasticity that keeps all"),
    *("inferred", "inferred of equal noise"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_a_frozen_record_and_its_dictionary_is_json(name, results):
    result = results[name]
    assert is_dataclass(result)
    with pytest.raises(FrozenInstanceError):
        result.seed = 7
    told = result.to_dict()
    read = json.loads(json.dumps(told, allow_nan=False))
    assert read == told
    assert len(json.dumps(read)) < 20_000  # evidence, no arrays of synapses


def test_an_error_of_driven_networks_is_plain_by_itself(results):
    error = results["report of driven networks"].dynamics_error
    told = error.to_dict()
    json.dumps(told, allow_nan=False)
    assert told["dynamics_choices"]["drive"] == error.drive.tolist()
    assert told["dynamics_error"]["mean"] == error.mean.tolist()


def test_any_record_tells_plain_values():
    @dataclass
    class Parent(Record):
        value: object

        def to_dict(self):
            """What it says."""
            return {"value": self.value, "deep": [{"value": (self.value,)}]}

        def in_words(self):
            return []

    class Child(Parent):
        def to_dict(self):
            return super().to_dict() | {"more": np.int64(3)}

    class Grandchild(Child):
        pass

    assert Parent.to_dict.__doc__ == "What it says."
    for kind, more in ((Parent, {}), (Child, {"more": 3}), (Grandchild, {"more": 3})):
        for value, expected in (
            (float("nan"), None), (np.float32(np.inf), None), (np.array([2, np.nan]), [2, None]),
            (np.bool_(True), True), (np.array(2), 2), (Path("a"), "a"), ("a", "a"), (None, None),
        ):  # fmt: skip
            told = kind(value).to_dict()
            assert told == {"value": expected, "deep": [{"value": [expected]}]} | more
            json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_shows_itself_in_a_few_lines(name, results):
    shown = repr(results[name])
    lines = shown.splitlines()
    assert shown.startswith(type(results[name]).__name__)
    assert len(lines) <= 26
    assert max(map(len, lines)) < 250
    assert "array(" not in shown


def test_words_of_an_inferred_network_solve_no_eigenvalues():
    run = npr.simulate(NET, duration=60.0, noise=1.0, drive=0.0, x0="zero", record_every=20, seed=3)
    inferred = npr.infer_network(npr.recordings.from_trajectory(run, burn_in=5.0))
    for show in (repr, type(inferred)._repr_html_):
        assert "slowest mode" not in show(inferred)
        assert not {"_abscissa", "eigenvalues"} & vars(inferred.network).keys()
    abscissa = inferred.network.spectral_abscissa()
    assert dict(inferred.in_words())["slowest mode"] == f"{number(abscissa)} 1/s"


class Reader(HTMLParser):
    """Rows of cells of the one table, and every tag."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.caption, self._into = [], [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._into = tag
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self._into = None

    def handle_data(self, data):
        if self._into in ("td", "th"):
            self.rows[-1][-1] += data
        if self._into == "caption":
            self.caption += data


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_gets_a_table_of_the_same(name, results):
    result = results[name]
    seen = Reader(result._repr_html_())
    assert seen.caption == type(result).__name__
    expected = [list(row) for row in result.in_words()]
    if isinstance(result, Table):
        expected = [list(result.header()), *([number(x) for x in y] for y in result.lines())]
    assert seen.rows == expected


def test_what_names_say_stays_text():
    seen = Reader(html_table(HOSTILE, (HOSTILE,), [(HOSTILE,)]))
    assert "script" not in seen.tags
    assert seen.caption == HOSTILE
    assert seen.rows == [[HOSTILE], [HOSTILE]]


def test_a_report_says_what_its_dictionary_says(results):
    report = results["report"]
    told, said = report.to_dict(), dict(report.in_words())
    assert said["epsilon"].startswith(number(told["epsilon"]))
    assert said["covariance error"] == number(told["covariance_error"])
    mean = told["dynamics_error"]["mean"]
    assert said["trajectory error"] == f"largest {number(max(mean))}, at the end {number(mean[-1])}"
    assert said["stable"] == "yes"


def test_a_pruning_says_how_it_was_made(results):
    told, said = results["pruning"].to_dict(), dict(results["pruning"].in_words())
    assert said["rule"] == "noise, balanced sampling, homeostatic balance"
    assert f"{told['n_kept']:,} synapses" in said["kept"]
    assert told["method"] == "exact"
    assert "refit" in dict(results["refitted"].in_words())
    assert results["recorded pruning"].to_dict()["recording"]["length"] > 50
    assert "recording" in dict(results["recorded pruning"].in_words())
    assert "probes" in dict(results["probed variance"].in_words())


@pytest.mark.parametrize("name", ["comparison", "plasticity"])
def test_a_table_is_a_data_frame(name, results):
    table = results[name]
    frame = table.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(table.header())
    assert len(frame) == len(table.lines())
    if name == "comparison":
        assert frame["epsilon"].tolist() == [row.epsilon for row in table.rows]
        assert set(frame["keep"]) == {0.5, 0.8}
    else:
        assert np.array_equal(frame["n_left"], table.n_left)


def test_without_pandas_there_is_one_sentence(results, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest, **options):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(npr.MissingExtraError, match="pip install pandas"):
        results["comparison"].to_frame()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (True, "yes"), (False, "no"), (12345, "12,345"), (0.123456, "0.123"),
        (np.float64(2.0), "2"), ("word", "word"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_numbers_in_words(value, text):
    assert number(value) == text
