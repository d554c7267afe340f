"""Imports point down: the layout is read off the source, also inside functions.

    5  cli, __main__
    4  pipeline, experiments, figures, cluster
    3  variance, report, similarity, recordings, inference, online
    2  generators, datasets, files, lyapunov, probing, simulation, pruning, spectrum
    1  weights, eigenvalues, network, kernels, solvers
    0  errors, progress, records, checks, choices, work

A module imports from its own level or below; on level 2 from below only. No imports go round in
a circle. `learning` stands beside: it imports levels 0 to 3. Only the cli imports it, or `figures`.
The package's `__init__` finds its names when they are used, and is exempt.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "noiseprune"
LEVELS = (
    {"errors", "progress", "records", "checks", "choices", "work"},
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
    {"variance", "report", "similarity", "recordings", "inference", "online"},
    {"pipeline", "experiments", "figures", "cluster"},
    {"cli", "__main__"},
)
LEVEL = {unit: level for level, units in enumerate(LEVELS) for unit in units}
STRANGERS, LEARNING_READS, TOP = 2, 3, 5
"""The level of mutual strangers, the highest that learning may read, and the command line's."""

SOURCES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
PACKAGES = {
    ".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")
}


def imports(module, source):
    """Dotted names that a module's source imports, relative ones resolved, wherever they stand."""
    parents = module.split(".") if module in PACKAGES else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(origin, names, level):
                above = parents[: len(parents) - level + 1] if level else []
                base = ".".join([*above, *([origin] if origin else [])])
                found |= {f"{base}.{alias.name}" for alias in names}
            case ast.Call(
                ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module"),
                [ast.Constant(str(name)), *_],
            ):
                found.add(name)
    return found


def unit(name):
    """The part of the layout that a dotted name inside the package belongs to."""
    return name.split(".")[1]


def arrows(sources):
    """(importing module, imported name) for every import of the package by itself."""
    return {
        (module, name)
        for module, source in sources.items()
        if module != "noiseprune"
        for name in imports(module, source)
        if name.split(".")[0] == "noiseprune"
    }


def complaint(module, name):
    """What is wrong with one arrow, or None."""
    if name in ("noiseprune", "noiseprune.__version__"):
        return None
    source, target = unit(module), unit(name)
    where = f"{module} imports {name}"
    for known in (source, target):
        if known not in LEVEL and known != "learning":
            return f"{where}: {known!r} has no level; give it one in tests/test_layering.py"
    if source == target or module == "noiseprune.__main__":
        return None
    if target == "cli":
        return f"{where}: nobody imports the command line"
    if target == "learning":
        return None if source == "cli" else f"{where}: only the cli imports learning"
    if target == "figures" and source != "cli":
        return f"{where}: only the cli imports figures"
    if source == "learning":
        return f"{where}: too high for learning" if LEVEL[target] > LEARNING_READS else None
    if LEVEL[source] < LEVEL[target]:
        return f"{where}: upward, from level {LEVEL[source]} to {LEVEL[target]}"
    if LEVEL[source] == LEVEL[target] == STRANGERS:
        return f"{where}: modules of level {STRANGERS} do not import one another"
    return None


def complaints(sources):
    return sorted(filter(None, (complaint(*arrow) for arrow in arrows(sources))))


def circle(sources):
    """Modules that import one another in a circle, or None."""
    below = {module: set() for module in sources}
    for module, name in arrows(sources):
        target = name if name in sources else name.rpartition(".")[0]
        if target in sources and target != module:
            below[module].add(target)
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def uses(source, kind):
    """Lines of a source that hold an `assert` statement or a call of `print`."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (kind == "assert" and isinstance(node, ast.Assert))
        or (
            kind == "print"
            and isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        )
    ]


# ------------------------------------------------------------------------- the package's laws


def test_every_module_has_a_level():
    unknown = {unit(module) for module in SOURCES if "." in module} - set(LEVEL) - {"learning"}
    assert not unknown, f"{sorted(unknown)} have no level: give them one in {Path(__file__).name}"


def test_imports_point_down():
    assert complaints(SOURCES) == []


def test_no_imports_go_round_in_a_circle():
    assert circle(SOURCES) is None


@pytest.mark.parametrize("module", SOURCES)
def test_torch_is_imported_in_learning_only(module):
    roots = {name.split(".")[0] for name in imports(module, SOURCES[module])}
    assert module.startswith("noiseprune.learning") or not roots & {"torch", "torchvision"}


@pytest.mark.parametrize("module", SOURCES)
def test_no_assert_and_no_print(module):
    assert uses(SOURCES[module], "assert") == []
    assert module.startswith("noiseprune.cli") or uses(SOURCES[module], "print") == []


@pytest.mark.parametrize("module", SOURCES)
def test_every_module_says_what_it_is(module):
    assert ast.get_docstring(ast.parse(SOURCES[module]))


# ------------------------------------------------------------- that these tests can also fail


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("network", "from noiseprune.lyapunov import covariance", "upward, from level 1 to 2"),
        ("network", "def f():\n    from noiseprune import variance", "upward, from level 1 to 3"),
        ("kernels", "import noiseprune.pipeline as p", "upward, from level 1 to 4"),
        ("errors", "from . import network", "upward, from level 0 to 1"),
        ("files.formats", "from ..variance import x", "upward, from level 2 to 3"),
        ("pruning", "from ..experiments import x", "upward, from level 2 to 4"),
        ("errors", "import_module('noiseprune.files')", "upward, from level 0 to 2"),
        ("probing", "from noiseprune import lyapunov", "level 2 do not import one another"),
        ("pruning.rules", "from noiseprune.spectrum import x", "level 2 do not import one"),
        ("pipeline", "from noiseprune.cli.shared import x", "nobody imports the command line"),
        ("cli.prune", "import noiseprune.sorcery", "'sorcery' has no level"),
        ("sorcery", "from noiseprune.errors import FileError", "'sorcery' has no level"),
        ("spectrum", "from noiseprune import prune", "'prune' has no level"),
        ("pipeline", "from noiseprune.learning import CTRNN", "only the cli imports learning"),
        ("learning.ctrnn", "from noiseprune.pipeline import prune", "too high for learning"),
        ("experiments", "from noiseprune.figures import remake", "only the cli imports figures"),
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


def test_a_planted_assert_or_print_is_seen():
    planted = "def f(x):\n    assert x > 0, 'assert'\n    print(x)\n"
    assert uses(planted, "assert") == [2]
    assert uses(planted, "print") == [3]
