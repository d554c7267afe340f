"""The whole way in one call: network -> synapse variance -> pruned network."""

from __future__ import annotations

from noiseprune.checks import Seed, noise_strength, one_of
from noiseprune.errors import NetworkError, OptionError
from noiseprune.network import RateNetwork, not_a_network
from noiseprune.progress import Progress, silent
from noiseprune.pruning import Pruning, prune_with_variance, resolve_choices, rules
from noiseprune.pruning.refit import check_size
from noiseprune.variance import METHODS, SynapseVariance, synapse_variance
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, serial


def prune(
    net: RateNetwork,
    keep: float | None = None,
    rule: str = "noise",
    sampling: str | None = None,
    balance: str | None = None,
    *,
    epsilon: float | None = None,
    refit: bool = False,
    variance: FloatArray | SynapseVariance | None = None,
    noise: float = 1.0,
    method: str = "auto",
    n_probes: int = 64,
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
    rule : "noise", "weight", "uniform", "magnitude" or "paper"
    sampling : "independent", "systematic" or "balanced"; by default balanced, with `epsilon`
        independent
    balance : "leak", "none" or "homeostatic"; by default homeostatic, with `epsilon` leak
    refit : fit the kept weights to the certificate (see `noiseprune.pruning.refit`), with some
        emphasis on collective modes: a smaller epsilon and better trajectories, for some minutes
        at 3,000 neurons; dense, up to 6,000 neurons. Its result depends on rounding, and so on the
        number of threads, beyond the third digit of epsilon
    variance : (n_synapses,) synapse variances or a `SynapseVariance`, from any source; solved
        here by `method` (see `synapse_variance`) if it is left out and the rule needs it
    noise : sigma of the noise that the variances were, or are to be, measured under
    seed : int, SeedSequence or Generator; the same seed gives the same pruned network
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
    """
    noise = noise_strength(noise)
    if keep is None and epsilon is None:
        keep = 0.1
    check_request(net, keep, rule, sampling, balance, epsilon=epsilon, method=method, refit=refit)
    if variance is None and rule in ("noise", "paper"):
        variance = synapse_variance(
            net,
            noise,
            method,
            n_probes=n_probes,
            seed=seed,
            progress=progress,
            worker=worker,
        )
    if isinstance(variance, SynapseVariance):
        noise, variance = variance.noise, variance.variance
    return prune_with_variance(
        net,
        variance,
        keep=keep,
        epsilon=epsilon,
        rule=rule,
        sampling=sampling,
        balance=balance,
        refit=refit,
        noise=noise,
        seed=seed,
        progress=progress,
    )


def check_request(
    net: RateNetwork,
    keep: float | None,
    rule: str,
    sampling: str | None,
    balance: str | None,
    *,
    epsilon: float | None,
    method: str,
    refit: bool = False,
) -> None:
    """Refuse what cannot be done before long work goes into the synapse variances."""
    if not isinstance(net, RateNetwork):
        raise NetworkError(not_a_network(net))
    resolve_choices(rule, sampling, balance, promise=epsilon is not None)
    one_of("method", method, METHODS)
    if refit:
        check_size(net.n_neurons)
    if net.n_synapses == 0:
        raise OptionError("the network has no synapses: there is nothing to prune")
    if keep is not None and epsilon is not None:
        raise OptionError("keep and epsilon were both given: leave one of them out")
    if keep is not None:
        rules.budget(keep, net.n_synapses)
    if epsilon is not None:
        rules.theorem_gain(epsilon, net.n_neurons, 1.0)
