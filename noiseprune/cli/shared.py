"""What all commands have in common: their options, their errors, their output."""

import errno
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

import typer

from noiseprune.checks import one_of, seed_sequence
from noiseprune.cli.parameters import GENERAL, OUTPUT, folded, names_of, offered, unfolded
from noiseprune.errors import FileError, NoisePruneError, OptionError
from noiseprune.progress import Progress, silent
from noiseprune.records import json_text

if TYPE_CHECKING:
    from rich.table import Table

    from noiseprune.network import RateNetwork

Writes = Literal["network", "trajectory", "report", "json", "dataset", "figures", "training"]
DESTINATION: dict[Writes, str] = {
    "network": "File for the network: .npz, or .mtx, .npy, .csv, .tsv, .graphml, .gml, .mat.",
    "trajectory": "File for the trajectory: .npz or .nix.",
    "report": "File for the report: a page (.html) or .json.",
    "json": "File for the rows: .json.",
    "dataset": "File: the list as .json, or with NAME the connectome, such as .npz.",
    "figures": "Folder for the figures (default: figures).",
    "training": "Folder for checkpoints, log.csv, result.json, the model and figures.",
}
"""What -o names, by what a command writes."""


@dataclass
class Common:
    """The options that every command takes, and the clock of its stages."""

    PANEL: ClassVar = GENERAL

    seed: Annotated[int, "Seed of everything random."] = 0
    threads: Annotated[int | None, "Threads to use (default: all cores)."] = None
    debug: Annotated[bool, "Show the traceback of an error."] = False
    output: Annotated[Path | None, typer.Option("--output", "-o"), OUTPUT] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object."), OUTPUT] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar."), OUTPUT] = False
    seconds: dict[str, float] = field(default_factory=dict, init=False)

    @contextmanager
    def stage(self, name: str, bar: bool = False) -> Iterator[Progress]:
        """Time a stage; with `bar` yield a progress callable that draws a bar on stderr."""
        start = time.perf_counter()
        with self._bar(name) if bar else nullcontext(silent) as progress:
            yield progress
        self.seconds[name] = time.perf_counter() - start

    @contextmanager
    def _bar(self, name: str) -> Iterator[Progress]:
        if self.quiet or not sys.stderr.isatty():
            yield silent
            return
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(name, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)

    def emit(self, result: dict[str, Any], *tables: "Table | str") -> None:
        """Print the result: as JSON if asked, else as tables."""
        if self.as_json:
            typer.echo(json_text(result))
            return
        from rich.console import Console

        console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
        for table in tables:
            console.print(table)

    def check_output(self, writes: Writes) -> None:
        """Refuse a file of the wrong kind or in no folder, before the long work."""
        if self.output is None:
            return
        if writes == "json":
            check_suffix(self.output, "this command writes JSON", ".json")
        elif writes == "report":
            check_suffix(self.output, "a report is a page or JSON", ".html", ".json")
        elif writes in ("network", "trajectory"):
            from noiseprune.files import check_destination

            check_destination(self.output, trajectory=writes == "trajectory")

    def save(self, net: "RateNetwork", path: Path | None = None, stage: str = "save") -> None:
        """Write a network to `path`, by default to the output file, if there is one."""
        path = path or self.output
        if path is None:
            return
        from noiseprune import files

        with self.stage(stage):
            files.save(net, path)

    def to_dict(self) -> dict[str, Any]:
        """What the JSON of most commands says of its making."""
        return {"seconds": self.seconds, "seed": self.seed, "output": self.output}

    def timed(self) -> tuple[str, str]:
        """What the stages took, as a row of a table."""
        return "seconds", ", ".join(f"{name} {took:.2f}" for name, took in self.seconds.items())

    def written(self) -> tuple[str, str]:
        """Where the result is, as a row of a table."""
        return "written to", "- (give a file with -o)" if self.output is None else str(self.output)

    def write_json(self, result: dict[str, Any]) -> None:
        """Write the result to the output file, if there is one."""
        if self.output is None:
            return
        from noiseprune.files import write_atomically

        with write_atomically(self.output) as temporary:
            temporary.write_text(json_text(result) + "\n", encoding="utf-8")


def check_suffix(path: Path, kind: str, *suffixes: str) -> None:
    """Refuse a file with another suffix, or one that cannot be written, before the long work."""
    if path.suffix.lower() not in suffixes:
        raise FileError(
            f"{path} has the suffix {path.suffix!r}, but {kind}: use a name that ends in "
            f"{' or '.join(suffixes)}"
        )
    from noiseprune.files.atomic import checked_target

    checked_target(path)


def command(app: typer.Typer, function: Callable[..., None], writes: Writes) -> None:
    """Register `function(common, ...)`: its records become options, its name the command's.

    Its docstring is the help, the lines after the first are examples. `writes` is what -o names.
    """
    text, _, examples = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    parameters = unfolded(function)
    get_args(parameters["output"].annotation)[1].help = DESTINATION[writes]

    @wraps(function)
    def run(**values: Any) -> None:
        with one_line_errors(debug=values["debug"]), _threads(values["threads"]):
            for name, parameter in parameters.items():
                names = names_of(parameter)
                if names and values[name] is not None:
                    one_of(name.replace("_", " "), values[name], names)
            arguments = folded(function, values)
            common: Common = arguments["common"]
            seed_sequence(common.seed)
            common.check_output(writes)
            function(**arguments)

    shown = [offered(parameter) for parameter in parameters.values()]
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    epilog = "\n\n".join(["Examples:", *examples.splitlines()])
    app.command(name=function.__name__, help=text, epilog=epilog)(run)


@contextmanager
def one_line_errors(*, debug: bool) -> Iterator[None]:
    """Turn an error into one line on stderr and the exit code of the contract."""
    try:
        yield
    except (NoisePruneError, OSError, MemoryError) as error:
        if debug:
            raise
        typer.echo(f"noiseprune: {_sentence(error)}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as error:
        said = f"interrupted, {error}" if str(error) else "interrupted"
        typer.echo(f"noiseprune: {said}", err=True)
        raise typer.Exit(130) from None


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return "the reader of the output has closed it"
    if isinstance(error, MemoryError):
        return f"out of memory ({error}): use a smaller network or fewer replicas"
    if isinstance(error, OSError):  # of a file it would be a FileError: this is of stdout
        return f"the output cannot be written ({error.strerror or error}): send it elsewhere"
    return " ".join(str(error).split())


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """Limit BLAS and Numba to `number` threads."""
    if number is None:
        yield
        return
    if number < 1:
        raise OptionError(f"threads is {number}, but must be at least 1")
    import numba
    import scipy.linalg  # noqa: F401  (loads the BLAS that is to be limited)
    from threadpoolctl import threadpool_limits

    before = numba.get_num_threads()
    numba.set_num_threads(min(number, before))
    try:
        with threadpool_limits(number):
            yield
    finally:
        numba.set_num_threads(before)
