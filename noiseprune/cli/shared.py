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
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noiseprune.errors import FileError, NoisePruneError, OptionError
from noiseprune.progress import Progress, silent
from noiseprune.records import json_text

if TYPE_CHECKING:
    from rich.table import Table

    from noiseprune.network import RateNetwork

DEFAULT_NETWORK = "dataset:celegans"


@dataclass
class Common:
    """The options that every command takes, and the clock of its stages."""

    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0
    noise: Annotated[
        float | None, typer.Option(help="Strength sigma of the noise (default 1; simulate 0.01).")
    ] = None
    leak: Annotated[
        str | None,
        typer.Option(help="'dominant' or a number, 1/s (default: the file's own, else dominant)."),
    ] = None
    leak_margin: Annotated[
        float | None,
        typer.Option(help="Margin of the dominant leak (default 0.1; generated networks 0)."),
    ] = None
    drop_self: Annotated[bool, typer.Option("--drop-self", help="Remove self-synapses.")] = False
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False
    threads: Annotated[int | None, typer.Option(help="Threads to use (default: all cores).")] = None
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False
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

    def refuse_network_options(self, what: str) -> None:
        """Refuse the options of a network, where there is none that they could change."""
        if (self.noise, self.leak, self.leak_margin, self.drop_self) != (None, None, None, False):
            raise OptionError(
                f"{what} of their own: leave --noise, --leak, --leak-margin and --drop-self out"
            )

    def check_output(self, kind: str) -> None:
        """Refuse an output file of the wrong kind or in no folder, before the long work."""
        if self.output is None:
            return
        if kind == "json":
            check_suffix(self.output, "this command writes JSON", ".json")
            return
        if kind == "report":
            check_suffix(self.output, "a report is a page or JSON", ".html", ".json")
            return
        from noiseprune.files import check_destination

        check_destination(self.output, trajectory=kind == "trajectory")

    def write_json(self, result: dict[str, Any]) -> None:
        """Write the result to the output file, if there is one."""
        if self.output is None:
            return
        from noiseprune.files import write_atomically

        with write_atomically(self.output) as temporary:
            temporary.write_text(json_text(result) + "\n", encoding="utf-8")

    def network(self, name: str | None, *, leak_margin: float = 0.1) -> "RateNetwork":
        """The network of a file or of `dataset:NAME`; the embedded default if left out."""
        from noiseprune import datasets, files

        name = DEFAULT_NETWORK if name is None else name
        leak = self.parsed_leak()
        margin = leak_margin if self.leak_margin is None else self.leak_margin
        if leak is None and self.leak_margin is not None:
            leak = "dominant"
        with self.stage("load"):
            kind, separator, rest = name.partition(":")
            if separator and kind == "dataset":
                return datasets.load(
                    rest, leak="dominant" if leak is None else leak, leak_margin=margin
                )
            known = {dataset.name for dataset in datasets.available()}
            if name in known and not Path(name).exists():
                raise FileError(f"there is no file {name}: did you mean dataset:{name}?")
            return files.load(name, leak=leak, leak_margin=margin, drop_self=self.drop_self)

    def pruned_network(self, name: str, original: "RateNetwork") -> "RateNetwork":
        """The network of a file with its own leak, or the original's if the file holds none.

        The leak options are the original's: a pruned network has what pruning made of them.
        """
        from noiseprune import files

        if name.startswith("dataset:"):
            return self.network(name)
        with self.stage("load pruned"):
            return files.load(name, default_leak=original.leak, drop_self=self.drop_self)

    def parsed_leak(self) -> str | float | None:
        """The leak option as RateNetwork takes it."""
        if self.leak not in (None, "dominant") and self.leak_margin is not None:
            raise OptionError(
                f"the leak is {self.leak} and a margin was given too, which only the dominant leak "
                "has: leave one of them out"
            )
        if self.leak is None or self.leak == "dominant":
            return self.leak
        try:
            return float(self.leak)
        except ValueError:
            raise OptionError(f"unknown leak {self.leak!r}: give dominant or a number") from None


def check_suffix(path: Path, kind: str, *suffixes: str) -> None:
    """Refuse a file with another suffix, or one that cannot be written, before the long work."""
    if path.suffix.lower() not in suffixes:
        raise FileError(
            f"{path} has the suffix {path.suffix!r}, but {kind}: use a name that ends in "
            f"{' or '.join(suffixes)}"
        )
    from noiseprune.files.atomic import checked_target

    checked_target(path)


def command(app: typer.Typer, function: Callable[..., None], writes: str | None) -> None:
    """Register `function(common, ...)` with the common options added to its own.

    `writes` is the kind of its output: "network", "trajectory", "json" or "report"; None if it
    depends.
    """
    own = inspect.signature(function)
    common = inspect.signature(Common)

    @wraps(function)
    def run(**arguments: Any) -> None:
        shared = Common(**{name: arguments.pop(name) for name in common.parameters})
        with one_line_errors(debug=shared.debug), _threads(shared.threads):
            from noiseprune.checks import seed_sequence

            seed_sequence(shared.seed)
            if writes is not None:
                shared.check_output(writes)
            function(shared, **arguments)

    parameters = [*list(own.parameters.values())[1:], *common.parameters.values()]
    run.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    )
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    app.command(name=function.__name__)(run)


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
