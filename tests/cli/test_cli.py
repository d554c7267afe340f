"""The command line: its keys, its files, its options, and what goes to which stream."""

import io
import json
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import cli, cluster, eigenvalues, files, recordings
from noiseprune.choices import NEED_ACTIVITY, NEED_VARIANCE, UNDRAWN, Rule
from noiseprune.cli import shared
from noiseprune.cli.options import Measured
from noiseprune.pruning import RIVALS
from noiseprune.work import serial

PRUNE_KEYS = {
    "n_neurons", "n_synapses", "n_kept", "kept_fraction", "rule", "method", "sampling", "balance",
    "gain", "epsilon", "epsilon_interval", "epsilon_norm", "guarantee", "stable", "seconds", "seed",
}  # fmt: skip
REPORT_KEYS = {
    "n_neurons", "n_synapses", "n_kept", "epsilon", "epsilon_interval", "epsilon_norm", "guarantee",
    "spectral_abscissa", "eigenvalue_error", "eigenvector_error", "eigenvector_cosine",
    "dynamics_error", "covariance_error",
}  # fmt: skip
SIMULATE_KEYS = {
    "n_neurons", "n_steps", "replicas", "dt", "covariance_error", "seconds", "steps_per_second",
}  # fmt: skip
ROW_KEYS = {
    "rule", "sampling", "balance", "keep", "kept_fraction", "epsilon", "epsilon_max",
    "eigenvalue_error", "stable",
}  # fmt: skip


def run(*arguments):
    """Result of a command that is to end well."""
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return result


def asked(*arguments):
    """The one JSON object that a command prints, which is standard JSON: no NaN, no Infinity."""
    return strict(run(*arguments, "--json").stdout)


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def net(folder):
    """A small symmetric network of the paper's kind, on disk as net.npz."""
    network = npr.clustered_network((14, 3, 3), 0.6, 20, leak_margin=0.1, seed=7)
    npr.save(network, "net.npz")
    return network


@pytest.fixture
def three(folder):
    """Three neurons, for the long simulation of a report."""
    network = npr.RateNetwork([[0, 1, 0.5], [1, 0, -2], [0.5, -2, 0]])
    npr.save(network, "three.npz")
    return network


@pytest.fixture
def directed(folder):
    network = npr.clustered_network((14, 3, 3), 0.6, 21, directed=True, leak_margin=0.1, seed=7)
    npr.save(network, "directed.npz")
    return network


# ------------------------------------------------------------------------- from outside


def process(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=60
    )


def test_as_a_module():
    done = process("-m", "noiseprune", "datasets", "--json")
    assert done.stderr == ""
    assert len(strict(done.stdout)["datasets"]) == len(npr.datasets.available())


def test_version():
    assert run("--version").stdout == f"{npr.__version__}\n"


# ------------------------------------------------------------------------- JSON and tables


