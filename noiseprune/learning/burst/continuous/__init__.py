"""BurstCCN in continuous time: events, apical potentials and weights as differential equations."""
