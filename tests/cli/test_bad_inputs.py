"""Refusals: one line that says what was found and what to do, exit code 1, nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import bad_inputs
import pytest
from bad_inputs import BAD_INPUTS, BadInput, refuse, run


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_one_line_and_nothing_left_behind(bad, tmp_path):
    result, before, after = refuse(bad, tmp_path)
    assert result.exit_code == 1
    assert result.stdout == ""
    line, *rest = result.stderr.splitlines()
    assert rest == []
    assert line.startswith("noiseprune: ")
    assert len(line) < 300
    assert [words for words in bad.says if words not in line] == []
    assert after == before


def test_the_table_has_every_input(capsys):
    with mock.patch("bad_inputs.BAD_INPUTS", BAD_INPUTS[:2]):
        bad_inputs.main()
    header, _, first, second = capsys.readouterr().out.splitlines()
    assert header == "| input | command | the one line given |"
    assert first.startswith("| not square | `noiseprune prune net.npy` | noiseprune: net.npy: ")
    assert second.count("|") == 4
    assert len({bad.name for bad in BAD_INPUTS}) == len(BAD_INPUTS)


@pytest.mark.parametrize(
    "command",
    [
        "prun",
        "prune --kep 0.1",
        "prune one.npz two.npz",
        "prune --noise strong",
        "prune --epsilon half",
        "prune --seed 1.5",
        "prune --keep",
        "simulate --n many",
        "report one.npz",
        "report",
        "infer dataset:mouse --leak 1",
        "datasets --noise 2",
        "figures --leak 1",
        "train failures --drop-self",
    ],
)
def test_wrong_usage_exits_2(command):
    result = run(command)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["", " --debug"])
@pytest.mark.parametrize(
    "moment",
    ["noiseprune.lyapunov.covariance", "noiseprune.files.atomic.os.fsync"],
    ids=["at work", "while writing"],
)
def test_an_interrupt_exits_130_and_leaves_the_old_file_whole(moment, option, tmp_path):
    interrupted = mock.patch(moment, side_effect=KeyboardInterrupt)
    command = f"prune net.npz -o old.npz{option}"
    ask = BadInput("", command, (), bad_inputs.network(), lambda: interrupted)
    result, before, after = refuse(ask, tmp_path)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "noiseprune: interrupted\n"
    assert after == before


def test_a_network_and_n_are_one_too_many():
    result = run("simulate dataset:celegans --n 60")
    assert result.exit_code == 1
    assert "leave one of them out" in result.stderr


def test_without_memory_there_is_still_one_line():
    error = MemoryError("Unable to allocate 2 TiB")
    with mock.patch("noiseprune.datasets.load", side_effect=error):
        result = run("simulate --replicas 1000")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "2 TiB" in line
    assert "fewer replicas" in line


def noiseprune(*arguments, **options):
    command = [sys.executable, "-m", "noiseprune", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)


def test_a_process_says_one_line_and_debug_shows_the_traceback():
    plain = noiseprune("prune", "nowhere.npz")
    assert plain.returncode == 1
    assert (
        plain.stderr == "noiseprune: there is no file nowhere.npz: check the name and the folder\n"
    )
    debug = noiseprune("prune", "nowhere.npz", "--debug")
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr
    assert "noiseprune.errors.FileError: there is no file nowhere.npz" in debug.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_results_that_find_no_room_are_not_lost_silently():
    with open("/dev/full", "w") as full:
        result = noiseprune("datasets", "--json", stdout=full)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("noiseprune: the output cannot be written (No space left on device)")


def test_a_reader_that_leaves_early_sees_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    result = noiseprune("datasets", "--json", stdout=writer)
    os.close(writer)
    assert result.returncode == 1
    assert result.stderr == "noiseprune: the reader of the output has closed it\n"
