#!/usr/bin/env python3
"""optim.py -- makes tests/golden/optim.safetensors: what other optimisers make of the same gradients

Needs PyTorch and NumPy (made with 2.13.0 on a CPU).  SGD, AdamW and Muon are torch.optim's; LAMB,
Lion and muon_sgd are their authors' formulas, spelt out below.  All in double; torch's Muon rounds to
bfloat16, which is turned off.

    python3 -B tests/golden/optim.py tests/golden/optim.safetensors

OPTIM:hyper is its first rate (that of step i, from 0, is a 1 + i-th of it), momentum or beta1, beta2
and decay.  OPTIM:SHAPE: values after STEPS updates, in our order of memory, of a weight [rows, columns]
(columns the outputs: torch has it transposed) or of a bias [n], which has no decay.  Values before
and gradients are 3 (golden.uniform - 1/2), of "value" and "gradI".
"""
import sys

import numpy as np
import torch
from golden import to_float, uniform, write

STEPS, SHAPES = 8, [(12, 20), (33, 7), (19,)]
HYPER = {                       # rate, momentum or beta1, beta2, decay
    "sgd": (0.05, 0.9, 0, 5e-4),
    "adamw": (0.01, 0.9, 0.999, 0.05),
    "lamb": (0.01, 0.9, 0.999, 0.02),
    "lion": (0.003, 0.9, 0.99, 0.5),
    "muon": (0.01, 0.95, 0.95, 0.05),
    "muon_sgd": (0.01, 0.6, 0.85, 0.05),
}


def numbers(name, shape):
    return to_float(3 * (uniform(name, *shape) - 0.5))


def rate_at(name, step):
    return HYPER[name][0] / (1 + step)


def torch_steps(name, optim, w, grads):
    """torch's weights are [out, in]."""
    w = torch.nn.Parameter(w.T.clone() if w.dim() == 2 else w.clone())
    o = optim([w])
    for step, g in enumerate(grads):
        o.param_groups[0]["lr"] = rate_at(name, step)
        w.grad = g.T.clone() if g.dim() == 2 else g.clone()
        o.step()
    return w.detach().T if w.dim() == 2 else w.detach()


def sgd(w, grads, decay):
    rate, momentum, _, _ = HYPER["sgd"]
    return torch_steps("sgd", lambda p: torch.optim.SGD(
        p, rate, momentum=momentum, weight_decay=decay, nesterov=True), w, grads)


def adamw(w, grads, decay, name="adamw"):
    rate, beta1, beta2, _ = HYPER[name]
    return torch_steps(name, lambda p: torch.optim.AdamW(
        p, rate, betas=(beta1, beta2), weight_decay=decay), w, grads)


def muon(w, grads, decay):
    """A bias takes AdamW's step."""
    rate, momentum, _, _ = HYPER["muon"]
    if w.dim() == 1:
        return adamw(w, grads, decay, "muon")
    torch.Tensor.bfloat16 = lambda x: x
    return torch_steps("muon", lambda p: torch.optim.Muon(
        p, rate, weight_decay=decay, momentum=momentum, adjust_lr_fn="match_rms_adamw"), w, grads)


def lamb(w, grads, decay):
    """arXiv:1904.00962, algorithm 2, phi(x) = x; a bias has no ratio."""
    _, beta1, beta2, _ = HYPER["lamb"]
    w = w.numpy().copy()
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step, g in enumerate(g.numpy() for g in grads):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = m / (1 - beta1 ** (step + 1)) / (np.sqrt(v / (1 - beta2 ** (step + 1))) + 1e-6)
        u = r + decay * w
        ratio = np.linalg.norm(w) / np.linalg.norm(u) if w.ndim == 2 else 1
        w -= rate_at("lamb", step) * ratio * u
    return torch.from_numpy(w)


def lion(w, grads, decay):
    """arXiv:2302.06675, algorithm 2."""
    _, beta1, beta2, _ = HYPER["lion"]
    w = w.numpy().copy()
    m = np.zeros_like(w)
    for step, g in enumerate(g.numpy() for g in grads):
        c = beta1 * m + (1 - beta1) * g
        w -= rate_at("lion", step) * (np.sign(c) + decay * w)
        m = beta2 * m + (1 - beta2) * g
    return torch.from_numpy(w)


def muon_sgd(w, grads, decay):
    """K. Jordan's airbench94_muon: weights of length sqrt(outputs), three rounds; a bias takes
    torch's SGD with seven times the rate."""
    rate, momentum, beta2, _ = HYPER["muon_sgd"]
    if w.dim() == 1:
        return torch_steps("muon_sgd", lambda p: SevenTimes(
            p, rate, momentum=beta2, weight_decay=decay, nesterov=True), w, grads)
    w = w.numpy().T.copy()
    buf = np.zeros_like(w)
    for step, g in enumerate(g.numpy().T for g in grads):
        buf = momentum * buf + g
        x = g + momentum * buf
        x /= np.linalg.norm(x)
        for _ in range(3):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        w *= len(w) ** 0.5 / np.linalg.norm(w)
        w -= rate_at("muon_sgd", step) * x
    return torch.from_numpy(w.T.copy())


class SevenTimes(torch.optim.SGD):
    def step(self):
        for group in self.param_groups:
            group["lr"] *= 7
        super().step()


tensors = {}
for name, make in {"sgd": sgd, "adamw": adamw, "lamb": lamb, "lion": lion, "muon": muon,
                   "muon_sgd": muon_sgd}.items():
    tensors[f"{name}:hyper"] = torch.tensor(HYPER[name], dtype=torch.float64)
    for shape in SHAPES:
        grads = [numbers(f"grad{i}", shape) for i in range(STEPS)]
        decay = HYPER[name][3] if len(shape) == 2 else 0
        tensors[f"{name}:{'x'.join(map(str, shape))}"] = make(numbers("value", shape), grads, decay)
write(sys.argv[1], tensors, {"steps": str(STEPS)})
