"""Synapses that fail at random: each transmits with probability q, anew for every sample."""