def test_json_has_the_keys_of_the_contract(net):
    assert asked("prune", "net.npz", "-o", "pruned.npz").keys() >= PRUNE_KEYS
    assert asked("report", "net.npz", "pruned.npz", "--no-dynamics").keys() >= REPORT_KEYS
    assert asked("simulate", "net.npz", "--duration", 1).keys() >= SIMULATE_KEYS
    for row in asked("compare", "net.npz", "--draws", 1)["rows"]:
        assert row.keys() >= ROW_KEYS


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("generate --n 20 -o new.npz", ["20", "new.npz"]),
        ("simulate net.npz --duration 1", ["20 x 200 of 0.005 s", "steps/s", "transient"]),
        ("prune net.npz", ["epsilon", "stable", "noise, balanced", "covers"]),
        ("prune directed.npz -o small.npz", ["small.npz", "none: epsilon is measured"]),
        ("report three.npz three.npz", ["spectral abscissa", "trajectory error", "-A"]),
        ("compare net.npz --draws 1", ["magnitude", "homeostatic", "draws", "epsilon: "]),
        ("datasets", ["celegans", "optic-lobe", "MIT"]),
        ("datasets celegans", ["White et al. 1986", "303"]),
    ],
)
def test_without_json_there_is_a_table(command, words, net, three, directed):
    text = run(*command.split()).stdout
    assert [word for word in words if word not in text] == []
    assert max(map(len, text.splitlines())) <= 100
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_progress_is_drawn_on_a_terminal_and_on_stderr_only(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with shared.Common(quiet=True).stage("work", bar=True) as progress:
        progress(1, 2)
    assert terminal.getvalue() == ""
    with shared.Common().stage("work", bar=True) as progress:
        progress(1, 2)
    assert "work" in terminal.getvalue()
    monkeypatch.undo()
    with shared.Common().stage("work", bar=True) as progress:  # stderr is a file here
        progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_quiet_changes_no_result(net):
    loud, quiet = asked("prune", "net.npz"), asked("prune", "net.npz", "--quiet")
    del loud["seconds"], quiet["seconds"]
    assert loud == quiet


def test_numbers_that_json_does_not_have_are_null():
    found = {"a": float("nan"), "b": [np.inf, np.float64(1.5)], "c": (np.int64(2), None)}
    assert strict(shared.json_text(found)) == {"a": None, "b": [None, 1.5], "c": [2, None]}


# ------------------------------------------------------------------------- the whole way


def test_generate_prune_report_on_files(net):
    made = asked("generate", "--n", 40, "--seed", 3, "-o", "made.npz")
    loaded = npr.load("made.npz")
    assert (made["n_neurons"], made["n_synapses"]) == (40, loaded.n_synapses)
    assert (made["directed"], made["seed"]) == (False, 3)

    cut = asked("prune", "made.npz", "--keep", 0.5, "-o", "cut.npz")
    pruned = npr.load("cut.npz")
    assert cut["n_kept"] == pruned.n_synapses == pytest.approx(loaded.n_synapses / 2, abs=2)
    assert cut["kept_fraction"] == cut["n_kept"] / cut["n_synapses"]
    assert cut["guarantee"] == "symmetric-diagonally-dominant"
    assert cut["epsilon_norm"] == "pencil"

    seen = asked("report", "made.npz", "cut.npz", "--no-dynamics", "-o", "report.json")
    assert seen["epsilon"] == pytest.approx(cut["epsilon"], rel=1e-9)
    assert seen["stable"] == cut["stable"]
    assert seen["spectral_abscissa"]["original"] == pytest.approx(loaded.spectral_abscissa())
    assert set(seen["eigenvalue_error"]) == {"median", "max", "min"}
    with open("report.json", encoding="utf-8") as written:
        assert strict(written.read()) == seen


def test_the_command_line_and_python_agree(net):
    """Also where the variances are random: one seed means one result."""
    fast = npr.RateNetwork(net.weights, leak=3.0)
    for method in ("exact", "probe", "simulation"):
        run("prune", "net.npz", "--leak", 3, "--method", method, "--seed", 5, "-o", "cut.npz")
        pruned = npr.prune(fast, method=method, seed=5).network
        np.testing.assert_array_equal(npr.load("cut.npz").dense_weights(), pruned.dense_weights())


@pytest.mark.parametrize(
    "command",
    [
        "generate --n 40 -o out.npz",
        "simulate net.npz --duration 1 -o out.npz",
        "prune net.npz --keep 0.5 --method probe -o out.npz",
    ],
)
def test_the_seed_decides_and_threads_do_not(command, net):
    def written(*options):
        run(*command.split(), *options)
        with np.load("out.npz") as archive:
            return {name: archive[name] for name in archive}

    def same(one, other):
        return all(np.array_equal(one[name], other[name]) for name in one)

    first = written("--seed", 3)
    assert same(first, written("--seed", 3, "--threads", 1))
    assert same(first, written("--seed", 3, "--threads", 2))
    assert not same(first, written("--seed", 5))


def test_threads_are_limited_while_the_command_runs_and_free_afterwards(monkeypatch):
    import numba
    from threadpoolctl import threadpool_info

    before, seen = numba.get_num_threads(), {}

    def look(*arguments, **options):
        blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        seen.update(numba=numba.get_num_threads(), blas=max(blas))
        return ()

    monkeypatch.setattr(npr.datasets, "available", look)
    run("datasets", "--threads", 1)
    assert seen == {"numba": 1, "blas": 1}
    run("datasets", "--threads", 1000)  # more than there are is no mistake
    assert seen["numba"] == before == numba.get_num_threads()


# --------------------------------------------------------------------------- what to prune


def test_the_default_network_is_the_worm():
    found = asked("prune", "--rule", "uniform")
    assert (found["n_neurons"], found["n_synapses"]) == (303, 2386)
    assert found["method"] is None
    assert asked("prune", "dataset:celegans", "--rule", "uniform")["epsilon"] == found["epsilon"]


def test_an_extent_of_the_optic_lobe():
    found = asked("prune", "dataset:optic-lobe:1", "--rule", "weight")
    assert found["n_neurons"] == npr.datasets.load("optic-lobe", extent=1).n_neurons
    assert found["guarantee"] == "none"


@pytest.mark.parametrize(
    ("keep", "share"), [(("--keep", "0.5"), 0.5), (("--keep", "1.0"), 1.0), ((), 0.1)]
)
def test_keep_a_fraction(keep, share, net):
    found = asked("prune", "net.npz", *keep)
    assert found["n_kept"] == pytest.approx(share * net.n_synapses, abs=2)


def test_keep_a_number(net):
    assert asked("prune", "net.npz", "--keep", 50)["n_kept"] == 50
    assert asked("prune", "net.npz", "--keep", net.n_synapses)["epsilon"] < 1e-12
    assert asked("prune", "net.npz", "--keep", 2)["n_kept"] == 2  # a pair: 1 is a number, not all


def test_epsilon_is_kept_where_the_theorem_holds(net):
    options = ("--sampling", "independent", "--balance", "leak")
    found = asked("prune", "net.npz", "--epsilon", 0.9, *options)
    assert found["epsilon"] < found["promised_epsilon"] == pytest.approx(0.9)
    assert found["gain"] == pytest.approx(6 * np.log(2 * 20 / 0.05) / 0.9**2)


@pytest.mark.parametrize("rule", get_args(Rule))
def test_every_rule(rule, net):
    found = asked("prune", "net.npz", "--rule", rule, "--keep", 0.5)
    assert found["rule"] == rule
    assert found["method"] == ("exact" if rule in NEED_VARIANCE + NEED_ACTIVITY else None)
    assert (found["gain"] is None) == (rule in UNDRAWN)
    if rule == "paper":
        assert (found["sampling"], found["balance"]) == ("independent", "leak")


@pytest.mark.parametrize(("method", "residual"), [("exact", True), ("probe", False)])
def test_the_method_is_named_with_its_evidence(method, residual, net):
    found = asked("prune", "net.npz", "--method", method)
    assert found["method"] == method
    assert (found["residual"] is not None) == residual


def test_noise_enters_the_gain_alone(net):
    """Variances grow with sigma^2, so K shrinks with it, and the draw stays."""
    one, two = asked("prune", "net.npz"), asked("prune", "net.npz", "--noise", 2)
    assert two["gain"] == pytest.approx(one["gain"] / 4, rel=1e-9)
    assert two["epsilon"] == pytest.approx(one["epsilon"], rel=1e-9)


# --------------------------------------------------------------------------------- the leak


def leak_of(*options):
    run("prune", *options, "--keep", "1.0", "--rule", "uniform", "-o", "same.npz")
    return npr.load("same.npz").leak


def test_leak_and_margin_take_effect(net):
    strength = net.input_strength
    assert np.allclose(leak_of("net.npz"), net.leak)
    assert np.allclose(leak_of("net.npz", "--leak", 3), 3.0)
    assert np.allclose(leak_of("net.npz", "--leak", "dominant"), 1.1 * strength)
    assert np.allclose(leak_of("net.npz", "--leak-margin", 0.5), 1.5 * strength)
    worm = npr.datasets.load("celegans", leak=2.0)
    assert np.allclose(leak_of("dataset:celegans", "--leak", 2), worm.leak)


def test_generated_networks_have_the_margin_asked_for():
    for options, margin in (((), 0.0), (("--leak-margin", 0.2), 0.2)):
        run("generate", "--n", 40, *options, "-o", "made.npz")
        made = npr.load("made.npz")
        connected = made.input_strength > 0
        assert np.allclose((made.leak / made.input_strength)[connected], 1 + margin)


def test_drop_self(net):
    np.save("selfish.npy", net.dense_weights() + np.eye(20))
    found = asked("prune", "selfish.npy", "--drop-self", "--keep", "1.0", "--rule", "uniform")
    assert found["n_synapses"] == net.n_synapses


# --------------------------------------------------------------------------------- generate


def test_sizes_density_and_long_range():
    """N follows from the sizes; without density all that is left is long range."""
    run("generate", "--sizes", "12,6,2", "--density", 0, "--long-range", 30, "-o", "made.npz")
    made = npr.load("made.npz")
    cluster = np.repeat([0, 1, 2], [12, 6, 2])
    post, pre = made.synapses
    assert (made.n_neurons, made.n_synapses) == (20, 30)
    assert np.all(cluster[post] != cluster[pre])
    assert asked("generate", "--n", 40, "--directed", "-o", "made.npz")["directed"]


# --------------------------------------------------------------------------------- simulate


def test_a_transient_has_no_covariance_error_but_a_note():
    found = asked("simulate", "--n", 60, "--duration", 2, "--replicas", 3)
    assert found["n_neurons"] == 60
    assert (found["n_steps"], found["replicas"], found["dt"]) == (400, 3, 0.005)
    assert found["covariance_error"] is None
    needed = float(re.search(r"at least ([\d.]+) s", found["covariance_note"])[1])
    assert needed == pytest.approx(6 * found["relaxation_time"], rel=0.01)
    assert found["steps_per_second"] > 0


def test_a_stationary_run_agrees_with_the_exact_covariance(net):
    options = ("--leak", 3, "--dt", 0.2, "--duration", 200, "--record-every", 1, "--seed", 5)
    found = asked("simulate", "net.npz", *options)
    assert found["covariance_error"] < 0.1
    assert 0.5 < found["covariance_error"] / found["covariance_sampling_error"] < 2
    louder = asked("simulate", "net.npz", *options, "--noise", 0.011)
    assert louder["mean_variance"] == pytest.approx(1.21 * found["mean_variance"], rel=1e-9)


@pytest.mark.parametrize("suffix", ["npz", "nix"])
def test_a_run_is_written(suffix, net):
    name = f"run.{suffix}"
    options = ("--duration", 1, "--dt", 0.02, "--record-every", 5, "--replicas", 2, "--seed", 7)
    found = asked("simulate", "net.npz", *options, "-o", name)
    times, rates = files.load_trajectory(name)
    expected = npr.simulate(net, duration=1, dt=0.02, record_every=5, replicas=2, seed=7)
    assert found["output"] == name
    np.testing.assert_allclose(times, expected.times, atol=1e-12)
    np.testing.assert_array_equal(rates, expected.rates)


def test_rectified_and_drive(net):
    options = ("--duration", 1, "--activation", "rectified", "--drive", 0.5)
    found = asked("simulate", "net.npz", *options, "-o", "run.npz")
    _, rates = files.load_trajectory("run.npz")
    expected = npr.simulate(
        net, duration=1, activation="rectified", drive=0.5, replicas=20, seed=found["seed"]
    )
    np.testing.assert_array_equal(rates, expected.rates)
    assert found["covariance_error"] is None
    assert "only linear" in found["covariance_note"]


def test_a_run_without_stationary_state_is_no_error(net):
    """All-to-all excitation with the leak at its limit: a random walk along (1, .., 1)."""
    npr.save(npr.RateNetwork(np.ones((6, 6)) - np.eye(6), leak_margin=0), "walk.npz")
    found = asked("simulate", "walk.npz", "--duration", 1)
    assert found["covariance_error"] is None
    assert "no stationary covariance" in found["covariance_note"]


# ----------------------------------------------------------------------------------- report


def test_report_with_and_without_dynamics(three):
    npr.save(npr.RateNetwork(three.dense_weights() * 0.9, three.leak), "cut.npz")
    assert asked("report", "three.npz", "cut.npz", "--no-dynamics")["dynamics_error"] is None
    with_dynamics = asked("report", "three.npz", "cut.npz", "--dynamics")
    error = with_dynamics["dynamics_error"]
    assert len(error["times"]) == len(error["mean"]) == len(error["std"]) > 50
    assert error["mean"][0] == 0 < error["mean"][-1]
    assert asked("report", "three.npz", "cut.npz")["dynamics_error"] == error


def test_report_of_unstable_networks_has_no_dynamics(net):
    """Whichever of the two has no stationary state, the rest of the report stands."""
    all_to_all = np.ones((6, 6)) - np.eye(6)
    npr.save(npr.RateNetwork(all_to_all, leak=4.0), "unstable.npz")
    npr.save(npr.RateNetwork(all_to_all, leak=6.0), "stable.npz")
    for original, pruned in (("unstable", "stable"), ("stable", "unstable")):
        found = asked("report", f"{original}.npz", f"{pruned}.npz", "--dynamics")
        assert found["stable"] == (pruned == "stable")
        assert found["dynamics_error"] is None
        assert found["covariance_error"] is None
        assert found["spectral_abscissa"][{"stable": "pruned"}.get(pruned, "original")] < 0


# ---------------------------------------------------------------------------------- compare


def test_compare_puts_all_rules_at_one_count(net):
    found = asked("compare", "net.npz", "--keep", 0.5, "--draws", 2, "-o", "rows.json")
    rows = found["rows"]
    assert {row["rule"] for row in rows} == {recipe.rule for recipe in RIVALS}
    for row in rows:
        assert type(row["stable"]) is bool
        assert row["epsilon"] <= row["epsilon_max"] * (1 + 1e-12)
        if row["sampling"] in ("systematic", "balanced"):
            assert row["kept_fraction"] == pytest.approx(0.5, abs=2 / net.n_synapses)
    with open("rows.json", encoding="utf-8") as written:
        assert strict(written.read()) == found
    count = net.n_synapses // 2
    assert asked("compare", "net.npz", "--keep", count, "--draws", 1)["keep"] == count


def test_compare_at_several_counts(net):
    found = asked("compare", "net.npz", "--keep", "0.3,0.6,20", "--draws", 1, "--seed", 5)
    assert found["keep"] == [0.3, 0.6, 20]
    alone = asked("compare", "net.npz", "--keep", 0.6, "--draws", 1, "--seed", 5)
    assert [row for row in found["rows"] if row["keep"] == 0.6] == alone["rows"]
    options = ("compare", "net.npz", "--draws", 1, "--keep")
    assert re.search(r"keep +rule.*\n.*\n +0\.3 +noise", run(*options, "0.3,20").stdout)
    assert not re.search(r"keep +rule", run(*options, "0.3").stdout)
    refused = CliRunner().invoke(cli.app, [*options, "0.3,,0.5"])
    assert refused.exit_code == 1
    assert "keep is ''" in refused.stderr


@pytest.mark.parametrize(
    "command", ["simulate net.npz --duration 1", "compare net.npz --keep 0.3,0.6 --draws 1"]
)
def test_pieces_are_kept_and_taken_up(command, net):
    once, again = (asked(*command.split(), "--seed", 5, "--resume", "pieces") for _ in range(2))
    found = asked(*command.split(), "--seed", 5)
    for one in (once, again, found):
        for timed in ("seconds", "stages", "steps_per_second"):
            one.pop(timed, None)
    assert once == again == found
    assert len(list(Path("pieces").rglob("piece-*.npz"))) > 1
    options = [*command.split(), "--seed", "6", "--resume", "pieces"]
    assert "holds another run" in CliRunner().invoke(cli.app, options).stderr


def test_directed_networks_have_no_eigenvalue_error(directed):
    rows = asked("compare", "directed.npz", "--draws", 1)["rows"]
    assert {row["eigenvalue_error"] for row in rows} == {None}


# ------------------------------------------------------------------------------- plasticity


def test_a_network_prunes_itself(directed, folder):
    options = ("--keep", 0.5, "--rounds", 2, "--seed", 5, "--interval", 20)
    found = asked("plasticity", "directed.npz", *options, "-o", "own.npz", "--figure", "own.pdf")
    expected = npr.plasticity(npr.load("directed.npz"), 0.5, rounds=2, interval=20.0, seed=5)
    written = npr.load("own.npz")
    np.testing.assert_array_equal(written.dense_weights(), expected.network.dense_weights())
    assert (found["n_kept"], found["rounds"], found["guarantee"]) == (expected.n_kept, 2, "none")
    assert found["n_kept"] == round(0.5 * found["n_synapses"])
    assert found["gain"] == pytest.approx(expected.gain)
    assert found["epsilon"] == pytest.approx(expected.epsilon[-1])
    assert found["batch_epsilon"] > 0
    assert set(found) >= PRUNE_KEYS | REPORT_KEYS
    over_time = found["over_time"]
    assert over_time["n_left"] == expected.n_left.tolist()
    assert {len(values) for values in over_time.values()} == {3}
    assert (folder / "own.pdf").read_bytes().startswith(b"%PDF")


def test_a_rectified_network_prunes_itself_continuously(net, folder):
    options = ("--gain", 3, "--rounds", 1, "--continuous", "--activation", "rectified")
    options += ("--no-scaling", "--fixed-leak", "--drive", 0.5, "--interval", 20)
    found = asked("plasticity", "net.npz", *options, "--figure", "own.svg")
    assert (found["gain"], found["balance"], found["continuous"]) == (3, "none", True)
    assert found["over_time"]["mean_rate"][-1] > 0
    assert "<svg" in (folder / "own.svg").read_text()
    table = run("plasticity", "net.npz", "--rounds", 1, "--interval", 20).stdout
    for word in ("threshold", "trajectory error", "epsilon of the batch rule"):
        assert word in table


# --------------------------------------------------------------------------------- datasets


def test_datasets_are_listed_with_source_and_licence(folder):
    listed = asked("datasets", "-o", "list.json")["datasets"]
    assert {"celegans", "celegans-gap", "mushroom-body", "optic-lobe"} <= {
        d["name"] for d in listed
    }
    assert all(dataset["source"] and dataset["licence"] for dataset in listed)
    assert strict((folder / "list.json").read_text())["datasets"] == listed


def test_a_dataset_is_written(folder):
    found = asked("datasets", "mushroom-body", "-o", "body.graphml")
    body, written = npr.datasets.load("mushroom-body"), npr.load("body.graphml")
    assert (found["name"], found["output"]) == ("mushroom-body", "body.graphml")
    assert written.labels == body.labels
    np.testing.assert_array_equal(written.dense_weights(), body.dense_weights())


# ------------------------------------------------------------------- what is not done for nothing


def never(*arguments, **options):
    raise AssertionError("long work began for nothing")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("prune net.npz --recording a.nix --keep 1.5", "keep is 1.5"),
        ("prune net.npz --recording a.nix --keep 0.5 --epsilon 0.5", "both"),
        ("prune net.npz --recording a.nix --noise 0", "noise is 0"),
        ("prune net.npz --drive independent-poisson --noise nan", "noise is nan"),
        ("prune net.npz --recording a.nix --rule uniform", "rule 'uniform'"),
        ("prune net.npz --recording a.nix --rule paper --balance none", "rule 'paper'"),
        ("prune net.npz --recording a.nix --report page.txt", ".html"),
        ("prune net.npz --recording a.nix -o net.doc", "'.doc'"),
        ("prune net.npz --recording a.nix --cluster local:2", "--cluster"),
        ("infer a.nix --method precision --noise 0", "noise is 0"),
        ("infer a.nix --noise 1", "finds the noise itself"),
        ("infer a.nix --method precision --equal-noise", "'precision'"),
        ("infer a.nix --lag 0", "lag is 0"),
        ("infer a.nix --keep 1.5", "keep is 1.5"),
        ("infer a.nix --keep 0", "keep is 0"),
        ("infer a.nix --report page.html", "--keep"),
        ("prune net.npz --method probe --cluster local:2 --keep 1.5", "keep is 1.5"),
        ("prune net.npz --method probe --cluster local:2 --noise 0", "noise is 0"),
        ("prune net.npz --method probe --cluster local:2 --probe-error -1", "probe error is -1"),
        ("compare net.npz --method probe --cluster local:2 --keep 1.5", "keep is 1.5"),
        ("compare net.npz --method probe --cluster local:2 --draws 0", "draws is 0"),
        ("compare net.npz --method probe --cluster local:2 --noise -1", "noise is -1"),
        ("simulate net.npz --cluster local:2 --noise 0", "noise is 0"),
        ("simulate net.npz --cluster local:2 --replicas 0", "replicas is 0"),
        ("simulate net.npz --cluster local:2 --dt 3 --record-every 1", "dt is 3"),
        ("prune net.npz --cluster laptop", "'laptop'"),
    ],
)
def test_what_can_be_refused_is_refused_before_a_recording_or_a_cluster(
    command, words, net, monkeypatch
):
    monkeypatch.setattr(recordings, "read", never)
    monkeypatch.setattr(recordings, "independent_poisson", never)
    monkeypatch.setattr(cluster, "workers", never)
    result = CliRunner().invoke(cli.app, command.split())
    assert (result.exit_code, words in result.stderr) == (1, True), result.output


