"""The rule as plasticity: synapses prune themselves while the network runs.

    dx/dt = A x + b + sigma xi    or    dx/dt = -D x + [W x + b]_+ + sigma xi

Three processes, each of which knows its own place only:

- A synapse keeps its weight, and a running estimate of v = Var(x_i - sgn(w) x_j) of its two
  neurons. Where its importance |w| v falls below a threshold theta it dies, with probability
  1 - |w| v / theta, or else is strengthened until |w| v = theta: the mean of its weight stays.
- A neuron restores its own total excitatory and inhibitory strength by scaling its synapses; what
  that cannot do its leak makes up for, or nothing does.
- The threshold is the one global quantity: a single number, the same for all, such as a
  neuromodulator could be. It rises until as many synapses are left as are wanted, and of the
  network it is told nothing but that count; or it rises to a given value, and is told nothing.

As theta rises from round to round (annealing), the probabilities of living on multiply. A synapse
that has been strengthened to the last theta lives on with probability (last theta) / theta: in the
end it is there with probability p = |w| v / theta, with the weight w / p. That is the batch rule
with K = 1 / theta, and rounds add no variance to the weights. And as a neuron's scaled-down
synapses fall below theta while scaled-up ones stay above it, pruning evens out its strengths.

With regrowth a neuron also mends its own input current, and places that lost their synapse may get
it back (see `regrowth`).

Source: the rule, Moore and Chaudhuri (2020); as an online process it is this package's.
"""

from noiseprune.online.record import Plasticity
from noiseprune.online.run import plasticity

__all__ = ["Plasticity", "plasticity"]
