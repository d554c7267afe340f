"""Prune the recurrent weights of a trained rate network.

At a working point with slopes g = phi' the network is a linear rate network,

    dv/dt = A v + ...,    A = diag(1 / tau) (-I + W diag(g)),

whose synapses have the weights w_ij g_j / tau_i, and whose leak is (1 - w_ii g_i) / tau_i: a
self-synapse belongs to the leak, and is never pruned. The rest is `noiseprune.prune`: synapse
variances of A under noise, or of the network's own activity; importance |a_ij| v_ij; draw; balance.
A factor on a_ij is the same factor on w_ij, so what is kept keeps its sign, and Dale's law.

The surgeon sees what a neuron hears on the task: the mean of r r^T over trials and their steps,
r = phi(v), for the weights w_ij / tau_i.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from noiseprune import kernels, spectrum
from noiseprune.checks import Seed, count, one_of, seed_sequence, substream
from noiseprune.choices import UNDRAWN
from noiseprune.errors import NetworkError, NoisePruneError, OptionError, UnstableError
from noiseprune.learning.data.trials import Task
from noiseprune.learning.models.activations import ACTIVATIONS
from noiseprune.learning.models.ctrnn.constraints import Array, as_array
from noiseprune.learning.models.ctrnn.network import CTRNN
from noiseprune.learning.models.ctrnn.objective import Batch, Score, score
from noiseprune.learning.options import names
from noiseprune.learning.prune.draw import RANDOM, as_csr, prune_dense, ratio
from noiseprune.network import RateNetwork
from noiseprune.pruning import PAPER, Activity, Recipe, rules
from noiseprune.pruning.sampling import BoolArray
from noiseprune.variance import METHODS, synapse_variance
from noiseprune.weights import FloatArray, stored


@dataclass(frozen=True)
class RecurrentPruning:
    """A pruned rate network with its evidence.

    model : the pruned `CTRNN`, a copy; it can be used and trained further, and what was pruned
        stays pruned: neither learning nor growth brings it back
    drift, pruned_drift : `RateNetwork` of A at the working point, before and after
    gains : (N,) slopes g at the working point
    working_point, rule, sampling, balance, seed : as chosen
    method : where the synapse variances came from; None where the rule needs none
    keep_probability : (N, N) of W[post, pre]; 1 for what is never pruned, 0 without a synapse
    kept : (N, N) bool
    n_synapses, n_kept : synapses that could be pruned (without self- and frozen synapses, and
        places of weight 0, none of which is kept), and how many of them were kept
    density : synapses that there are, whatever their weight, per pair of neurons (self-synapses
        included), before and after
    before, after : `Score` on the task; None without a task
    """

    model: CTRNN = field(repr=False)
    drift: RateNetwork
    pruned_drift: RateNetwork
    gains: FloatArray = field(repr=False)
    working_point: str
    rule: str
    sampling: str
    balance: str
    seed: Seed
    method: str | None
    keep_probability: FloatArray = field(repr=False)
    kept: BoolArray = field(repr=False)
    n_synapses: int
    n_kept: int
    density: tuple[float, float]
    before: Score | None
    after: Score | None

    @property
    def spectra(self) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
        """Eigenvalues of A before and after, each (N,), by falling real part."""
        found = (np.linalg.eigvals(net.dense_drift()) for net in (self.drift, self.pruned_drift))
        before, after = (x[np.argsort(-x.real)].astype(np.complex128) for x in found)
        return before, after

    @property
    def spectral_abscissa(self) -> tuple[float, float]:
        """Spectral abscissa of A before and after; below 0 the working point is stable."""
        return self.drift.spectral_abscissa(), self.pruned_drift.spectral_abscissa()

    def epsilon(self) -> spectrum.Epsilon:
        """Relative change of the drift (see `noiseprune.spectrum`)."""
        return spectrum.epsilon(self.drift, self.pruned_drift)

    @property
    def certificate(self) -> tuple[float | None, str | None]:
        """Epsilon and its norm; None for both where a singular drift has no certificate."""
        try:
            found = self.epsilon()
        except NoisePruneError:
            return None, None
        return found.epsilon, found.norm


def prune_recurrent(
    model: CTRNN,
    keep: float = 0.1,
    rule: names.RecurrentRule | Recipe = "noise",
    *,
    task: Task | None = None,
    inputs: Array | Tensor | None = None,
    n_trials: int = 256,
    working_point: names.WorkingPoint | None = None,
    method: names.RecurrentMethod = "auto",
    sampling: names.Sampling | None = None,
    balance: names.Balance | None = None,
    seed: Seed = None,
) -> RecurrentPruning:
    """Prune the recurrent weights of a model; the model itself stays as it is.

    Parameters
    ----------
    keep : fraction in (0, 1] (a float) or number (an int) of synapses to keep, of those that can be
        pruned: self-synapses and frozen ones always stay
    rule : "noise", "paper", "weight", "uniform", "magnitude", "surgeon" as for `noiseprune.prune`,
        or "random": as many synapses at random, without strengthening the rest. Or a
        `noiseprune.pruning.Recipe`, which says the sampling and the balance, too
    task : gives trials for the working point, for the activity, and for the scores
    inputs : (batch, time, in), instead of a task; then there are no scores
    n_trials : of the task
    working_point : "gain": g is the mean of phi'(v) over trials and time (the default where there
        are any); "mean": phi' of the mean of v; "linear": g = 1 (the default otherwise)
    method : of the synapse variances: those of `noiseprune.synapse_variance`, which see A under
        white noise (its strength plays no part); "activity": the variance of v_i - sgn(w_ij) v_j
        over the trials and their steps, under the model's own noise; "auto": "exact" if A is
        stable, else "activity". The surgeon has the activity alone
    sampling : as for `noiseprune.prune`, or "largest": the synapses of the largest importance, not
        strengthened (for "weight" that is "magnitude")
    balance : "homeostatic" (the default of all rules that strengthen) or "none"; the leak of a
        neuron is 1 / tau, and is not changed. "paper" keeps the diagonal, its paper's other choice
    seed : of trials, noise and draw

    A synapse of a neuron whose slope is 0 is silent: the noise rule keeps it only from what all
    others leave of the budget.

    Raises
    ------
    OptionError
        If an argument lies outside its range, or trials are needed and there are none.
    UnstableError
        If the variances are to be those of A, and A has no stationary state.
    """
    if not isinstance(model, CTRNN):
        raise NetworkError(f"expected a CTRNN, found {type(model).__name__}: give the model itself")
    one_of("method", method, get_args(names.RecurrentMethod))
    if task is not None and inputs is not None:
        raise OptionError("task and inputs were both given: leave one of them out")
    if working_point is None:
        working_point = "linear" if task is None and inputs is None else "gain"
    one_of("working_point", working_point, get_args(names.WorkingPoint))
    recipe = _recipe(rule, sampling, balance)
    root = seed_sequence(seed)

    pruned = copy.deepcopy(model)
    batch = None
    if task is not None:
        trials = task.trials(count("n_trials", n_trials), np.random.default_rng(substream(root, 0)))
        batch = Batch.of(trials, model.readout.theta)
        inputs = batch.inputs
    potentials = None
    if inputs is not None:
        given = torch.as_tensor(as_array("the input", inputs)).to(model.readout.theta)
        potentials = _activity(pruned, given, substream(root, 1))
    pruned.load_state_dict(model.state_dict())  # the noise goes on as it would have
    if potentials is None and (working_point != "linear" or method == "activity"):
        what = "method 'activity'" if method == "activity" else f"working point {working_point!r}"
        raise OptionError(f"{what} needs the activity of the network: give a task, or inputs")

    gains = _gains(model, potentials, working_point)
    tau = model.hidden.tau.detach().double().cpu().numpy()
    weights = model.layers[1].weight.detach().double().cpu().numpy()
    drift = _drift(weights, gains, tau)
    layer = model.layers[1]
    plastic = (layer.present & (layer.plasticity > 0)).cpu().numpy()
    np.fill_diagonal(plastic, False)
    free = plastic & (weights != 0)
    n_synapses = int(free.sum())
    if n_synapses == 0:
        raise OptionError("no synapse can be pruned: all are absent, frozen or self-synapses")
    number = max(1, round(rules.budget(keep, n_synapses)))
    # The noise rule and the paper's see the synapses of A, the others the weights themselves.
    seen, local, found, activity = weights, None, None, None
    if recipe.needs_variance:
        seen = weights * gains / tau[:, None]
        local = np.zeros_like(weights)
        found, local[drift.synapses] = _variances(drift, potentials, method, substream(root, 2))
    if recipe.needs_activity:
        seen, found = weights / tau[:, None], "activity"
        activity = _seen(model, potentials, method)
    rng = np.random.default_rng(substream(root, 3))
    seen = np.where(free, seen, 0.0)
    if rule == "random":
        probability, multiplier = _any(seen, free, number, recipe, rng)
    else:
        probability, multiplier = _draw(seen, free, local, number, recipe, rng, activity)
    kept = free & (multiplier > 0)
    rest = layer.present.cpu().numpy() & ~plastic
    changed = np.where(rest, weights, weights * multiplier)
    present = torch.from_numpy(kept | rest).to(layer.theta.device)
    pruned.layers[1].set_present(present, torch.from_numpy(changed))
    pruned.layers[1].growth[layer.present & ~present] = 0.0
    return RecurrentPruning(
        model=pruned,
        drift=drift,
        pruned_drift=_drift(changed, gains, tau),
        gains=gains,
        working_point=working_point,
        rule=recipe.rule if isinstance(rule, Recipe) else rule,
        sampling="none" if rule == "random" else recipe.sampling,
        balance="none" if recipe.rule == "paper" else recipe.balance,
        seed=seed,
        method=found,
        keep_probability=np.where(rest, 1.0, probability),
        kept=kept | rest,
        n_synapses=n_synapses,
        n_kept=int(kept.sum()),
        density=(layer.density, pruned.layers[1].density),
        before=None if batch is None else score(model, batch),
        after=None if batch is None else score(pruned, batch),
    )


@torch.no_grad()
def _activity(model: CTRNN, inputs: Tensor, seed: np.random.SeedSequence) -> Tensor:
    """v (batch, time, N) under the model's own noise; the model is a copy that may be used up."""
    model.hidden.reset_state()
    model.hidden.seed_noise(seed)
    mode = model.training
    v = model.train().potentials(inputs)
    model.train(mode)
    return v


