"""`noiseprune prune`."""

from dataclasses import asdict, replace
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
from noiseprune.cli.report import DYNAMICS, with_dynamics
from noiseprune.cli.shared import DEFAULT_NETWORK, Common, check_suffix
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.pruning import Pruning
    from noiseprune.recordings import Recording
    from noiseprune.variance import SynapseVariance
    from noiseprune.weights import FloatArray


NO_LEAK = "this format does not hold the leak: write .npz to keep it"


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
    from noiseprune.pipeline import check_request

    kept = None if keep is None else parsed_keep(keep)
    net = common.network(network)
    check_request(net, kept, rule, sampling, balance, epsilon=epsilon, method=method, refit=refit)
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
        shrink = "auto" if drive is None else "none"
        variance = recorded(common, net, found, match, zero_lag, shrink)
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
        from noiseprune.choices import one_of

        one_of("drive", drive, ("independent-poisson",))


def refuse_given(options: dict[str, tuple[Any, Any]], why: str) -> None:
    """Refuse an option that has another value than its default, as it would do nothing."""
    for name, (value, default) in options.items():
        if value != default:
            raise OptionError(f"--{name.replace('_', '-')} {value} {why}")


def recorded(
    common: Common,
    net: "RateNetwork",
    found: "Recording",
    match: str,
    zero_lag: str,
    shrink: str = "auto",
    scale: "FloatArray | None" = None,
) -> "SynapseVariance":
    """Synapse variances from a recording."""
    import noiseprune as npr

    with common.stage("variance", bar=True) as progress:
        return npr.recordings.synapse_variance(
            net,
            found,
            match=match,
            zero_lag=zero_lag,
            shrink=shrink,
            noise=common.noise,
            scale=scale,
            progress=progress,
        )


def certified(
    common: Common,
    net: "RateNetwork",
    pruning: "Pruning",
    variance: "SynapseVariance | None",
    page: Path | None,
    output: Path | None,
    known: dict[str, Any],
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The result of a pruning with its certificate, and as rows; `page` is written, too.

    output : where the pruned network was written; known : what else the page is to show
    """
    import numpy as np

    import noiseprune as npr
    from noiseprune import files
    from noiseprune.cli.tables import NORMS, guarantee_line, interval, number, size_of
    from noiseprune.recordings import RecordedVariance

    measured = variance.evidence() if isinstance(variance, RecordedVariance) else None
    if page is None:
        # Each array is half a dense matrix or so, and the certificate has no use for them.
        nothing = np.empty(0)
        variance = variance and replace(variance, variance=nothing)
        none_kept = np.empty(0, dtype=np.bool_)
        pruning = replace(pruning, variance=None, keep_probability=nothing, kept=none_kept)
    with common.stage("certificate"):
        found = npr.spectral_similarity(
            net, pruning.network, detail=None if page else False, seed=common.seed
        )
    # The theorem is about the noise rule with the variances of the network itself.
    covered = pruning.rule == "noise" and measured is None
    guarantee = found.guarantee if covered else "none"
    promised = pruning.promised_epsilon if covered else None
    result = {
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        "n_kept": pruning.n_kept,
        "kept_fraction": pruning.n_kept / net.n_synapses,
        "rule": pruning.rule,
        "method": variance.method if variance else None,
        "sampling": pruning.sampling,
        "balance": pruning.balance,
        "gain": pruning.gain,
        "refit": pruning.refit and asdict(pruning.refit),
        "epsilon": found.epsilon,
        "epsilon_interval": found.epsilon_interval,
        "epsilon_norm": found.epsilon_norm,
        "epsilon_method": found.change.method,
        "epsilon_upper_bound": found.change.upper_bound,
        "epsilon_failure_probability": found.change.failure_probability,
        "promised_epsilon": promised,
        "guarantee": guarantee,
        "stable": found.stable,
        "residual": variance.residual if variance else None,
        "n_probes": variance.n_probes if variance else None,
        "variance_error": variance.relative_error if variance else None,
        "solver": variance.solver if variance else None,
        "solver_steps": variance.solver_steps if variance else None,
        "recording": measured,
        "seconds": common.seconds,
        "seed": common.seed,
        "output": output,
        "report": page,
    }
    if page is not None:
        from noiseprune.report import write_html

        if net.n_neurons <= DYNAMICS:
            found = with_dynamics(common, net, pruning.network, found)
        with common.stage("report"):
            write_html(
                page,
                net,
                pruning.network,
                {**found.to_dict(), **result, "pruned": output, **known},
                variance=variance.variance if variance else None,
            )
    rows = [
        ("network", size_of(net)),
        ("kept", f"{pruning.n_kept:,} synapses ({100 * pruning.n_kept / net.n_synapses:.1f} %)"),
        ("rule", f"{pruning.rule}, {pruning.sampling} sampling, {pruning.balance} balance"),
        *probes_line(variance),
        *recording_lines(measured),
        ("epsilon", f"{number(found.epsilon)}    {NORMS[found.epsilon_norm]}"),
        ("interval", interval(found.epsilon_interval)),
        ("stable", "yes" if found.stable else "NO"),
        ("guarantee", guarantee_line(guarantee, promised)),
        ("seconds", ", ".join(f"{k} {v:.2f}" for k, v in common.seconds.items())),
        ("written to", "- (give a file with -o)" if output is None else str(output)),
    ]
    if pruning.refit is not None:
        fitted = pruning.refit
        change = f"epsilon {number(fitted.epsilon_before)} -> {number(fitted.epsilon_after)}"
        rows.insert(3, ("refit", f"{change} in {fitted.evaluations} evaluations"))
    if page is not None:
        rows.append(("report", str(page)))
    if output is not None and not files.holds_leak(output):
        rows.append(("note", NO_LEAK))
    return result, rows


def recording_lines(measured: dict[str, Any] | None) -> list[tuple[str, str]]:
    """What the recording was that the synapse variances are from."""
    if measured is None:
        return []
    length, worth = measured["length"], measured["n_effective"]
    text = (
        f"{measured['source']}, {length:.4g} s, {measured['n_samples']:,} samples, worth "
        f"{worth:,.0f} for the slowest channel; relative error {measured['relative_error']:.2g}"
    )
    rows = [("recording", text)]
    if measured["shrinkage"]:
        rows.append(("shrinkage", f"{measured['shrinkage']:.2g} (Ledoit-Wolf)"))
    if measured["n_raised"]:
        rows.append(
            ("in doubt", f"{measured['n_raised']:,} variances below their error, set to it")
        )
    return rows + [("note", note) for note in measured["notes"]]


def probes_line(variance: "SynapseVariance | None") -> list[tuple[str, str]]:
    """What made the synapse variances, where they were estimated."""
    if variance is None or variance.n_probes is None:
        return []
    text = f"{variance.n_probes} by {variance.method}, relative error {variance.relative_error:.2g}"
    if variance.solver is not None:
        text += f"; {variance.solver} preconditioner, {variance.solver_steps} steps"
    return [("probes", text)]
