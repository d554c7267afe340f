"""What the house promises of itself in numbers: `python tests/house/count.py` prints them.

Every count is read off the syntax trees of the package. A count gives the places that it found, so
that what is over its limit can be looked up at once; `--places` prints them all.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations

from sources import SOURCES, TREES, Function

Trees = Mapping[str, ast.Module]

MANY = 10
"""Parameters of a function that has many."""

PUBLIC = "a public signature; what it asks for becomes records in its first lines"

CONTRACT = "a public constructor: of torch's own class, or of arrays that it does not keep"
REASONS = dict.fromkeys(
    (
        "noiseprune.recordings.inference.infer_network",
        "noiseprune.online.run.plasticity",
        "noiseprune.pipeline.prune",
        "noiseprune.simulation.trajectory.simulate",
    ),
    PUBLIC,
) | {
    "noiseprune.learning.models.ctrnn.linear.LinearLayer.__init__": CONTRACT,
    "noiseprune.learning.models.ctrnn.network.CTRNN.__init__": CONTRACT,
    "noiseprune.learning.models.failures.dropout.LinearWeightDropout.__init__": CONTRACT,
    "noiseprune.learning.prune.recurrent.prune_recurrent": PUBLIC,
}
"""Why a function may have many parameters, by its dotted name."""


@dataclass(frozen=True)
class Count:
    """A number of the house.

    limit : what the package must not exceed
    found : (size, place) of all that is counted; the count is their number, or the largest size
    goal : what it is to come down to; None where the limit is the goal
    """

    name: str
    limit: int
    found: Callable[[Trees], list[tuple[int, str]]]
    number: Callable[[list[tuple[int, str]]], int] = len
    goal: int | None = None


# ------------------------------------------------------------------------------------ counters


def many_parameters(trees: Trees) -> list[tuple[int, str]]:
    """Functions with many parameters, `self` among them."""
    return [
        (n_parameters(function), f"{place}  {REASONS.get(place, '')}".rstrip())
        for place, function in named_functions(trees)
        if n_parameters(function) >= MANY
    ]


def n_parameters(function: Function) -> int:
    own = function.args
    named = len(own.posonlyargs) + len(own.args) + len(own.kwonlyargs)
    return named + (own.vararg is not None) + (own.kwarg is not None)


def many_fields(trees: Trees) -> list[tuple[int, str]]:
    """Dataclasses whose constructor has many parameters: their fields and those of their bases.

    They are records of results, of options and of learned networks: a field is a number that was
    measured, or an option of the command line. So they have a limit of their own.
    """
    classes = {
        node.name: (module, node)
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(map(is_dataclass, node.decorator_list))
    }

    def constructor(node: ast.ClassDef) -> set[str]:
        bases = [classes[name] for base in node.bases if (name := ast.unparse(base)) in classes]
        inherited = [constructor(base) for _, base in bases]
        return {one.target.id for one in node.body if is_field(one)}.union(*inherited)

    sizes = [(len(constructor(node)), f"{m}.{node.name}") for m, node in classes.values()]
    return [(size, place) for size, place in sizes if size >= MANY]


def is_dataclass(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).rpartition(".")[2] == "dataclass"


def is_field(node: ast.stmt) -> bool:
    """Whether a statement of a dataclass is a parameter of its constructor."""
    match node:
        case ast.AnnAssign(ast.Name(), annotation, value):
            made_later = value is not None and "init=False" in ast.unparse(value)
            return not ast.unparse(annotation).startswith("ClassVar") and not made_later
    return False


def named_functions(trees: Trees) -> list[tuple[str, Function]]:
    """(dotted name, function) of every function and method of the package."""
    found = []

    def visit(prefix: str, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            name = f"{prefix}.{getattr(child, 'name', '')}"
            if isinstance(child, Function):
                found.append((name, child))
            visit(name if isinstance(child, Function | ast.ClassDef) else prefix, child)

    for module, tree in trees.items():
        visit(module, tree)
    return found


def inits_with_code(trees: Trees) -> list[tuple[int, str]]:
    """Statements of an `__init__` that are no face's.

    A face has a docstring, imports, `__all__` and `__version__`. One that finds its names when
    they are used has `__getattr__`, `__dir__` and the table that they read, too, or attaches them.
    """
    return [
        (len(code), f"{module}: {', '.join(code)}")
        for module, tree in trees.items()
        if is_package(module) and (code := no_face(tree))
    ]


def is_package(module: str) -> bool:
    return any(other.startswith(f"{module}.") for other in SOURCES)


def no_face(tree: ast.Module) -> list[str]:
    lazy = any(getattr(node, "name", "") == "__getattr__" for node in tree.body)
    code = []
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(ast.Constant()):
                continue
            case ast.If(ast.Name("TYPE_CHECKING")):
                continue
            case ast.Assign([ast.Name("__all__" | "__version__")]):
                continue
            case ast.FunctionDef("__getattr__" | "__dir__"):
                continue
            case ast.Assign(value=ast.Call(ast.Name("attach"))):
                continue
            case ast.Assign(value=ast.Dict() | ast.Set() | ast.Constant()) if lazy:
                continue
        code.append(getattr(node, "name", ast.unparse(node).split("\n")[0][:40]))
    return code


def lines(part: str) -> Callable[[Trees], list[tuple[int, str]]]:
    """Lines of every module of a part of the package; those of a stub are none of it."""

    def found(trees: Trees) -> list[tuple[int, str]]:
        return [
            (SOURCES[module].count("\n"), module)
            for module in trees
            if f"{module}.".startswith(f"{part}.")
        ]

    return found


def command_lengths(trees: Trees) -> list[tuple[int, str]]:
    """Lines of every function of the command line, from `def` to its end."""
    return [
        (function.end_lineno - function.lineno + 1, place)
        for place, function in named_functions(trees)
        if place.startswith("noiseprune.cli")
    ]


def twins(trees: Trees) -> list[tuple[int, str]]:
    """Functions named as stand-ins of compiled ones, and questions whether anything is compiled."""
    named = [
        p for p, _ in named_functions(trees) if p.rpartition(".")[2].startswith("_interpreted")
    ]
    asked = [
        f"{module}:{node.lineno}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "DISABLE_JIT"
    ]
    return [(1, place) for place in named + asked]


WAY = {"rule", "sampling", "balance"}

RESULTS = {"Pruning", "ComparisonRow", "RecurrentPruning", "FeedforwardPruning"}
"""Records that say how something was pruned, not how to prune: no spellings."""


def ways_to_prune(trees: Trees) -> list[tuple[int, str]]:
    """Spellings of a way to prune: records of rule, sampling and balance, and bare tuples of them.

    A module's tuples are one spelling; the loose parameters of a function are none.
    """
    found = []
    for module, tree in trees.items():
        tuples = []
        for node in ast.walk(tree):
            match node:
                case ast.ClassDef(name, body=body) if name not in RESULTS:
                    fields = {ast.unparse(n.target) for n in body if isinstance(n, ast.AnnAssign)}
                    if fields >= WAY:
                        found.append((1, f"{module}.{name}"))
                case ast.Tuple(elts=parts) if module != "noiseprune.pruning.recipe":
                    if {ast.unparse(part).rpartition(".")[2] for part in parts} >= WAY:
                        tuples.append(node.lineno)
        if tuples:
            found.append((1, f"{module}: tuples on lines {', '.join(map(str, sorted(tuples)))}"))
    return found


WAYS, REPEATS = {"choices", "rivals", "recipes", "ways"}, {"draws", "fractions", "keeps"}
PLAIN = {"range", "len", "enumerate", "zip", "sorted", "list", "tuple"}


def comparison_engines(trees: Trees) -> list[tuple[int, str]]:
    """Functions in which a loop over ways to prune and one over counts or draws are nested.

    Loops are `for`, comprehensions and `product`. What goes through another function's results is
    no engine, and who hands ways and counts on neither.
    """
    return [
        (1, place)
        for place, function in named_functions(trees)
        if any(
            one & WAYS and other & REPEATS
            for nest in nests(function, ())
            for one, other in permutations(nest, 2)
        )
    ]


def nests(node: ast.AST, above: tuple[set[str], ...]) -> list[tuple[set[str], ...]]:
    """Of each innermost loop: the words that it and every loop around it go through."""
    inside: list[ast.AST] = list(ast.iter_child_nodes(node))
    match node:
        case ast.For(iter=iterable):
            above = (*above, words(iterable))
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            above = (*above, *(words(part.iter) for part in node.generators))
        case ast.Call(ast.Name("product"), args=several):
            above = (*above, *map(words, several))
    return [above, *(nest for part in inside for nest in nests(part, above))]


def words(iterable: ast.AST) -> set[str]:
    """Words of the names in what a loop goes through, unless another function has made it."""
    calls = [node.func for node in ast.walk(iterable) if isinstance(node, ast.Call)]
    if not {ast.unparse(called) for called in calls} <= PLAIN:
        return set()
    names = [node.id for node in ast.walk(iterable) if isinstance(node, ast.Name)]
    return {word for name in names for word in name.split("_")}


def of_docstrings(trees: Trees) -> list[tuple[int, str]]:
    """Docstrings that begin with "Of": a sentence with a subject and a verb says more."""
    return [
        (1, f"{module}:{getattr(node, 'lineno', 1)}")
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, Function | ast.ClassDef | ast.Module)
        and re.match(r"Of\b", ast.get_docstring(node) or "")
    ]


# --------------------------------------------------------------------------------------- table


def total(found: list[tuple[int, str]]) -> int:
    return sum(size for size, _ in found)


def largest(found: list[tuple[int, str]]) -> int:
    return max(size for size, _ in found)


COUNTS = (
    Count(f"functions with {MANY} or more parameters", 8, many_parameters),
    Count(f"dataclasses with {MANY} or more fields", 33, many_fields),
    Count("__init__ files that hold code", 0, inits_with_code),
    Count("spellings of a way to prune", 1, ways_to_prune),
    Count("comparison engines", 1, comparison_engines),
    Count("lines of the package", 29_343, lines("noiseprune"), total, 26_000),
    Count("lines of learning", 10_453, lines("noiseprune.learning"), total, 10_000),
    Count("lines of the longest command", 50, command_lengths, largest),
    Count("interpreted twins", 0, twins),
    Count('docstrings that begin with "Of"', 0, of_docstrings),
)
"""Each with its limit; those of lines rise by exactly what a feature adds, and no other does."""


def main() -> None:
    """Print the table; with `--places`, what was counted."""
    parser = argparse.ArgumentParser(description="Count what the house promises of itself.")
    parser.add_argument("--places", action="store_true", help="print what was counted, too")
    everything = parser.parse_args().places
    counted = {count: count.found(TREES) for count in COUNTS}
    rows = ["| what | now | limit | goal |", "|---|--:|--:|--:|"]
    for count, found in counted.items():
        goal = count.limit if count.goal is None else count.goal
        rows.append(f"| {count.name} | {count.number(found)} | {count.limit} | {goal} |")
    sys.stdout.write("\n".join(rows) + "\n")
    for count in COUNTS if everything else COUNTS[:2]:
        sys.stdout.write(f"\n{count.name}\n")
        for size, place in sorted(counted[count], reverse=True):
            sys.stdout.write(f"{size:6d}  {place}\n")


if __name__ == "__main__":
    main()
