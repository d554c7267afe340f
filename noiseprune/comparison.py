"""Several ways to prune, held against one another on the same network, counts and seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from noiseprune import spectrum
from noiseprune.checks import Seed, count, noise_strength, seed_sequence, substream
from noiseprune.choices import Method
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork
from noiseprune.pair import is_stable
from noiseprune.progress import Progress, silent
from noiseprune.pruning import RIVALS, Recipe, prune_network, rules, surgeon
from noiseprune.pruning.recipe import Made
from noiseprune.records import Plain, Table
from noiseprune.variance import (
    Exact,
    Replicas,
    Source,
    SynapseVariance,
    source_of,
    with_activity,
)
from noiseprune.weights import FloatArray
from noiseprune.work import Result, Worker, digest, in_order, serial

Item = tuple[int, int, int]
"""One pruning of a comparison: index of the count, index of the way, number of the draw."""


@dataclass(frozen=True)
class ComparisonRow(Made, Plain):
    """One recipe at one `keep`, over all draws.

    kept_fraction : mean; epsilon, epsilon_max : mean and largest; eigenvalue_error : mean over
    draws of the median |lambda' / lambda - 1| (None for directed or large networks); stable : in
    every draw; n_stable, draws : counts; promised_epsilon : mean of what the theorem promises, None
    unless it promises something of every draw
    """

    recipe: Recipe
    keep: float
    kept_fraction: float
    epsilon: float
    epsilon_max: float
    eigenvalue_error: float | None
    n_stable: int
    draws: int
    promised_epsilon: float | None

    @property
    def stable(self) -> bool:
        return self.n_stable == self.draws

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-ready values, under the keys of the command line."""
        return {
            "rule": self.rule,
            "sampling": self.sampling,
            "balance": self.balance,
            "keep": self.keep,
            "kept_fraction": self.kept_fraction,
            "epsilon": self.epsilon,
            "epsilon_max": self.epsilon_max,
            "eigenvalue_error": self.eigenvalue_error,
            "stable": self.stable,
            "n_stable": self.n_stable,
            "draws": self.draws,
        }


@dataclass(frozen=True, repr=False)
class Comparison(Table):
    """Rows of `compare`, with what they share; `keep` is a tuple if several were compared."""

    original: RateNetwork
    rows: tuple[ComparisonRow, ...]
    epsilon_norm: str
    keep: float | tuple[float, ...]
    draws: int
    seed: Seed

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON-ready values, under the keys of the command line."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "epsilon_norm": self.epsilon_norm,
            "n_neurons": self.original.n_neurons,
            "n_synapses": self.original.n_synapses,
            "keep": self.keep,
            "draws": self.draws,
        }

    def header(self) -> tuple[str, ...]:
        return tuple(self.rows[0].to_dict())

    def lines(self) -> list[tuple[Any, ...]]:
        return [tuple(row.to_dict().values()) for row in self.rows]


def compare(
    net: RateNetwork,
    keep: float | Sequence[float] = 0.1,
    *,
    draws: int = 5,
    noise: float = 1.0,
    method: Method = "auto",
    recipes: Sequence[Recipe] = RIVALS,
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
) -> Comparison:
    """Prune `net` to the same count by noise and by every baseline, `draws` times each.

    Parameters
    ----------
    keep : fraction in (0, 1] or number of synapses; or a sequence of them. The rows of the first
        come first, and are those of a comparison at that alone
    draws : prunings of every recipe at every count; all recipes see the same seeds
    noise, method : of the synapse variances (see `synapse_variance`), made once if they are needed
    recipes : the ways to prune
    worker : makes the probes or replicas, and the draws (see `noiseprune.cluster`); the result does
        not depend on it

    Raises
    ------
    As `noiseprune.prune`.

    Source: the rivals, Moore and Chaudhuri (2020).

    >>> from noiseprune import datasets
    >>> found = compare(datasets.load("mushroom-body"), 0.5, draws=1, seed=3)
    >>> min(found.rows, key=lambda row: row.epsilon).recipe.rule
    'noise'
    """
    draws = count("draws", draws)
    if not recipes or not all(isinstance(recipe, Recipe) for recipe in recipes):
        raise OptionError(f"recipes are {recipes!r}: give one Recipe at least, such as Recipe()")
    keeps = _several(keep)
    for one in keeps:
        rules.budget(one, net.n_synapses)
    root = seed_sequence(seed)
    source, noise, variance = source_of(net, method), noise_strength(noise), None
    seen = None
    if any(recipe.needs_activity for recipe in recipes):
        seen = _seen(net, source, noise, root, worker)
    if seen and isinstance(source, Exact):
        variance = seen.variance
    elif any(recipe.needs_variance for recipe in recipes):
        variance = source.measure(net, noise, seed=root, worker=worker).variance
    shared = _Draws(net, variance, keeps, noise, root, tuple(recipes), seen)
    rows, norm = [], ""
    for (level, way), own in each_way(
        _draw, shared, len(keeps), len(recipes), draws, worker=worker, progress=progress
    ):
        found = [_Draw(*result) for result in own]
        error = float(np.mean([draw.eigenvalue_error for draw in found]))
        promised = float(np.mean([draw.promised for draw in found]))
        rows.append(
            ComparisonRow(
                recipe=recipes[way],
                keep=keeps[level],
                kept_fraction=float(np.mean([draw.n_kept for draw in found])) / net.n_synapses,
                epsilon=float(np.mean([draw.epsilon for draw in found])),
                epsilon_max=float(np.max([draw.epsilon for draw in found])),
                eigenvalue_error=None if np.isnan(error) else error,
                n_stable=sum(bool(draw.stable) for draw in found),
                draws=draws,
                promised_epsilon=None if np.isnan(promised) else promised,
            )
        )
        norm = str(found[-1].norm)
    several = len(keeps) > 1
    return Comparison(net, tuple(rows), norm, keeps if several else keeps[0], draws, seed)


