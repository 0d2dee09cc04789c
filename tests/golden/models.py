#!/usr/bin/env python3
"""models.py -- makes tests/golden/models.safetensors: two steps of training in PyTorch

Needs PyTorch, NumPy and safetensors (made with 2.13.0 on a CPU).  The networks are those of
tests/interop/networks.py.

    python3 -B tests/golden/models.py tests/golden/models.safetensors

Weights, pictures and targets follow from formulas (start(), golden.py), which the test
(tests/nn/test_golden_models.c) knows too; the arithmetic here is in double.  The metadata says
MODEL = "HEIGHT WIDTH"; the pictures are NHWC there.  For each model and both steps:

    MODEL:logits    [step, picture, label]
    MODEL:loss      [step]
    MODEL:grad      [parameter, step, 2]; parameters by name, as strcmp sorts them
    MODEL:change    [parameter or buffer, 2]: values after both steps less those before

where the 2 are norm and projection of a tensor: see sketch().
"""
import os
import sys

import torch
import torch.nn.functional as F
from golden import to_float, uniform, write

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop"))
from networks import make  # noqa: E402

BATCH, LABELS, STEPS = 4, 10, 2
RATE, MOMENTUM, DECAY, SMOOTH = 0.02, 0.9, 5e-4, 0.1


def start(name, shape):
    """A parameter's first values.

    He's deviation; batch-norms' biases around 1, so that few numbers lie near the kinks of ReLU:
    around 0 PyTorch's own floats differ from its doubles by 1e-2 in MobileNet's gradients.
    """
    u = uniform(name, *shape)
    if len(shape) == 1:
        return to_float(0.5 + u)
    return to_float((2 * u - 1) * (6 / (shape.numel() // shape[0])) ** 0.5)


def sketch(x):
    """Norm, and projection onto numbers in [-1, 1) that jump about: an order that changed shows."""
    onto = (torch.arange(x.numel()) * 0x9E3779B1 % 2**32).double() * 2.0**-31 - 1
    return torch.stack([x.norm(), onto @ x.flatten()])


def run(name, height, width):
    net = make(name, LABELS, min(height, width)).double().train()
    state = {k: v for k, v in sorted(net.state_dict().items()) if v.is_floating_point()}
    trained = dict(net.named_parameters())
    with torch.no_grad():
        for k, v in state.items():
            v.copy_(start(k, v.shape))
    before = {k: v.clone() for k, v in state.items()}
    image = 2 * uniform("image", BATCH, height, width, 3).permute(0, 3, 1, 2) - 1
    label = torch.arange(BATCH) * 3 % LABELS
    optimiser = torch.optim.SGD(net.parameters(), RATE, MOMENTUM, weight_decay=DECAY,
                                nesterov=True)
    logits, losses, grads = [], [], []
    for _ in range(STEPS):
        y = net(image)
        loss = F.cross_entropy(y, label, label_smoothing=SMOOTH)
        optimiser.zero_grad()
        loss.backward()
        logits.append(y)
        losses.append(loss)
        grads.append(torch.stack([sketch(trained[k].grad) for k in state if k in trained]))
        optimiser.step()
    tensors.update({
        name + ":logits": torch.stack(logits), name + ":loss": torch.stack(losses),
        name + ":grad": torch.stack(grads, 1),
        name + ":change": torch.stack([sketch(state[k] - before[k]) for k in state]),
    })
    sizes[name] = f"{height} {width}"


tensors, sizes = {}, {}
run("resnet18", 32, 64)
run("resnet50", 32, 64)
run("mobilenet_v2", 64, 48)
run("resnet_small", 24, 40)
run("airnet", 32, 40)
run("densenet121", 32, 64)
run("mobilenet_v1_0.25", 64, 48)
run("mobilenetv3_small_100", 64, 48)
run("efficientnet_b0", 64, 48)
run("yolov8n-cls", 64, 48)
run("vit_tiny_patch16_224", 48, 48)
run("swin_tiny_patch4_window7_224", 48, 48)
run("coatnet_0_rw_224", 64, 64)
write(sys.argv[1], tensors, sizes)
