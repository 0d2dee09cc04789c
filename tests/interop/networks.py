"""networks.py -- discern's networks in plain PyTorch, once, for golden files and yardsticks

Written with torch.nn from the papers; parameters have the names that discern's model files have,
which are timm's where timm has the network.  make() builds one, load() fills it from a model file.
Networks that are not written here are timm's own.
"""
import json

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn


def conv(c, k, size, stride=1, groups=1):
    return nn.Conv2d(c, k, size, stride, size // 2, groups=groups, bias=False)


class Block(nn.Module):
    """He et al. 2015, fig. 2."""
    wider = 1

    def __init__(self, c, k, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(c, k, 3, stride), nn.BatchNorm2d(k)
        self.conv2, self.bn2 = conv(k, k, 3), nn.BatchNorm2d(k)
        if c != k:
            self.downsample = nn.Sequential(conv(c, k, 1, stride), nn.BatchNorm2d(k))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class Bottleneck(nn.Module):
    """He et al. 2015, fig. 5, the stride in the 3x3."""
    wider = 4

    def __init__(self, c, k, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(c, k, 1), nn.BatchNorm2d(k)
        self.conv2, self.bn2 = conv(k, k, 3, stride), nn.BatchNorm2d(k)
        self.conv3, self.bn3 = conv(k, 4 * k, 1), nn.BatchNorm2d(4 * k)
        if c != 4 * k:
            self.downsample = nn.Sequential(conv(c, 4 * k, 1, stride), nn.BatchNorm2d(4 * k))

    def forward(self, x):
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, block, blocks, labels):
        super().__init__()
        self.conv1, self.bn1, c = conv(3, 64, 7, 2), nn.BatchNorm2d(64), 64
        for i, n in enumerate(blocks):
            k, stage = 64 << i, []
            for j in range(n):
                stage.append(block(c, k, 2 if i and not j else 1))
                c = block.wider * k
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(c, labels)

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
    def __init__(self, labels):
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
        self.classifier = nn.Linear(1280, labels)

    def forward(self, x):
        x = self.blocks(F.relu6(self.bn1(self.conv_stem(x))))
        return self.classifier(F.relu6(self.bn2(self.conv_head(x))).mean((2, 3)))


class ConvBn(nn.Module):
    def __init__(self, c, k, stride=1):
        super().__init__()
        self.conv, self.bn = conv(c, k, 3, stride), nn.BatchNorm2d(k)

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
    """nn/model/resnet_small.c: larger pictures are brought near 32 pixels by the stem."""

    def __init__(self, labels, side):
        super().__init__()
        self.stem, self.halve = ConvBn(3, 32, 2 if side >= 64 else 1), side >= 128
        self.stage1, self.stage2, self.stage3 = Stage(32, 48), Stage(48, 96), Stage(96, 192)
        self.fc = nn.Linear(192, labels)

    def forward(self, x):
        x = self.stem(x)
        x = F.max_pool2d(x, 2, 2) if self.halve else x
        return self.fc(self.stage3(self.stage2(self.stage1(x))).mean((2, 3)))


class Group(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.conv1, self.norm1 = conv(c, k, 3), nn.BatchNorm2d(k, momentum=0.4)
        self.conv2, self.norm2 = conv(k, k, 3), nn.BatchNorm2d(k, momentum=0.4)

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Factor(nn.Module):
    """A factor for each channel that is not trained."""

    def __init__(self, n, first):
        super().__init__()
        self.register_buffer("gamma", torch.full((n,), first))

    def forward(self, x):
        return x * self.gamma


class AirNet(nn.Module):
    """Jordan 2024, arXiv:2404.00498: nn/model/airnet.c."""

    def __init__(self, labels):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.group1, self.group2, self.group3 = Group(24, 64), Group(64, 256), Group(256, 256)
        self.ninth = Factor(256, 1 / 9)
        self.head = nn.Linear(256, labels, bias=False)

    def forward(self, x):
        x = self.group3(self.group2(self.group1(F.gelu(self.whiten(x)))))
        return self.head(self.ninth(F.max_pool2d(x, 3).mean((2, 3))))


class CifarBlock(nn.Module):
    """The shortcut without parameters: He et al. 2015, option A."""

    def __init__(self, c, k, stride):
        super().__init__()
        self.stride, self.more = stride, k - c
        self.conv1, self.bn1 = conv(c, k, 3, stride), nn.BatchNorm2d(k)
        self.conv2, self.bn2 = conv(k, k, 3), nn.BatchNorm2d(k)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more // 2))
        return F.relu(x + y)


class CifarResNet(nn.Module):
    """He et al. 2015, sec. 4.2: 6n + 2 layers."""

    def __init__(self, n, labels):
        super().__init__()
        self.conv1, self.bn1, c = conv(3, 16, 3), nn.BatchNorm2d(16), 16
        for i in range(3):
            stage = []
            for j in range(n):
                stage.append(CifarBlock(c, 16 << i, 2 if i and not j else 1))
                c = 16 << i
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.linear = nn.Linear(c, labels)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class KerasMobileNet(nn.Module):
    """Howard et al. 2017, table 1, as Keras has it: epsilon 1e-3, TensorFlow's SAME."""
    layers = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *(((512, 1),) * 5),
              (1024, 2), (1024, 1))

    def __init__(self, width, labels):
        super().__init__()
        c = int(32 * width)
        self.conv1, self.conv1_bn = nn.Conv2d(3, c, 3, 2, bias=False), nn.BatchNorm2d(c, 1e-3)
        for i, (k, stride) in enumerate(self.layers, 1):
            k = int(k * width)
            setattr(self, f"conv_dw_{i}", nn.Conv2d(c, c, 3, stride, groups=c, bias=False))
            setattr(self, f"conv_dw_{i}_bn", nn.BatchNorm2d(c, 1e-3))
            setattr(self, f"conv_pw_{i}", nn.Conv2d(c, k, 1, bias=False))
            setattr(self, f"conv_pw_{i}_bn", nn.BatchNorm2d(k, 1e-3))
            c = k
        self.fc = nn.Linear(c, labels)

    @staticmethod
    def same(x, stride):
        """All that SAME adds, before and behind, for windows of 3."""
        pads = []
        for n in (x.shape[3], x.shape[2]):
            more = max((-(-n // stride) - 1) * stride + 3 - n, 0)
            pads += [more // 2, more - more // 2]
        return F.pad(x, pads)

    def forward(self, x):
        x = F.relu6(self.conv1_bn(self.conv1(self.same(x, 2))))
        for i, (_, stride) in enumerate(self.layers, 1):
            x = getattr(self, f"conv_dw_{i}")(self.same(x, stride))
            x = F.relu6(getattr(self, f"conv_dw_{i}_bn")(x))
            x = F.relu6(getattr(self, f"conv_pw_{i}_bn")(getattr(self, f"conv_pw_{i}")(x)))
        return self.fc(x.mean((2, 3)))


class Unit(nn.Module):
    def __init__(self, c, k, size, stride=1):
        super().__init__()
        self.conv, self.bn = conv(c, k, size, stride), nn.BatchNorm2d(k, 1e-3, 0.03)

    def forward(self, x):
        return F.silu(self.bn(self.conv(x)))


class Neck(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.cv1, self.cv2 = Unit(c, c, 3), Unit(c, c, 3)

    def forward(self, x):
        return x + self.cv2(self.cv1(x))


class C2f(nn.Module):
    def __init__(self, c, n):
        super().__init__()
        self.cv1, self.cv2 = Unit(c, c, 1), Unit((2 + n) * c // 2, c, 1)
        self.m = nn.ModuleList(Neck(c // 2) for _ in range(n))

    def forward(self, x):
        y = list(self.cv1(x).chunk(2, 1))
        for m in self.m:
            y.append(m(y[-1]))
        return self.cv2(torch.cat(y, 1))


class YoloHead(nn.Module):
    def __init__(self, c, labels):
        super().__init__()
        self.conv, self.linear = Unit(c, 1280, 1), nn.Linear(1280, labels)

    def forward(self, x):
        return self.linear(self.conv(x).mean((2, 3)))


def yolov8_cls(width, labels):
    """ultralytics' yolov8-cls.yaml, as its documentation and its files of weights have it."""
    net, layers, c = nn.Module(), [], 3
    for k, n in ((64, 0), (128, 1), (256, 2), (512, 2), (1024, 1)):
        k = int(k * width)
        layers += [Unit(c, k, 3, 2)] + ([C2f(k, n)] if n else [])
        c = k
    net.model = nn.Sequential(*layers, YoloHead(c, labels))
    net.forward = lambda x: net.model(x)
    return net


def make(arch, labels, side):
    """The network called `arch`, for pictures whose shorter side has `side` pixels."""
    if arch == "resnet_small":
        return ResNetSmall(labels, side)
    residual = {"resnet18": (Block, (2, 2, 2, 2)), "resnet50": (Bottleneck, (3, 4, 6, 3))}
    if arch in residual:
        return ResNet(*residual[arch], labels)
    if arch in {"resnet20", "resnet32", "resnet44", "resnet56"}:
        return CifarResNet((int(arch[6:]) - 2) // 6, labels)
    if arch.startswith("yolov8"):
        return yolov8_cls({"n": 0.25, "s": 0.5}[arch[6]], labels)
    if arch.startswith("mobilenet_v1_"):
        return KerasMobileNet(float(arch[13:]), labels)
    if arch in {"mobilenet_v2", "airnet"}:
        return {"mobilenet_v2": MobileNetV2, "airnet": AirNet}[arch](labels)
    import no_torchvision  # noqa: F401
    import timm
    more = {"img_size": side} if arch.startswith(("vit", "deit", "swin", "coatnet")) else {}
    more |= {"drop_path_rate": 0.0} if arch.startswith("swin") else {}
    if arch.startswith("tf_mobilenetv2"):       # timm has what it is made of, without the name
        arch, more = arch[3:], {"pad_type": "same", "bn_eps": 1e-3}
    return timm.create_model(arch, num_classes=labels, **more)


def start(net, seed):
    """First values by the rules of discern's operators, nn/op: He's for convolutions, 1 / inputs
    for the last layer's variance, batch-norms 1 and 0.  Numbers are PyTorch's."""
    random = torch.Generator().manual_seed(seed)
    for m in net.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            inputs = m.weight[0].numel()
            gain = 2 if isinstance(m, nn.Conv2d) else 1
            nn.init.normal_(m.weight, 0, (gain / inputs) ** 0.5, random)
            if m.bias is not None:
                nn.init.zeros_(m.bias)


def describe(path):
    """What a model file says of itself: arch, task, labels, prep, provenance."""
    with safe_open(path, "pt") as f:
        meta = f.metadata()
    return {
        "arch": meta["discern.arch"], "task": meta["discern.task"],
        "labels": json.loads(meta["discern.labels"]), "prep": json.loads(meta["discern.prep"]),
        "provenance": json.loads(meta["discern.provenance"]),
    }


def load(path):
    """The network of a model file, with its values; in training mode.  Every parameter and running
    statistic must be there under its name and in its shape, and nothing else but what a checkpoint
    has for the training to go on."""
    model = describe(path)
    net = make(model["arch"], len(model["labels"]), min(model["prep"]["size"]))
    with safe_open(path, "pt") as f:
        values = {k: f.get_tensor(k) for k in f.keys() if not k.startswith("training.")}
    want = {k for k in net.state_dict() if not k.endswith("num_batches_tracked")}
    if want != set(values):
        raise SystemExit(f"{path}: other tensors than the network has: {want ^ set(values)}")
    net.load_state_dict(values, strict=False)
    return net


def groups(net, decay):
    """Parameters for an optimiser: weight decay for everything but biases and norms."""
    return [{"params": [p for p in net.parameters() if p.dim() > 1], "weight_decay": decay},
            {"params": [p for p in net.parameters() if p.dim() <= 1], "weight_decay": 0.0}]
