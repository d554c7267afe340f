"""What stands on the page, and in which order."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from noiseprune import __version__
from noiseprune.checks import Seed
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import FileError
from noiseprune.files import write_atomically
from noiseprune.measures import MEASURES
from noiseprune.network import RateNetwork
from noiseprune.pruning import Pruning
from noiseprune.recordings import InferredNetwork
from noiseprune.records import json_text
from noiseprune.report import figures, measures
from noiseprune.report.markup import (
    document,
    escape,
    figure,
    finite,
    number,
    paragraph,
    section,
    table,
)
from noiseprune.report.recorded import recorded
from noiseprune.weights import FloatArray, IntArray

if TYPE_CHECKING:
    from noiseprune.similarity import SpectralReport

_NORMS = {
    "pencil": "‖M<sup>-1/2</sup> (M<sub>s</sub> - M) M<sup>-1/2</sup>‖<sub>2</sub> with M = -A",
    "symmetric-part": "‖H<sup>-1/2</sup> (A<sub>s</sub> - A) H<sup>-1/2</sup>‖<sub>2</sub> with H "
    "the symmetric part of -A",
    "relative": "‖A<sup>-1</sup> (A<sub>s</sub> - A)‖<sub>2</sub>",
}
_LARGE = f"not computed above {DENSE_EIGENVALUES:,} neurons, where they would need dense matrices"


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a pruned network came to be, as far as it is known; the page shows it.

    original, pruned : names of the networks
    pruning : the `Pruning`, with what its synapse variances were measured by
    inferred : the original, where it was estimated from a recording
    noise, seed : of the pruning; where that is not known, of what was measured
    """

    original: str | None = None
    pruned: str | None = None
    pruning: Pruning | None = None
    inferred: InferredNetwork | None = None
    noise: float | None = None
    seed: Seed = None


UNKNOWN = Making()


def write_html(
    path: str | os.PathLike[str],
    report: SpectralReport,
    making: Making = UNKNOWN,
    *,
    result: Mapping[str, Any] | None = None,
) -> None:
    """Write `page` to a file, all of it or nothing.

    Raises
    ------
    FileError
        If the name does not end in .html or the file cannot be written.
    """
    suffix = os.path.splitext(path)[1]
    if suffix.lower() != ".html":
        raise FileError(
            f"{os.fspath(path)} has the suffix {suffix!r}, but this is a page: use a name that "
            "ends in .html"
        )
    text = page(report, making, result=result)
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page(
    report: SpectralReport, making: Making = UNKNOWN, *, result: Mapping[str, Any] | None = None
) -> str:
    """The similarity report as one HTML page that needs nothing beside itself.

    Parameters
    ----------
    report : with the pair of networks, from which the figures and tables are made
    making : how the pruned network came to be
    result : JSON-ready values that the page carries; by default those of the report
    """
    original, pruned = report.pair.original, report.pair.pruned
    variance = None if making.pruning is None else making.pruning.variance
    if variance is None:
        variance = report.pair.variance
    title = f"Pruned network: {making.original}" if making.original else "Pruned network"
    body = "\n".join(
        (
            f"<header>\n<h1>{escape(title)}</h1>",
            paragraph(_size(report), "quiet"),
            "</header>",
            "<main>",
            _certificate(report, making),
            _errors(report),
            _made(making),
            recorded(making.pruning and making.pruning.evidence, making.inferred),
            _spectra(report),
            _distributions(original, pruned),
            _dynamics(report),
            _synapses(original, pruned, variance),
            _cell_types(original, pruned),
            _json(report.to_dict() if result is None else result),
            "</main>",
            f"<footer>Written by noiseprune {__version__}. The rule is that of E. Moore and "
            "R. Chaudhuri, Using noise to probe recurrent neural network structure and prune "
            "synapses, NeurIPS 2020 (arXiv 2011.07334).</footer>",
        )
    )
    style = (resources("noiseprune.report") / "style.css").read_text(encoding="utf-8")
    return document(title, style, body)


def _size(report: SpectralReport) -> str:
    kind = "symmetric" if report.pair.original.is_symmetric else "directed"
    fraction = report.n_kept / report.n_synapses if report.n_synapses else None
    share = "" if fraction is None else f" ({100 * fraction:.1f} %)"
    return (
        f"{number(report.n_neurons)} neurons, {kind}; {number(report.n_kept)} of "
        f"{number(report.n_synapses)} synapses kept{share}."
    )


