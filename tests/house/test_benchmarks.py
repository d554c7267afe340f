"""The benchmarks' own machinery, and the count of unreported failures on a smaller set."""

import runpy
import sys
from pathlib import Path

import exact
import failure_honesty
import machine
import numpy as np
import pytest
from failure_honesty import ours, scipy_lyapunov

from noiseprune import UnstableError, lyapunov

FOLDER = Path(machine.__file__).parent
MAIN = runpy.run_path(str(FOLDER / "__main__.py"))


# ------------------------------------------------------------------------------ failure honesty


def understated(net):
    found, stated = ours("auto")(net)
    return found, 1e-9 * stated


def timid(net):
    raise UnstableError("who knows")


def test_no_failure_goes_unreported():
    solvers = {method: ours(method) for method in lyapunov.METHODS}
    planted = {"silent": scipy_lyapunov, "understated": understated, "timid": timid}
    nets = failure_honesty.networks(40, largest=32)
    counts = failure_honesty.count(nets, solvers | planted)
    for method in solvers:
        assert counts[method]["unreported"] == 0, method
        assert counts[method]["stated too small"] == 0, method
        assert counts[method]["right"] > 0, method
    assert counts["auto"]["right"] >= 20
    assert counts["auto"]["refused"] > 5
    assert counts["silent"]["unreported"] > 5
    assert counts["understated"]["stated too small"] > 5
    assert counts["timid"]["refused, possible"] > 20


def test_the_networks_are_ten_families_of_equal_size():
    nets = list(failure_honesty.networks(20, largest=35))
    assert len(nets) == 20
    assert all(30 <= net.n_neurons <= 35 for net in nets)
    assert 4 <= sum(net.is_symmetric for net in nets) <= 8


def test_the_exact_covariance():
    """Closed forms; and beyond the reach of double precision, with its scale."""
    assert exact.covariance(np.array([[-0.02]]))[0, 0] == pytest.approx(25.0, rel=1e-12)
    pair = np.array([[-1.0, 0.5], [0.5, -1.0]])
    np.testing.assert_allclose(exact.covariance(pair), [[2 / 3, 1 / 3], [1 / 3, 2 / 3]], rtol=1e-12)
    for tiny in (2.0**-50, 2.0**-60):
        nearly = np.array([[-tiny, 1.0], [0.0, -tiny]])  # C_11 = (1 + 1 / 2 tiny^2) / 2 tiny
        expected = (1 + 0.5 / tiny**2) / (2 * tiny)
        assert exact.covariance(nearly)[0, 0] == pytest.approx(expected, rel=1e-12)
        assert exact.covariance(nearly + 2 * tiny * np.eye(2)) is None
    assert exact.covariance(np.array([[-1.0, 1.0], [1.0, -1.0]])) is None
    assert exact.covariance(np.array([[0.0, 1.0], [-1.0, 0.0]])) is None


# ------------------------------------------------------------------------------------ results


def test_results_are_the_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "TABLES", tmp_path / "tables")
    monkeypatch.setattr(machine, "RESULTS", tmp_path / "RESULTS.md")
    machine.write_table("later", "Later", ("a", "b"), [("1", "2")], "A note.")
    machine.write_table("earlier", "Earlier", ("c",), [("3",)])
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.index("## Earlier") < text.index("| 3 |") < text.index("## Later")
    assert text.index("## Later") < text.index("| 1 | 2 |") < text.index("A note.")
    measured = [line for line in text.splitlines() if "Measured on" in line]
    assert len(measured) == 3
    assert measured[0] == f"- {measured[1]}"
    for word in ("cores", "GiB", "threads", "NumPy", "SciPy", "Numba", "openblas"):
        assert word in measured[0]
    assert "| 1 | 2 |" in capsys.readouterr().out


def test_the_kept_results_are_those_of_the_kept_tables(tmp_path, monkeypatch):
    kept = machine.RESULTS.read_text(encoding="utf-8")
    monkeypatch.setattr(machine, "RESULTS", tmp_path / "RESULTS.md")
    machine.write_results()
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8") == kept, "benchmarks --assemble"


def test_all_scripts_are_run():
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    assert scripts - {"__main__", "machine", "exact"} == set(MAIN["MINUTES"])


def test_a_failure_stops_nothing_and_is_named(tmp_path, capfd):
    (tmp_path / "bad.py").write_text("raise SystemExit('broken')")
    (tmp_path / "good.py").write_text("import os; print(os.environ['OPENBLAS_NUM_THREADS'])")
    assert MAIN["run"](tmp_path, ["bad", "good"], 3) == ["bad"]
    output = capfd.readouterr()
    assert "\n3\n" in output.out
    assert "broken" in output.err


def test_an_unknown_name_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "lyapunof"])
    with pytest.raises(SystemExit):
        MAIN["main"]()
    assert "no benchmark lyapunof: choose from" in capsys.readouterr().err
