"""Directed equilibrium propagation (DEEP), its sparsification, and asymmetric EP."""
