"""Every compiled function is held against something that was not compiled."""

import ast

import pytest
from sources import ROOT, TREES, functions, is_compiled, names, names_of_others


def named_by_tests():
    """What the tests of the other rooms, and the twins that they share, use of other modules."""
    paths = [path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "house"]
    return set().union(
        *(names_of_others(ast.parse(path.read_text(encoding="utf-8"))) for path in paths)
    )


def untested(trees, tested):
    """Compiled functions that no test names, and nothing calls that a test names.

    Only what stands in a module of compiled functions counts as a caller.
    """
    calls, compiled = {}, set()
    for tree in trees.values():
        inside = functions(tree)
        here = {function.name for function in inside if is_compiled(function)}
        if here:
            compiled |= here
            for function in inside:
                calls.setdefault(function.name, set()).update(names(function))
    reached, new = set(), set(calls) & tested
    while new:
        reached |= new
        new = set().union(*(calls[name] for name in new)) & set(calls) - reached
    return sorted(compiled - reached)


def test_every_compiled_function_is_tested():
    assert untested(TREES, named_by_tests()) == []


@pytest.mark.parametrize(
    ("tested", "expected"),
    [({"f"}, []), ({"g"}, ["f"]), ({"h"}, []), ({"other"}, ["f", "g"]), (set(), ["f", "g"])],
)
def test_an_untested_one_is_seen(tested, expected):
    trees = {
        "x": "@kernel\ndef f(): return g()\n@inlined\ndef g(): 0\ndef h(): return f()",
        "y": "def other(): return f()",
    }
    assert untested({name: ast.parse(tree) for name, tree in trees.items()}, tested) == expected
