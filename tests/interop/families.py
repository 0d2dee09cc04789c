#!/usr/bin/env python3
"""families.py NET DOUBLE [NAME...] -- discern's networks beside timm's, a row each

Random weights go through a safetensors file into both.  NET and DOUBLE are tests/interop/net.c in
float and in double.  Looked at are logits as answered (in float), and of a training step logits,
gradients of all parameters and running statistics (in double: in float a ReLU's input now and then
rounds to the other side of 0).  Logits are off from PyTorch's in double, in parts of the largest,
or of 1; beside ours stands how far off its own float is: what these weights magnify.  What timm has not is
written out in networks.py; the table says which.  NAMEs: these networks alone.
"""
import os
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from networks import make as network
from safetensors.torch import load_file, save_file

LABELS, BATCH = 10, 4
STATISTICS = 32     # pictures: of 8, whose last maps are 2x2, EfficientNet-B4 makes logits of 5,000

# What it is called with us, what with timm ("": written out in networks.py), pixels.
ROWS = [(n, n, 64) for n in (
    "resnet18 resnet34 resnet50 resnet101 resnet152 resnet18d resnet34d resnet50d resnet101d "
    "resnet152d resnext50_32x4d resnext101_32x8d wide_resnet50_2 wide_resnet101_2 seresnet18 "
    "seresnet34 seresnet50 mobilenetv1_100 efficientnet_b0 efficientnet_b1 efficientnet_b2 "
    "efficientnet_b3 efficientnet_b4").split()]
ROWS += [("efficientnetv2_s", "efficientnetv2_s", 128)]
ROWS += [(f"tf_{n}", f"tf_{n}", s) for n, s in (
    *((f"efficientnet_b{i}", s) for i, s in enumerate((64, 75, 90, 64, 64))),
    ("efficientnetv2_s", 128), ("mobilenetv3_small_100", 75), ("mobilenetv3_large_100", 64))]
ROWS += [(f"mobilenetv2_{w}", f"mobilenetv2_{w}", 64) for w in ("035", "050", "075", "140")]
ROWS += [(f"tf_mobilenetv2_{w}", f"tf_mobilenetv2_{w}", s)
         for w, s in (("035", 64), ("075", 64), ("100", 75), ("140", 64))]
ROWS += [(n, n, 64) for n in ("densenet121", "densenet169", "densenet201", "resnetv2_50x1_bit",
                              "resnetv2_101x1_bit", "mobilenetv3_small_100",
                              "mobilenetv3_large_100")]
ROWS += [(n, n, 64) for n in ("convnext_tiny", "convnext_small")]
ROWS += [(f"{n}_patch16_224", f"{n}_patch16_224", 64) for n in (
    "vit_tiny", "vit_small", "vit_base", "deit_tiny", "deit_small", "deit_base",
    "deit_tiny_distilled", "deit_small_distilled", "deit_base_distilled")]
ROWS += [(f"swin_{n}_patch4_window7_224", f"swin_{n}_patch4_window7_224", s)
         for n, s in (("tiny", 224), ("tiny", 96), ("small", 64))]
ROWS += [("coatnet_0_rw_224", "coatnet_0_rw_224", 64)]
ROWS += [(n, "", 64) for n in ("yolov8n-cls", "yolov8s-cls")]
ROWS += [("mobilenet_v2", "mobilenetv2_100", 64)]
ROWS += [(f"resnet{n}", "", 32) for n in (20, 32, 44, 56)]
ROWS += [(f"mobilenet_v1_{w}", "", 64) for w in ("0.25", "0.5", "0.75", "1.0")]


def make(name, side):
    torch.manual_seed(1)
    net = network(name, LABELS, side)
    norms = [m for m in net.modules() if hasattr(m, "running_var")]
    with torch.no_grad():
        for k, v in net.state_dict().items():
            if "running" not in k and v.is_floating_point() and v.dim() <= 1:
                v.add_(0.2 * torch.randn_like(v))
        by = [m.momentum for m in norms]
        for m in norms:         # statistics as of pictures: else numbers grow past all measure
            m.momentum = 1.0
        net.train()(torch.randn(STATISTICS, 3, side, side))
    for m, momentum in zip(norms, by):
        m.momentum = momentum
    return net


def off(ours, theirs, least=0.0):
    """The difference as a part of the norm, or of `least` where that is larger."""
    scale = max(theirs.double().norm().item(), least, 1e-30)
    return (ours.double() - theirs.double()).norm().item() / scale


def compare(name, timms, side, work):
    net = make(timms or name, side)
    weights, fed, out = (os.path.join(work, n) for n in ("w.safetensors", "in", "out"))
    image = torch.randn(BATCH, 3, side, side)
    target = F.one_hot(torch.arange(BATCH) % LABELS, LABELS).float()
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, weights)
    save_file({"image": image, "target": target}, fed)
    with torch.no_grad():
        answered = net.eval()(image)
        exact = net.double()(image.double())

    def away(logits):
        return ((logits - exact).abs().max() / exact.abs().max().clamp(1)).item()

    subprocess.run([sys.argv[1], name, weights, fed, out], check=True,
                   stderr=subprocess.DEVNULL)
    logits = away(load_file(out)["logits"])
    subprocess.run([sys.argv[2], name, weights, fed, out], check=True, stderr=subprocess.DEVNULL)
    ours = load_file(out)
    trained = net.train()(image.double())
    F.cross_entropy(trained, target.double()).backward()
    trains = off(ours["trained"], trained)
    params = dict(net.named_parameters())
    whole = sum(p.grad.norm().item() ** 2 for p in params.values()) ** 0.5
    grads = max(off(ours["grad:" + k].reshape(p.shape), p.grad, 1e-6 * whole)
                for k, p in params.items())
    news = max([off(ours["new:" + k].reshape(v.shape), v) for k, v in net.named_buffers()
                if v.is_floating_point() and "new:" + k in ours] or [0])
    fine = logits <= 1e-4 and max(trains, grads, news) <= 1e-3
    print(f"| {name} | {'timm' if timms else 'torch'} | {side} | {len(params)} | {logits:.1e} | "
          f"{away(answered):.1e} | {trains:.1e} | {grads:.1e} | {news:.1e} |"
          f"{'' if fine else ' too far'}", flush=True)
    return fine


def main():
    fine = True
    print("| network | beside | pixels | parameters | logits, the worst | PyTorch's float | "
          "training: logits | gradients, the worst | statistics |\n"
          "|---|---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as work:
        for row in ROWS:
            if len(sys.argv) <= 3 or row[0] in sys.argv[3:]:
                fine &= compare(*row, work)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
