"""Generators of torch from the seeds that all of the package takes, and its types by name."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch

from noiseprune.checks import Seed, seed_sequence

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def new_generator(seed: Seed = None, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own, the global one is left alone; a whole number is its seed as it is."""
    state = _state(seed_sequence(seed))
    if isinstance(seed, Integral) and seed < 2**63:
        state = int(seed)
    return torch.Generator(device).manual_seed(state)


def spread(seed: Seed, number: int) -> list[int]:
    """Independent seeds for generators of torch."""
    return [_state(child) for child in seed_sequence(seed).spawn(number)]


def _state(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