def _gains(model: CTRNN, potentials: Tensor | None, working_point: str) -> FloatArray:
    """(N,) slopes g of the activation at the working point."""
    slope = ACTIVATIONS[model.hidden.activation].at
    if working_point == "linear" or potentials is None:
        return np.ones(model.hidden.n_neurons)
    if working_point == "mean":
        gains = slope(potentials.double().mean(dim=(0, 1)))
    else:
        gains = slope(potentials.double()).mean(dim=(0, 1))
    result: FloatArray = gains.cpu().numpy()
    return result


def _drift(weights: FloatArray, gains: FloatArray, tau: FloatArray) -> RateNetwork:
    """The network of A; its leak (1 - w_ii g_i) / tau_i may have any sign."""
    synapses = weights * gains / tau[:, None]
    leak = 1.0 / tau - np.diagonal(synapses)
    np.fill_diagonal(synapses, 0.0)
    return RateNetwork.from_parts(stored(as_csr(synapses)), leak)


def _variances(
    drift: RateNetwork, potentials: Tensor | None, method: str, seed: np.random.SeedSequence
) -> tuple[str, FloatArray]:
    """The method that was used, and v (n_synapses,) of the synapses of A."""
    if method in METHODS:
        try:
            solved = synapse_variance(drift, method=method, seed=seed)
            return solved.method, solved.variance
        except UnstableError as error:
            if method != "auto" or potentials is None:
                raise UnstableError(
                    "the network is unstable at its working point: the spectral abscissa of the "
                    f"drift is {drift.spectral_abscissa():.3g}, but must be below 0 for a "
                    "stationary covariance; give a task or inputs and method='activity', or "
                    "another working point"
                ) from error
    if potentials is None:
        raise OptionError("method 'activity' needs the activity: give a task, or inputs")
    samples = potentials.double().flatten(0, 1).cpu().numpy()
    samples -= samples.mean(axis=0)
    covariance = samples.T @ samples / len(samples)
    csr = drift.csr
    values = kernels.synapse_variance(csr.indptr, csr.indices, csr.data, csr.indptr, covariance)
    return "activity", np.maximum(values, 0.0)


