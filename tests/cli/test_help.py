"""The help of the commands, what the shell completes, and defaults that are the library's."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from typing import get_args
from unittest import mock

import pytest
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import choices, cli, recordings
from noiseprune.cli import parameters
from noiseprune.figures import PICTURES
from noiseprune.similarity import SpectralReport

EVERYWHERE = {"--seed", "--json", "--quiet", "--threads", "--output", "-o", "--debug"}
OF_NETWORKS = {"--leak", "--leak-margin", "--drop-self", "--noise"}
APPLIES = {
    "generate": {"--leak", "--leak-margin"},
    "simulate": OF_NETWORKS,
    "prune": OF_NETWORKS,
    "infer": {"--noise"},
    "report": OF_NETWORKS,
    "compare": OF_NETWORKS,
    "plasticity": OF_NETWORKS,
    "datasets": {"--leak", "--leak-margin"},
    "figures": set(),
    "train failures": set(),
}
CHOICES = {
    "prune --rule": choices.Rule,
    "prune --sampling": choices.Sampling,
    "prune --balance": choices.Balance,
    "prune --method": choices.Method,
    "prune --solver": choices.Solver,
    "prune --match": choices.Match,
    "prune --kind": choices.Kind,
    "prune --zero-lag": choices.ZeroLag,
    "infer --method": choices.Inference,
    "infer --zero-lag": choices.ZeroLag,
    "compare --method": choices.Method,
    "simulate --activation": choices.Activation,
    "plasticity --activation": choices.Activation,
}


def page(command):
    """The help of a command, wide and without colours."""
    result = CliRunner().invoke(cli.app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)


# --------------------------------------------------------------------------------- the page


def test_help_loads_nothing_heavy():
    commands = ["", "prune", "figures", "train", "train failures"]
    script = (
        "import sys; from noiseprune.cli import main\n"
        "heavy = {'numpy', 'numba', 'scipy', 'matplotlib', 'neo', 'networkx', 'torch'}\n"
        f"for command in {commands}:\n"
        "    sys.argv = ['noiseprune', *command.split(), '--help']\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code\n"
        "    assert not heavy & set(sys.modules), (command, heavy & set(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True)


@pytest.mark.parametrize("command", APPLIES)
def test_a_command_offers_what_applies_to_it_and_nothing_else(command):
    offered = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", page(command).partition("Examples")[0]))
    assert offered >= EVERYWHERE
    assert offered & OF_NETWORKS == APPLIES[command]


@pytest.mark.parametrize("command", APPLIES)
def test_options_stand_in_panels(command):
    panels = re.findall(r"╭─ (\w+)", page(command))
    known = ["Arguments", parameters.GENERAL, *parameters.PANELS]
    assert len(panels) > 2
    assert [name for name in panels if name in known] == [name for name in known if name in panels]


def test_the_panels_of_prune():
    """One option of each, and that it stands there."""
    text = page("prune")
    for panel, option in {
        "Network": "--leak-margin",
        "Method": "--rule",
        "Recording": "--bin",
        "Cluster": "--resume",
        "Output": "--report",
    }.items():
        _, _, rest = text.partition(f"╭─ {panel} ")
        assert option in rest.partition("╰")[0], (panel, option)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("prune", "File for the network"),
        ("simulate", "File for the trajectory"),
        ("report", "File for the report"),
        ("compare", "File for the rows"),
        ("datasets", "File: the list as .json"),
        ("figures", "Folder for the figures"),
        ("train failures", "Folder for checkpoints"),
    ],
)
def test_output_says_whether_it_is_a_file_or_a_folder(command, said):
    line = next(line for line in page(command).splitlines() if "--output" in line)
    assert said in line


@pytest.mark.parametrize("option", CHOICES)
def test_choices_are_listed(option):
    command, flag = option.split()
    line = next(line for line in page(command).splitlines() if f"{flag} " in line)
    assert " | ".join(get_args(CHOICES[option])) in line


# ----------------------------------------------------------------------------- the examples


def examples(command):
    """The command lines that a help ends with."""
    return re.findall(r"^ noiseprune (.*\S)", page(command).partition("Examples:")[2], re.MULTILINE)


@pytest.mark.parametrize(
    "command", [*(function.__name__ for function, _ in cli.COMMANDS), "train deep"]
)
def test_the_examples_run(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if command == "report":  # goes on where the example of prune ended
        npr.save(npr.prune(npr.datasets.load("celegans"), seed=1).network, "pruned.npz")
    for example in examples(command):
        arguments = shlex.split(example)
        result = CliRunner().invoke(cli.app, arguments)
        assert result.exit_code == 0, result.stderr
        for k, argument in enumerate(arguments):
            if argument in ("-o", "--report", "--figure", "--pruned"):
                assert (tmp_path / arguments[k + 1]).exists()


@pytest.mark.parametrize("command", APPLIES)
def test_there_are_two_examples(command):
    assert [line.startswith(command) for line in examples(command)] == [True, True]


# ------------------------------------------------------------------------- what a shell does


def asked(line, shell):
    """What a shell hands over for a line with the cursor at its end."""
    words = line.split(" ")
    bash = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    own = bash if shell == "bash" else {"_TYPER_COMPLETE_ARGS": line}
    return {**own, "_NOISEPRUNE_COMPLETE": f"complete_{shell}"}


@pytest.fixture
def completed(capsys):
    def complete(line, shell="bash"):
        """What the shell is offered."""
        with mock.patch.dict(os.environ, asked(line, shell)), pytest.raises(SystemExit):
            cli.main()
        offered, errors = capsys.readouterr()
        assert errors == ""
        return offered

    return complete


def test_a_process_completes():
    result = subprocess.run(
        [sys.executable, "-c", "from noiseprune.cli import main; main()"],
        env=asked("noiseprune prune --rule ", "bash"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.stdout.split(), result.stderr) == (list(get_args(choices.Rule)), "")


@pytest.mark.parametrize("option", CHOICES)
def test_bash_completes_choices(option, completed):
    assert completed(f"noiseprune {option} ").split() == list(get_args(CHOICES[option]))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("noiseprune pru", ["prune"]),
        ("noiseprune prune --rule no", ["noise"]),
        ("noiseprune prune --rule x", []),
        ("noiseprune prune --leak-", ["--leak-margin"]),
        ("noiseprune prune dataset:cel", ["dataset:celegans", "dataset:celegans-gap"]),
        # As bash breaks the words: it replaces what stands after the colon alone.
        ("noiseprune prune dataset : cel", ["celegans", "celegans-gap"]),
        ("noiseprune infer dataset :", [d.name for d in npr.datasets.available_spikes()]),
        ("noiseprune prune dataset : celegans --rule n", ["noise"]),
        ("noiseprune prune --recording dataset : mou", ["mouse"]),
        ("noiseprune datasets mush", ["mushroom-body"]),
        ("noiseprune figures --only k", [name for name in PICTURES if name.startswith("k")]),
    ],
)
def test_bash_completes(line, offered, completed):
    assert completed(line).split() == offered


def test_zsh_completes(completed):
    assert '"noise"' in completed("noiseprune prune --rule ", "zsh")
    assert '"weight"' not in completed("noiseprune prune --rule no", "zsh")
    assert r"dataset\\:celegans-gap" in completed("noiseprune prune dataset:cel", "zsh")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_script_can_be_had(shell, capsys):
    script = {"_NOISEPRUNE_COMPLETE": f"source_{shell}"}
    with mock.patch.dict(os.environ, script), pytest.raises(SystemExit):
        cli.main()
    assert f"_NOISEPRUNE_COMPLETE=complete_{shell}" in capsys.readouterr().out
    assert "--install-completion" in page("")
    assert "--show-completion" in page("")


# ----------------------------------------------------------------------------- the defaults


DIFFERS = {
    "seed": "of a command always the same, so that it gives the same result twice",
    "replicas": "20 runs, for the statistics that simulate gives; npr.simulate stores all it runs",
    "keep": "read from text: a fraction, a number, or several",
}


@pytest.mark.parametrize(
    ("command", "functions"),
    [
        ("prune", [npr.prune, npr.synapse_variance, recordings.synapse_variance, recordings.read]),
        ("infer", [npr.infer_network, recordings.read]),
        ("compare", [npr.compare]),
        ("simulate", [npr.simulate]),
        ("plasticity", [npr.plasticity]),
        ("report", [SpectralReport.with_dynamics]),
    ],
)
def test_defaults_are_those_of_the_library(command, functions):
    function = next(entry[0] for entry in cli.COMMANDS if entry[0].__name__ == command)
    ours = {name: found.default for name, found in parameters.unfolded(function).items()}
    compared = set()
    for library in functions:
        for name, found in inspect.signature(library).parameters.items():
            known = name in ours and name not in DIFFERS
            if known and found.default is not found.empty:
                allowed = (found.default, None) if name == "noise" else (found.default,)
                assert ours[name] in allowed, (name, ours[name], found.default)
                compared.add(name)
    assert len(compared) >= 1