def _seen(
    net: RateNetwork, source: Source, noise: float, root: np.random.SeedSequence, worker: Worker
) -> SynapseVariance:
    """What the surgeon sees, with the losses, which all counts and draws share.

    Simulations do not keep it: it is then solved or probed, as for "auto".
    """
    source = with_activity(source_of(net) if isinstance(source, Replicas) else source)
    seen = source.measure(net, noise, seed=root, worker=worker)
    rng = np.random.default_rng(substream(root, 0, 2))
    loss = surgeon.removal_losses(net.csr, seen.activity, rng, symmetric=net.is_symmetric)
    return replace(seen, activity=replace(cast(surgeon.Activity, seen.activity), loss=loss))


def each_way(
    trial: Callable[[Any, Item], Result],
    shared: Any,
    n_keeps: int,
    n_ways: int,
    draws: int = 1,
    *,
    worker: Worker = serial,
    progress: Progress = silent,
) -> Iterator[tuple[tuple[int, int], list[Result]]]:
    """((index of the count, index of the way), results of all draws), as soon as they are there.

    `trial(shared, (count, way, draw))` makes one pruning and measures it. What every comparison of
    the package goes through, of networks and of trained models.
    """
    settings = [(level, way) for level in range(n_keeps) for way in range(n_ways)]
    items = [(*setting, draw) for setting in settings for draw in range(draws)]
    own: list[Result] = []
    for done, result in enumerate(in_order(worker(trial, shared, items)), start=1):
        own.append(result)
        progress(done, len(items))
        if len(own) == draws:
            yield settings[done // draws - 1], own
            own = []


def _several(keep: float | Sequence[float]) -> tuple[float, ...]:
    """One number or a sequence of them, as a tuple; whether they will do is checked elsewhere."""
    if isinstance(keep, np.ndarray) and keep.ndim == 1:
        keep = keep.tolist()
    if isinstance(keep, str) or not isinstance(keep, Sequence):
        return (keep,)
    if len(keep) == 0:
        raise OptionError("keep is an empty sequence: give at least one fraction or number")
    return tuple(keep)


class _Draw(NamedTuple):
    """What is kept of one pruning; nan where it was not computed, or nothing is promised."""

    n_kept: int
    epsilon: float
    eigenvalue_error: float
    stable: bool
    norm: str
    promised: float = np.nan


@dataclass(frozen=True)
class _Draws:
    """What the prunings of a comparison share; what the original needs is made where they are."""

    net: RateNetwork
    variance: FloatArray | None
    keeps: tuple[float, ...]
    noise: float
    root: np.random.SeedSequence
    recipes: tuple[Recipe, ...]
    seen: SynapseVariance | None = None

    @cached_property
    def original(self) -> spectrum.Original:
        return spectrum.Original(self.net)

    @cached_property
    def eigenvalues(self) -> FloatArray | None:
        symmetric = self.net.is_symmetric and self.net.n_neurons <= DENSE_EIGENVALUES
        return _eigenvalues(self.net) if symmetric else None

    def digest(self) -> str:
        """Digest of everything that the prunings depend on."""
        stream = self.root.entropy, self.root.spawn_key
        net, ways = self.net, tuple(recipe.as_asked() for recipe in self.recipes)
        activity = self.seen and self.seen.activity
        return digest(
            net.csr,
            net.leak,
            self.variance,
            self.keeps,
            self.noise,
            stream,
            ways,
            activity and activity.values,
        )


def _draw(shared: _Draws, item: Item) -> _Draw:
    """One pruning, measured."""
    level, way, draw = item
    # The probes take the keys (0,), (1,), ... of the seed; the draws keep away from them.
    stream = substream(shared.root, 0, 1, draw)
    pruning = prune_network(
        shared.net,
        shared.seen if shared.recipes[way].needs_activity else shared.variance,
        shared.keeps[level],
        shared.recipes[way],
        noise=shared.noise,
        seed=np.random.default_rng(stream),
    )
    # On one thread, so that it is rounded alike everywhere.
    with threadpool_limits(1, user_api="blas"):
        change = shared.original.epsilon(pruning.network)
        original = shared.eigenvalues
        values = None if original is None else _eigenvalues(pruning.network)
    error = np.nan
    if original is not None and values is not None:
        error = float(np.median(np.abs(values / original - 1.0)))
    stable = is_stable(pruning.network, change)
    promised = np.nan if pruning.promised_epsilon is None else pruning.promised_epsilon
    return _Draw(pruning.n_kept, change.epsilon, error, stable, change.norm, promised)


def _eigenvalues(net: RateNetwork) -> FloatArray:
    """Eigenvalues of a symmetric drift, in ascending order."""
    drift = net.dense_drift()
    return linalg.eigvalsh(drift, overwrite_a=True, check_finite=False)  # type: ignore[no-any-return]
