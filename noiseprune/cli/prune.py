"""`noiseprune prune`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from noiseprune.choices import Balance, Match, Rule, Sampling
from noiseprune.cli import completion
from noiseprune.cli.options import (
    DryRun,
    Measured,
    Network,
    Reading,
    SpikeNoise,
    Workers,
    parsed_keep,
    print_job_script,
)
from noiseprune.cli.outcome import certify
from noiseprune.cli.parameters import NETWORK, OUTPUT, RECORDING, refuse
from noiseprune.cli.shared import Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.pruning import Recipe
    from noiseprune.variance import Source


@dataclass(frozen=True)
class Way:
    """How much to keep, and which."""

    keep: Annotated[
        str | None, typer.Option(help="Fraction in (0, 1], or number of synapses (default 0.1).")
    ] = None
    epsilon: Annotated[
        float | None, typer.Option(help="Instead of --keep: accuracy that the theorem is to give.")
    ] = None
    rule: Annotated[Rule, typer.Option(help="What makes a synapse important.")] = "noise"
    sampling: Annotated[
        Sampling | None,
        typer.Option(help="How synapses are drawn (default balanced; with --epsilon independent)."),
    ] = None
    balance: Annotated[
        Balance | None,
        typer.Option(help="What makes up for the draw (default homeostatic; with --epsilon leak)."),
    ] = None
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the kept weights to epsilon (slow).")
    ] = False

    def recipe(self) -> "Recipe":
        from noiseprune.pruning import Recipe

        promise = self.epsilon is not None
        return Recipe.of(self.rule, self.sampling, self.balance, refit=self.refit, promise=promise)


@dataclass(frozen=True)
class Recorded:
    """The recording that synapse variances are from, if they are not the network's own."""

    PANEL: ClassVar = RECORDING

    recording: Annotated[
        str | None,
        typer.Option(
            help="Synapse variances from this: a file, or dataset:NAME.",
            autocompletion=completion.recordings,
        ),
    ] = None
    drive: Annotated[
        Literal["independent-poisson"] | None,
        typer.Option(help="A negative control: spikes without a network."),
    ] = None
    match: Annotated[Match, typer.Option(help="Which channel is which neuron.")] = "auto"
    zero_lag: SpikeNoise = "poisson"

    def __bool__(self) -> bool:
        return self.recording is not None or self.drive is not None

    def check(self, reading: Reading, measured: Measured, workers: Workers, rule: Rule) -> None:
        """Refuse options that would do nothing, or contradict each other."""
        if self.recording is None:
            refuse(reading, "reads recordings, and there is none: give --recording")
        if not self:
            refuse(self, "is for recordings, and there is none: give --recording")
            return
        for others in (measured, workers):
            refuse(
                others,
                "would do nothing: the synapse variances come from the recording; leave it out",
            )
        if self.recording is not None and self.drive is not None:
            raise OptionError("--recording and --drive were both given: leave one of them out")
        if rule not in ("noise", "paper"):
            raise OptionError(
                f"rule {rule!r} uses no synapse variances: leave the recording out, or use rule "
                "'noise'"
            )

    def source(self, net: "RateNetwork", reading: Reading, seed: int) -> "Source":
        from noiseprune import recordings

        if self.recording is None:  # taken as it is: what is put right for others is what it lacks
            found, shrink = recordings.independent_poisson(net, seed=seed), "none"
        else:
            found, shrink = reading.read(self.recording), "auto"
        return recordings.Recorded(
            recording=found, match=self.match, zero_lag=self.zero_lag, shrink=shrink
        )


def prune(
    common: Common,
    network: Network,
    way: Way,
    measured: Measured,
    recorded: Recorded,
    reading: Reading,
    workers: Workers,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Strength sigma of the noise (default 1, or what a recording shows).",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    dry_run: DryRun = False,
    page: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Also write the report, as a page (.html).", rich_help_panel=OUTPUT
        ),
    ] = None,
) -> None:
    """Prune a network, and say how similar the result is."""
    if dry_run:
        print_job_script(workers.cluster, workers.cluster_config)
        return
    if page is not None:
        check_suffix(page, "a report is a page", ".html")
    recorded.check(reading, measured, workers, way.rule)
    from noiseprune.cli.tables import facts
    from noiseprune.pipeline import measure_and_prune

    net = network.loaded(common)
    source: Source = measured.source(net, keep_covariance=page is not None)
    if recorded:
        with common.stage("recording"):
            source = recorded.source(net, reading, common.seed)
    with workers.working(common) as worker:
        pruning = measure_and_prune(
            net,
            None if way.keep is None else parsed_keep(way.keep),
            way.recipe(),
            source,
            epsilon=way.epsilon,
            noise=noise,
            seed=common.seed,
            stage=partial(common.stage, bar=True),
            worker=worker,
        )
    common.save(pruning.network)
    result, rows = certify(common, pruning, page, common.output, original=network.name)
    common.emit(result, facts("Pruned network", rows))
