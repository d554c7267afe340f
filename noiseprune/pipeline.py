"""The whole way in one call: network -> synapse variance -> pruned network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from noiseprune.checks import Seed, noise_strength, one_of
from noiseprune.choices import UNDRAWN, Balance, Effort, Method, Rule, Sampling, Solver
from noiseprune.network import RateNetwork
from noiseprune.probing import N_PROBES
from noiseprune.progress import Progress, silent
from noiseprune.pruning import Pruning, Recipe, check_request, prune_network
from noiseprune.pruning.network import check_network
from noiseprune.pruning.recipe import SAMPLINGS, effort_of
from noiseprune.variance import Source, SynapseVariance, source_of, with_activity
from noiseprune.weights import FloatArray
from noiseprune.work import HERE, Means, Worker, serial

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Enters a stage of the work, "variance" or "prune", and gives its progress."""


def prune(
    net: RateNetwork,
    keep: float | None = None,
    rule: Rule = "noise",
    sampling: Sampling | None = None,
    balance: Balance | None = None,
    *,
    epsilon: float | None = None,
    effort: Effort | None = None,
    refit: bool = False,
    variance: FloatArray | SynapseVariance | None = None,
    noise: float = 1.0,
    method: Method = "auto",
    n_probes: int = N_PROBES,
    probe_error: float | None = None,
    solver: Solver = "auto",
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
) -> Pruning:
    """Prune a network by the noise rule, or by one of its rivals.

        p_ij = min(1, K |w_ij| v_ij),   kept: w_ij -> w_ij / p_ij,   pruned: w_ij -> 0

    Parameters
    ----------
    keep : fraction in (0, 1] (a float) or number (an int) of synapses to keep, in expectation;
        0.1 if neither `keep` nor `epsilon` is given
    epsilon : instead of `keep`: the accuracy, in (0, 1], for which the matrix Chernoff bound gives
        K = (2 / sigma^2) c ln N / epsilon^2 (symmetric diagonally dominant networks, independent
        draws, leak balance; elsewhere the same K without the promise)
    rule : "noise", "weight", "uniform", "magnitude", "paper"; or "surgeon", which mends the weights
        of a neuron's other inputs after every removal (see `noiseprune.pruning.surgeon`)
    sampling : "independent", "systematic" or "balanced"; by default balanced, with `epsilon`
        independent
    balance : "leak", "none" or "homeostatic"; by default homeostatic, with `epsilon` leak
    effort : "draw" (the default) leaves it at that; "refit" fits the strengths of the synapses that
        are kept to epsilon and to what the network's own activity sees; "regrow" also lets others
        grow in place of some of them, and starts from the largest importances. Seconds for some
        hundred neurons, minutes for some thousands (see `noiseprune.pruning.search`)
    refit : another name of effort "refit"
    variance : (n_synapses,) synapse variances or a `SynapseVariance`, from any source; solved
        here by `method` (see `synapse_variance`) if it is left out and the rule needs it. The
        surgeon needs the second moment of the activity instead, and takes no array
    noise : sigma of the noise that the variances were, or are to be, measured under
    seed : int, SeedSequence or Generator; the same seed gives the same pruned network
    method, n_probes, probe_error, solver : as for `synapse_variance`
    worker : makes the probes of method "probe" (see `noiseprune.cluster`)

    Returns
    -------
    Pruning. A symmetric network stays exactly symmetric.

    Raises
    ------
    OptionError
        If an argument lies outside its range.
    UnstableError
        If the rule needs a variance and the drift has no stationary state.

    Source: Moore and Chaudhuri (2020); balances and balanced draw are this package's.

    >>> from noiseprune import datasets
    >>> prune(datasets.load("mushroom-body"), keep=0.3, seed=7).n_kept
    2228
    """
    check_network(net)
    if sampling is not None and rule not in UNDRAWN:
        one_of("sampling", sampling, SAMPLINGS)
    effort = effort_of(effort, refit)
    recipe = Recipe.of(rule, sampling, balance, effort=effort, promise=epsilon is not None)
    source = source_of(net, method, n_probes=n_probes, probe_error=probe_error, solver=solver)
    return measure_and_prune(
        net,
        keep,
        recipe,
        source if variance is None else variance,
        epsilon=epsilon,
        noise=noise_strength(noise),
        seed=seed,
        stage=lambda name: nullcontext(progress),
        means=Means(worker),
    )


def measure_and_prune(
    net: RateNetwork,
    keep: float | None,
    recipe: Recipe,
    source: Source | FloatArray | SynapseVariance,
    *,
    epsilon: float | None = None,
    noise: float | None = None,
    seed: Seed = None,
    stage: Stage = lambda name: nullcontext(silent),
    means: Means = HERE,
) -> Pruning:
    """Prune by a recipe and synapse variances from a source, or measured before.

    Everything else is as for `prune`; `noise` None is 1, or what a recording says.
    """
    if keep is None and epsilon is None:
        keep = 0.1
    check_request(net, keep, recipe, epsilon, noise)
    if hasattr(source, "measure") and recipe.needs_activity:
        source = with_activity(source)
    if hasattr(source, "measure") and (recipe.needs_variance or recipe.needs_activity):
        with stage("variance") as progress:
            source = source.measure(net, noise, seed=seed, progress=progress, worker=means.worker)
    variance = None if hasattr(source, "measure") else source
    if isinstance(variance, SynapseVariance):
        noise = variance.noise
    with stage("prune") as progress:
        return prune_network(
            net,
            variance,
            keep,
            recipe,
            epsilon=epsilon,
            noise=1.0 if noise is None else noise,
            seed=seed,
            progress=progress,
            memory=means.memory,
        )
