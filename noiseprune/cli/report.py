"""`noiseprune report`."""

from typing import TYPE_CHECKING, Annotated

import typer

from noiseprune.cli import completion
from noiseprune.cli.options import Loading, Noise
from noiseprune.cli.shared import Common

if TYPE_CHECKING:
    from noiseprune.network import RateNetwork
    from noiseprune.similarity import SpectralReport

DYNAMICS = 1000
"""Up to this many neurons a report compares trajectories unless it is told otherwise."""


def report(
    common: Common,
    loading: Loading,
    original: Annotated[
        str,
        typer.Argument(help="A file, or dataset:NAME.", autocompletion=completion.networks),
    ],
    pruned: Annotated[str, typer.Argument(help="A file that holds the pruned network.")],
    dynamics: Annotated[
        bool | None,
        typer.Option(
            "--dynamics/--no-dynamics",
            help=f"Simulate both under the same noise (default: up to {DYNAMICS:,} neurons).",
        ),
    ] = None,
    noise: Noise = 0.01,
) -> None:
    """Report how similar a pruned network is to its original.

    noiseprune report dataset:celegans pruned.npz
    noiseprune report dataset:celegans pruned.npz --no-dynamics -o report.html
    """
    import noiseprune as npr
    from noiseprune.cli.tables import NORMS, facts, guarantee_line, interval, number, size_of

    net = loading.load(common, original)
    other = loading.load_pruned(common, pruned, net)
    with common.stage("spectrum"):
        found = npr.spectral_similarity(net, other, seed=common.seed)
    wanted = net.n_neurons <= DYNAMICS if dynamics is None else dynamics
    if wanted:
        found = with_dynamics(common, net, other, found, noise)
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


def with_dynamics(
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
