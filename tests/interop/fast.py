"""fast.py -- the recipe `fast` in PyTorch: what it reaches, and in how many seconds

    fast.py RUN TRAIN TEST [--precision fp32|bf16] [--threads N] [--compile] [--steps N] [--seed N]

RUN is the folder that `discern train TRAIN --recipe fast` left: its last.safetensors tells batch,
steps, rates and all other numbers, its split.csv which pictures were learnt from.  Settings that
belong to another recipe are refused, so that a comparison never runs with one that only looks the
same.  TRAIN and TEST are folders of CLASS/FILE.  Network, start, augmentation, optimiser and
answers are airbench94_muon's (K. Jordan 2024), written anew; values in channels_last, weights in
float, with bf16 under autocast.  --compile: torch.compile.  A line of JSON: seconds to read, to
train and to answer the test part; its accuracy by discern's --views one, mirror and six.
"""
import argparse
import csv
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from networks import describe, make
from pictures import decode
from torch import nn

# What the recipe says and this file is written for; numbers are free.
WANT = {"arch": "airnet", "weights": "dirac", "whiten": True, "optim": "muon_sgd",
        "freeze": "whiten.weight,*norm*.weight", "augment": "altflip,translate:0.125",
        "sched": "linear", "bias_decay": True, "loss": "auto", "size": 32, "channels": "rgb",
        "sampling": "none", "accumulate": 1, "progressive": 1, "dropout": 0, "ema": 0,
        "lookahead": 0, "clip": 0, "class_weights": "none", "init": None, "zero_gamma": False}
REACH, SGD_RATES, ROUNDS, EPSILON, TEST_BATCH = 2, 7, 3, 5e-4, 1000


class Part:
    """Bytes [n,3,32,32] and labels of the files of a folder; of those in `names` where given."""

    def __init__(self, folder, labels, prep, names=None):
        if names is None:
            names = [f"{label}/{name}" for label in sorted(os.listdir(folder))
                     for name in sorted(os.listdir(os.path.join(folder, label)))]
        pixels = [np.asarray(decode(os.path.join(folder, name))) for name in names]
        self.pixels = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
        self.label = torch.tensor([labels.index(os.path.dirname(name)) for name in names])
        self.mean, self.std = (255 * torch.tensor(prep[k]).view(1, 3, 1, 1)
                               for k in ("mean", "std"))

    def seen(self, pixels):
        x = (pixels.float() - self.mean) / self.std
        return x.contiguous(memory_format=torch.channels_last)


def batches(part, n, random):
    """Endlessly: every epoch in an order of its own, what is left over dropped; mirrored in every
    other epoch, the first by lot; moved by up to two pixels, what comes in mirrored."""
    size, side = len(part.label), part.pixels.shape[-1]
    lot = torch.rand(size, generator=random) < 0.5
    padded = torch.from_numpy(np.pad(part.pixels.numpy(), ((0, 0), (0, 0), (REACH,) * 2,
                                                           (REACH,) * 2), "symmetric"))
    epoch = 0
    while True:
        order = torch.randperm(size, generator=random)
        moved = torch.randint(0, 2 * REACH + 1, (size, 2), generator=random)
        for at in range(0, size - n + 1, n):
            pick = order[at:at + n]
            x = torch.stack([padded[i, :, y:y + side, x:x + side]
                             for i, (y, x) in zip(pick.tolist(), moved[pick].tolist())])
            mirror = lot[pick] ^ bool(epoch & 1)
            yield part.seen(torch.where(mirror.view(-1, 1, 1, 1), x.flip(-1), x)), part.label[pick]
        epoch += 1


def start(net, image, random):
    """Filters that pass a channel on, the rest He's; the first from patches of the batch."""
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.normal_(m.weight, 0, (2 / m.weight[0].numel()) ** 0.5, random)
            nn.init.dirac_(m.weight[:m.weight.shape[1]])
    nn.init.normal_(net.head.weight, 0, (2 / net.head.in_features) ** 0.5, random)
    nn.init.zeros_(net.whiten.bias)
    patch = F.unfold(image, 2).transpose(1, 2).reshape(-1, 12)
    value, vector = torch.linalg.eigh(patch.T @ patch / len(patch))
    filters = (vector / (value + EPSILON).sqrt()).T.reshape(12, 3, 2, 2)
    net.whiten.weight.copy_(torch.cat([filters, -filters]))


def orthogonal(x):
    x = x / x.norm()
    if x.shape[0] > x.shape[1]:
        return orthogonal(x.T).T
    for _ in range(ROUNDS):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


