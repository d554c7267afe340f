"""The house keeps its limits, and the counters count what is planted."""

import ast
import re

import count
import pytest
from sources import TREES


def plant(module, source):
    return {module: ast.parse(source)}


@pytest.mark.parametrize("one", count.COUNTS, ids=lambda one: one.name)
def test_the_house_keeps_its_limits(one):
    found = one.found(TREES)
    places = "\n".join(f"{size:6d}  {place}" for size, place in sorted(found, reverse=True))
    assert one.number(found) <= one.limit, f"{one.name}:\n{places}"


def test_every_reason_is_that_of_a_function_with_many_parameters():
    named = dict(count.named_functions(TREES))
    assert [name for name in count.REASONS if count.n_parameters(named[name]) < count.MANY] == []


def fields(decorator, number):
    return f"{decorator}\nclass C:\n" + "".join(f" f{k}: int\n" for k in range(number))


NINE = ", ".join("abcdefghi")


@pytest.mark.parametrize(
    ("counter", "module", "source", "expected"),
    [
        (count.many_parameters, "x", f"def f({NINE}): 0", []),
        (count.many_parameters, "x", f"class C:\n def f(self, {NINE}): 0", [(10, "x.C.f")]),
        (count.many_parameters, "x", f"def f({NINE}, *, j): 0", [(10, "x.f")]),
        (count.many_parameters, "x", f"def f({NINE}, **j): 0", [(10, "x.f")]),
        (count.many_parameters, "x", f"def g():\n def f(j, {NINE}): 0", [(10, "x.g.f")]),
        (count.many_fields, "x", fields("@dataclass", 9), []),
        (count.many_fields, "x", fields("@dataclass(frozen=True)", 10), [(10, "x.C")]),
        (count.many_fields, "x", fields("@dataclasses.dataclass", 10), [(10, "x.C")]),
        (count.many_fields, "x", fields("@other", 10), []),
        (count.many_fields, "x", fields("@dataclass", 9) + " x: ClassVar[int] = 1", []),
        (count.many_fields, "x", fields("@dataclass", 9) + " x: int = field(init=False)", []),
        (
            count.many_fields,
            "x",
            fields("@dataclass", 9) + "@dataclass\nclass D(C):\n f0: str\n x: int",
            [(10, "x.D")],
        ),
        (count.inits_with_code, "noiseprune.files", "'x'\nimport a\n__all__ = ['a']", []),
        (count.inits_with_code, "noiseprune.files", "T = {}\ndef __getattr__(n): 0", []),
        (count.inits_with_code, "noiseprune.files", "T = {}", [(1, "noiseprune.files: T = {}")]),
        (count.inits_with_code, "noiseprune.files", "def f(): 0", [(1, "noiseprune.files: f")]),
        (count.inits_with_code, "noiseprune.work", "def f(): 0", []),
        (
            count.command_lengths,
            "noiseprune.cli.x",
            "def f(\n a\n):\n 0",
            [(4, "noiseprune.cli.x.f")],
        ),
        (count.command_lengths, "noiseprune.x", "def f(\n a\n):\n 0", []),
        (count.twins, "x", "def _interpreted_f(): 0", [(1, "x._interpreted_f")]),
        (count.twins, "x", "f = g if numba.config.DISABLE_JIT else h", [(1, "x:1")]),
        (
            count.ways_to_prune,
            "x",
            "class Way:\n rule: str\n sampling: str\n balance: str\n keep: float",
            [(1, "x.Way")],
        ),
        (count.ways_to_prune, "x", "class Pruning:\n rule: str\n sampling: str\n balance: str", []),
        (
            count.ways_to_prune,
            "x",
            "rule, sampling, balance = choice\nf(rule, (a.rule, a.sampling, a.balance))",
            [(1, "x: tuples on lines 1, 2")],
        ),
        (count.ways_to_prune, "x", "def f(rule, sampling, balance): 0", []),
        (
            count.comparison_engines,
            "x",
            "def f(net, rivals, fractions):\n for a in fractions:\n  for b in rivals: prune(a, b)",
            [(1, "x.f")],
        ),
        (
            count.comparison_engines,
            "x",
            "def f():\n return map(prune, product(range(len(choices)), keeps))",
            [(1, "x.f")],
        ),
        (
            count.comparison_engines,
            "x",
            "def f():\n return [p(a, b) for a in range(n_ways) for b in range(draws)]",
            [(1, "x.f")],
        ),
        (count.comparison_engines, "x", "def f(rivals, draws):\n return g(rivals, draws)", []),
        (
            count.comparison_engines,
            "x",
            "def f(ways, draws):\n for way in ways: 0\n for draw in draws: 0",
            [],
        ),
        (
            count.comparison_engines,
            "x",
            "def f(ways, draws):\n for row in g(ways, draws):\n  for draw in draws: 0",
            [],
        ),
        (count.of_docstrings, "x", "'Of a'\ndef f():\n 'Of b.'", [(1, "x:1"), (1, "x:2")]),
        (count.of_docstrings, "x", "'Often'\ndef f():\n 'Gives b of c.'", []),
    ],
)
def test_what_is_planted_is_counted(counter, module, source, expected):
    assert counter(plant(module, source)) == expected


def test_the_script_prints_every_count(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["count.py", "--places"])
    count.main()
    printed = capsys.readouterr().out
    for one in count.COUNTS:
        assert re.search(
            rf"^\| {re.escape(one.name)} \| \d+ \| {one.limit} \| \d+ \|$", printed, flags=re.M
        )
        assert f"\n{one.name}\n" in printed
