"""Learning stands behind a wall: one column of floors within, a short list of doors to the core.

A room imports from itself and from those before it in FLOORS. Of the core all rooms together may
use DOORS, and nothing else. `options` and `__init__` are free of torch and of all that is slow.
"""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from sources import PACKAGE, SOURCES, arrows

from noiseprune import learning
from noiseprune.learning.options.base import PruneOptions, options_of
from noiseprune.learning.options.table import MODELS
from noiseprune.learning.training.experiment import PrunableExperiment

LEARNING = "noiseprune.learning"
FLOORS = ("options", "data", "models", "training", "prune", "pictures", "experiments")
DOORS = {
    *("errors", "checks", "choices", "records", "progress", "work", "_lazy"),
    *("files.atomic", "files.guard"),
    *("weights", "kernels", "network", "spectrum", "lyapunov", "variance"),
    *("pruning", "pruning.rules", "pruning.sampling", "comparison"),
}
SLOW = {"torch", "sklearn", "matplotlib", "numba", "scipy", "pandas"}


def room(module):
    """The room of learning that a dotted name stands in."""
    return module.removeprefix(LEARNING).lstrip(".").partition(".")[0]


def within(module):
    return module == LEARNING or module.startswith(f"{LEARNING}.")


def door(name):
    """The door of the core that an imported name goes through, or None."""
    module = name if name in SOURCES else name.rpartition(".")[0]
    found = module.removeprefix("noiseprune.")
    return found if found in DOORS else None


def complaint(module, name):
    """What is wrong with one import of a module of learning, or None."""
    if not within(name):
        return None if door(name) else f"{module} imports {name}: no door of the wall"
    source, target = room(module), room(name)
    for each in (source, target):
        if each not in FLOORS:
            return f"{module} imports {name}: {each!r} is no floor"
    if FLOORS.index(target) > FLOORS.index(source):
        return f"{module} imports {name}: up, from {source} to {target}"
    return None


def complaints(sources):
    found = {arrow for arrow in arrows(sources) if within(arrow[0]) and arrow[0] != LEARNING}
    return sorted(filter(None, (complaint(*arrow) for arrow in found)))


def test_the_floors_are_one_column_and_the_doors_are_few():
    assert complaints(SOURCES) == []


def test_every_door_is_used():
    own = {module: source for module, source in SOURCES.items() if within(module)}
    used = {door(name) for _, name in arrows(own)}
    assert used - {None} == DOORS


def test_every_floor_is_there():
    rooms = {
        path.name for path in (PACKAGE / "learning").iterdir() if (path / "__init__.py").exists()
    }
    assert rooms == set(FLOORS)


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("options.x", "from noiseprune.learning.data.images import x", "up, from options to data"),
        ("models.x", "def f():\n from noiseprune.learning.prune.draw import x", "up, from models"),
        ("data.x", "from noiseprune.pipeline import prune", "no door of the wall"),
        ("data.x", "from noiseprune.pruning.search import x", "no door of the wall"),
        ("data.x", "from noiseprune.pruning import search", "no door of the wall"),
        ("data.x", "from noiseprune.figures.style import RC", "no door of the wall"),
        ("data.x", "from noiseprune import prune", "no door of the wall"),
        ("data.x", "from noiseprune.learning import train", "'train' is no floor"),
        ("cellar.x", "from noiseprune.learning.options.base import x", "'cellar' is no floor"),
    ],
)
def test_a_planted_import_is_seen(module, source, said):
    (found,) = complaints({f"{LEARNING}.{module}": source})
    assert said in found


def test_an_import_that_points_down_is_fine():
    source = (
        "from noiseprune.learning.options.base import x\nfrom noiseprune.errors import FileError"
    )
    assert complaints({f"{LEARNING}.data.x": source}) == []


# ------------------------------------------------------------------------------- the front door


def stub():
    """(module, name) of what the stub hands on."""
    tree = ast.parse((PACKAGE / "learning" / "__init__.pyi").read_text(encoding="utf-8"))
    return [
        (node.module, alias.name, alias.asname)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_the_stub_and_the_door_agree():
    """Names and objects, and so signatures: what an editor shows is what is called."""
    handed = stub()
    assert sorted(name for _, name, _ in handed) == learning.__all__ == dir(learning)
    for module, name, alias in handed:
        assert alias == name
        found = getattr(learning, name)
        assert found is getattr(sys.modules[module], name)
        assert inspect.signature(found) == inspect.signature(getattr(sys.modules[module], name))
        assert found.__module__ == module, f"{name} stands in {found.__module__}"


def test_choices_are_literals():
    """A public `rule` that is a mere text is one that no editor completes."""
    choosing = {"rule", "sampling", "balance", "method", "activation", "Y_mode", "Q_mode", "dtype"}
    loose = [
        f"{name}({parameter.name}: {parameter.annotation})"
        for name in learning.__all__
        if callable(getattr(learning, name))
        for parameter in inspect.signature(getattr(learning, name)).parameters.values()
        if parameter.name in choosing and parameter.annotation in ("str", "str | None")
    ]
    assert [each for each in loose if "Pruning(" not in each] == []


def test_options_and_door_load_nothing_slow():
    code = (
        "import sys; from noiseprune.learning.options.table import MODELS;"
        "[model.options() for model in MODELS.values()];"
        f"print(*({SLOW!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_table_names_experiments_that_are_there():
    for name, model in MODELS.items():
        assert name == model.options.MODEL
        assert issubclass(model.load(), learning.Experiment)
        assert Path(inspect.getfile(model.load())).parent.name == "experiments"


def test_an_experiment_can_be_pruned_if_its_options_say_so():
    for model in MODELS.values():
        asked = issubclass(model.options, PruneOptions)
        assert issubclass(model.load(), PrunableExperiment) == asked, model
        names = options_of(model.options)["rule"].names if asked else ("noise",)
        assert "noise" in names, f"{model}: give the option rule its names"