class Optimiser:
    """discern's muon_sgd."""

    def __init__(self, net, how):
        self.how = how
        self.filters = [m.weight for name, m in net.named_modules()
                        if isinstance(m, nn.Conv2d) and name != "whiten"]
        self.momentum = [torch.zeros_like(w) for w in self.filters]
        bias = [p for name, p in net.named_parameters() if name.endswith("bias")]
        self.sgd = torch.optim.SGD(
            [{"params": [net.head.weight], "faster": 1, "weight_decay": how["decay"]},
             {"params": bias, "faster": how["bias_lr"],
              "weight_decay": how["decay"] / how["bias_lr"]}],
            1, momentum=how["beta2"], nesterov=True)

    def step(self, rate):
        for group in self.sgd.param_groups:
            group["lr"] = SGD_RATES * rate * group["faster"]
        self.sgd.step()
        keep = self.how["momentum"]
        for w, m in zip(self.filters, self.momentum):
            m.mul_(keep).add_(w.grad)
            turn = orthogonal((w.grad + keep * m).flatten(1)).view_as(w)
            w.mul_(len(w) ** 0.5 / w.norm()).sub_(turn, alpha=rate)


def rate(how, i, steps):
    done, warmup = (i + 0.5) / steps, how["warmup"]
    if done < warmup:
        return how["lr"] * done / warmup
    return how["lr"] * (how["lr_end"] + (1 - how["lr_end"]) * (1 - done) / (1 - warmup))


def train(net, optimiser, source, how, steps, cast):
    for i, (image, label) in zip(range(steps), source):
        with cast():
            logits = net(image)
        loss = F.cross_entropy(logits.float(), label, label_smoothing=how["smooth"])
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            optimiser.step(rate(how, i, steps))
    return loss.item()


def views(x):
    """The picture; moved up and left, and down and right."""
    padded = F.pad(x, (1,) * 4, "replicate")
    side = x.shape[-1]
    return [x, padded[..., :side, :side], padded[..., 2:, 2:]]


@torch.no_grad()
def accuracy(net, part, cast):
    """By the picture; by it and its mirror image; by six views, of which the moved ones have half
    the weight.  Means are of probabilities."""
    right = np.zeros(3)
    for at in range(0, len(part.label), TEST_BATCH):
        label = part.label[at:at + TEST_BATCH]
        image = part.seen(part.pixels[at:at + TEST_BATCH])
        with cast():
            said = [[net(v).float().softmax(1) for v in (x, x.flip(-1))] for x in views(image)]
        six = sum(sum(pair) * weight for pair, weight in zip(said, (2, 1, 1)))
        for k, answer in enumerate((said[0][0], sum(said[0]), six)):
            right[k] += (answer.argmax(1) == label).sum().item()
    return dict(zip(("one", "mirror", "six"), (right / len(part.label)).tolist()))


def options():
    p = argparse.ArgumentParser()
    p.add_argument("run")
    p.add_argument("train")
    p.add_argument("test")
    p.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--compile", action="store_true")
    p.add_argument("--steps", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def main(o):
    path = os.path.join(o.run, "last.safetensors")
    model = describe(path)
    how = model["provenance"]["settings"]
    for name, value in WANT.items():
        if how[name] != value:
            raise SystemExit(f"{path}: {name} {how[name]} is not the recipe's, {value}")
    with open(os.path.join(o.run, "split.csv"), newline="") as f:
        names = [row["name"] for row in csv.DictReader(f) if row["split"] == "train"]
    torch.set_num_threads(o.threads)
    random = torch.Generator().manual_seed(o.seed)
    steps = o.steps or model["provenance"]["step"]

    def cast():
        return torch.autocast("cpu", torch.bfloat16, enabled=o.precision == "bf16")

    at = [time.time()]
    part = Part(o.train, model["labels"], model["prep"], names)
    test = Part(o.test, model["labels"], model["prep"])
    at.append(time.time())
    net = make("airnet", len(model["labels"]), 32).to(memory_format=torch.channels_last)
    for name, p in net.named_parameters():
        p.requires_grad = not (name == "whiten.weight" or "norm" in name and "weight" in name)
    source = batches(part, how["batch"], random)
    with torch.no_grad():
        start(net, next(batches(part, how["batch"], random))[0], random)
    run = torch.compile(net) if o.compile else net
    if o.compile:           # not counted, as of a program that is compiled once
        raw = {k: v.clone() for k, v in net.state_dict().items()}
        train(run, Optimiser(net, how), source, how | {"lr": 0}, 1, cast)
        net.load_state_dict(raw)
        source = batches(part, how["batch"], random)
        at[-1] = time.time()
    loss = train(run, Optimiser(net, how), source, how, steps, cast)
    at.append(time.time())
    figure = accuracy(net.eval(), test, cast)
    at.append(time.time())
    read, learn, answer = np.diff(at).round(1).tolist()
    print(json.dumps({"precision": o.precision, "compiled": o.compile, "threads": o.threads,
                      "steps": steps, "pictures": len(part.label), "loss": loss,
                      "seconds": {"read": read, "train": learn, "test": answer},
                      "accuracy": figure}))


if __name__ == "__main__":
    main(options())
