"""The package as its house tests read it: every module's text, tree and imports."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "noiseprune"


def module_name(path: Path) -> str:
    """The dotted name of a file of the package; a package has that of its folder."""
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return dotted.removesuffix(".__init__")


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
SOURCES = {module: path.read_text(encoding="utf-8") for module, path in FILES.items()}
PACKAGES = {module for module, path in FILES.items() if path.name == "__init__.py"}
TREES = {module: ast.parse(source) for module, source in SOURCES.items()}


def imports(module: str, source: str) -> set[str]:
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


def arrows(sources: dict[str, str]) -> set[tuple[str, str]]:
    """(importing module, imported name) for every import of the package by itself."""
    return {
        (module, name)
        for module, source in sources.items()
        if module != "noiseprune"
        for name in imports(module, source)
        if name.split(".")[0] == "noiseprune"
    }


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def is_compiled(function: Function) -> bool:
    """True for a function of Numba: `@kernel`, `@sequential` or `@inlined`."""
    decorators = {ast.unparse(node) for node in function.decorator_list}
    return bool(decorators & {"kernel", "sequential", "inlined"})


def names(tree: ast.AST) -> set[str]:
    """Every name, and the last part of every dotted name, that a tree mentions."""
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }


def names_of_others(tree: ast.AST) -> set[str]:
    """What a tree takes from other modules: names that it imports, last parts of dotted names."""
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    return found