@pytest.mark.parametrize("options", ["--rule uniform --method probe", "--method exact"])
def test_a_cluster_is_opened_only_for_work(options, net, monkeypatch):
    opened = []

    @contextmanager
    def workers(*arguments, **options):
        opened.append(arguments)
        yield serial

    monkeypatch.setattr(cluster, "workers", workers)
    there = ("prune", "net.npz", "--cluster", "local:2")
    assert asked(*there, *options.split())["n_kept"] > 0
    assert opened == []
    asked(*there, "--method", "probe")
    assert opened == [("local:2",)]


@pytest.mark.parametrize(
    "to_draw",
    [
        "prune net.npz --report page.html",
        "report net.npz net.npz --no-dynamics -o page.html",
        "plasticity net.npz --rounds 1 --figure rounds.svg",
    ],
)
def test_matplotlib_is_imported_only_to_draw(to_draw, net):
    plain = {
        "prune": ["prune net.npz", "compare net.npz --draws 1"],
        "report": ["report net.npz net.npz --no-dynamics"],
        "plasticity": ["plasticity net.npz --rounds 1"],
    }[to_draw.split()[0]]
    script = (
        "import sys; from noiseprune.cli import main\n"
        f"for command in {[*plain, to_draw]}:\n"
        "    sys.argv = ['noiseprune', *command.split()]\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code\n"
        "    print('matplotlib' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == [*["False"] * len(plain), "True"]


@pytest.mark.parametrize("n", [6, 7])
def test_a_covariance_is_kept_for_a_page_on_as_many_neurons_alone(n, monkeypatch):
    monkeypatch.setattr(eigenvalues, "DENSE_EIGENVALUES", 6)
    net = npr.RateNetwork(np.ones((n, n)) - np.eye(n))
    for wanted in (True, False):
        source = Measured().source(net, keep_covariance=wanted)
        found = source.measure(net).covariance
        assert (found is not None) == (wanted and n == 6)