def _seen(model: CTRNN, potentials: Tensor | None, method: str) -> Activity:
    """What a neuron hears: the second moment of the rates over all trials and steps."""
    if potentials is None or method not in ("auto", "activity"):
        raise OptionError(
            "rule 'surgeon' sees the activity of the network on its task: give a task, or inputs, "
            "and leave the method out"
        )
    rates = ACTIVATIONS[model.hidden.activation].rate(potentials.double())
    return Activity.of_states(rates.flatten(0, 1).cpu().numpy())


def _recipe(
    rule: names.RecurrentRule | Recipe,
    sampling: names.Sampling | None,
    balance: names.Balance | None,
) -> Recipe:
    """The recipe that a rule implies, or the one that was given."""
    if isinstance(rule, Recipe):
        if (sampling, balance) != (None, None):
            raise OptionError("a recipe has a sampling and a balance: leave them out beside it")
        recipe = rule
    elif rule == "paper":
        if sampling not in (None, "independent") or balance not in (None, "none"):
            raise OptionError(
                "rule 'paper' draws independently and keeps the diagonal: leave sampling and "
                "balance out, or use rule 'noise'"
            )
        recipe = PAPER
    elif one_of("rule", rule, get_args(names.RecurrentRule)) in (*UNDRAWN, "random") and sampling:
        raise OptionError(f"rule {rule!r} draws by itself: leave sampling out")
    elif rule == "random":
        recipe = RANDOM if balance is None else replace(RANDOM, balance=balance)
    else:
        recipe = Recipe.of(rule, sampling, balance)
    if recipe.effort != "draw":
        raise OptionError(
            f"effort {recipe.effort!r} lowers the epsilon of networks: leave it out here, and "
            "train the pruned model instead"
        )
    if recipe.balance == "leak" and recipe != PAPER:
        raise OptionError(
            "balance 'leak' would change the leak, which is 1 / tau of a neuron: choose "
            "'homeostatic' or 'none'"
        )
    return recipe


