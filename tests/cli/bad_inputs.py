"""Inputs that must be refused, each with the words its refusal has to contain.

`python tests/cli/bad_inputs.py` prints them all with the line that each of them gets.
"""

import errno
import resource
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import neo
import numpy as np
import quantities as pq
from neo.io import NixIO
from scipy import io, sparse
from typer.testing import CliRunner, Result

import noiseprune as npr
from noiseprune.cli import app

OLD = b"what an earlier run has left here"


@dataclass(frozen=True)
class BadInput:
    """A command line that must be refused, and the words of its refusal.

    make : writes the input into the working directory
    around : the circumstances, such as a full disk
    """

    name: str
    command: str
    says: tuple[str, ...]
    make: Callable[[], object] = lambda: None
    around: Callable[[], AbstractContextManager[object]] = nullcontext


def run(command: str) -> Result:
    return CliRunner().invoke(app, shlex.split(command))


def refuse(bad: BadInput, folder: Path) -> tuple[Result, dict[str, bytes], dict[str, bytes]]:
    """Run a command in `folder`; what it said, and the files there before and after."""
    with chdir(folder):
        Path("old.npz").write_bytes(OLD)
        bad.make()
        before = contents(folder)
        with bad.around():
            result = run(bad.command)
    return result, before, contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# ---------------------------------------------------------------------------------- inputs


def all_to_all(n: int = 6, weight: float = 1.0) -> np.ndarray:
    return weight * (np.ones((n, n)) - np.eye(n))


def array(weights: object) -> Callable[[], object]:
    return lambda: np.save("net.npy", np.asarray(weights))


def network(leak: str | float = "dominant", n: int = 6) -> Callable[[], object]:
    return lambda: npr.save(npr.RateNetwork(all_to_all(n), leak), "net.npz")


def with_entry(value: float) -> np.ndarray:
    weights = all_to_all()
    weights[1, 2] = value
    return weights


def text(name: str, content: str) -> Callable[[], object]:
    return lambda: Path(name).write_text(content, encoding="utf-8")


def truncated(name: str) -> Callable[[], None]:
    def make() -> None:
        path = Path(name)
        if path.suffix == ".mtx":
            io.mmwrite(path, sparse.coo_array(all_to_all()))
        else:
            npr.save(npr.RateNetwork(all_to_all()), path)
        path.write_bytes(path.read_bytes()[:-20])

    return make


def two_sizes() -> None:
    for n in (6, 7):
        npr.save(npr.RateNetwork(all_to_all(n)), f"{n}.npz")


def recorded(
    *parts: tuple[np.ndarray, str], labels: list[str] | None = None, cut: int = 0
) -> Callable[[], None]:
    """net.npz of neurons "n0" to "n5", and rec.nix of (values, units), `cut` bytes short."""

    def make() -> None:
        names = [f"n{k}" for k in range(6)]
        npr.save(npr.RateNetwork(all_to_all(), labels=names), "net.npz")
        segment = neo.Segment()
        for k, (values, units) in enumerate(parts):
            signal = neo.AnalogSignal(
                values,
                units=units,
                sampling_period=0.1 * pq.s,
                name=f"signal {k}",
                array_annotations={"labels": np.array((labels or names)[: values.shape[1]])},
            )
            segment.analogsignals.append(signal)
        block = neo.Block()
        block.segments.append(segment)
        with NixIO("rec.nix", "ow") as file:
            file.write_block(block)
        if cut:
            path = Path("rec.nix")
            path.write_bytes(path.read_bytes()[:-cut])

    return make


def activity(n: int = 6, n_samples: int = 60) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((n_samples, n))


def with_nan() -> np.ndarray:
    values = activity()
    values[7, 2] = np.nan
    return values


def silent_unit() -> None:
    times = np.linspace(0.05, 19.95, 200)
    np.savez("spikes.npz", spike_times=times, unit=np.arange(200) % 2, labels=["a", "b", "c"])


# --------------------------------------------------------------------------- circumstances


