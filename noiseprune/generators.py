"""Generated networks: the clustered networks of Moore and Chaudhuri (2020).

Within a cluster a share `density` of the pairs is connected with weights N(1, 1), so about
16 % of them inhibitory; `long_range` entries between clusters have weights U(0, 1). W is then
divided by 1.1 max Re lambda(W), and the leak rule is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from numbers import Real

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.checks import Seed, count, generator
from noiseprune.eigenvalues import weights_abscissa
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork
from noiseprune.weights import FloatArray, stored

_BLOCK_ENTRIES = 4_000_000
"""Candidate entries drawn at a time: bounds the memory of the generator, not its law."""

_SPARSE = 0.1
"""Density below which a jump from one connected pair to the next beats a coin for every pair."""

_Entries = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], FloatArray]


def clustered_network(
    sizes: Sequence[int] = (2700, 100, 100, 100),
    density: float = 0.6,
    long_range: int = 5000,
    directed: bool = False,
    leak: str | float | npt.ArrayLike = "dominant",
    leak_margin: float = 0.0,
    *,
    n: int | None = None,
    seed: Seed = None,
) -> RateNetwork:
    """Clustered random network of the paper, symmetric or directed.

    Parameters
    ----------
    sizes : cluster sizes; neurons are numbered cluster by cluster
    density : probability, in [0, 1], that a pair (directed: an ordered pair) within a cluster
        is connected; weights N(1, 1)
    long_range : number of non-zero entries of W between clusters, U(0, 1); in a symmetric
        network an even number, as each pair makes two
    leak, leak_margin : see `RateNetwork`; the margin of the paper is 0
    n : total number of neurons; if given, `sizes` must sum to it

    Returns
    -------
    RateNetwork with W divided by 1.1 max Re lambda(W).

    Raises
    ------
    OptionError
        If the sizes are not positive or do not sum to n, or there is no room for the
        long-range entries.

    Source: Moore and Chaudhuri (2020), experiments.

    >>> clustered_network((40, 10), long_range=30, seed=3)
    RateNetwork(50 neurons, 1016 synapses, symmetric)
    """
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise OptionError(f"sizes is {sizes!r}: give a sequence of cluster sizes")
    sizes = [count("cluster size", size) for size in sizes]
    if not sizes:
        raise OptionError("no cluster sizes: give at least one")
    total = sum(sizes)
    if n is not None and total != n:
        raise OptionError(
            f"the cluster sizes sum to {total}, but n is {n}: change one of them to match"
        )
    if not (isinstance(density, Real) and 0 <= density <= 1):
        raise OptionError(f"density is {density!r}, but must be a number between 0 and 1")
    long_range = count("long_range", long_range, at_least=0)
    rng = generator(seed)

    entries = list(_within_clusters(rng, sizes, density, directed=directed))
    entries.append(_between_clusters(rng, sizes, long_range, directed=directed))
    rows, columns, values = (np.concatenate(part) for part in zip(*entries))
    del entries
    weights = sparse.csr_array((values, (rows, columns)), shape=(total, total))
    del rows, columns, values
    if not directed:
        weights = sparse.csr_array(weights + weights.T)
    weights.eliminate_zeros()
    weights.sort_indices()
    if weights.nnz:
        abscissa = weights_abscissa(weights, symmetric=not directed)
        if abscissa > 0:
            weights.data /= 1.1 * abscissa
    return RateNetwork(stored(weights), leak=leak, leak_margin=leak_margin)


def paper_sizes(n: int) -> tuple[int, ...]:
    """Cluster sizes for n neurons: the paper's for 3,000 and 10,000, else 90 % + 3 small ones."""
    n = count("n", n, at_least=4)
    if n == 10_000:
        return (9000, *(100,) * 10)
    small = max(1, round(n / 30))
    return (n - 3 * small, small, small, small)