def _draw(
    seen: FloatArray,
    free: BoolArray,
    variance: FloatArray | None,
    number: int,
    recipe: Recipe,
    rng: np.random.Generator,
    activity: Activity | None = None,
) -> tuple[FloatArray, FloatArray]:
    """(N, N) keep probabilities, and the factors of the weights: 0 where pruned.

    seen : weights as the rule sees them, 0 where nothing can be pruned; free : where it can
    """
    certain = free & (seen != 0)
    left = number - int(certain.sum())
    if left < 0:
        symmetric = np.array_equal(seen, seen.T)
        probability, pruned = prune_dense(
            seen, variance, number, recipe, rng, symmetric=symmetric, activity=activity
        )
        return probability, ratio(pruned, seen)
    # Of what the rule cannot tell apart, as many as are left, any of them, and as they are.
    places = np.flatnonzero(free & ~certain)
    probability, kept = certain.astype(np.float64), certain.astype(np.float64)
    probability.flat[places] = left / max(1, places.size)
    kept.flat[rng.choice(places, left, replace=False)] = 1.0
    return probability, kept


def _any(
    seen: FloatArray, free: BoolArray, number: int, recipe: Recipe, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """As `_draw`, of any synapses: all others have a variance, and so an importance, of 0."""
    probability, drawn = _draw(np.zeros_like(seen), free, None, number, recipe, rng)
    _, pruned = prune_dense(seen, drawn, number, replace(recipe, rule="noise"), rng)
    return probability, ratio(pruned, seen)
