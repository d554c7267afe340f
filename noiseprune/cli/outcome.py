"""What commands tell of a pruning: its certificate, rows of the table, keys of the JSON."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noiseprune.cli.report import DYNAMICS, with_dynamics
from noiseprune.cli.shared import Common

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.pruning import Pruning
    from noiseprune.recordings import Recording
    from noiseprune.variance import SynapseVariance
    from noiseprune.weights import FloatArray

NO_LEAK = "this format does not hold the leak: write .npz to keep it"


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

    measured = variance.to_dict()["recording"] if variance else None
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