def paper_long_range(sizes: Sequence[int]) -> int:
    """Long-range entries for clusters of these sizes: the paper's 5,000 for 3,000 neurons and more.

    In proportion below; an even number, and no more than a quarter of what fits between them.
    """
    n = sum(sizes)
    room = n * n - sum(size * size for size in sizes)
    return 2 * (min(5000, round(5000 * n / 3000), room // 4) // 2)


def _within_clusters(
    rng: np.random.Generator, sizes: Sequence[int], density: float, *, directed: bool
) -> Iterator[_Entries]:
    """Entries within clusters, a block of rows at a time; upper triangle only if symmetric."""
    start = 0
    for size in sizes:
        blocks = _jumps if density < _SPARSE else _coins
        for rows, columns in blocks(rng, size, density, directed=directed):
            values = rng.standard_normal(rows.size) + 1.0
            yield rows + np.int32(start), columns + np.int32(start), values
        start += size


_Places = Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]


def _coins(rng: np.random.Generator, size: int, density: float, *, directed: bool) -> _Places:
    """Connected pairs of one cluster, in row order, by a coin for every pair."""
    height = max(1, _BLOCK_ENTRIES // size)
    for top in range(0, size, height):
        bottom = min(top + height, size)
        left = 0 if directed else top
        mask = rng.random((bottom - top, size - left), dtype=np.float32) < density
        if directed:
            np.fill_diagonal(mask[:, top:], False)
        else:
            mask = np.triu(mask, 1)
        rows, columns = (index.astype(np.int32) for index in np.nonzero(mask))
        yield rows + np.int32(top), columns + np.int32(left)


def _jumps(rng: np.random.Generator, size: int, density: float, *, directed: bool) -> _Places:
    """The same where few are connected: by the gaps between them, which are geometric."""
    if density == 0 or size < 2:
        return
    # Pairs are counted row by row: all columns but the diagonal, or those to the right of it.
    per_row = np.full(size, size - 1) if directed else np.arange(size - 1, -1, -1)
    ends = np.cumsum(per_row)
    place = -1
    while place < ends[-1]:
        gaps = rng.geometric(density, _BLOCK_ENTRIES if size > _BLOCK_ENTRIES else 4 * size)
        places = place + np.cumsum(np.minimum(gaps, ends[-1] + 1))  # lest the sum overflow
        place = int(places[-1])
        places = places[places < ends[-1]]
        rows = np.searchsorted(ends, places, side="right")
        columns = places - (ends[rows] - per_row[rows])
        columns += (columns >= rows) if directed else rows + 1
        yield rows.astype(np.int32), columns.astype(np.int32)


def _between_clusters(
    rng: np.random.Generator, sizes: Sequence[int], long_range: int, *, directed: bool
) -> _Entries:
    """Distinct entries between clusters, uniform over all places; U(0, 1] weights."""
    total = sum(sizes)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    room = total**2 - sum(size**2 for size in sizes)
    if long_range > room:
        raise OptionError(
            f"{long_range} long-range entries do not fit: there are {room} places between the "
            "clusters; lower long_range"
        )
    if not directed and long_range % 2:
        raise OptionError(
            f"long_range is {long_range}, but in a symmetric network entries come in pairs: "
            "give an even number"
        )
    wanted = long_range if directed else long_range // 2
    if 2 * long_range > room:
        candidates = np.flatnonzero(cluster[:, None] != cluster)
        if not directed:
            candidates = candidates[candidates // total < candidates % total]
        places = rng.choice(candidates, wanted, replace=False)
    else:
        places = np.empty(0, dtype=np.int64)
        while places.size < wanted:
            draw = rng.integers(total, size=(2, 2 * wanted + 16))
            row, column = draw if directed else (draw.min(axis=0), draw.max(axis=0))
            new = (row * total + column)[cluster[row] != cluster[column]]
            _, first = np.unique(np.concatenate([places, new]), return_index=True)
            places = np.concatenate([places, new])[np.sort(first)]
        places = places[:wanted]
    values = 1.0 - rng.random(wanted)
    return (places // total).astype(np.int32), (places % total).astype(np.int32), values