# ------------------------------------------------------------------------------ certificate


def _certificate(report: SpectralReport, making: Making) -> str:
    low, high = report.epsilon_interval
    rows = [
        ("epsilon", number(report.epsilon, 4)),
        ("interval", f"[{low:+.4f}, {high:+.4f}]"),
        ("norm", f"{report.epsilon_norm}: {_NORMS[report.epsilon_norm]}"),
        ("guarantee", _guarantee(report, making.pruning)),
        ("stable", "yes" if report.stable else "<span class='alarm'>no</span>"),
    ]
    if report.change.method == "lanczos":
        confidence = 100 * (1 - report.change.failure_probability)
        bound = f"{number(report.change.upper_bound, 4)}, with {confidence:g} % probability"
        rows.insert(1, ("epsilon is at most", f"{bound} (Lanczos iteration)"))
    if report.spectral_abscissa:
        before, after = report.spectral_abscissa
        rows.append(("spectral abscissa", f"{number(before, 4)} → {number(after, 4)} 1/s"))
    return section(
        "Certificate",
        paragraph(f"<strong>epsilon = {number(report.epsilon)}</strong>", "certificate"),
        paragraph(_meaning(report)),
        paragraph(_stability(report), "" if report.stable else "alarm"),
        table("Certificate in numbers", (), rows, "facts"),
    )


def _errors(report: SpectralReport) -> str:
    """Every measure with its meaning and its choice, and why one has no number."""
    errors, rows = report.errors, []
    for one in MEASURES:
        value = report.epsilon if one.key == "epsilon" else errors.value(one.key)
        why = None if one.key == "epsilon" else errors.reason(one.key)
        gap = f" <em>Not computed: {escape(why)}.</em>" if why else ""
        rows.append((one.title, number(value), escape(one.in_words()) + gap))
    said = "Each is 0 for a network that is not changed, and the smaller the better."
    header = ("measure", "error", "what it says, and what was chosen for it")
    return section(
        "Similarity", paragraph(said), table("Errors and their meaning", header, rows, "said")
    )


def _meaning(report: SpectralReport) -> str:
    """Epsilon in a sentence."""
    epsilon, (low, high) = report.change.upper_bound, report.epsilon_interval
    if report.epsilon_norm == "pencil":
        return (
            "For every pattern of activity x, the restoring force x<sup>T</sup>(-A)x of the pruned "
            f"network lies between {1 + low:.3f} and {1 + high:.3f} times that of the original; "
            f"no eigenvalue moved by more than {_percent(epsilon)}."
        )
    if report.epsilon_norm == "symmetric-part":
        return (
            f"Pruning changed the drift by at most {_percent(epsilon)} in any direction, measured "
            "against the symmetric part of -A, which is what restores the network to rest."
        )
    response = (
        f" The response to a constant input changed by at most {_percent(epsilon / (1 - epsilon))}."
        if epsilon < 1
        else ""
    )
    return (
        "What pruning changed in A x, for any pattern of activity x, the original drift makes of a "
        f"pattern of at most {_percent(epsilon)} of the size of x.{response} The symmetric part of "
        "-A is not positive definite, so the two stronger norms do not exist."
    )


def _percent(fraction: float) -> str:
    return f"{number(100 * fraction)}&nbsp;%"


def _stability(report: SpectralReport) -> str:
    if not report.stable:
        return "The pruned network is unstable: some eigenvalue has a real part of 0 or above."
    if report.epsilon_norm != "relative" and report.epsilon_interval[0] > -1:
        return "The pruned network is stable: an interval above -1 proves it."
    return "The pruned network is stable: its spectral abscissa is negative."


def _guarantee(report: SpectralReport, pruning: Pruning | None) -> str:
    """What a theorem says beforehand, beside what was measured afterwards."""
    measured = "epsilon was measured on the finished network"
    guarantee = report.guarantee if pruning is None else pruning.guarantee
    if guarantee == "none":
        return f"none: no theorem covers this case; {measured}"
    promised = None if pruning is None else pruning.promised_epsilon
    if promised is None:
        return f"{guarantee}: a theorem covers such networks, not this draw; {measured}"
    return (
        f"{guarantee}: epsilon at most {number(promised)} with 95 % probability, "
        f"promised before the draw; {measured}"
    )


