"""recipe.py -- how discern trains, in PyTorch: loss, optimiser, rates, from a model's own settings

A model file tells the settings that it was trained with.  What is not built here is refused, so
that a comparison never runs with a recipe that only looks the same.
"""
import copy
import math

import torch
import torch.nn.functional as F
from networks import describe, groups

# What is built here; and what changes no weight, is told by split.csv, or belongs to schedules,
# optimisers and losses that are refused.
HONOURED = {"arch", "size", "resize", "batch", "steps", "epochs", "lr", "momentum", "decay",
            "smooth", "warmup", "augment", "seed", "clip", "ema"}
NEUTRAL = {"background", "no_near", "val", "isa", "beta2", "drop", "drop_every", "patience",
           "focus", "stop_after", "on_nan", "precision"}
# Of other settings, what they may be; where nothing is said, off in one way or another.
MAY = {"channels": ("rgb",), "filter": ("bilinear",), "optim": ("sgd",), "sched": ("cosine",),
       "accumulate": (0, 1), "bias_lr": (1,), "progressive": (1,), "loss": ("auto", "ce", "bce")}


def off(value):
    if isinstance(value, list):
        return all(off(v) for v in value)
    return value in (0, False, "", "none", "auto", "off", None)


def settings(path):
    """The settings of a model file, and in "made" how many steps it has made."""
    provenance = describe(path)["provenance"]
    how = provenance["settings"]
    for name, value in how.items():
        if name in HONOURED or name in NEUTRAL:
            continue
        if value not in MAY[name] if name in MAY else not off(value):
            raise SystemExit(f"{path}: {name} {value}: tests/interop/recipe.py does not build that")
    return how | {"made": provenance["step"]}


def rate(how, i, steps):
    """Of step i: warm-up, then half a cosine."""
    done, warmup = (i + 0.5) / steps, how["warmup"]
    if done < warmup:
        return how["lr"] * done / warmup
    return how["lr"] * 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def loss_of(task, logits, target, smooth):
    if task == "single":
        return F.cross_entropy(logits, target, label_smoothing=smooth)
    known = target >= 0
    return F.binary_cross_entropy_with_logits(logits[known], target[known])


class Training:
    """A network, its optimiser, and one step after the other."""

    def __init__(self, net, task, how, steps):
        self.net, self.task, self.how, self.steps, self.made = net.train(), task, how, steps, 0
        self.optimiser = torch.optim.SGD(groups(net, how["decay"]), how["lr"], how["momentum"],
                                         nesterov=True)
        self.average = copy.deepcopy(net) if how.get("ema", 0) > 0 else None

    def clip(self, most):
        """The gradient as a whole, where it is longer than that."""
        grads = [p.grad for p in self.net.parameters()]
        norm = torch.stack([g.norm() for g in grads]).norm()
        if norm > most:
            for g in grads:
                g.mul_(most / norm)

    def step(self, image, target):
        """image [n,C,H,W], target [n,labels] in the network's type; the loss before the update."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.how, self.made, self.steps)
        loss = loss_of(self.task, self.net(image), target, self.how["smooth"])
        self.optimiser.zero_grad()
        loss.backward()
        if self.how.get("clip", 0) > 0:
            self.clip(self.how["clip"])
        self.optimiser.step()
        self.made += 1
        if self.average:
            self.follow(min(self.how["ema"], (1 + self.made) / (10 + self.made)))
        return loss.item()

    def follow(self, keep):
        """Weights and running statistics alike."""
        with torch.no_grad():
            now = self.net.state_dict()
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(now[name], 1 - keep)

    def result(self):
        """What discern would write."""
        return self.average or self.net
