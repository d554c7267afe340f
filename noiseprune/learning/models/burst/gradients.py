"""What an update is compared with: gradients of backprop and feedback alignment, written out.

    delta_L = - (t - e_L) o f'(v_L),   delta_l = (B_l^T delta_(l+1)) o f'(v_l)
    gradient of W_l = mean of delta_l e_(l-1)^T

with B_l = W_(l+1) (backprop: the gradient of E |t - e|^2 / 2), or Y_l (feedback alignment).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from noiseprune.learning.models.burst.network import LocalNetwork


@torch.no_grad()
def error_gradients(net: LocalNetwork, target: Tensor, *, feedback: str) -> list[Tensor]:
    """Gradients of the W of all layers for the batch of the last `forward`.

    feedback : "W" for backprop, "Y" for feedback alignment

    It is 0 for synapses that were pruned, as the handed gradients are.
    """
    found = []
    *hidden, output = net.layers
    delta = -(target - output.events) * output.activation.slope(output.events)
    found.append(output.synapses.outer(delta, output.below) / len(target))
    for layer in reversed(hidden):
        weight = layer.above.weight if feedback == "W" else layer.Y
        delta = layer.above.synapses.back(delta, weight) * layer.activation.slope(layer.events)
        found.append(layer.synapses.outer(delta, layer.below) / len(target))
    masks = [layer.mask for layer in net.layers]
    return [g if mask is None else g * mask for g, mask in zip(found[::-1], masks)]


def angle(a: Tensor | Sequence[Tensor], b: Tensor | Sequence[Tensor]) -> float:
    """Degrees between two tensors, or two lists of them as one vector each; nan if one is 0."""
    pairs = [(a, b)] if isinstance(a, Tensor) and isinstance(b, Tensor) else list(zip(a, b))
    flat = [(x.detach().double().flatten(), y.detach().double().flatten()) for x, y in pairs]
    x, y = (torch.cat([pair[k] for pair in flat]) for k in (0, 1))
    sizes = float(x.norm()), float(y.norm())
    if 0.0 in sizes:
        return math.nan
    # Of the chord, for the cosine of a small angle has few digits.
    chord = float((x / sizes[0] - y / sizes[1]).norm())
    return math.degrees(2 * math.asin(min(1.0, chord / 2)))


def diagnostics(net: LocalNetwork, x: Tensor, target: Tensor | None) -> dict[str, float]:
    """Measure one batch, without noise and without touching the network; finite values only.

    target : None leaves the teacher out, and with it angle_bp, angle_fa, angle_fa_bp

    Layers are numbered from 1:

    angle_bp, angle_fa, angle_fa_bp : degrees between the handed gradients of all W and backprop's,
        feedback alignment's, and between these two; with _K of layer K
    angle_w_y_K, angle_q_y_K : between Y_K and the W above, Q_K and Y_K
    apical_mean_K, apical_abs_K, apical_variance_K : of the apical potentials
    gradient_abs_K : mean absolute handed gradient of W_K
    """
    probe = copy.deepcopy(net).eval()
    probe(x)
    probe.learn(target)
    local = [layer.weight.grad for layer in probe.layers]
    row: dict[str, float] = {}
    if target is not None:
        bp, fa = (error_gradients(probe, target, feedback=which) for which in ("W", "Y"))
        row["angle_bp"], row["angle_fa"] = angle(local, bp), angle(local, fa)
        row["angle_fa_bp"] = angle(fa, bp)
    for k, layer in enumerate(probe.layers, start=1):
        if target is not None:
            row[f"angle_bp_{k}"] = angle(local[k - 1], bp[k - 1])
            row[f"angle_fa_{k}"] = angle(local[k - 1], fa[k - 1])
        row[f"gradient_abs_{k}"] = float(local[k - 1].abs().mean())
        if layer.is_output:
            continue
        row[f"angle_w_y_{k}"] = angle(layer.Y, layer.above.weight)
        if hasattr(layer, "Q"):
            row[f"angle_q_y_{k}"] = angle(layer.Q, layer.Y)
        row[f"apical_mean_{k}"] = float(layer.apical.mean())
        row[f"apical_abs_{k}"] = float(layer.apical.abs().mean())
        row[f"apical_variance_{k}"] = float(layer.apical.var(correction=0))
    return {name: value for name, value in row.items() if math.isfinite(value)}