def _made(making: Making) -> str:
    pruning, unknown = making.pruning, ""
    facts: dict[str, Any] = {"original network": making.original, "pruned network": making.pruned}
    if pruning is None:
        unknown = paragraph(
            "By which rule and seed it was pruned is not known here, as a network file does not "
            "say; a seed above is that of the measurements.",
            "quiet",
        )
    else:
        facts |= {what: getattr(pruning, what) for what in ("rule", "sampling", "balance")}
        facts["synapse variances"] = pruning.to_dict()["method"]
        facts["gain K"] = number(pruning.gain, 6) if np.isfinite(pruning.gain) else None
    facts["noise sigma"] = None if making.noise is None else number(making.noise, 6)
    facts["seed"] = making.seed
    if pruning is not None and pruning.fit:
        facts[pruning.recipe.effort] = pruning.fit.in_words()
    facts["versions"] = (
        f"noiseprune {__version__}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"Python {platform.python_version()}"
    )
    rows = [(what, escape(str(known))) for what, known in facts.items() if known is not None]
    return section("How it was made", table("Choices and versions", (), rows, "facts"), unknown)


# ---------------------------------------------------------------------------------- figures


def _figures(*drawn: str) -> str:
    return "<div class='figures'>\n" + "\n".join(drawn) + "\n</div>"


def _spectra(report: SpectralReport) -> str:
    values, sizes = report.pair.eigenvalues, report.pair.singular_values
    if values is None or sizes is None:
        return section("Spectrum", paragraph(f"Eigenvalues and singular values were {_LARGE}."))
    if report.pair.is_symmetric:
        proven = report.epsilon_norm == "pencil" and report.epsilon < 1
        band = report.epsilon if proven else None
        before, after = (-found for found in values)
        eigenvalues = figure(
            figures.paired("eigenvalues", before, after, "Eigenvalues", band),
            "Eigenvalues of -A, pruned over original, both sorted. Above 0 a mode decays, at this "
            "rate.",
        )
    else:
        eigenvalues = figure(
            figures.complex_plane("eigenvalues", *values),
            "Eigenvalues of the drift A. Left of the dotted line a mode decays. An axis that "
            "spans decades is linear around 0 and logarithmic beyond.",
        )
    singular = figure(
        figures.paired("singular-values", *sizes, "Singular values", None),
        "Singular values of the drift A, pruned over original, both in descending order.",
    )
    rows = [
        (name, *(number(finite(x)) for x in (found.median, found.min, found.max)))
        for name in ("eigenvalue error", "eigenvector error", "eigenvector cosine")
        if (found := getattr(report, name.replace(" ", "_")))
    ]
    if not rows:
        return section("Spectrum", _figures(eigenvalues, singular))
    errors = paragraph(
        "Over the eigenvectors v of A with eigenvalue λ, and A' the pruned drift with λ': the "
        "eigenvalue error is |λ'/λ - 1|, the eigenvector error |v<sup>T</sup>A'v/λ - 1|, and "
        "the cosine is that between v and A'v."
    )
    errors += table("Errors per eigenvector", ("measure", "median", "smallest", "largest"), rows)
    return section("Spectrum", _figures(eigenvalues, singular), errors)


def _distributions(original: RateNetwork, pruned: RateNetwork) -> str:
    before, after = measures.degrees(original), measures.degrees(pruned)
    svg = figures.degrees("inputs", before[0], after[0], "synapses onto a neuron")
    if original.is_symmetric:
        caption = "Degree; in a symmetric network as many synapses leave a neuron as reach it."
        drawn = [figure(svg, caption)]
    else:
        drawn = [figure(svg, "In-degree.")]
        svg = figures.degrees("outputs", before[1], after[1], "synapses from a neuron")
        drawn.append(figure(svg, "Out-degree."))
    if original.n_synapses and pruned.n_synapses:
        svg = figures.weights("weights", original.synapse_weights, pruned.synapse_weights)
        caption = "Sizes of the weights of either sign. What is kept stands for what is pruned."
        drawn.append(figure(svg, caption))
    return section("Degrees and weights", _figures(*drawn))


