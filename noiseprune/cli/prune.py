"""`noiseprune prune`."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noiseprune.cli.options import (
    Cluster,
    ClusterConfig,
    DryRun,
    Keep,
    Method,
    Network,
    Probes,
    Resume,
    parsed_keep,
    print_job_script,
    working,
)
from noiseprune.cli.report import DYNAMICS, with_dynamics
from noiseprune.cli.shared import DEFAULT_NETWORK, Common, check_suffix

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
    import numpy as np

    import noiseprune as npr
    from noiseprune import files
    from noiseprune.cli.tables import NORMS, facts, guarantee_line, interval, number, size_of
    from noiseprune.pipeline import check_request

    kept = None if keep is None else parsed_keep(keep)
    net = common.network(network)
    check_request(net, kept, rule, sampling, balance, epsilon=epsilon, method=method, refit=refit)
    noise = 1.0 if common.noise is None else common.noise
    variance = None
    if rule in ("noise", "paper"):
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
        with common.stage("save"):
            files.save(pruning.network, common.output)
    if page is None:
        # Each array is half a dense matrix or so, and the certificate has no use for them.
        nothing = np.empty(0)
        variance = variance and replace(variance, variance=nothing)
        pruning = replace(pruning, variance=None, keep_probability=nothing, kept=nothing)
    with common.stage("certificate"):
        found = npr.spectral_similarity(
            net, pruning.network, detail=None if page else False, seed=common.seed
        )
    # The theorem is about the noise rule: no other has a guarantee on any network.
    guarantee = found.guarantee if pruning.rule == "noise" else "none"
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
        "promised_epsilon": pruning.promised_epsilon,
        "guarantee": guarantee,
        "stable": found.stable,
        "residual": variance.residual if variance else None,
        "n_probes": variance.n_probes if variance else None,
        "variance_error": variance.relative_error if variance else None,
        "solver": variance.solver if variance else None,
        "solver_steps": variance.solver_steps if variance else None,
        "seconds": common.seconds,
        "seed": common.seed,
        "output": common.output,
        "report": page,
    }
    if page is not None:
        from noiseprune.report import write_html

        if net.n_neurons <= DYNAMICS:
            found = with_dynamics(common, net, pruning.network, found)
        known = {"original": network or DEFAULT_NETWORK, "pruned": common.output, "noise": noise}
        with common.stage("report"):
            write_html(
                page,
                net,
                pruning.network,
                {**found.to_dict(), **result, **known},
                variance=variance.variance if variance else None,
            )
    rows = [
        ("network", size_of(net)),
        ("kept", f"{pruning.n_kept:,} synapses ({100 * pruning.n_kept / net.n_synapses:.1f} %)"),
        ("rule", f"{pruning.rule}, {pruning.sampling} sampling, {pruning.balance} balance"),
        *probes_line(variance),
        ("epsilon", f"{number(found.epsilon)}    {NORMS[found.epsilon_norm]}"),
        ("interval", interval(found.epsilon_interval)),
        ("stable", "yes" if found.stable else "NO"),
        ("guarantee", guarantee_line(guarantee, pruning.promised_epsilon)),
        ("seconds", ", ".join(f"{k} {v:.2f}" for k, v in common.seconds.items())),
        ("written to", "- (give a file with -o)" if common.output is None else str(common.output)),
    ]
    if pruning.refit is not None:
        fitted = pruning.refit
        change = f"epsilon {number(fitted.epsilon_before)} -> {number(fitted.epsilon_after)}"
        rows.insert(3, ("refit", f"{change} in {fitted.evaluations} evaluations"))
    if page is not None:
        rows.append(("report", str(page)))
    if common.output is not None and not files.holds_leak(common.output):
        rows.append(("note", "this format does not hold the leak: write .npz to keep it"))
    common.emit(result, facts("Pruned network", rows))


def probes_line(variance: "SynapseVariance | None") -> list[tuple[str, str]]:
    """What made the synapse variances, where they were estimated."""
    if variance is None or variance.n_probes is None:
        return []
    text = f"{variance.n_probes} by {variance.method}, relative error {variance.relative_error:.2g}"
    if variance.solver is not None:
        text += f"; {variance.solver} preconditioner, {variance.solver_steps} steps"
    return [("probes", text)]
