"""The commands. Each is a thin door to a public function, and a table of what it returned."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noiseprune.cli.figures import figures
from noiseprune.cli.shared import DEFAULT_NETWORK, Common, check_suffix, command
from noiseprune.errors import OptionError

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.similarity import SpectralReport

app = typer.Typer(
    help="Prune recurrent networks by the covariance of their own noise-driven activity.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Network = Annotated[
    str | None,
    typer.Argument(help="A file, or dataset:NAME (default: dataset:celegans)."),
]
Method = Annotated[
    str, typer.Option(help="Synapse variances by: auto, exact, probe or simulation.")
]
Probes = Annotated[int, typer.Option(help="Probes or replicas, where they are not exact.")]

DYNAMICS = 1000
"""Up to this many neurons a report compares trajectories unless it is told otherwise."""


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from noiseprune import __version__

        typer.echo(__version__)
        raise typer.Exit


def generate(
    common: Common,
    n: Annotated[
        int | None, typer.Option(help="Number of neurons (default: sum of --sizes, else 3000).")
    ] = None,
    sizes: Annotated[str | None, typer.Option(help="Cluster sizes, such as 2700,100,200.")] = None,
    density: Annotated[float, typer.Option(help="Share of connected pairs in a cluster.")] = 0.6,
    long_range: Annotated[int | None, typer.Option(help="Entries between clusters.")] = None,
    directed: Annotated[bool, typer.Option("--directed", help="Directed variant.")] = False,
) -> None:
    """Generate a clustered network of the paper."""
    if common.output is None:
        raise OptionError("no output file: give one with -o, such as -o net.npz")
    from noiseprune import files
    from noiseprune.cli.tables import facts, number

    with common.stage("generate"):
        net = _clustered(common, n, sizes, density, long_range, directed)
    with common.stage("save"):
        files.save(net, common.output)
    result = {
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        "directed": not net.is_symmetric,
        "output": common.output,
        "seconds": common.seconds,
        "seed": common.seed,
    }
    rows = [
        ("neurons", number(net.n_neurons)),
        ("synapses", number(net.n_synapses)),
        ("written to", str(common.output)),
    ]
    common.emit(result, facts("Generated network", rows))


def simulate(
    common: Common,
    network: Network = None,
    n: Annotated[
        int | None, typer.Option(help="Simulate a generated network of n neurons instead.")
    ] = None,
    directed: Annotated[bool, typer.Option("--directed", help="With --n: directed.")] = False,
    duration: Annotated[float, typer.Option(help="Simulated time, s.")] = 40.0,
    dt: Annotated[
        float | None, typer.Option(help="Step, s (default 0.005, or half a stable step if less).")
    ] = None,
    drive: Annotated[float, typer.Option(help="Constant input, 1/s.")] = 0.0002,
    replicas: Annotated[int, typer.Option(help="Independent runs.")] = 20,
    record_every: Annotated[int, typer.Option(help="Steps between recorded states.")] = 10,
    activation: Annotated[str, typer.Option(help="linear or rectified.")] = "linear",
) -> None:
    """Simulate a network driven by noise, with statistics of its covariance."""
    if network is not None and n is not None:
        raise OptionError("a NETWORK and --n were both given: leave one of them out")
    from noiseprune import experiments, files
    from noiseprune.cli.tables import facts, number

    if n is None:
        if directed:
            raise OptionError("--directed goes with --n: a NETWORK has its own kind")
        net = common.network(network)
    else:
        with common.stage("generate"):
            net = _clustered(common, n, None, 0.6, None, directed)
    with common.stage("simulate", bar=True) as progress:
        run = experiments.simulate_with_statistics(
            net,
            duration=duration,
            dt=dt,
            noise=0.01 if common.noise is None else common.noise,
            drive=drive,
            replicas=replicas,
            record_every=record_every,
            activation=activation,
            store=common.output is not None,
            seed=common.seed,
            progress=progress,
        )
    if common.output is not None and run.trajectory is not None:
        with common.stage("save"):
            files.save_trajectory(run.trajectory, common.output)
    seconds = common.seconds["simulate"]
    result = {
        **run.to_dict(),
        "seconds": seconds,
        "steps_per_second": run.n_steps / run.stepping_seconds,
        "stages": common.seconds,
        "output": common.output,
        "seed": common.seed,
    }
    rows = [
        ("neurons", number(run.n_neurons)),
        ("replicas x steps", f"{run.replicas} x {run.n_steps:,} of {run.dt:.3g} s"),
        ("speed", f"{number(result['steps_per_second'], 4)} steps/s"),
        ("slowest relaxation, s", number(run.relaxation_time)),
        ("mean variance", number(run.mean_variance)),
        ("covariance error", number(run.covariance_error)),
        ("its sampling error", number(run.covariance_sampling_error)),
        ("", run.note),
        ("written to", "-" if common.output is None else str(common.output)),
    ]
    common.emit(result, facts("Simulation", rows))


def prune(
    common: Common,
    network: Network = None,
    keep: Annotated[
        str | None, typer.Option(help="Fraction in (0, 1], or number of synapses (default 0.1).")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Instead of --keep: accuracy that the theorem is to give.")
    ] = None,
    rule: Annotated[str, typer.Option(help="noise, weight, uniform, magnitude, paper.")] = "noise",
    sampling: Annotated[
        str | None, typer.Option(help="independent, systematic or balanced.")
    ] = None,
    balance: Annotated[str | None, typer.Option(help="leak, none or homeostatic.")] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the kept weights to the certificate (slow).")
    ] = False,
    method: Method = "auto",
    n_probes: Probes = 64,
    page: Annotated[
        Path | None, typer.Option("--report", help="Also write the report, as a page (.html).")
    ] = None,
) -> None:
    """Prune a network, and say how similar the result is."""
    if page is not None:
        check_suffix(page, "a report is a page", ".html")
    import numpy as np

    import noiseprune as npr
    from noiseprune import files
    from noiseprune.cli.tables import NORMS, facts, guarantee_line, interval, number, size_of
    from noiseprune.pipeline import check_request

    kept = None if keep is None else _parsed_keep(keep)
    net = common.network(network)
    check_request(net, kept, rule, sampling, balance, epsilon=epsilon, method=method, refit=refit)
    noise = 1.0 if common.noise is None else common.noise
    variance = None
    if rule in ("noise", "paper"):
        with common.stage("variance", bar=True) as progress:
            variance = npr.synapse_variance(
                net, noise, method, n_probes=n_probes, seed=common.seed, progress=progress
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
        "seconds": common.seconds,
        "seed": common.seed,
        "output": common.output,
        "report": page,
    }
    if page is not None:
        from noiseprune.report import write_html

        if net.n_neurons <= DYNAMICS:
            found = _with_dynamics(common, net, pruning.network, found)
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


def report(
    common: Common,
    original: Annotated[str, typer.Argument(help="A file, or dataset:NAME.")],
    pruned: Annotated[str, typer.Argument(help="A file that holds the pruned network.")],
    dynamics: Annotated[
        bool | None,
        typer.Option(
            "--dynamics/--no-dynamics",
            help=f"Simulate both under the same noise (default: up to {DYNAMICS:,} neurons).",
        ),
    ] = None,
) -> None:
    """Report how similar a pruned network is to its original."""
    import noiseprune as npr
    from noiseprune.cli.tables import NORMS, facts, guarantee_line, interval, number, size_of

    net = common.network(original)
    other = common.pruned_network(pruned, net)
    with common.stage("spectrum"):
        found = npr.spectral_similarity(net, other, seed=common.seed)
    wanted = net.n_neurons <= DYNAMICS if dynamics is None else dynamics
    if wanted:
        noise = 0.01 if common.noise is None else common.noise
        found = _with_dynamics(common, net, other, found, noise)
    result = {
        **found.to_dict(),
        "original": original,
        "pruned": pruned,
        "seconds": common.seconds,
        "seed": common.seed,
    }
    if common.output is not None and common.output.suffix.lower() == ".html":
        from noiseprune.report import write_html

        with common.stage("page"):
            write_html(common.output, net, other, result)
    else:
        common.write_json(result)
    rows = [
        ("network", size_of(net)),
        ("pruned", f"{other.n_synapses:,} synapses"),
        ("epsilon", f"{number(found.epsilon)}    {NORMS[found.epsilon_norm]}"),
        ("interval", interval(found.epsilon_interval)),
        ("guarantee", guarantee_line(found.guarantee, None)),
        ("stable", "yes" if found.stable else "NO"),
        ("covariance error", number(found.covariance_error)),
    ]
    if found.spectral_abscissa:
        before, after = found.spectral_abscissa
        rows.append(("spectral abscissa", f"{number(before)} -> {number(after)} 1/s"))
    if found.dynamics_error:
        mean = found.dynamics_error.mean
        rows.append(("trajectory error", f"largest {mean.max():.3g}, at the end {mean[-1]:.3g}"))
    elif wanted:
        rows.append(("trajectory error", "- (only where both networks are stable)"))
    for name in ("eigenvalue_error", "eigenvector_error", "eigenvector_cosine"):
        summary = getattr(found, name)
        if summary:
            low, high = number(summary.min), number(summary.max)
            line = f"median {number(summary.median)}, from {low} to {high}"
            rows.append((name.replace("_", " "), line))
    if common.output is not None:
        rows.append(("written to", str(common.output)))
    common.emit(result, facts("Similarity report", rows))


def compare(
    common: Common,
    network: Network = None,
    keep: Annotated[
        str | None, typer.Option(help="Fraction in (0, 1], or number of synapses (default 0.1).")
    ] = None,
    draws: Annotated[int, typer.Option(help="Draws of every rule.")] = 5,
    method: Method = "auto",
) -> None:
    """Compare noise-prune with every baseline at the same synapse count."""
    import noiseprune as npr
    from noiseprune.cli.tables import NORMS, grid, number, size_of

    kept = 0.1 if keep is None else _parsed_keep(keep)
    net = common.network(network)
    with common.stage("compare", bar=True) as progress:
        comparison = npr.compare(
            net,
            kept,
            draws=draws,
            noise=1.0 if common.noise is None else common.noise,
            method=method,
            seed=common.seed,
            progress=progress,
        )
    result = {
        **comparison.to_dict(),
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        "keep": kept,
        "draws": draws,
        "seconds": common.seconds,
        "seed": common.seed,
    }
    common.write_json(result)
    rows = [
        (
            row.rule,
            row.sampling,
            row.balance,
            f"{100 * row.kept_fraction:.1f} %",
            number(row.epsilon),
            number(row.epsilon_max),
            number(row.eigenvalue_error),
            f"{row.n_stable}/{row.draws}",
        )
        for row in comparison.rows
    ]
    header = ("rule", "sampling", "balance", "kept", "epsilon", "largest", "eigenvalues", "stable")
    title = f"{size_of(net)}, {draws} draws"
    common.emit(
        result,
        grid(title, header, rows),
        f"epsilon: {NORMS[comparison.epsilon_norm]}",
    )


def datasets_(
    common: Common,
    name: Annotated[str | None, typer.Argument(help="One of the names listed.")] = None,
) -> None:
    """List the built-in connectomes, with source and licence; -o writes one to a file."""
    from dataclasses import asdict

    from noiseprune import datasets, files
    from noiseprune.cli.tables import facts, grid, number

    common.check_output("json" if name is None else "network")
    available = datasets.available()
    if name is None:
        result: dict[str, Any] = {"datasets": [asdict(dataset) for dataset in available]}
        common.write_json(result)
        rows = [
            (
                d.name,
                d.description,
                number(d.n_neurons),
                number(d.n_synapses),
                "directed" if d.directed else "symmetric",
                d.licence,
            )
            for d in available
        ]
        header = ("name", "what", "neurons", "synapses", "kind", "licence")
        common.emit(result, grid("Built-in connectomes", header, rows))
        return
    from noiseprune.choices import one_of

    base = one_of("dataset", name.partition(":")[0], [d.name for d in available])
    found = next(d for d in available if d.name == base)
    result = asdict(found)
    if common.output is not None:
        files.save(common.network(f"dataset:{name}"), common.output)
        result["output"] = common.output
    fields = [(key.replace("_", " "), str(value)) for key, value in result.items()]
    common.emit(result, facts(found.name, fields))


for function, writes in (
    (generate, "network"),
    (simulate, "trajectory"),
    (prune, "network"),
    (report, "report"),
    (compare, "json"),
    (datasets_, None),
    (figures, None),
):
    command(app, function, writes)


def _with_dynamics(
    common: Common,
    net: "RateNetwork",
    pruned: "RateNetwork",
    found: "SpectralReport",
    noise: float = 0.01,
) -> "SpectralReport":
    """The report with its trajectory error, where both networks are stable."""
    from noiseprune.similarity import dynamics_error

    if not (found.stable and net.spectral_abscissa() < 0):
        return found
    with common.stage("dynamics", bar=True) as progress:
        error = dynamics_error(net, pruned, noise=noise, seed=common.seed, progress=progress)
    return found.with_dynamics(error)


def _clustered(
    common: Common,
    n: int | None,
    sizes: str | None,
    density: float,
    long_range: int | None,
    directed: bool,
) -> Any:
    """The paper's network of n neurons, or with the given sizes."""
    import noiseprune as npr
    from noiseprune.generators import paper_long_range, paper_sizes

    if sizes is None:
        chosen = paper_sizes(3000 if n is None else n)
    else:
        try:
            chosen = tuple(int(size) for size in sizes.split(","))
        except ValueError:
            raise OptionError(
                f"sizes are {sizes!r}: give whole numbers with commas, such as 2700,100,200"
            ) from None
    n = sum(chosen) if n is None else n
    leak = common.parsed_leak()
    return npr.clustered_network(
        chosen,
        density,
        paper_long_range(chosen) if long_range is None else long_range,
        directed,
        leak="dominant" if leak is None else leak,
        leak_margin=0.0 if common.leak_margin is None else common.leak_margin,
        n=n,
        seed=common.seed,
    )


def _parsed_keep(keep: str) -> float | int:
    """`--keep 0.1` is a fraction and `--keep 500` a number of synapses; 1.0 is all of them."""
    try:
        return int(keep) if keep.lstrip("+-").isdigit() else float(keep)
    except ValueError:
        raise OptionError(
            f"keep is {keep!r}: give a fraction in (0, 1] or a number of synapses"
        ) from None
