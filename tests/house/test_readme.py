"""What README and docs show is run: Python, commands; pictures and files they name are there."""

import re
import shlex
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner

from noiseprune.cli import app
from noiseprune.learning.options.table import MODELS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").glob("*.md"))


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


@pytest.mark.parametrize(
    "source",
    [
        block
        for path in (ROOT / "README.md", *DOCS)
        for block in blocks("python", path.read_text(encoding="utf-8"))
    ],
)
def test_the_python_runs(source, tmp_path):
    with chdir(tmp_path):
        exec(compile(source, "README.md", "exec"), {})


def chains(lines: list[str]) -> list[list[str]]:
    """Commands in their order: one that names a file goes on with the chain that wrote it."""
    found: list[list[str]] = []
    for line in lines:
        written = [re.findall(r" -o (\S+)", "\n".join(chain)) for chain in found]
        ahead = [k for k, files in enumerate(written) if set(files) & set(line.split())]
        if ahead:
            found[ahead[0]].append(line)
        else:
            found.append([line])
    return found


CHAINS = chains([line for block in blocks("console") for line in block.splitlines()])


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain[0].partition("#")[0].strip())
def test_the_commands_run(chain, tmp_path):
    """In order, in one folder: each finds what those before it have written."""
    with chdir(tmp_path):
        for line in chain:
            prompt, command, *arguments = shlex.split(line, comments=True)
            assert (prompt, command) == ("$", "noiseprune")
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, (line, result.output)


def test_there_are_commands():
    assert sum(map(len, CHAINS)) > 5


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "docs" / "learning.md"])
def test_every_model_is_told_of(path):
    text = path.read_text(encoding="utf-8")
    assert [name for name in MODELS if not re.search(rf"`(train )?{name}`", text)] == []


def test_two_commands_set_everything_up():
    install, test = blocks("sh")
    assert "pip install ." in install
    assert "noiseprune prune dataset:celegans" in install
    assert "pip install -e '.[test]'" in test
    assert "pytest" in test


@pytest.mark.parametrize("path", [ROOT / "README.md", *DOCS], ids=lambda path: path.stem)
def test_links_lead_to_files(path):
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_measured_figure_is_printed_by_a_benchmark():
    printed = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks/tables").glob("*.md")
    ).splitlines()
    section = README.partition("\n## What we measured\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert [row for row in rows if row not in printed] == []
