"""Networks whose synapses fail at random, and what that does to learning on average."""
