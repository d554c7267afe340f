"""`noiseprune prune`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noiseprune.cli.options import (
    Bin,
    BurnIn,
    Cluster,
    ClusterConfig,
    DryRun,
    Keep,
    Kind,
    Method,
    Network,
    Probes,
    Resume,
    Series,
    Smoothing,
    Units,
    ZeroLag,
    parsed_keep,
    print_job_script,
    working,
)
from noiseprune.cli.outcome import certified, recorded
from noiseprune.cli.shared import DEFAULT_NETWORK, Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.variance import SynapseVariance


def prune(
    common: Common,
    network: Network = None,
    keep: Keep = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Instead of --keep: accuracy that the theorem is to give.")
    ] = None,
    rule: Annotated[str, typer.Option(help="noise, weight, uniform, magnitude, paper.")] = "noise",
    sampling: Annotated[
        str | None, typer.Option(help="independent, systematic or balanced (default).")
    ] = None,
    balance: Annotated[
        str | None, typer.Option(help="leak, none or homeostatic (default).")
    ] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the kept weights to epsilon (slow).")
    ] = False,
    method: Method = "auto",
    n_probes: Probes = 64,
    probe_error: Annotated[
        float | None,
        typer.Option(help="Instead of --n-probes: relative error wanted of the synapse variances."),
    ] = None,
    solver: Annotated[
        str,
        typer.Option(
            help="Preconditioner of the probes: auto, diagonal, approximate-cholesky, multigrid."
        ),
    ] = "auto",
    cluster: Cluster = None,
    cluster_config: ClusterConfig = None,
    resume: Resume = None,
    dry_run: DryRun = False,
    recording: Annotated[
        str | None,
        typer.Option(help="Synapse variances from this: a file, or dataset:NAME."),
    ] = None,
    match: Annotated[
        str, typer.Option(help="Which channel is which neuron, by: auto, name or order.")
    ] = "auto",
    kind: Kind = "auto",
    bin: Bin = 0.1,
    smoothing: Smoothing = None,
    zero_lag: ZeroLag = "poisson",
    burn_in: BurnIn = 0.0,
    units: Units = None,
    series: Series = None,
    drive: Annotated[
        str | None,
        typer.Option(help="independent-poisson: a negative control, spikes without a network."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--report", help="Also write the report, as a page (.html).")
    ] = None,
) -> None:
    """Prune a network, and say how similar the result is."""
    if dry_run:
        print_job_script(cluster, cluster_config)
        return
    if page is not None:
        check_suffix(page, "a report is a page", ".html")
    check_source(recording, drive, rule)
    of_recordings: dict[str, tuple[Any, Any]] = {
        "kind": (kind, "auto"),
        "bin": (bin, 0.1),
        "smoothing": (smoothing, None),
        "burn_in": (burn_in, 0.0),
        "units": (units, None),
        "series": (series, None),
    }
    if recording is None:
        refuse_given(of_recordings, "reads recordings, and there is none: give --recording")
    if recording is None and drive is None:
        refuse_given(
            {"match": (match, "auto"), "zero_lag": (zero_lag, "poisson")},
            "is for recordings, and there is none: give --recording",
        )
    else:
        refuse_given(
            {
                "method": (method, "auto"),
                "n_probes": (n_probes, 64),
                "probe_error": (probe_error, None),
                "solver": (solver, "auto"),
                "cluster": (cluster, None),
                "resume": (resume, None),
            },
            "would do nothing: the synapse variances come from the recording; leave it out",
        )
    import noiseprune as npr
    from noiseprune.cli.tables import facts
    from noiseprune.pruning import Recipe, check_request

    kept = None if keep is None else parsed_keep(keep)
    net = common.network(network)
    recipe = Recipe.of(rule, sampling, balance, refit=refit, promise=epsilon is not None)
    check_request(net, kept, recipe, epsilon=epsilon)
    noise = 1.0 if common.noise is None else common.noise
    variance: SynapseVariance | None = None
    if recording is not None or drive is not None:
        with common.stage("recording"):
            found = (
                npr.recordings.independent_poisson(net, seed=common.seed)
                if recording is None
                else npr.recordings.read(
                    recording,
                    **{name: value for name, (value, _) in of_recordings.items()},
                )
            )
        # The control is taken as it is: what is put right for others is what it lacks.
        variance = recorded(common, net, found, match, zero_lag, "none" if drive else "auto")
        noise = variance.noise
    elif rule in ("noise", "paper"):
        with (
            common.stage("variance", bar=True) as progress,
            working(common, cluster, cluster_config, resume) as worker,
        ):
            variance = npr.synapse_variance(
                net,
                noise,
                method,
                n_probes=n_probes,
                probe_error=probe_error,
                seed=common.seed,
                progress=progress,
                worker=worker,
                solver=solver,
            )
    with common.stage("prune", bar=refit) as progress:
        pruning = npr.prune(
            net,
            kept,
            rule,
            sampling,
            balance,
            epsilon=epsilon,
            refit=refit,
            variance=variance,
            noise=noise,
            seed=common.seed,
            progress=progress,
        )
    if common.output is not None:
        from noiseprune import files

        with common.stage("save"):
            files.save(pruning.network, common.output)
    known = {"original": network or DEFAULT_NETWORK, "noise": noise}
    result, rows = certified(common, net, pruning, variance, page, common.output, known)
    common.emit(result, facts("Pruned network", rows))


def check_source(recording: str | None, drive: str | None, rule: str) -> None:
    """Refuse options of recordings that would do nothing, or contradict each other."""
    if recording is None and drive is None:
        return
    if recording is not None and drive is not None:
        raise OptionError("--recording and --drive were both given: leave one of them out")
    if rule not in ("noise", "paper"):
        raise OptionError(
            f"rule {rule!r} uses no synapse variances: leave the recording out, or use rule 'noise'"
        )
    if drive is not None:
        from noiseprune.checks import one_of

        one_of("drive", drive, ("independent-poisson",))


def refuse_given(options: dict[str, tuple[Any, Any]], why: str) -> None:
    """Refuse an option that has another value than its default, as it would do nothing."""
    for name, (value, default) in options.items():
        if value != default:
            raise OptionError(f"--{name.replace('_', '-')} {value} {why}")
