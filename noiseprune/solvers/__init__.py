"""Solvers of large sparse systems: of symmetric, diagonally dominant networks, and shifted ones.

`dominant` iterates, `preconditioners` shorten its way, `shifted` serves directed networks.
"""

from noiseprune.solvers.dominant import MAX_STEPS, SOLVERS, TRIAL_STEPS, Dominant, Solution

__all__ = ["MAX_STEPS", "SOLVERS", "TRIAL_STEPS", "Dominant", "Solution"]