def _dynamics(report: SpectralReport) -> str:
    found, abscissa = report.dynamics_error, report.spectral_abscissa
    if found is None:
        unstable = not report.stable or (abscissa and abscissa[0] >= 0)
        reason = (
            "Trajectories were not compared: a network without a stationary state runs away."
            if unstable
            else "Trajectories were not compared: <code>noiseprune report --dynamics</code> does."
        )
        return section("Dynamics", paragraph(reason))
    peak = int(np.argmax(found.mean))
    drive = f"{number(float(found.drive))} 1/s" if isinstance(found.drive, Real) else "by neuron"
    svg = figures.over_time("dynamics", found.times, found.mean, found.std)
    return section(
        "Dynamics",
        paragraph(
            "Both networks started alike and saw the same noise. The error is largest, "
            f"{number(float(found.mean[peak]))}, at {number(float(found.times[peak]))} s, and "
            f"{number(float(found.mean[-1]))} at the end."
        ),
        paragraph(
            f"{number(found.replicas)} runs from uniform starts in (0, 1), Euler-Maruyama steps "
            f"of {number(found.dt)} s, noise {number(found.noise)}, drive {drive}.",
            "quiet",
        ),
        _figures(figure(svg, "‖x<sub>pruned</sub>(t) - x(t)‖ / ‖x(t)‖, over the runs.")),
    )


# ----------------------------------------------------------------------------------- tables


def _synapses(original: RateNetwork, pruned: RateNetwork, variance: FloatArray | None) -> str:
    if variance is None or not original.n_synapses:
        why = f"that needs a stationary state, and synapse variances, which were {_LARGE}."
        return section("Synapses", paragraph(f"Synapses were not ranked: {why}"))
    ranked = measures.ranking(original, pruned.n_synapses, variance)
    pairs = " A pair of neurons is listed once." if original.is_symmetric else ""
    return section(
        "Synapses",
        paragraph(
            "Importance is |w| v, with v the synapse variance, Var(x<sub>post</sub> - sgn(w) "
            "x<sub>pre</sub>). The keep probability by noise is p = min(1, K |w| v), the one by "
            "weight q = min(1, K' |w|), both at the number of synapses that this network kept."
            f"{pairs}"
        ),
        _listed("The most important synapses", original, pruned, ranked, ranked.important),
        paragraph(
            "Surprising are the synapses with the largest p - q: the network needs them more than "
            "their weight shows."
        ),
        _listed("The most surprising synapses", original, pruned, ranked, ranked.surprising)
        if ranked.surprising.size
        else paragraph("None: here importance and weight agree."),
    )


def _listed(
    caption: str,
    original: RateNetwork,
    pruned: RateNetwork,
    ranked: measures.Ranking,
    chosen: IntArray,
) -> str:
    arrow = "–" if original.is_symmetric else "→"
    names = original.labels or [str(k) for k in range(original.n_neurons)]
    rows = []
    for e in chosen:
        i, j = int(ranked.post[e]), int(ranked.pre[e])
        left = float(pruned.csr[i, j])
        weight, local = float(ranked.weight[e]), float(ranked.variance[e])
        rows.append(
            (
                f"{escape(names[j])} {arrow} {escape(names[i])}",
                number(weight),
                number(left) if left else "pruned",
                number(local),
                number(abs(weight) * local),
                f"{ranked.noise_probability[e]:.3f}",
                f"{ranked.weight_probability[e]:.3f}",
            )
        )
    header = ("synapse", "weight", "weight after", "v", "importance", "p (noise)", "q (weight)")
    return table(caption, header, rows)


def _cell_types(original: RateNetwork, pruned: RateNetwork) -> str:
    found = measures.cell_types(original, pruned)
    if found is None:
        return ""
    header = ("onto \\ from", *(escape(name) for name in found.names))
    rows = [
        (
            f"{escape(name)} ({number(int(size))})",
            *(
                f"{100 * after / before:.0f} % of {before:,}" if before else "–"
                for before, after in zip(found.before[k], found.after[k])
            ),
        )
        for k, (name, size) in enumerate(zip(found.names, found.sizes))
    ]
    return section(
        "Cell types",
        paragraph(
            "Types are read off the neurons' names: what stands before a colon, or before the "
            "closing digits. At most eight are named, those with the most synapses. The table "
            "gives the share of synapses kept, onto each row's type (with its number of neurons) "
            "from each column's."
        ),
        table("Synapses kept", header, rows),
    )


def _json(numbers: Mapping[str, Any]) -> str:
    text = escape(json_text(numbers), quote=False)
    return (
        "<details>\n<summary>All numbers, as JSON</summary>\n"
        f"<pre id='numbers' tabindex='0'>{text}</pre>\n</details>"
    )
