"""Whether two versions of the package give the same results, byte for byte.

    python tests/house/identical.py digests OLD_SOURCE -o old.json     # at the start of a change
    python tests/house/identical.py digests NEW_SOURCE -o new.json     # at its end
    python tests/house/identical.py compare old.json new.json

A source is a folder with `noiseprune/` in it. Each command below runs in an empty folder, in a
process of its own, on one thread. What is digested is its JSON without what the clock says, and
the files it wrote; of JSON also the keys are kept. Digests of two machines differ, as rounding
does: compare on one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = {
    "generate": "generate --n 120 --seed 3 -o net.npz",
    "generate directed": "generate --sizes 40,20,20 --directed --seed 4 -o directed.npz",
    "prune": "prune -o pruned.npz",
    "prune report": "prune dataset:mushroom-body --keep 0.3 --report page.html -o pruned.npz",
    "prune symmetric": "prune net.npz --keep 0.3 --seed 5 -o pruned.npz",
    "prune epsilon": "prune net.npz --epsilon 0.9 -o pruned.npz",
    "prune leak": "prune net.npz --keep 0.2 --sampling independent --balance leak -o pruned.npz",
    "prune systematic": "prune directed.npz --keep 0.4 --sampling systematic --balance none",
    "prune paper": "prune net.npz --keep 0.2 --rule paper -o pruned.csv",
    "prune magnitude": "prune dataset:celegans --keep 900 --rule magnitude -o pruned.npz",
    "prune weight": "prune dataset:celegans --keep 0.5 --rule weight --seed 9",
    "prune uniform": "prune dataset:celegans-gap --keep 0.5 --rule uniform",
    "prune probes": "prune net.npz --keep 0.3 --method probe --n-probes 16 -o pruned.npz",
    "prune directed probes": "prune directed.npz --keep 0.3 --method probe --probe-error 0.2",
    "prune solver": "prune net.npz --keep 0.3 --method probe --solver diagonal",
    "prune replicas": "prune net.npz --keep 0.3 --method simulation --n-probes 4",
    "prune refit": "prune net.npz --keep 0.2 --refit -o pruned.npz",
    "prune noise": "prune dataset:celegans --noise 0.5 --leak 900 --keep 0.5",
    "prune control": "prune dataset:celegans --drive independent-poisson --keep 0.5",
    "simulate": "simulate net.npz --duration 2 --replicas 3 --seed 2 -o run.npz",
    "simulate statistics": "simulate dataset:mushroom-body --duration 1 --replicas 2",
    "simulate rectified": "simulate net.npz --duration 1 --replicas 2 --activation rectified",
    "recording": "simulate net.npz --noise 1 --duration 60 --replicas 1 --drive 0 -o run.nix",
    "prune recording": "prune net.npz --keep 0.3 --recording run.nix --burn-in 2 -o pruned.npz",
    "infer": "infer run.nix -o inferred.npz --keep 0.3 --pruned pruned.npz --report page.html",
    "infer precision": "infer run.nix --method precision --noise 1",
    "infer mouse": "infer dataset:mouse --equal-noise --seed 3",
    "report": "report dataset:mushroom-body pruned.npz -o page.html",
    "compare": "compare net.npz --keep 0.3 --draws 2 --seed 1",
    "compare levels": "compare dataset:celegans --keep 0.5,0.2 --draws 2 -o rows.json",
    "plasticity": "plasticity net.npz --keep 0.4 --rounds 2 --seed 6 -o plastic.npz",
    "figures": "figures --fast --only panels,kept",
    "train failures": "train failures --epochs 2 -o run --prune 0.5 --fine-tune 1",
    "train ctrnn": "train ctrnn --epochs 2 --hidden 20 --prune 0.3 -o run",
    "train burstccn": "train burstccn --epochs 1 --layers 1 --hidden 20 -o run",
    "train burstprop": "train burstprop --epochs 1 --layers 1 --hidden 20",
    "train edn": "train edn --epochs 1 --layers 1 --hidden 20",
    "train ann": "train ann --epochs 1 --layers 1 --hidden 20 --prune 0.5",
    "train continuous": "train burstccn-continuous --epochs 1",
    "train deep": "train deep --epochs 5 --seeds 3 --prune 0.8 -o run",
    "train ep": "train ep --epochs 5 --seeds 2",
    "datasets": "datasets",
}
"""What is run, by name. All write into folders of their own, beside the networks made for all."""

MADE_FIRST = ("generate", "generate directed", "recording")
"""Commands whose files the others read."""
FILES_FOR = {"report": "prune report"}
"""Commands that read the files of another, by name."""
CLOCK = ("seconds", "stages", "stepping_seconds", "steps_per_second", "seconds_per_epoch")
TIMED = (".png", ".svg", ".pt", ".html", ".nix", "checkpoint.npz")
"""Ends of files whose bytes hold a time or a version; of pages the numbers are in the JSON."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    ways = parser.add_subparsers(dest="way", required=True)
    digesting = ways.add_parser("digests")
    digesting.add_argument("source", type=Path)
    digesting.add_argument("-o", "--output", type=Path, required=True)
    digesting.add_argument("--only", help="commands whose name holds this")
    comparing = ways.add_parser("compare")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    given = parser.parse_args()
    if given.way == "digests":
        found = digests(given.source.resolve(), given.only or "")
        given.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{len(found)} commands written to {given.output}")
        return
    sys.exit(compare(*(json.loads(path.read_text()) for path in (given.old, given.new))))


