"""`noiseprune prune`."""

from dataclasses import dataclass
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
from noiseprune.cli.outcome import certified, recorded
from noiseprune.cli.parameters import NETWORK, OUTPUT, RECORDING, refuse
from noiseprune.cli.shared import Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.variance import SynapseVariance

NO_RECORDING = "is for recordings, and there is none: give --recording"
IS_RECORDED = "would do nothing: the synapse variances come from the recording; leave it out"


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


@dataclass(frozen=True)
class Source:
    """What the synapse variances are from, if not from the network itself."""

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

    @property
    def is_recorded(self) -> bool:
        return self.recording is not None or self.drive is not None

    def check(self, reading: Reading, measured: Measured, workers: Workers, rule: Rule) -> None:
        """Refuse options that would do nothing, or contradict each other."""
        if self.recording is None:
            refuse(reading, NO_RECORDING)
        if not self.is_recorded:
            refuse(self, NO_RECORDING)
            return
        for others in (measured, workers):
            refuse(others, IS_RECORDED)
        if self.recording is not None and self.drive is not None:
            raise OptionError("--recording and --drive were both given: leave one of them out")
        if rule not in ("noise", "paper"):
            raise OptionError(
                f"rule {rule!r} uses no synapse variances: leave the recording out, or use rule "
                "'noise'"
            )

    def variance(
        self, common: Common, net: "RateNetwork", reading: Reading, noise: float | None
    ) -> "SynapseVariance":
        """From the recording, or from the control."""
        import noiseprune as npr

        with common.stage("recording"):
            found = (
                npr.recordings.independent_poisson(net, seed=common.seed)
                if self.recording is None
                else reading.read(self.recording)
            )
        # The control is taken as it is: what is put right for others is what it lacks.
        shrink = "auto" if self.drive is None else "none"
        return recorded(common, net, found, self.match, self.zero_lag, noise, shrink)


def prune(
    common: Common,
    network: Network,
    way: Way,
    measured: Measured,
    source: Source,
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
    source.check(reading, measured, workers, way.rule)
    import noiseprune as npr
    from noiseprune.cli.tables import facts
    from noiseprune.pipeline import check_request

    kept = None if way.keep is None else parsed_keep(way.keep)
    net = network.loaded(common)
    check_request(
        net,
        kept,
        way.rule,
        way.sampling,
        way.balance,
        epsilon=way.epsilon,
        method=measured.method,
        refit=way.refit,
    )
    sigma = 1.0 if noise is None else noise
    variance: SynapseVariance | None = None
    if source.is_recorded:
        variance = source.variance(common, net, reading, noise)
        sigma = variance.noise
    elif way.rule in ("noise", "paper"):
        with common.stage("variance", bar=True) as progress, workers.working(common) as worker:
            variance = npr.synapse_variance(
                net,
                sigma,
                measured.method,
                n_probes=measured.n_probes,
                probe_error=measured.probe_error,
                seed=common.seed,
                progress=progress,
                worker=worker,
                solver=measured.solver,
            )
    with common.stage("prune", bar=way.refit) as progress:
        pruning = npr.prune(
            net,
            kept,
            way.rule,
            way.sampling,
            way.balance,
            epsilon=way.epsilon,
            refit=way.refit,
            variance=variance,
            noise=sigma,
            seed=common.seed,
            progress=progress,
        )
    if common.output is not None:
        from noiseprune import files

        with common.stage("save"):
            files.save(pruning.network, common.output)
    known = {"original": network.name, "noise": sigma}
    result, rows = certified(common, net, pruning, variance, page, common.output, known)
    common.emit(result, facts("Pruned network", rows))
