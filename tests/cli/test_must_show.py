"""What the project promises of its main job, at a size that a test can afford."""

import json
import shlex

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune.cli import app


def run(command):
    result = CliRunner().invoke(app, [*shlex.split(command), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def clustered(tmp_path_factory):
    """The paper's network at a fifth of its size: denser pruning, so epsilon is larger."""
    path = tmp_path_factory.mktemp("clustered") / "net.npz"
    run(f"generate --n 600 --seed 3 -o {path}")
    return path


def test_noise_beats_weight_and_the_default_beats_both(clustered):
    paper = run(f"prune {clustered} --keep 0.2 --sampling independent --balance leak --seed 5")
    default = run(f"prune {clustered} --keep 0.2")
    weight = run(f"prune {clustered} --keep 0.2 --rule weight --balance leak")
    assert paper["kept_fraction"] == pytest.approx(0.2, rel=0.02)
    # Measured 0.43, 0.22 and 1.8; 2 / sqrt(mean degree) is 0.26.
    assert 0.25 < paper["epsilon"] < 0.9
    assert default["epsilon"] < 0.26
    assert weight["epsilon"] > 1


def test_noise_wins_on_the_mushroom_body_under_every_balance():
    rows = run("compare dataset:mushroom-body --keep 0.5 --draws 5")["rows"]
    found = {(row["rule"], row["balance"]): row for row in rows}
    for balance in ("leak", "none", "homeostatic"):
        noise, weight, uniform = (found[r, balance] for r in ("noise", "weight", "uniform"))
        assert noise["stable"]
        assert noise["epsilon"] < weight["epsilon"] / 3
        assert noise["epsilon"] < uniform["epsilon"] / 2


LEAKS = ("", "--leak 900", "--leak-margin 0.5")


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("balance", ["leak", "none", "homeostatic"])
def test_a_report_finds_what_pruning_found(leak, balance, tmp_path):
    """The leak options are the original's: the pruned file keeps what pruning made of them."""
    path = tmp_path / "pruned.npz"
    pruned = run(f"prune dataset:celegans {leak} --keep 0.5 --balance {balance} -o {path}")
    report = run(f"report dataset:celegans {path} {leak} --no-dynamics")
    assert report["epsilon"] == pytest.approx(pruned["epsilon"], rel=1e-9)


def test_a_file_without_a_leak_takes_the_original_s(tmp_path):
    path = tmp_path / "pruned.csv"
    pruned = run(f"prune dataset:celegans --keep 0.5 --balance none -o {path}")
    report = run(f"report dataset:celegans {path} --no-dynamics")
    assert report["epsilon"] == pytest.approx(pruned["epsilon"], rel=1e-9)


@pytest.mark.parametrize("directed", [False, True])
def test_threads_change_no_draw(directed):
    """BLAS may round differently on other threads: the same synapses, weights to rounding."""
    net = npr.clustered_network((560, 20, 20), long_range=600, directed=directed, seed=3)
    runs = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            runs.append(npr.prune(net, 0.2, seed=5))
    one, two = runs
    np.testing.assert_array_equal(one.kept, two.kept)
    np.testing.assert_allclose(one.keep_probability, two.keep_probability, rtol=1e-11)
    np.testing.assert_allclose(one.network.synapse_weights, two.network.synapse_weights, rtol=1e-10)
