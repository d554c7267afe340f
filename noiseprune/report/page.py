"""What stands on the page, and in which order."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.resources import files as resources
from typing import Any

import numpy as np
import scipy

from noiseprune import __version__
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import FileError
from noiseprune.files import write_atomically
from noiseprune.network import RateNetwork
from noiseprune.records import json_text, plain
from noiseprune.report import figures, measures
from noiseprune.report.markup import (
    document,
    escape,
    figure,
    number,
    paragraph,
    section,
    table,
)
from noiseprune.report.recorded import recorded
from noiseprune.weights import FloatArray, IntArray

_NORMS = {
    "pencil": "‖M<sup>-1/2</sup> (M<sub>s</sub> - M) M<sup>-1/2</sup>‖<sub>2</sub> with M = -A",
    "symmetric-part": "‖H<sup>-1/2</sup> (A<sub>s</sub> - A) H<sup>-1/2</sup>‖<sub>2</sub> with H "
    "the symmetric part of -A",
    "relative": "‖A<sup>-1</sup> (A<sub>s</sub> - A)‖<sub>2</sub>",
}
_MADE = {
    "original": "original network",
    "pruned": "pruned network",
    "rule": "rule",
    "sampling": "sampling",
    "balance": "balance",
    "method": "synapse variances",
    "gain": "gain K",
    "noise": "noise sigma",
    "seed": "seed",
}
_LARGE = f"not computed above {DENSE_EIGENVALUES:,} neurons, where they would need dense matrices"


def write_html(
    path: str | os.PathLike[str],
    original: RateNetwork,
    pruned: RateNetwork,
    numbers: Mapping[str, Any],
    *,
    variance: FloatArray | None = None,
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
    text = page(original, pruned, numbers, variance=variance)
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page(
    original: RateNetwork,
    pruned: RateNetwork,
    numbers: Mapping[str, Any],
    *,
    variance: FloatArray | None = None,
) -> str:
    """The similarity report as one HTML page that needs nothing beside itself.

    Parameters
    ----------
    numbers : JSON-ready values under the keys of `SpectralReport.to_dict`, and of what else is
        known: `original` and `pruned` (names), `rule`, `sampling`, `balance`, `method`, `gain`,
        `noise`, `seed`, `promised_epsilon`, `recording`, `inferred`. The page shows these and
        carries them as JSON.
    variance : (n_synapses,) synapse variances of the original; solved here, where there are at
        most 4,000 neurons and a stationary state, if left out
    """
    numbers = plain(numbers)
    if variance is None:
        variance = measures.exact_variance(original)
    title = f"Pruned network: {numbers['original']}" if "original" in numbers else "Pruned network"
    body = "\n".join(
        (
            f"<header>\n<h1>{escape(title)}</h1>",
            paragraph(_size(original, numbers), "quiet"),
            "</header>",
            "<main>",
            _certificate(numbers),
            _made(numbers),
            recorded(numbers),
            _spectra(original, pruned, numbers),
            _distributions(original, pruned),
            _dynamics(numbers),
            _synapses(original, pruned, variance),
            _cell_types(original, pruned),
            _json(numbers),
            "</main>",
            f"<footer>Written by noiseprune {__version__}. The rule is that of E. Moore and "
            "R. Chaudhuri, Using noise to probe recurrent neural network structure and prune "
            "synapses, NeurIPS 2020 (arXiv 2011.07334).</footer>",
        )
    )
    style = (resources("noiseprune.report") / "style.css").read_text(encoding="utf-8")
    return document(title, style, body)


def _size(net: RateNetwork, numbers: Mapping[str, Any]) -> str:
    kind = "symmetric" if net.is_symmetric else "directed"
    fraction = numbers["kept_fraction"]
    share = "" if fraction is None else f" ({100 * fraction:.1f} %)"
    return (
        f"{number(numbers['n_neurons'])} neurons, {kind}; {number(numbers['n_kept'])} of "
        f"{number(numbers['n_synapses'])} synapses kept{share}."
    )


# ------------------------------------------------------------------------------ certificate


def _certificate(numbers: Mapping[str, Any]) -> str:
    epsilon, (low, high) = numbers["epsilon"], numbers["epsilon_interval"]
    rows = [
        ("epsilon", number(epsilon, 4)),
        ("interval", f"[{low:+.4f}, {high:+.4f}]"),
        ("norm", f"{numbers['epsilon_norm']}: {_NORMS[numbers['epsilon_norm']]}"),
        ("guarantee", _guarantee(numbers)),
        ("stable", "yes" if numbers["stable"] else "<span class='alarm'>no</span>"),
    ]
    if numbers["epsilon_method"] == "lanczos":
        confidence = 100 * (1 - numbers["epsilon_failure_probability"])
        bound = f"{number(numbers['epsilon_upper_bound'], 4)}, with {confidence:g} % probability"
        rows.insert(1, ("epsilon is at most", f"{bound} (Lanczos iteration)"))
    abscissa = numbers["spectral_abscissa"]
    if abscissa:
        change = f"{number(abscissa['original'], 4)} → {number(abscissa['pruned'], 4)} 1/s"
        rows.append(("spectral abscissa", change))
    rows.append(("covariance error", number(numbers["covariance_error"], 4)))
    return section(
        "Certificate",
        paragraph(f"<strong>epsilon = {number(epsilon)}</strong>", "certificate"),
        paragraph(_meaning(numbers)),
        paragraph(_stability(numbers), "" if numbers["stable"] else "alarm"),
        table("Certificate in numbers", (), rows, "facts"),
    )


def _meaning(numbers: Mapping[str, Any]) -> str:
    """Epsilon in a sentence."""
    epsilon, (low, high) = numbers["epsilon_upper_bound"], numbers["epsilon_interval"]
    if numbers["epsilon_norm"] == "pencil":
        return (
            "For every pattern of activity x, the restoring force x<sup>T</sup>(-A)x of the pruned "
            f"network lies between {1 + low:.3f} and {1 + high:.3f} times that of the original; "
            f"no eigenvalue moved by more than {_percent(epsilon)}."
        )
    if numbers["epsilon_norm"] == "symmetric-part":
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


def _stability(numbers: Mapping[str, Any]) -> str:
    if not numbers["stable"]:
        return "The pruned network is unstable: some eigenvalue has a real part of 0 or above."
    if numbers["epsilon_norm"] != "relative" and numbers["epsilon_interval"][0] > -1:
        return "The pruned network is stable: an interval above -1 proves it."
    return "The pruned network is stable: its spectral abscissa is negative."


def _guarantee(numbers: Mapping[str, Any]) -> str:
    """What a theorem says beforehand, beside what was measured afterwards."""
    measured = "epsilon was measured on the finished network"
    if numbers["guarantee"] == "none":
        return f"none: no theorem covers this case; {measured}"
    promised = numbers.get("promised_epsilon")
    if promised is None:
        return f"{numbers['guarantee']}: a theorem covers such networks, not this draw; {measured}"
    return (
        f"{numbers['guarantee']}: epsilon at most {number(promised)} with 95 % probability, "
        f"promised before the draw; {measured}"
    )


def _made(numbers: Mapping[str, Any]) -> str:
    known = [(name, numbers[key]) for key, name in _MADE.items() if numbers.get(key) is not None]
    rows = [
        (name, escape(str(v)) if isinstance(v, (int, str)) else number(v, 6)) for name, v in known
    ]
    refit = numbers.get("refit")
    if refit:
        change = f"{number(refit['epsilon_before'])} → {number(refit['epsilon_after'])}"
        rows.append(("refit of the weights", f"epsilon {change}"))
    versions = (
        f"noiseprune {__version__}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"Python {platform.python_version()}"
    )
    unknown = (
        ""
        if "rule" in numbers
        else paragraph(
            "By which rule and seed it was pruned is not known here, as a network file does not "
            "say; a seed above is that of the measurements.",
            "quiet",
        )
    )
    return section(
        "How it was made",
        table("Choices and versions", (), [*rows, ("versions", versions)], "facts"),
        unknown,
    )


# ---------------------------------------------------------------------------------- figures


def _figures(*drawn: str) -> str:
    return "<div class='figures'>\n" + "\n".join(drawn) + "\n</div>"


def _spectra(original: RateNetwork, pruned: RateNetwork, numbers: Mapping[str, Any]) -> str:
    found = measures.spectra(original, pruned)
    if found is None:
        return section("Spectrum", paragraph(f"Eigenvalues and singular values were {_LARGE}."))
    if found.symmetric:
        proven = numbers["epsilon_norm"] == "pencil" and numbers["epsilon"] < 1
        band = numbers["epsilon"] if proven else None
        before, after = (-values for values in found.eigenvalues)
        eigenvalues = figure(
            figures.paired("eigenvalues", before, after, "Eigenvalues", band),
            "Eigenvalues of -A, pruned over original, both sorted. Above 0 a mode decays, at this "
            "rate.",
        )
    else:
        eigenvalues = figure(
            figures.complex_plane("eigenvalues", *found.eigenvalues),
            "Eigenvalues of the drift A. Left of the dotted line a mode decays. An axis that "
            "spans decades is linear around 0 and logarithmic beyond.",
        )
    singular = figure(
        figures.paired("singular-values", *found.singular_values, "Singular values", None),
        "Singular values of the drift A, pruned over original, both in descending order.",
    )
    names = ("eigenvalue_error", "eigenvector_error", "eigenvector_cosine")
    rows = [
        (name.replace("_", " "), *(number(numbers[name][key]) for key in ("median", "min", "max")))
        for name in names
        if numbers[name]
    ]
    errors = (
        paragraph(
            "Over the eigenvectors v of A with eigenvalue λ, and A' the pruned drift with λ': the "
            "eigenvalue error is |λ'/λ - 1|, the eigenvector error |v<sup>T</sup>A'v/λ - 1|, and "
            "the cosine is that between v and A'v."
        )
        + table("Errors per eigenvector", ("measure", "median", "smallest", "largest"), rows)
        if rows
        else ""
    )
    return section("Spectrum", _figures(eigenvalues, singular), errors)


def _distributions(original: RateNetwork, pruned: RateNetwork) -> str:
    before, after = measures.degrees(original), measures.degrees(pruned)
    drawn = [
        figure(
            figures.degrees("inputs", before[0], after[0], "synapses onto a neuron"),
            "Degree; in a symmetric network as many synapses leave a neuron as reach it."
            if original.is_symmetric
            else "In-degree.",
        )
    ]
    if not original.is_symmetric:
        svg = figures.degrees("outputs", before[1], after[1], "synapses from a neuron")
        drawn.append(figure(svg, "Out-degree."))
    if original.n_synapses and pruned.n_synapses:
        svg = figures.weights("weights", original.synapse_weights, pruned.synapse_weights)
        drawn.append(
            figure(
                svg,
                "Sizes of the weights of either sign. What is kept stands for what is pruned.",
            )
        )
    return section("Degrees and weights", _figures(*drawn))


def _dynamics(numbers: Mapping[str, Any]) -> str:
    found, abscissa = numbers["dynamics_error"], numbers["spectral_abscissa"]
    if not found:
        unstable = not numbers["stable"] or (abscissa and abscissa["original"] >= 0)
        reason = (
            "Trajectories were not compared: a network without a stationary state runs away."
            if unstable
            else "Trajectories were not compared: <code>noiseprune report --dynamics</code> does."
        )
        return section("Dynamics", paragraph(reason))
    times, mean, std = (np.asarray(found[key]) for key in ("times", "mean", "std"))
    peak = int(np.argmax(mean))
    runs = numbers["dynamics_choices"]
    svg = figures.over_time("dynamics", times, mean, std)
    return section(
        "Dynamics",
        paragraph(
            "Both networks started alike and saw the same noise. The error is largest, "
            f"{number(float(mean[peak]))}, at {number(float(times[peak]))} s, and "
            f"{number(float(mean[-1]))} at the end."
        ),
        paragraph(
            f"{number(runs['replicas'])} runs from uniform starts in (0, 1), Euler-Maruyama steps "
            f"of {number(runs['dt'])} s, noise {number(runs['noise'])}, drive "
            f"{number(runs['drive'])} 1/s.",
            "quiet",
        ),
        _figures(figure(svg, "‖x<sub>pruned</sub>(t) - x(t)‖ / ‖x(t)‖, over the runs.")),
    )


# ----------------------------------------------------------------------------------- tables


def _synapses(original: RateNetwork, pruned: RateNetwork, variance: FloatArray | None) -> str:
    if variance is None or not original.n_synapses:
        return section(
            "Synapses",
            paragraph(
                "Synapses were not ranked: that needs a stationary state, and synapse variances, "
                f"which were {_LARGE}."
            ),
        )
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
    rows = []
    for e in chosen:
        i, j = int(ranked.post[e]), int(ranked.pre[e])
        left = float(pruned.csr[i, j])
        weight, local = float(ranked.weight[e]), float(ranked.variance[e])
        rows.append(
            (
                f"{escape(measures.label(original.labels, j))} {arrow} "
                f"{escape(measures.label(original.labels, i))}",
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
