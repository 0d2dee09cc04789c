"""recipe.py -- how discern trains, in PyTorch: loss, optimiser, rates, from a model's own settings

A model file tells the settings that it was trained with.  What is not built here is refused, so
that a comparison never runs with a recipe that only looks the same.
"""
import math

import torch
import torch.nn.functional as F
from networks import describe, groups

# What is built here; and what changes no weight, is told by split.csv, or belongs to schedules and
# optimisers that are refused.
HONOURED = {"arch", "size", "resize", "batch", "steps", "epochs", "lr", "momentum", "decay",
            "smooth", "warmup", "augment", "seed"}
NEUTRAL = {"background", "no_near", "val", "isa", "beta2", "drop", "drop_every", "patience"}
# Of other settings, what they must be.
MUST = {"color": "rgb", "filter": "bilinear", "optim": "sgd", "sched": "cosine"}


def settings(path):
    """The settings of a model file, and in "made" how many steps it has made."""
    provenance = describe(path)["provenance"]
    how = provenance["settings"]
    for name, value in how.items():
        if name in HONOURED or name in NEUTRAL:
            continue
        off = value in (0, False, "", "none", "auto", None)
        if value != MUST[name] if name in MUST else not off:
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

    def step(self, image, target):
        """image [n,C,H,W], target [n,labels] in the network's type; the loss before the update."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.how, self.made, self.steps)
        loss = loss_of(self.task, self.net(image), target, self.how["smooth"])
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.made += 1
        return loss.item()
