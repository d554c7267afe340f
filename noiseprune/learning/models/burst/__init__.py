"""Burst-dependent learning: local rules in which bursts carry errors down, without autograd.

Four systems over one layer protocol (`layers.LocalLayer`): BurstCCN, Burstprop, EDN and ANN, the
last being backprop or feedback alignment for comparison.
"""