def digests(source: Path, only: str) -> dict[str, dict[str, str]]:
    """Digests of each command's JSON and files, by name of the command and of the part."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for command in sorted(COMMANDS, key=lambda command: command not in MADE_FIRST):
            if only in command or command in MADE_FIRST or command in FILES_FOR.values():
                found[command] = run(command, source, scratch)
                print(command, found[command].get("json", "")[:12], flush=True)
    return found


def run(command: str, source: Path, scratch: Path) -> dict[str, str]:
    folder = scratch / command.replace(" ", "-")
    folder.mkdir()
    for other in (*MADE_FIRST, *([FILES_FOR[command]] if command in FILES_FOR else [])):
        made = scratch / other.replace(" ", "-")
        for file in made.iterdir() if made.is_dir() and made != folder else ():
            if file.is_file() and not (folder / file.name).exists():
                (folder / file.name).symlink_to(file)
    done = subprocess.run(
        [sys.executable, "-m", "noiseprune", *COMMANDS[command].split(), "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
        | {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"failed": done.stderr.strip()[-300:]}
    result = json.loads(done.stdout)
    found = {
        "keys": " ".join(sorted(result)),
        "json": digest(json.dumps(without_clock(result), sort_keys=True).encode()),
    }
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and not file.name.endswith(TIMED):
            data = file.read_bytes()
            if file.suffix == ".json":
                data = json.dumps(without_clock(json.loads(data)), sort_keys=True).encode()
            found[str(file.relative_to(folder))] = digest(data)
    return found


def without_clock(value: object) -> object:
    """The value without the entries that the clock writes."""
    if isinstance(value, dict):
        return {key: without_clock(item) for key, item in value.items() if key not in CLOCK}
    if isinstance(value, list):
        return [without_clock(item) for item in value]
    return value


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def compare(old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]) -> int:
    """Print what differs; the number of commands that do."""
    differing = 0
    for command, before in old.items():
        after = new.get(command, {})
        lost = set(before.get("keys", "").split()) - set(after.get("keys", "").split())
        parts = [part for part in before if part != "keys" and before[part] != after.get(part)]
        if lost or parts:
            differing += 1
            print(f"{command}: differs in {', '.join(parts) or 'nothing'}; keys lost: {lost or 0}")
            if "failed" in after:
                print(f"    {after['failed']}")
    print(f"{len(old)} commands, {len(old) - differing} the same to the last byte")
    return differing


if __name__ == "__main__":
    main()
