"""`noiseprune prune`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from noiseprune.choices import (
    NEED_ACTIVITY,
    NEED_VARIANCE,
    Balance,
    Effort,
    Match,
    Rule,
    Sampling,
)
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
class Amount:
    """How much is kept, by what importance, under what noise."""

    keep: Annotated[str | None, "Fraction in (0, 1], or number of synapses (default 0.1)."] = None
    epsilon: Annotated[float | None, "Instead of --keep: accuracy that the theorem is to give."] = (
        None
    )
    rule: Annotated[Rule, "What makes a synapse important."] = "noise"
    noise: Annotated[
        float | None, "Strength sigma of the noise (default 1, or what a recording shows).", NETWORK
    ] = None

    @property
    def parsed(self) -> float | None:
        return None if self.keep is None else parsed_keep(self.keep)


@dataclass(frozen=True)
class Draw:
    """How synapses are drawn, and what is put right afterwards."""

    sampling: Annotated[
        Sampling | None, "How synapses are drawn (default balanced; with --epsilon independent)."
    ] = None
    balance: Annotated[
        Balance | None, "What makes up for the draw (default homeostatic; with --epsilon leak)."
    ] = None
    effort: Annotated[
        Effort | None, "Fit what is kept (refit), and let other synapses grow instead (regrow)."
    ] = None
    refit: Annotated[bool, "The same as --effort refit."] = False

    def recipe(self, amount: Amount) -> "Recipe":
        from noiseprune.pruning import Recipe
        from noiseprune.pruning.recipe import effort_of

        effort, promise = effort_of(self.effort, self.refit), amount.epsilon is not None
        return Recipe.of(amount.rule, self.sampling, self.balance, effort=effort, promise=promise)


@dataclass(frozen=True)
class FromRecording:
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
        Literal["independent-poisson"] | None, "A negative control: spikes without a network."
    ] = None
    match: Annotated[Match, "Which channel is which neuron."] = "auto"
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
        if rule not in NEED_VARIANCE + NEED_ACTIVITY:
            raise OptionError(
                f"rule {rule!r} uses no activity: leave the recording out, or use rule 'noise'"
            )

    def source(self, net: "RateNetwork", reading: Reading, seed: int) -> "Source":
        from noiseprune import recordings

        if self.recording is None:  # taken as it is: what is put right for others is what it lacks
            found = recordings.independent_poisson(net, seed=seed)
        else:
            found = reading.read(self.recording)
        return recordings.Recorded(
            recording=found,
            match=self.match,
            zero_lag=self.zero_lag,
            shrink="none" if self.recording is None else "auto",
        )


@dataclass(frozen=True)
class Submission(Workers):
    """Where probes and replicas are made, or the script of a job that would make them."""

    dry_run: DryRun = False


def prune(
    common: Common,
    network: Network,
    amount: Amount,
    draw: Draw,
    measured: Measured,
    recorded: FromRecording,
    reading: Reading,
    cluster: Submission,
    report: Annotated[Path | None, "Also write the report, as a page (.html).", OUTPUT] = None,
) -> None:
    """Prune a network, and say how similar the result is.

    noiseprune prune dataset:celegans --keep 0.1 -o pruned.npz
    noiseprune prune --keep 0.2 --method probe --probe-error 0.1 --report report.html
    """
    if cluster.dry_run:
        print_job_script(cluster.cluster, cluster.cluster_config)
        return
    if report is not None:
        check_suffix(report, "a report is a page", ".html")
    recorded.check(reading, measured, cluster, amount.rule)
    keep = amount.parsed
    from noiseprune.cli.tables import facts
    from noiseprune.pipeline import measure_and_prune
    from noiseprune.pruning import check_request
    from noiseprune.work import Means

    net = network.read(common)
    recipe = draw.recipe(amount)
    check_request(net, keep, recipe, amount.epsilon, amount.noise)
    source: Source = measured.source(net, keep_covariance=report is not None)
    if recorded:
        with common.stage("recording"):
            source = recorded.source(net, reading, common.seed)
    with cluster.open(common) as worker:
        pruning = measure_and_prune(
            net,
            keep,
            recipe,
            source,
            epsilon=amount.epsilon,
            noise=amount.noise,
            seed=common.seed,
            stage=partial(common.stage, bar=True),
            means=Means(worker, cluster.memory),
        )
    common.save(pruning.network)
    result, rows = certify(common, pruning, report, common.output, network.name)
    common.emit(result, facts("Pruned network", rows))
