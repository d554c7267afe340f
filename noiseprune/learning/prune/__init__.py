"""Pruning of networks that learn: what is special to each kind, over `noiseprune.pruning`."""
