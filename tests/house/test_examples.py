"""The examples in the docstrings of public names are run."""

import doctest
import inspect
import tempfile
from pathlib import Path

import numpy as np
import pytest

import noiseprune as npr


def examples(name):
    """The examples of a public name; they see what its module sees."""
    value = getattr(npr, name)
    if not (inspect.isfunction(value) or inspect.isclass(value)):
        return []
    module = inspect.getmodule(value)
    names = {**vars(module), "np": np, "tempfile": tempfile, "Path": Path}
    found = doctest.DocTestFinder(recurse=False).find(value, name, module=module, globs=names)
    return [test for test in found if test.examples]


WITH_EXAMPLES = [name for name in npr.__all__ if examples(name)]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_an_example_gives_what_it_says(name):
    for test in examples(name):
        outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
        assert outcome.failed == 0
        assert outcome.attempted > 0


def test_every_verb_has_an_example():
    verbs = {name for name in npr.__all__ if inspect.isfunction(getattr(npr, name))}
    assert verbs <= set(WITH_EXAMPLES)
