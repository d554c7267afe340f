"""BurstCCN in continuous time: events, apical potentials and weights as differential equations.

The other systems, Burstprop among them, have no form in continuous time here.
"""
