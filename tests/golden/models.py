#!/usr/bin/env python3
"""models.py -- makes tests/golden/models.safetensors: two steps of training in PyTorch

Needs PyTorch and NumPy (made with 2.13.0 on a CPU).  The networks are written here with torch.nn
from the papers; names of parameters are timm's where timm has the network.

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
import sys

import torch
import torch.nn.functional as F
from golden import to_float, uniform, write
from torch import nn

BATCH, LABELS, STEPS = 4, 10, 2
RATE, MOMENTUM, DECAY, SMOOTH = 0.02, 0.9, 5e-4, 0.1


def conv(c, k, size, stride=1, groups=1):
    return nn.Conv2d(c, k, size, stride, size // 2, groups=groups, bias=False)


class Block(nn.Module):
    """He et al. 2015, fig. 2."""

    def __init__(self, c, k, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(c, k, 3, stride), nn.BatchNorm2d(k)
        self.conv2, self.bn2 = conv(k, k, 3), nn.BatchNorm2d(k)
        if c != k:
            self.downsample = nn.Sequential(conv(c, k, 1, stride), nn.BatchNorm2d(k))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2), nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.fc = nn.Linear(512, LABELS)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


class First(nn.Module):
    """Without expansion."""

    def __init__(self, c, k):
        super().__init__()
        self.conv_dw, self.bn1 = conv(c, c, 3, 1, c), nn.BatchNorm2d(c)
        self.conv_pw, self.bn2 = conv(c, k, 1), nn.BatchNorm2d(k)

    def forward(self, x):
        return self.bn2(self.conv_pw(F.relu6(self.bn1(self.conv_dw(x)))))


class Inverted(nn.Module):
    """Sandler et al. 2018, fig. 4d."""

    def __init__(self, c, k, t, stride):
        super().__init__()
        self.add = stride == 1 and c == k
        self.conv_pw, self.bn1 = conv(c, c * t, 1), nn.BatchNorm2d(c * t)
        self.conv_dw, self.bn2 = conv(c * t, c * t, 3, stride, c * t), nn.BatchNorm2d(c * t)
        self.conv_pwl, self.bn3 = conv(c * t, k, 1), nn.BatchNorm2d(k)

    def forward(self, x):
        y = F.relu6(self.bn2(self.conv_dw(F.relu6(self.bn1(self.conv_pw(x))))))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.add else y


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_stem, self.bn1 = conv(3, 32, 3, 2), nn.BatchNorm2d(32)
        stages, c = [nn.Sequential(First(32, 16))], 16
        for t, k, n, s in ((6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                           (6, 160, 3, 2), (6, 320, 1, 1)):
            stages.append(nn.Sequential(*(Inverted(k if i else c, k, t, 1 if i else s)
                                          for i in range(n))))
            c = k
        self.blocks = nn.Sequential(*stages)
        self.conv_head, self.bn2 = conv(c, 1280, 1), nn.BatchNorm2d(1280)
        self.classifier = nn.Linear(1280, LABELS)

    def forward(self, x):
        x = self.blocks(F.relu6(self.bn1(self.conv_stem(x))))
        return self.classifier(F.relu6(self.bn2(self.conv_head(x))).mean((2, 3)))


class ConvBn(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.conv, self.bn = conv(c, k, 3), nn.BatchNorm2d(k)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Stage(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.widen, self.residual = ConvBn(c, k), ConvBn(k, k)

    def forward(self, x):
        x = F.max_pool2d(self.widen(x), 2, 2)
        return x + self.residual(x)


class ResNetSmall(nn.Module):
    """For pictures of less than 64 pixels."""

    def __init__(self):
        super().__init__()
        self.stem = ConvBn(3, 32)
        self.stage1, self.stage2, self.stage3 = Stage(32, 48), Stage(48, 96), Stage(96, 192)
        self.fc = nn.Linear(192, LABELS)

    def forward(self, x):
        return self.fc(self.stage3(self.stage2(self.stage1(self.stem(x)))).mean((2, 3)))


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


def run(name, net, height, width):
    net.double().train()
    state = {k: v for k, v in sorted(net.state_dict().items()) if not k.endswith("_tracked")}
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
run("resnet18", ResNet18(), 32, 64)
run("mobilenet_v2", MobileNetV2(), 64, 48)
run("resnet_small", ResNetSmall(), 24, 40)
write(sys.argv[1], tensors, sizes)
