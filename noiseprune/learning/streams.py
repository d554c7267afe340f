"""Generators of torch from the seeds that all of the package takes."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch

from noiseprune.checks import Seed, seed_sequence


def new_generator(seed: Seed = None, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own, the global one is left alone; a whole number is its seed as it is.

    Raises
    ------
    OptionError
        If the seed is none.
    """
    state = int(seed_sequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
    if isinstance(seed, Integral) and seed < 2**63:
        state = int(seed)
    return torch.Generator(device).manual_seed(state)
