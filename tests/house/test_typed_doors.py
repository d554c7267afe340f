"""The public names as an editor and a type checker see them."""

import inspect
import re
from pathlib import Path
from typing import get_args

import pytest
from mypy import api

import noiseprune as npr
from noiseprune import choices, learning, pruning
from noiseprune.probing import probed_variance
from noiseprune.variance import Probes

FOLDER = Path(__file__).parent / "typed"
STUB = Path(npr.__file__).with_suffix(".pyi")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{(file, line): error codes} of both files under mypy --strict."""
    files = [str(path) for path in sorted(FOLDER.glob("*.py"))]
    cache = tmp_path_factory.mktemp("mypy")
    config = str(FOLDER.parents[2] / "pyproject.toml")
    text, trouble, _ = api.run(["--config-file", config, "--cache-dir", str(cache), *files])
    assert not trouble
    errors: dict[tuple[str, int], set[str]] = {}
    for path, line, code in re.findall(r"^(\S+):(\d+): error: .*\[([\w-]+)\]$", text, re.M):
        errors.setdefault((Path(path).name, int(line)), set()).add(code)
    return errors


def test_right_calls_pass(found):
    assert {place for place in found if place[0].startswith("right")} == set()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("wrong*.py")), ids=lambda path: path.stem)
def test_every_wrong_call_is_refused(path, found):
    marked = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if "# WRONG: " in line:
            marked[(path.name, number)] = set(line.partition("# WRONG: ")[2].split("|"))
    assert marked
    told = {place: codes for place, codes in found.items() if place[0] == path.name}
    assert told.keys() == marked.keys()
    assert all(told[place] & codes for place, codes in marked.items()), (told, marked)


def test_the_stub_is_the_list_of_public_names():
    names = re.findall(r"^from \S+ import (\w+) as \1$", STUB.read_text(encoding="utf-8"), re.M)
    assert sorted(names) == list(npr.__all__) == dir(npr)
    for name in names:
        assert getattr(npr, name) is not None


@pytest.mark.parametrize(
    ("described", "option", "known"),
    [
        *(
            (each, "rule", choices.Rule)
            for each in (npr.prune, pruning.Recipe, learning.prune_layers, learning.prune_recurrent)
        ),
        *((each, "solver", choices.Solver) for each in (npr.synapse_variance, Probes)),
        (probed_variance, "solver", choices.Solver),
    ],
)
def test_a_docstring_names_all_that_can_be_chosen(described, option, known):
    text = inspect.getdoc(described) or ""
    (told,) = re.findall(rf"^{option} : (.*(?:\n[ ]+.*)*)", text, re.M)
    assert [name for name in get_args(known) if f'"{name}"' not in told] == []
