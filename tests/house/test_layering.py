"""Imports point down: the layout is read off the source, also inside functions.

    5  cli, __main__
    4  pipeline, comparison, fluctuations, figures, cluster
    3  variance, measures, pair, report, similarity, recordings, online
    2  generators, datasets, files, lyapunov, probing, simulation, pruning, spectrum
    1  weights, eigenvalues, network, kernels, solvers
    0  errors, progress, records, checks, choices, work, _lazy

A module imports from its own level or below; on level 2 from below only. No imports go round in
a circle, but for those of types alone. `learning` stands beside, behind a wall of its own
(test_learning_wall.py). Only the cli imports it, or `figures`.
The package's `__init__` finds its names when they are used, and is exempt.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from sources import SOURCES, arrows, imports

LEVELS = (
    {"errors", "progress", "records", "checks", "choices", "work", "_lazy"},
    {"weights", "eigenvalues", "network", "kernels", "solvers"},
    {
        "generators",
        "datasets",
        "files",
        "lyapunov",
        "probing",
        "simulation",
        "pruning",
        "spectrum",
    },
    {"variance", "measures", "pair", "report", "similarity", "recordings", "online"},
    {"pipeline", "comparison", "fluctuations", "figures", "cluster"},
    {"cli", "__main__"},
)
LEVEL = {unit: level for level, units in enumerate(LEVELS) for unit in units}
STRANGERS = 2
"""The level of mutual strangers."""


def unit(name):
    """The part of the layout that a dotted name of the package belongs to."""
    return name.split(".")[1] if "." in name else name


def complaint(module, name):
    """What is wrong with one arrow, or None."""
    if name in ("noiseprune", "noiseprune.__version__"):
        return None
    source, target = unit(module), unit(name)
    where = f"{module} imports {name}"
    for known in (source, target):
        if known not in LEVEL and known != "learning":
            return f"{where}: {known!r} has no level; give it one in the table of levels"
    if source == target or module == "noiseprune.__main__":
        return None
    if target == "cli":
        return f"{where}: nobody imports the command line"
    if target == "learning":
        return None if source == "cli" else f"{where}: only the cli imports learning"
    if target == "figures" and source != "cli":
        return f"{where}: only the cli imports figures"
    if source == "learning":
        return None
    if LEVEL[source] < LEVEL[target]:
        return f"{where}: upward, from level {LEVEL[source]} to {LEVEL[target]}"
    if LEVEL[source] == LEVEL[target] == STRANGERS:
        return f"{where}: modules of level {STRANGERS} do not import one another"
    return None


def complaints(sources):
    return sorted(filter(None, (complaint(*arrow) for arrow in arrows(sources))))


def circle(sources):
    """Modules that import one another in a circle, or None; imports for types alone make none."""
    below = {module: set() for module in sources}
    for module, name in arrows({module: at_run_time(text) for module, text in sources.items()}):
        target = name if name in sources else name.rpartition(".")[0]
        if target in sources and target != module:
            below[module].add(target)
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def at_run_time(source):
    """A source without what stands under `if TYPE_CHECKING`."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return ast.unparse(tree)


def untidy(module, source):
    """What a module must not hold, each with its line: no `assert`, no `print`, no torch."""
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else ["1: no docstring"]
    for node in ast.walk(tree):
        match node:
            case ast.Assert():
                found.append(f"{node.lineno}: assert")
            case ast.Call(ast.Name("print")) if unit(module) != "cli":
                found.append(f"{node.lineno}: print")
    roots = {name.split(".")[0] for name in imports(module, source)}
    if unit(module) != "learning":
        found += [f"1: imports {root}" for root in sorted(roots & {"torch", "torchvision"})]
    return [f"{module}:{what}" for what in found]


# ------------------------------------------------------------------------- the package's laws


def test_every_module_has_a_level_and_every_level_its_modules():
    units = {unit(module) for module in SOURCES if "." in module} - {"learning"}
    assert units == set(LEVEL), f"change the table of levels in {Path(__file__).name}"


def test_imports_point_down():
    assert complaints(SOURCES) == []


def test_no_imports_go_round_in_a_circle():
    assert circle(SOURCES) is None


def test_every_module_is_tidy():
    assert [what for module, source in SOURCES.items() for what in untidy(module, source)] == []


# ------------------------------------------------------------- that these tests can also fail


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("network", "from noiseprune.lyapunov import covariance", "upward, from level 1 to 2"),
        ("network", "def f():\n    from noiseprune import variance", "upward, from level 1 to 3"),
        ("kernels", "import noiseprune.pipeline as p", "upward, from level 1 to 4"),
        ("errors", "from . import network", "upward, from level 0 to 1"),
        ("files.formats", "from ..variance import x", "upward, from level 2 to 3"),
        ("pruning", "from ..comparison import x", "upward, from level 2 to 4"),
        ("errors", "import_module('noiseprune.files')", "upward, from level 0 to 2"),
        ("probing", "from noiseprune import lyapunov", "level 2 do not import one another"),
        ("pruning.rules", "from noiseprune.spectrum import x", "level 2 do not import one"),
        ("pipeline", "from noiseprune.cli.shared import x", "nobody imports the command line"),
        ("cli.prune", "import noiseprune.sorcery", "'sorcery' has no level"),
        ("sorcery", "from noiseprune.errors import FileError", "'sorcery' has no level"),
        ("spectrum", "from noiseprune import prune", "'prune' has no level"),
        ("pipeline", "from noiseprune.learning import CTRNN", "only the cli imports learning"),
        ("comparison", "from noiseprune.figures import remake", "only the cli imports figures"),
    ],
)
def test_a_planted_import_is_seen(module, source, said):
    (found,) = complaints({f"noiseprune.{module}": source})
    assert said in found
    assert found.startswith(f"noiseprune.{module} imports noiseprune.")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kernels", "from noiseprune.network import FloatArray"),
        ("checks", "from .errors import OptionError"),
        ("pruning.rules", "from noiseprune.pruning import balance"),
        ("files", "from . import atomic"),
        (
            "cli.prune",
            "from noiseprune import __version__, datasets, learning",
        ),
        ("learning.ctrnn", "import torch\nfrom noiseprune.variance import synapse_variance"),
        ("__main__", "from noiseprune.cli import main"),
    ],
)
def test_an_import_that_points_down_is_fine(module, source):
    assert complaints({f"noiseprune.{module}": source}) == []


def test_a_planted_circle_is_seen():
    planted = {
        "noiseprune.variance": "from noiseprune import similarity",
        "noiseprune.similarity": "def f():\n    from noiseprune.variance import x",
    }
    assert complaints(planted) == []
    assert set(circle(planted)) == set(planted)


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("pipeline", "x = 1", ["1: no docstring"]),
        ("pipeline", "'x'\nassert True\nprint()", ["2: assert", "3: print"]),
        ("cli.prune", "'x'\nassert True\nprint()", ["2: assert"]),
        ("variance", "'x'\ndef f():\n    import torch.nn", ["1: imports torch"]),
        ("learning.training", "'x'\ndef f():\n    import torch.nn", []),
    ],
)
def test_a_planted_untidiness_is_seen(module, source, said):
    module = f"noiseprune.{module}"
    assert untidy(module, source) == [f"{module}:{what}" for what in said]
