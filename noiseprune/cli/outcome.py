"""What commands tell of a pruning: its certificate, rows of the table, keys of the JSON."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noiseprune.cli.report import DYNAMICS, with_dynamics
from noiseprune.cli.shared import Common

if TYPE_CHECKING:
    from noiseprune.pruning import Pruning

UNMEASURED = (
    *("method", "residual", "n_probes", "variance_error", "solver", "solver_steps", "recording"),
)
"""What is known of synapse variances, where none were made."""
NO_LEAK = "this format does not hold the leak: write .npz to keep it"


def certified(
    common: Common,
    pruning: "Pruning",
    page: Path | None,
    output: Path | None,
    known: dict[str, Any],
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The result of a pruning with its certificate, and as rows; `page` is written, too.

    output : where the pruned network was written; known : what else the page is to show
    """
    import noiseprune as npr
    from noiseprune import files
    from noiseprune.cli.tables import NORMS, guarantee_line, interval, number, size_of

    net = pruning.original
    measured = dict.fromkeys(UNMEASURED) if pruning.evidence is None else pruning.evidence.to_dict()
    with common.stage("certificate"):
        found = npr.spectral_similarity(
            net, pruning.network, detail=None if page else False, seed=common.seed
        )
    # The theorem is about the noise rule with the variances of the network itself.
    covered = pruning.rule == "noise" and measured["recording"] is None
    guarantee = found.guarantee if covered else "none"
    promised = pruning.promised_epsilon if covered else None
    result = {
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        "n_kept": pruning.n_kept,
        "kept_fraction": pruning.n_kept / net.n_synapses,
        "rule": pruning.rule,
        "method": measured.pop("method"),
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
        **measured,
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
                variance=pruning.variance,
            )
    rows = [
        ("network", size_of(net)),
        ("kept", f"{pruning.n_kept:,} synapses ({100 * pruning.n_kept / net.n_synapses:.1f} %)"),
        ("rule", f"{pruning.rule}, {pruning.sampling} sampling, {pruning.balance} balance"),
        *probes_line(result),
        *recording_lines(result["recording"]),
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


def probes_line(result: dict[str, Any]) -> list[tuple[str, str]]:
    """What made the synapse variances, where they were estimated."""
    if result["n_probes"] is None:
        return []
    error = result["variance_error"]
    text = f"{result['n_probes']} by {result['method']}, relative error {error:.2g}"
    if result["solver"] is not None:
        text += f"; {result['solver']} preconditioner, {result['solver_steps']} steps"
    return [("probes", text)]
