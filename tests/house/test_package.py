"""The package from outside: quick to import, complete, documented, and of one version."""

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import noiseprune as npr

ROOT = Path(__file__).parents[2]
HEAVY = ("numba", "scipy.linalg", "matplotlib", "elephant", "neo", "networkx", "torch")

CONTRACT = {
    "NoisePruneError",
    "RateNetwork",
    "clustered_network",
    "covariance",
    "datasets",
    "infer_network",
    "load",
    "plasticity",
    "prune",
    "recordings",
    "save",
    "simulate",
    "spectral_similarity",
    "synapse_variance",
}


def loaded_by(statement):
    """Modules that a fresh interpreter holds after `statement`."""
    listing = f"import sys; {statement}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", listing], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_import_loads_nothing_heavy():
    loaded = loaded_by("import noiseprune")
    assert "noiseprune" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_what_is_heavy_would_be_seen():
    assert "networkx" in loaded_by("import networkx")


def undocumented_methods(value):
    """Public functions and methods of a public class or module that have no docstring."""
    return [
        name
        for name, member in inspect.getmembers(value)
        if not name.startswith("_")
        and (inspect.isfunction(member) or inspect.ismethod(member))
        and member.__module__.startswith("noiseprune")
        and not inspect.getdoc(member)
    ]


@pytest.mark.parametrize("name", npr.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(npr, name)
    described = inspect.getdoc(value)
    assert described
    assert not described.startswith(f"{name}("), "the docstring is the one dataclass makes up"
    assert undocumented_methods(value) == []


def test_the_contract_is_public():
    assert set(npr.__all__) >= CONTRACT
    assert dir(npr) == list(npr.__all__) == sorted(npr.__all__)
    assert callable(npr.datasets.load)
    assert callable(npr.recordings.synapse_variance)


def test_no_module_hides_a_public_name():
    """Importing `noiseprune.x` sets the attribute x, which must not be a public function's."""
    modules = {path.stem for path in (ROOT / "noiseprune").iterdir()}
    assert modules & set(npr.__all__) == {"datasets", "recordings"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'noise_prune'"):
        _ = npr.noise_prune


@pytest.mark.parametrize(
    "error", [getattr(npr, name) for name in npr.__all__ if name.endswith("Error")]
)
def test_every_error_is_ours_and_a_built_in(error):
    assert issubclass(error, npr.NoisePruneError)
    if error is not npr.NoisePruneError:
        assert issubclass(error, (ValueError, RuntimeError, ImportError))


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert npr.__version__ == project["version"]


def test_types_are_shipped():
    assert (ROOT / "noiseprune" / "py.typed").is_file()