def full_disk() -> AbstractContextManager[object]:
    """Buffered data may find the disk full only when it is flushed."""
    error = OSError(errno.ENOSPC, "No space left on device")
    return mock.patch("noiseprune.files.atomic.os.fsync", side_effect=error)


@contextmanager
def small_files_only() -> Iterator[None]:
    """The kernel stops every write after 1000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ----------------------------------------------------------------------------------- table

GENERATE = "generate --n 60 --seed 7 -o"
RECORDING = "prune net.npz --recording rec.nix"
ANY = network()

BAD_INPUTS = (
    # the weights
    BadInput("not square", "prune net.npy", ("(3, 4)", "square"), array(np.ones((3, 4)))),
    BadInput(
        "not a number", "prune net.npy", ("W[1, 2] = nan", "replace"), array(with_entry(np.nan))
    ),
    BadInput("infinite", "prune net.npy", ("W[1, 2] = inf", "replace"), array(with_entry(np.inf))),
    BadInput("empty network", "prune net.npy", ("(0, 0)", "at least one"), array(np.ones((0, 0)))),
    BadInput("complex", "prune net.npy", ("complex", "W.real"), array(1j * all_to_all())),
    BadInput("non-numeric", "prune net.npy", ("<U1", "real numbers"), array([["a", "b"]] * 2)),
    BadInput(
        "non-numeric table",
        "prune net.csv",
        ("'strong'", "weight"),
        text("net.csv", "pre,post,weight\n0,1,strong\n"),
    ),
    BadInput(
        "self-synapses", "prune net.npy", ("6 self-synapses", "--drop-self"), array(np.ones((6, 6)))
    ),
    BadInput("no synapses", "prune net.npy", ("no synapses",), array(np.zeros((3, 3)))),
    # the drift
    BadInput("unstable drift", "prune net.npz", ("is 4 1/s", "4.05 to the leak"), network(1.0)),
    BadInput("unstable run", "simulate net.npz", ("is 4 1/s", "4.05 to the leak"), network(1.0)),
    BadInput(
        "singular drift",
        "prune net.npz --leak-margin 0",
        ("singular", "spectral abscissa", "0.25 to the leak", "--leak-margin"),
        ANY,
    ),
    BadInput(
        "singular drift, probed",
        "prune net.npz --leak-margin 0 --method probe",
        ("singular", "spectral abscissa", "0.25 to the leak", "--leak-margin"),
        ANY,
    ),
    BadInput(
        "unstable drift, probed",
        "prune dataset:mushroom-body --leak 1 --method probe",
        ("unstable", "spectral abscissa", "--leak dominant"),
    ),
    BadInput(
        "unknown solver",
        "prune net.npz --method probe --solver multi",
        ("solver 'multi'", "'multigrid'"),
        ANY,
    ),
    BadInput(
        "no probe error",
        "prune net.npz --method probe --probe-error 0",
        ("probe error is 0", "above 0"),
        ANY,
    ),
    BadInput("unknown cluster", "prune net.npz --cluster laptop", ("'laptop'", "local:N"), ANY),
    BadInput("no workers", "prune net.npz --cluster local:0", ("'local:0'", "local:2"), ANY),
    BadInput("slurm without a file", "prune --cluster slurm", ("--cluster-config",)),
    BadInput("dry run of nothing", "prune --dry-run", ("--cluster slurm",)),
    BadInput(
        "resuming in a file",
        "prune net.npz --method probe --resume net.npz",
        ("net.npz", "name another"),
        ANY,
    ),
    BadInput("leak in words", "prune --leak strong", ("'strong'", "dominant or a number")),
    BadInput("negative leak", "prune --leak -2", ("-2", "above 0")),
    BadInput("negative margin", "prune --leak-margin -0.5", ("-0.5", "at least 0")),
    # how much to keep
    BadInput("keep 0", "prune net.npz --keep 0", ("keep is 0", "between 1 and 30"), ANY),
    BadInput("keep 0.0", "prune net.npz --keep 0.0", ("keep is 0", "(0, 1]"), ANY),
    BadInput("keep above 1", "prune net.npz --keep 1.5", ("keep is 1.5", "(0, 1]"), ANY),
    BadInput("keep below 0", "prune net.npz --keep -1", ("keep is -1", "between 1 and 30"), ANY),
    BadInput("keep too many", "prune net.npz --keep 31", ("keep is 31", "between 1 and 30"), ANY),
    BadInput("keep nan", "compare net.npz --keep nan", ("keep is nan", "(0, 1]"), ANY),
    BadInput("keep in words", "prune net.npz --keep half", ("'half'", "(0, 1]"), ANY),
    BadInput("epsilon 0", "prune net.npz --epsilon 0", ("epsilon is 0", "(0, 1]"), ANY),
    BadInput("epsilon above 1", "prune net.npz --epsilon 1.5", ("epsilon is 1.5", "(0, 1]"), ANY),
    BadInput("epsilon nan", "prune net.npz --epsilon nan", ("epsilon is nan", "(0, 1]"), ANY),
    BadInput(
        "keep and epsilon", "prune net.npz --keep 0.5 --epsilon 0.5", ("both", "leave one"), ANY
    ),
    BadInput(
        "epsilon by weight",
        "prune net.npz --epsilon 0.5 --rule weight",
        ("'weight'", "keep instead"),
        ANY,
    ),
    # noise, time and numbers
    BadInput("noise 0", "prune net.npz --noise 0", ("noise is 0", "above 0"), ANY),
    BadInput("noise below 0", "simulate net.npz --noise -1", ("noise is -1", "above 0"), ANY),
    BadInput(
        "noise of rules without", "prune net.npz --rule uniform --noise 0", ("noise is 0",), ANY
    ),
    BadInput(
        "noise of no runs", "report net.npz net.npz --no-dynamics --noise 0", ("noise is 0",), ANY
    ),
    *(
        BadInput(
            f"noise {noise} of precision",
            f"infer dataset:mouse --method precision --noise {noise}",
            (f"noise is {noise}", "above 0"),
        )
        for noise in ("0", "-1", "nan", "inf")
    ),
    BadInput("preact noise", "train ctrnn --preact-noise -1", ("noise is -1", "at least 0")),
    BadInput("noise nan", "compare net.npz --noise nan", ("noise is nan", "above 0"), ANY),
    BadInput(
        # A = W - 5.5 I: the fastest mode is -6.5 / s, so the largest step is 2 / 6.5 s.
        "dt too large",
        "simulate net.npz --dt 0.31 -o old.npz",
        ("dt is 0.31", "0.307692"),
        ANY,
    ),
    BadInput("no duration", "simulate net.npz --duration 0", ("duration is 0", "above 0"), ANY),
    BadInput("no replicas", "simulate net.npz --replicas 0", ("replicas is 0", "at least 1"), ANY),
    BadInput("no rounds", "plasticity net.npz --rounds 0", ("rounds is 0", "at least 1"), ANY),
    BadInput(
        "regrowing all the time",
        "plasticity net.npz --continuous --regrow",
        ("in rounds", "leave continuous"),
        ANY,
    ),
    BadInput("keep and gain", "plasticity net.npz --keep 0.5 --gain 2", ("both", "leave one"), ANY),
    BadInput(
        "a short interval", "plasticity net.npz --interval 1e-9", ("interval is 1e-09", "dt"), ANY
    ),
    BadInput(
        "a plasticity that does not settle",
        "plasticity net.npz",
        ("is 4 1/s", "4.05 to the leak"),
        network(1.0),
    ),
    BadInput(
        "a figure in words",
        "plasticity net.npz --figure old.npz",
        ("old.npz", ".png or .svg or .pdf"),
        ANY,
    ),
    BadInput("no draws", "compare net.npz --draws 0", ("draws is 0", "at least 1"), ANY),
    BadInput("negative seed", "prune net.npz --seed -1", ("seed is -1", "at least 0"), ANY),
    BadInput("no threads", "datasets --threads 0", ("threads is 0", "at least 1")),
    BadInput(
        "sizes that do not sum to n",
        "generate --n 60 --sizes 30,20 -o old.npz",
        ("sum to 50", "n is 60", "change one"),
    ),
    BadInput(
        "sizes in words", "generate --sizes many -o old.npz", ("'many'", "such as 2700,100,200")
    ),
    # names
    BadInput("unknown dataset", "prune dataset:celegan", ("'celegan'", "did you mean 'celegans'")),
    BadInput("dataset without prefix", "prune celegans", ("no file", "dataset:celegans")),
    BadInput("unknown extent", "prune dataset:optic-lobe:16", ("'16'", "from 0 to 15")),
    BadInput("unknown rule", "prune --rule nois", ("'nois'", "did you mean 'noise'")),
    BadInput(
        "unknown sampling", "prune --sampling even", ("'even'", "independent, systematic, balanced")
    ),
    BadInput("unknown balance", "prune --balance lek", ("'lek'", "did you mean 'leak'")),
    BadInput("unknown method", "prune --method exac", ("'exac'", "did you mean 'exact'")),
    BadInput(
        "unknown method, not needed", "prune --rule weight --method exac", ("'exac'", "'exact'")
    ),
    BadInput("unknown activation", "simulate --activation relu", ("'relu'", "rectified")),
    BadInput(
        "the paper's rule, changed", "prune --rule paper --balance none", ("'paper'", "leave")
    ),
    # files to read
    BadInput("no such file", "prune nowhere.npz", ("no file nowhere.npz", "check the name")),
    BadInput(
        "empty file", "prune net.npz", ("net.npz is empty", "save it again"), text("net.npz", "")
    ),
    BadInput("folder", "prune net.npz", ("is a folder", "a file"), lambda: Path("net.npz").mkdir()),
    BadInput("unknown format", "prune net.xls", ("'.xls'", ".npz"), text("net.xls", "1")),
    BadInput(
        "not what it claims", "prune net.npz", ("net.npz", "save it again"), text("net.npz", "1")
    ),
    *(
        BadInput(
            f"truncated {suffix}",
            f"prune net{suffix}",
            (f"net{suffix}", "truncated", "save it again"),
            truncated(f"net{suffix}"),
        )
        for suffix in (".npz", ".npy", ".mat", ".mtx", ".graphml", ".gml")
    ),
    BadInput(
        "networks of two sizes", "report 6.npz 7.npz", ("6", "7", "its own pruned"), two_sizes
    ),
    # recordings
    BadInput(
        "signals of two kinds",
        RECORDING,
        ("rec.nix", "'signal 1' is in Hz", "not mV", "one kind"),
        recorded((activity(3), "mV"), (activity(3), "Hz")),
    ),
    BadInput(
        "wrong unit asked for",
        f"{RECORDING} --units Hz",
        ("is in mV", "not Hz"),
        recorded((activity(), "mV")),
    ),
    BadInput(
        "recorded nan",
        RECORDING,
        ("'n2' is nan at sample 7", "cut"),
        recorded((with_nan(), "mV")),
    ),
    BadInput(
        "one sample",
        RECORDING,
        ("1 sample", "at least 8", "longer"),
        recorded((activity(n_samples=1), "mV")),
    ),
    BadInput(
        "channels of other names",
        RECORDING,
        ("6 of 6 neurons have no channel", "'n0'", "'x0'", "--match order"),
        recorded((activity(), "mV"), labels=[f"x{k}" for k in range(6)]),
    ),
    BadInput(
        "too few channels",
        f"{RECORDING} --match order",
        ("4 channels", "6 neurons"),
        recorded((activity(4), "mV")),
    ),
    BadInput(
        "silent channel",
        RECORDING,
        ("'n0' is silent", "record longer"),
        recorded((activity() * np.arange(6), "mV")),
    ),
    BadInput(
        "silent unit", "infer spikes.npz", ("unit 'c' is silent", "--drop-silent"), silent_unit
    ),
    BadInput(
        "truncated recording",
        RECORDING,
        ("rec.nix", "damaged"),
        recorded((activity(), "mV"), cut=2000),
    ),
    BadInput(
        "burn-in of everything",
        f"{RECORDING} --burn-in 6",
        ("burn-in of 6 s", "6 s", "shorter"),
        recorded((activity(), "mV")),
    ),
    BadInput("no such recording", "infer nowhere.nix", ("no file nowhere.nix", "check the name")),
    BadInput("no recording", "infer net.npz", ("net.npz holds", "spike_times"), network()),
    BadInput(
        "foreign recording",
        "infer notes.txt~",
        ("notes.txt~", "no kind that Neo can read"),
        text("notes.txt~", "hello"),
    ),
    BadInput("unknown recording", "infer dataset:mice", ("'mice'", "did you mean 'mouse'")),
    BadInput("recording as a network", "prune dataset:mouse", ("no synapses", "infer")),
    BadInput("bins of nothing", "infer dataset:mouse --bin 0", ("bin is 0", "above 0")),
    BadInput("bins too long", "infer dataset:mouse --bin 400", ("3 bins of 400 s", "shorter")),
    BadInput("unknown inference", "infer dataset:mouse --method lag", ("'lag'", "'lagged'")),
    BadInput("leak of a list", "datasets --leak 1", ("--leak 1", "NAME and -o")),
    BadInput("zero lag of nothing", "prune --zero-lag poison", ("'poison'", "'poisson'")),
    BadInput("bins of no recording", "prune --bin 0.2", ("--bin 0.2", "give --recording")),
    BadInput(
        "probes of a recording",
        "prune --recording dataset:mouse --n-probes 7",
        ("--n-probes 7", "leave it out"),
    ),
    BadInput("report of nothing", "infer dataset:mouse --report r.html", ("--keep, too",)),
    BadInput("unknown drive", "prune --drive poisson", ("'poisson'", "'independent-poisson'")),
    BadInput(
        "recording and drive",
        "prune --drive independent-poisson --recording dataset:mouse",
        ("both", "leave one"),
    ),
    BadInput(
        "recording by weight",
        "prune --rule weight --recording dataset:mouse",
        ("'weight'", "leave the recording out"),
    ),
    # files to write
    BadInput("no output file", "generate --n 60", ("-o net.npz",)),
    BadInput("full disk, new file", f"{GENERATE} new.npz", ("is full", "free"), around=full_disk),
    BadInput("full disk, old file", f"{GENERATE} old.npz", ("is full", "free"), around=full_disk),
    BadInput(
        "full disk, pruned",
        "prune net.npz --rule weight -o old.npz",
        ("is full", "free some space"),
        ANY,
        full_disk,
    ),
    BadInput(
        "file size limit", f"{GENERATE} old.npz", ("old.npz", "the limit"), around=small_files_only
    ),
    BadInput("no such folder", f"{GENERATE} there/net.npz", ("folder there", "create it")),
    BadInput(
        "output is a folder", f"{GENERATE} here", ("here", ".npz"), lambda: Path("here").mkdir()
    ),
    BadInput("unknown output format", f"{GENERATE} net.xls", ("'.xls'", ".npz")),
    BadInput(
        "run as a table",
        "simulate net.npz --duration 1 -o run.csv",
        ("'.csv'", ".npz or .nix"),
        ANY,
    ),
    BadInput("rows as a network", "compare net.npz --draws 1 -o old.npz", ("'.npz'", ".json"), ANY),
)


def main() -> None:
    """Print the table: input, command, and the one line given."""
    lines = ["| input | command | the one line given |", "|---|---|---|"]
    for bad in BAD_INPUTS:
        with tempfile.TemporaryDirectory() as folder:
            result, _, _ = refuse(bad, Path(folder))
        said = result.stderr.strip().replace("|", "\\|")
        lines.append(f"| {bad.name} | `noiseprune {bad.command}` | {said} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
