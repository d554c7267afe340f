"""The obvious twin of the continuous kernel: one step at a time, in matrices."""

import numpy as np


def sigma(v):
    return 1 / (1 + np.exp(-v))


def advance(model, task, steps, *, teacher, learn, learn_Q=False):
    """State (z, u, c, w, q lists by layer), squared errors and mean |u| of Euler steps."""
    sizes, p_b, dt = model.sizes, model.options.p_baseline, model.options.dt
    layers = range(len(sizes) - 1)
    z = [model.z[k, : sizes[k + 1]].copy() for k in layers]
    u = [model.u[k, : sizes[k + 1]].copy() for k in layers]
    c = [model.c[k, : sizes[k + 1]].copy() for k in layers]
    w = [model.w[k, : sizes[k + 1], : sizes[k]].copy() for k in layers]
    y = [model.y[k, : sizes[k + 2], : sizes[k + 1]].copy() for k in layers[:-1]]
    q = [model.q[k, : sizes[k + 2], : sizes[k + 1]].copy() for k in layers[:-1]]
    errors, apical = [], []
    for step in range(model.step, model.step + steps):
        time = np.array([step * dt])
        x = np.cos(task.frequency * time + task.phase)
        target = task.target(time)
        feedback = w[1:] if (model.options.y_mode == "tied") else y
        cancelling = [p_b * each for each in feedback] if (model.options.q_mode == "tied") else q
        e = [x, *(sigma(v) for v in z)]
        p = [np.minimum(1, p_b + p_b * np.tanh(v / p_b)) for v in u]
        p[-1] = np.minimum(1, p_b * (1 + (target - e[-1]) * (1 - e[-1]) * teacher))
        b = [burst * rate for burst, rate in zip(p, e[1:])]
        errors.append(float(((target - e[-1]) ** 2).item()))
        apical.append(np.abs(np.concatenate(u[:-1])).mean())
        dz = [(-z[k] + w[k] @ e[k] + c[k]) / model.options.tau_z for k in layers]
        du = [
            (-u[k] + (b[k + 1] @ feedback[k] - e[k + 2] @ cancelling[k]) * (1 - e[k + 1]))
            / model.options.tau_u
            for k in layers[:-1]
        ]
        dq = [
            np.outer(e[k + 2], u[k]) * learn_Q / (model.options.tau_q or 100.0) for k in layers[:-1]
        ]
        change = [(p[k] - p_b) * e[k + 1] * learn / model.options.tau_w for k in layers]
        for k in layers:
            z[k] = z[k] + dt * dz[k]
            if k < len(sizes) - 2:
                u[k] = u[k] + dt * du[k]
                q[k] = q[k] + dt * dq[k]
            w[k] = w[k] + dt * np.outer(change[k], e[k])
            c[k] = c[k] + dt * change[k]
    return (z, u, c, w, q), np.array(errors), np.array(apical)
