"""Calls that a type checker refuses; each says with which error code."""

import noiseprune as npr

net = npr.RateNetwork([[0.0]], leak=1.0)

npr.prune(net, kep=3, rule=7)  # WRONG: call-arg
npr.prune(net, rule=7)  # WRONG: arg-type
npr.prune(net, rule="nois")  # WRONG: arg-type
npr.prune(net, keep="0.1")  # WRONG: arg-type
npr.prune(net, sampling="even")  # WRONG: arg-type
npr.prune(net, balance="homeostasis")  # WRONG: arg-type
npr.prune(net, method="exac")  # WRONG: arg-type
npr.Recipe(rule="kep")  # WRONG: arg-type
npr.Recipe(sampling="even")  # WRONG: arg-type
npr.Recipe(balance="own")  # WRONG: arg-type
npr.prune("net.npz")  # WRONG: arg-type
npr.synapse_variance(net, solver="cholesky")  # WRONG: arg-type
npr.simulate(net, activation="relu")  # WRONG: arg-type
npr.simulate(net, 40.0)  # WRONG: call-arg|misc
npr.infer_network(net, "laged")  # WRONG: arg-type
npr.compare(net, recipes=[("noise", None, None)])  # WRONG: list-item
npr.covariance(net, method="svd")  # WRONG: arg-type
npr.prun(net)  # WRONG: attr-defined
size = net.n_neuron  # WRONG: attr-defined
net.n_neurons = 3  # WRONG: misc
npr.prune(net).gain = 3.0  # WRONG: misc
