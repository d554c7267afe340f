"""Checks shared by every public door: names from a list, numbers in a range, seeds.

NumPy is imported by what makes random numbers alone, since the help of the command line reads this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from noiseprune.errors import OptionError

if TYPE_CHECKING:
    import numpy as np

Seed: TypeAlias = "int | np.random.SeedSequence | np.random.Generator | None"


Name = TypeVar("Name", bound=str)


def one_of(what: str, name: str, known: Iterable[Name]) -> Name:
    """Return the known name that `name` is, else say which of them is nearest."""
    names = list(known)
    for each in names:
        if each == name:
            return each
    near = get_close_matches(str(name), names, n=1, cutoff=0.3)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise OptionError(f"unknown {what} {name!r}: {hint}choose one of {', '.join(names)}")


def positive(what: str, value: float, *, remedy: str = "give a number above 0") -> float:
    """Return `value` as a float if it is finite and above zero."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise OptionError(f"{what} is {value!r}, not a number: {remedy}")
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise OptionError(f"{what} is {number:g}, but must be finite and above 0: {remedy}")
    return number


def not_negative(what: str, value: float) -> float:
    """Return `value` as a float if it is finite and at least zero."""
    return at_least(what, value, 0.0)


def at_least(what: str, value: float, smallest: float) -> float:
    """Return `value` as a float if it is finite and at least `smallest`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise OptionError(f"{what} is {value!r}, not a number: give one of at least {smallest:g}")
    number = float(value)
    if not (math.isfinite(number) and number >= smallest):
        raise OptionError(f"{what} is {number:g}, but must be finite and at least {smallest:g}")
    return number


def noise_strength(value: float) -> float:
    """Return sigma as a float if it is above zero and its square and inverse are safe numbers."""
    number = positive("noise", value)
    if not 1e-100 <= number <= 1e100:
        raise OptionError(
            f"noise is {number:g}, but must lie between 1e-100 and 1e100: choose other units"
        )
    return number


def count(what: str, value: int, *, at_least: int = 1) -> int:
    """Return `value` as an int if it is a whole number of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < at_least:
        raise OptionError(f"{what} is {value!r}, but must be a whole number of at least {at_least}")
    return int(value)


def fraction(what: str, value: float) -> float:
    """Return `value` as a float if it lies in (0, 1]."""
    if isinstance(value, bool) or not 0 < value <= 1:
        raise OptionError(f"{what} is {value!r}, but must be a fraction in (0, 1]")
    return float(value)


def generator(seed: Seed) -> np.random.Generator:
    """Return a random generator for `seed`; a `Generator` is used as it is."""
    import numpy as np

    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise OptionError(f"seed is {seed!r}: give a whole number of at least 0") from error


def seed_sequence(seed: Seed) -> np.random.SeedSequence:
    """Return the root from which independent streams are spawned, one per item of work."""
    import numpy as np

    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, np.random.Generator):
        return np.random.SeedSequence(int(seed.integers(2**63)))
    try:
        return np.random.SeedSequence(seed)
    except (TypeError, ValueError) as error:
        raise OptionError(f"seed is {seed!r}: give a whole number of at least 0") from error


def substream(root: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """The stream with this key below `root`, as `root.spawn` names them.

    Unlike `spawn` it does not count: the same seed given twice has the same streams.
    """
    import numpy as np

    return np.random.SeedSequence(
        root.entropy, spawn_key=(*root.spawn_key, *key), pool_size=root.pool_size
    )
