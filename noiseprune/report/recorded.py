"""What the page says of a recording: what was measured, what follows from it, and what does not."""

from __future__ import annotations

from collections.abc import Iterable

from noiseprune.recordings import InferredNetwork, RecordedVariance
from noiseprune.report.markup import escape, number, paragraph, section, table


def recorded(found: object, inferred: InferredNetwork | None) -> str:
    """The section on the recording behind the synapse variances; empty where there was none."""
    if not isinstance(found, RecordedVariance):
        return ""
    parts = [table("The recording", (), _facts(found), "facts"), *_noted(found.notes)]
    if inferred:
        parts.append(table("The network inferred from it", (), _inferred(inferred), "facts"))
        parts += _noted(note for note in inferred.notes if note not in found.notes)
    parts += ["<h3>What this result means</h3>", *map(paragraph, _means(inferred))]
    parts += ["<h3>What it does not mean</h3>", *map(paragraph, _does_not(found, inferred))]
    return section("Recording", *parts)


def _noted(notes: Iterable[str]) -> list[str]:
    return [paragraph(f"Note: {escape(note)}.") for note in notes]


def _facts(found: RecordedVariance) -> list[tuple[str, str]]:
    rows = [
        ("source", escape(str(found.source))),
        ("length", f"{number(found.length, 6)} s, {number(found.n_samples)} samples"),
        ("worth", f"{number(round(found.n_effective))} samples, for the slowest channel"),
        ("units", escape(found.units)),
        ("relative error of the synapse variances", number(found.relative_error)),
        ("error bars", f"from {number(found.n_blocks)} blocks"),
        ("shrinkage (Ledoit-Wolf)", number(found.shrinkage)),
        ("variances below their error, set to it", number(found.n_raised)),
        (
            "noise sigma, by the trace of the Lyapunov equation",
            number(found.noise) if found.noise_known else "not to be had from this network",
        ),
    ]
    if found.spikes:
        rows.append(("rates", f"of spikes, {found.spikes}; the spikes' own noise was removed"))
    return rows


def _inferred(found: InferredNetwork) -> list[tuple[str, str]]:
    return [
        ("method", f"{found.method}, lag {number(found.lag)} s"),
        (
            "beyond two standard errors",
            f"{number(found.n_significant)} of {number(found.network.n_synapses)} weights",
        ),
        ("relative error of the drift", number(found.relative_error)),
        ("anisotropy of the noise", number(found.anisotropy)),
        ("modes made stable", number(found.n_unstable)),
        ("modes too fast for the lag", number(found.n_unresolved)),
        ("shrinkage", number(found.shrinkage)),
        ("channels divided by their noise", "yes" if found.equal_noise else "no"),
    ]


def _means(inferred: InferredNetwork | None) -> list[str]:
    network = "the network inferred from this recording" if inferred else "the network given"
    said = [
        f"The synapses kept are those that matter most to the drift of {network}, as far as the "
        "activity recorded tells: each synapse was judged by its weight and by the variance of the "
        "difference, or sum, of its own two neurons.",
        f"Epsilon compares the pruned network with {network}, both as linear rate networks. It is "
        "measured on the finished networks and holds whatever the recording was.",
    ]
    if inferred:
        said.append(
            "The weights of that network are effective couplings: how much the activity of one "
            "channel tells of the next change of another, the other channels being known."
        )
    return said


def _does_not(found: RecordedVariance, inferred: InferredNetwork | None) -> list[str]:
    said = [
        "It does not say that a pruned synapse is weak, useless or absent in the tissue, nor that "
        "an animal would do without it.",
        "The rule takes all fluctuations to come from the network itself, driven by equal and "
        "independent white noise. Stimuli, behaviour, common input and neurons that were not "
        "recorded make covariance, too, and are here taken for the network's.",
    ]
    if found.spikes:
        said.append(
            "The noise of the spikes was removed as that of Poisson spikes, or by the covariance "
            "at other lags; bursts, refractoriness and faults of spike sorting were not."
        )
    if inferred:
        said.append(
            "The couplings are not anatomical synapses, and their number is no count of any. Two "
            "neurons that follow the same unseen input come out as coupled. With an anisotropy of "
            f"{number(inferred.anisotropy)} the noise is "
            + (
                "far from equal and independent, so that the model does not fit well."
                if inferred.method == "lagged" and inferred.anisotropy > 0.5
                else "as the method finds or takes it, which is no test of the model."
            )
        )
        n = inferred.n_significant
        said.append(
            f"Only {number(n)} weights stand out from their standard errors by more than two of "
            "them, and among many weights some do by chance: 5 in 100."
        )
    else:
        said.append(
            "The leak, and so the drift, are those of the network given: no recording tells here "
            "whether they are right."
        )
    said.append("No theorem covers this case: synapse variances were estimated, not solved.")
    return said
