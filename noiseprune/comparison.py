"""Several ways to prune, held against one another on the same network, counts and seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from noiseprune import lyapunov, measures, spectrum
from noiseprune.checks import Seed, count, noise_strength, seed_sequence, substream
from noiseprune.choices import Method
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import OptionError
from noiseprune.measures import COMPARED, MEASURES, Errors, Measure, Reference
from noiseprune.network import RateNetwork
from noiseprune.pair import is_stable
from noiseprune.progress import Progress, silent
from noiseprune.pruning import RIVALS, Recipe, prune_network, rules, surgeon
from noiseprune.pruning.recipe import Made
from noiseprune.records import Plain, Rows, Table, number
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

MOST_WORK = 2e12
"""The surgeon's (see `surgeon.work`) in a comparison that does not ask for it: half a minute."""
Item = tuple[int, int, int]
"""One pruning of a comparison: index of the count, index of the way, number of the draw."""


@dataclass(frozen=True)
class ComparisonRow(Made, Plain):
    """One recipe at one `keep`, over all draws.

    kept_fraction : mean; epsilon, epsilon_max : mean and largest; errors : means of the measures
    beside it (see `noiseprune.measures`), None unless every draw has it; stable : in every draw;
    n_stable, draws : counts; promised_epsilon : mean of what the theorem promises, None unless it
    promises something of every draw
    """

    recipe: Recipe
    keep: float
    kept_fraction: float
    epsilon: float
    epsilon_max: float
    errors: Errors
    n_stable: int
    draws: int
    promised_epsilon: float | None

    @property
    def stable(self) -> bool:
        return self.n_stable == self.draws

    @property
    def eigenvalue_error(self) -> float | None:
        """Mean of the median |lambda' / lambda - 1|; None for directed or large networks."""
        return self.errors.eigenvalue_error

    def value(self, measure: Measure) -> float | None:
        """The mean of a measure."""
        return self.epsilon if measure.key == "epsilon" else self.errors.value(measure.key)

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-ready values, under the keys of the command line."""
        return {
            "rule": self.rule,
            "sampling": self.sampling,
            "balance": self.balance,
            "effort": self.recipe.effort,
            "keep": self.keep,
            "kept_fraction": self.kept_fraction,
            "epsilon": self.epsilon,
            "epsilon_max": self.epsilon_max,
            **self.errors.to_dict(),
            "stable": self.stable,
            "n_stable": self.n_stable,
            "draws": self.draws,
        }

    def flat(self) -> dict[str, Any]:
        """The numbers of the row by the names of its columns, a column a measure."""
        values = self.to_dict()
        del values["response_error"], values["not_computed"]
        return values | {measure.place: self.value(measure) for measure in MEASURES}


@dataclass(frozen=True, repr=False)
class Comparison(Table):
    """Rows of `compare`, with what they share; `keep` is a tuple if several were compared.

    left_out : what has no row, and why; None if nothing is missing
    """

    original: RateNetwork
    rows: tuple[ComparisonRow, ...]
    epsilon_norm: str
    keep: float | tuple[float, ...]
    draws: int
    seed: Seed
    left_out: str | None = None

    @property
    def levels(self) -> list[tuple[ComparisonRow, ...]]:
        """The rows at each `keep`, in order: one synapse (1) is not all of them (1.0)."""
        several = len(self.keep) if isinstance(self.keep, tuple) else 1
        n = len(self.rows) // several
        return [self.rows[k : k + n] for k in range(0, len(self.rows), n)]

    @property
    def winners(self) -> dict[str, tuple[ComparisonRow, ...]]:
        """By measure (`Measure.place`): the row with the least mean at each `keep`, in order.

        Only rows that are stable in every draw, and have the measure, can win.
        """

        def best(measure: Measure, level: tuple[ComparisonRow, ...]) -> list[ComparisonRow]:
            rows = [row for row in level if row.stable and row.value(measure) is not None]
            return sorted(rows, key=lambda row: cast(float, row.value(measure)))[:1]

        return {
            measure.place: tuple(row for level in self.levels for row in best(measure, level))
            for measure in MEASURES
        }

    def best(self) -> Rows:
        """The winners in words."""
        several = isinstance(self.keep, tuple)

        def told(row: ComparisonRow, measure: Measure) -> str:
            alike = [one for one in self.rows if (one.rule, one.keep) == (row.rule, row.keep)]
            way = f"{row.rule}, balance {row.balance}" if len(alike) > 1 else row.rule
            return f"{f'at {row.keep:,} ' * several}{way} {number(row.value(measure))}"

        return [
            (measure.title, "; ".join(told(row, measure) for row in rows))
            for measure in MEASURES
            if (rows := self.winners[measure.place])
        ]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON-ready values, under the keys of the command line."""
        names = ("rule", "sampling", "balance", "effort", "keep")
        winners = {
            place: [{name: row.flat()[name] for name in (*names, place)} for row in rows]
            for place, rows in self.winners.items()
        }
        return {
            "rows": [row.to_dict() for row in self.rows],
            "winners": winners,
            "epsilon_norm": self.epsilon_norm,
            "n_neurons": self.original.n_neurons,
            "n_synapses": self.original.n_synapses,
            "keep": self.keep,
            "draws": self.draws,
            "left_out": self.left_out,
        }

    def header(self) -> tuple[str, ...]:
        return tuple(self.rows[0].flat())

    def lines(self) -> list[tuple[Any, ...]]:
        return [tuple(row.flat().values()) for row in self.rows]


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
    recipes : the ways to prune; without it the surgeon is left out, and `Comparison.left_out` says
        so, where neurons have thousands of inputs
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
    left_out = None
    if recipes is RIVALS and surgeon.work(net.csr) > MOST_WORK:
        recipes = [recipe for recipe in RIVALS if not recipe.needs_activity]
        left_out = (
            "rule 'surgeon' was left out, for it takes long where neurons have thousands of inputs:"
            " name it to have it, recipes=[Recipe(rule='surgeon'), ...]"
        )
    root = seed_sequence(seed)
    source, noise = source_of(net, method), noise_strength(noise)
    if isinstance(source, Exact) and net.n_neurons <= COMPARED:
        source = Exact(keep_covariance=True)
    seen, variance, covariance = None, None, None
    if any(recipe.needs_activity for recipe in recipes):
        seen = _seen(net, source, noise, root, worker)
    if any(recipe.needs_variance for recipe in recipes):
        known = seen if seen and isinstance(source, Exact) else None
        known = known or source.measure(net, noise, seed=root, worker=worker)
        variance, covariance = known.variance, known.covariance
    shared = _Draws(net, variance, keeps, noise, root, tuple(recipes), seen, covariance)
    rows, norm = [], ""
    for (level, way), own in each_way(
        _draw, shared, len(keeps), len(recipes), draws, worker=worker, progress=progress
    ):
        found = [_Draw(*result) for result in own]
        promised = float(np.mean([draw.promised for draw in found]))
        rows.append(
            ComparisonRow(
                recipe=recipes[way],
                keep=keeps[level],
                kept_fraction=float(np.mean([draw.n_kept for draw in found])) / net.n_synapses,
                epsilon=float(np.mean([draw.epsilon for draw in found])),
                epsilon_max=float(np.max([draw.epsilon for draw in found])),
                errors=_errors(shared, found),
                n_stable=sum(bool(draw.stable) for draw in found),
                draws=draws,
                promised_epsilon=None if np.isnan(promised) else promised,
            )
        )
        norm = str(found[-1].norm)
    several = len(keeps) > 1
    keep = keeps if several else keeps[0]
    return Comparison(net, tuple(rows), norm, keep, draws, seed, left_out)


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
    """What is kept of one pruning; nan where it was not computed, or nothing is promised.

    errors : of the measures after epsilon, in their order
    """

    n_kept: int
    epsilon: float
    errors: FloatArray
    stable: bool
    norm: str
    promised: float


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
    covariance: lyapunov.Covariance | None = None

    @cached_property
    def reference(self) -> Reference | None:
        """What the measures hold the prunings against; None for large or unstable networks."""
        if self.net.n_neurons > COMPARED or not self.net.spectral_abscissa() < 0:
            return None
        rng = np.random.default_rng(substream(self.root, 0, 3))
        return Reference(self.net, self.covariance, seed=rng)

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
        kept = _Draw._fields, tuple(measure.key for measure in MEASURES)
        return digest(
            net.csr,
            net.leak,
            self.variance,
            self.keeps,
            self.noise,
            stream,
            ways,
            activity and activity.values,
            kept,
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
        stable = is_stable(pruning.network, change)
        found: dict[str, float] = {}
        if stable and shared.reference is not None:
            found = shared.reference.errors(pruning.network)
    if original is not None and values is not None:
        found["eigenvalue_error"] = float(np.median(np.abs(values / original - 1.0)))
    numbers = np.array([found.get(measure.key, np.nan) for measure in MEASURES[1:]])
    promised = np.nan if pruning.promised_epsilon is None else pruning.promised_epsilon
    return _Draw(pruning.n_kept, change.epsilon, numbers, stable, change.norm, promised)


def _errors(shared: _Draws, found: list[_Draw]) -> Errors:
    """Mean of each measure over the draws of a row, and why one has none."""
    unstable, net = sum(not draw.stable for draw in found), shared.net
    if net.n_neurons > COMPARED:
        reason = measures.TOO_LARGE
    elif shared.reference is None:
        reason = measures.unstable("of the original")
    elif unstable:
        reason = measures.unstable(f"in {unstable} of {len(found)} draws")
    else:
        reason = measures.IMPRECISE
    eigen = measures.LEFT_OUT if net.is_symmetric else measures.DIRECTED
    means = np.mean([draw.errors for draw in found], axis=0).tolist()
    values = {measure.key: mean for measure, mean in zip(MEASURES[1:], means)}
    return Errors.of(values, {"all": reason, "eigenvalue_error": eigen})


def _eigenvalues(net: RateNetwork) -> FloatArray:
    """Eigenvalues of a symmetric drift, in ascending order."""
    drift = net.dense_drift()
    return linalg.eigvalsh(drift, overwrite_a=True, check_finite=False)  # type: ignore[no-any-return]
