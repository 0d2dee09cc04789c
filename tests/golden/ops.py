#!/usr/bin/env python3
"""ops.py -- makes tests/golden/ops.safetensors: what PyTorch computes where we have operators

Needs PyTorch and NumPy (made with 2.13.0 on a CPU).  All is computed in double, from numbers that
floats hold exactly.

    python3 -B tests/golden/ops.py tests/golden/ops.safetensors

The metadata holds the graph text of each case: CASE = TEXT.  Tensors are called CASE:NODE (values;
parameters in the order of files), CASE:grad.NODE (gradients, given CASE:grad.y) and
CASE:after.NODE (what training left in a buffer).  A case without gradients is for INFER.  A new
case is a call of case() here; the test (tests/nn/test_golden.c) needs no change.

Pictures are NCHW here and NHWC there: all inputs and outputs of four dimensions are turned.
"""
import sys

import torch
import torch.nn.functional as F
from golden import nhwc, to_float, uniform, write

tensors, graphs = {}, {}


def dims(shape):
    return "x".join(map(str, shape))


# ---- makers: functions from a tensor's name to its numbers -------------------------------------


def between(low, high, *shape):
    return lambda name: to_float(low + (high - low) * uniform(name, *shape))


def normal(*shape):
    """Nearly: the sum of four uniform numbers, mean 0 and deviation 1."""
    return lambda name: to_float((uniform(name, 4, *shape).sum(0) - 2) * 3**0.5)


def whole(low, high, *shape):
    """Whole numbers, both ends included: ties and edges."""
    return lambda name: torch.floor(low + (high + 1 - low) * uniform(name, *shape))


def rows(*shape):
    """Rows of probabilities."""

    def make(name):
        x = uniform(name, *shape) + 0.05
        return to_float(x / x.sum(-1, keepdim=True))

    return make


def one_hot(classes, *labels):
    """Rows with a single 1; a label of -1 has none."""
    return given([[float(k == label) for k in range(classes)] for label in labels])


def given(x):
    return lambda name: to_float(torch.tensor(x))


# ---- a case ------------------------------------------------------------------------------------


def case(name, line, forward, inputs, params={}, buffers={}, consts={}, targets=(), train=True):
    """One operator.  line is its graph text, forward(tensors by name) the same in PyTorch.

    inputs (they have a batch), params, buffers (the operator's own) and consts map names to
    makers.  Targets, buffers and consts have no gradients; forward changes buffers in place.
    """
    makers = {**inputs, **params, **buffers, **consts}
    made = {n: make(f"{name}:{n}") for n, make in makers.items()}
    node = {n: n if n in inputs or n in consts else "y." + n for n in made}
    for n, x in made.items():
        tensors[f"{name}:{node[n]}"] = (nhwc(x) if n in inputs else x).clone()
        if train and (n in inputs or n in params) and n not in targets:
            x.requires_grad_()
    y = forward(**made)
    tensors[f"{name}:y"] = nhwc(y)
    if train:
        dy = to_float(uniform(f"{name}:grad.y", *y.shape) - 0.4)
        y.backward(dy)
        tensors[f"{name}:grad.y"] = nhwc(dy)
    for n, x in made.items():
        if x.grad is not None:
            tensors[f"{name}:grad.{node[n]}"] = nhwc(x.grad) if n in inputs else x.grad
        elif train and n in buffers:
            tensors[f"{name}:after.{node[n]}"] = x
    text = [f"{n} = input shape={dims(nhwc(made[n]).shape[1:])}" for n in inputs]
    text += [f"{n} = const shape={dims(made[n].shape)}" for n in consts]
    graphs[name] = "\n".join(text + [f"y = {line}", "output y = y", ""])


# ---- convolutions ------------------------------------------------------------------------------


def conv(name, x, channels, size, stride=(1, 1), dilation=(1, 1), pad=(0, 0, 0, 0), groups=1,
         bias=False):
    """x: the shape of the input; pad: top, left, bottom, right"""

    def forward(x, weight, bias=None):
        around = pad[1], pad[3], pad[0], pad[2]
        return F.conv2d(F.pad(x, around), weight, bias, stride, 0, dilation, groups)

    params = {"weight": normal(channels, x[1] // groups, *size)}
    if bias:
        params["bias"] = normal(channels)
    line = (f"conv2d x channels={channels} size={dims(size)} stride={dims(stride)} "
            f"dilation={dims(dilation)} pad={dims(pad)} groups={groups} bias={str(bias).lower()}")
    case(name, line, forward, {"x": normal(*x)}, params)


same = (1, 1, 1, 1)
conv("conv", (2, 3, 5, 6), 4, (3, 3), pad=same)
conv("conv stride", (2, 4, 7, 6), 5, (3, 3), (2, 2), pad=same, bias=True)
conv("conv stem", (1, 3, 9, 8), 4, (7, 7), (2, 2), pad=(3, 3, 3, 3))
conv("conv 1x1", (2, 6, 3, 4), 7, (1, 1), bias=True)
conv("conv 1x1 groups", (2, 6, 3, 4), 4, (1, 1), groups=2)
conv("conv 1x1 stride", (2, 5, 5, 7), 4, (1, 1), (2, 2))
conv("conv 1x1 as large rows", (1, 2, 3, 4), 3, (1, 1), (2, 1), pad=(0, 0, 2, 0))
conv("conv 1x1 as large columns", (1, 2, 3, 4), 3, (1, 1), (1, 2), pad=(0, 0, 0, 3))
conv("conv 1x1 as large inside", (1, 2, 3, 4), 3, (1, 1), (2, 2), pad=(1, 2, 1, 1))
conv("conv dilation", (1, 3, 8, 7), 4, (3, 3), dilation=(2, 2), pad=(2, 2, 2, 2))
conv("conv uneven", (2, 2, 6, 5), 3, (2, 3), (1, 2), (2, 1), (1, 0, 0, 2), bias=True)
conv("conv groups", (2, 6, 4, 5), 9, (3, 3), pad=same, groups=3)
conv("conv groups uneven", (2, 4, 6, 7), 2, (3, 3), (2, 1), (1, 2), (0, 2, 1, 1), 2, True)
conv("conv depthwise", (2, 5, 5, 4), 5, (3, 3), pad=same, groups=5)
conv("conv depthwise stride", (2, 3, 7, 8), 3, (3, 3), (2, 2), pad=same, groups=3, bias=True)
conv("conv depthwise uneven", (2, 3, 6, 7), 3, (3, 2), (2, 2), (1, 2), (1, 2, 0, 1), 3)
conv("conv depth multiplier", (1, 3, 4, 4), 6, (3, 3), pad=same, groups=3)
conv("conv wide padding", (1, 3, 2, 3), 2, (5, 5), pad=(4, 4, 4, 4))
conv("conv many rows", (1, 1, 17, 16), 2, (3, 3), pad=same, bias=True)

# ---- linear, batch-norm ------------------------------------------------------------------------


def linear(name, batch, width_in, width, bias):
    params = {"weight": normal(width, width_in)}
    if bias:
        params["bias"] = normal(width)
    case(name, f"linear x width={width} bias={str(bias).lower()}",
         lambda x, weight, bias=None: F.linear(x, weight, bias), {"x": normal(batch, width_in)},
         params)


linear("linear", 3, 7, 4, False)
linear("linear bias", 4, 3, 5, True)
linear("linear one", 1, 6, 1, True)


def batchnorm(name, shape, train, eps=1e-5, momentum=0.1):
    def forward(x, weight, bias, running_mean, running_var):
        return F.batch_norm(x, running_mean, running_var, weight, bias, train, momentum, eps)

    c = shape[1]
    case(name, f"batchnorm x epsilon={eps} momentum={momentum}", forward, {"x": normal(*shape)},
         {"weight": between(0.5, 1.5, c), "bias": normal(c)},
         {"running_mean": normal(c), "running_var": between(0.5, 2, c)}, train=train)


def frozen(name, shape):
    """Trained, with the statistics that it has."""

    def forward(x, weight, bias, running_mean, running_var):
        return F.batch_norm(x, running_mean, running_var, weight, bias, False)

    c = shape[1]
    case(name, "batchnorm x frozen=true", forward, {"x": normal(*shape)},
         {"weight": between(0.5, 1.5, c), "bias": normal(c)},
         {"running_mean": normal(c), "running_var": between(0.5, 2, c)})


batchnorm("batchnorm", (4, 5, 3, 4), True)
batchnorm("batchnorm rows", (6, 7), True)
batchnorm("batchnorm settings", (3, 4, 2, 3), True, 0.01, 0.3)
batchnorm("batchnorm infer", (2, 5, 3, 4), False)
batchnorm("batchnorm infer rows", (3, 4), False, 0.01)
frozen("batchnorm frozen", (2, 5, 3, 4))
frozen("batchnorm frozen row", (1, 4))


def weights(c):
    return {"weight": between(0.5, 1.5, c), "bias": normal(c)}


def groupnorm(name, shape, groups, eps=1e-5):
    case(name, f"groupnorm x groups={groups} epsilon={eps}",
         lambda x, weight, bias: F.group_norm(x, groups, weight, bias, eps),
         {"x": normal(*shape)}, weights(shape[1]))


groupnorm("groupnorm", (3, 6, 4, 5), 2)
groupnorm("groupnorm one", (2, 5, 3, 4), 1)
groupnorm("groupnorm each", (2, 4, 3, 3), 4, 0.01)
groupnorm("groupnorm rows", (3, 12), 3)


def layernorm(name, shape, eps=1e-5):
    """Over the channels: dimension 1 of pictures here, the last of others."""

    def forward(x, weight, bias):
        last = nhwc(x)
        y = F.layer_norm(last, last.shape[-1:], weight, bias, eps)
        return y.permute(0, 3, 1, 2) if x.dim() == 4 else y

    case(name, f"layernorm x epsilon={eps}", forward, {"x": normal(*shape)},
         weights(shape[1] if len(shape) == 4 else shape[-1]))


layernorm("layernorm", (4, 7))
layernorm("layernorm tokens", (2, 3, 8), 1e-6)
layernorm("layernorm pictures", (2, 6, 3, 4), 0.01)

case("scale", "scale x", lambda x, gamma: x * gamma, {"x": normal(3, 5)}, {"gamma": normal(5)})
case("scale pictures", "scale x", lambda x, gamma: x * gamma.view(-1, 1, 1),
     {"x": normal(2, 5, 3, 4)}, {"gamma": normal(5)})

# ---- number by number, row by row --------------------------------------------------------------


def unary(name, line, forward, make):
    case(name, f"{line.split()[0]} x {' '.join(line.split()[1:])}", forward, {"x": make})


pictures = 2, 3, 4, 5
unary("relu", "relu", lambda x: F.relu(x), normal(*pictures))
unary("relu at 0", "relu", lambda x: F.relu(x), whole(-2, 2, 3, 9))
unary("relu6", "relu6", lambda x: F.relu6(x), between(-4, 10, *pictures))
unary("relu6 at 0 and 6", "relu6", lambda x: F.relu6(x), whole(-1, 7, 4, 9))
unary("sigmoid", "sigmoid", torch.sigmoid, between(-6, 6, *pictures))
unary("sigmoid far", "sigmoid", torch.sigmoid, given([[-200, -30, -1e-6, 0, 20, 200]]))
unary("tanh", "tanh", lambda x: torch.tanh(x), between(-4, 4, *pictures))
unary("gelu", "gelu", lambda x: F.gelu(x), between(-6, 6, *pictures))
unary("gelu at whole numbers", "gelu", lambda x: F.gelu(x), whole(-4, 4, 3, 9))
unary("gelu tanh", "gelu approximate=tanh", lambda x: F.gelu(x, approximate="tanh"),
      between(-6, 6, *pictures))
unary("silu", "silu", lambda x: F.silu(x), between(-6, 6, *pictures))
unary("silu far", "silu", lambda x: F.silu(x), given([[-200, -30, -1e-6, 0, 20, 200]]))
unary("hardswish", "hardswish", lambda x: F.hardswish(x), between(-5, 5, *pictures))
unary("hardswish at whole numbers", "hardswish", lambda x: F.hardswish(x), whole(-5, 5, 4, 9))
unary("leakyrelu", "leakyrelu", lambda x: F.leaky_relu(x), normal(*pictures))
unary("leakyrelu slope", "leakyrelu slope=0.2", lambda x: F.leaky_relu(x, 0.2), whole(-3, 3, 4, 5))
unary("softmax", "softmax", lambda x: x.softmax(1), between(-4, 4, 3, 6))
unary("softmax far", "softmax", lambda x: x.softmax(1), given([[500, 499, -500], [-80, -90, -81]]))
unary("softmax pictures", "softmax", lambda x: x.softmax(1), normal(*pictures))
case("add", "add a b", lambda a, b: a + b, {"a": normal(*pictures), "b": normal(*pictures)})
case("mul", "mul a b", lambda a, b: a * b, {"a": normal(*pictures), "b": normal(*pictures)})

# ---- pools -------------------------------------------------------------------------------------


def pool(name, line, shape, size, stride, pad=(0, 0, 0, 0), make=normal):
    """line: the operator and what it has beside its window; pad: top, left, bottom, right"""
    around = pad[1], pad[3], pad[0], pad[2]

    def forward(x):
        if line == "maxpool":
            return F.max_pool2d(F.pad(x, around, value=float("-inf")), size, stride)
        mean = F.avg_pool2d(F.pad(x, around), size, stride)
        inside = F.avg_pool2d(F.pad(torch.ones_like(x), around), size, stride)
        return mean if line.endswith("whole=true") else mean / inside

    window = f" size={dims(size)} stride={dims(stride)} pad={dims(pad)}"
    unary(name, line + window, forward, make(*shape))


for line in "maxpool", "avgpool", "avgpool whole=true":
    pool(line, line, (2, 3, 4, 6), (2, 2), (2, 2))
    pool(line + " padded", line, (2, 4, 7, 5), (3, 3), (2, 2), same)
    pool(line + " uneven", line, (1, 3, 5, 6), (3, 2), (1, 3), (1, 0, 2, 1))
pool("maxpool ties", "maxpool", (2, 3, 7, 6), (3, 3), (2, 1), (1, 1, 0, 1),
     lambda *shape: whole(-1, 1, *shape))
unary("avgpool by name", "avgpool size=3 stride=2 pad=1",
      lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), normal(1, 2, 6, 5))
unary("avgpool whole by name", "avgpool size=3 stride=2 pad=1 whole=true",
      lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=True), normal(1, 2, 6, 5))
unary("meanpool", "meanpool", lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), normal(*pictures))

# ---- shapes ------------------------------------------------------------------------------------

unary("flatten", "flatten", lambda x: nhwc(x).flatten(1), normal(2, 3, 2, 4))
unary("reshape", "reshape shape=4x-1", lambda x: nhwc(x).reshape(2, 4, -1), normal(2, 3, 2, 4))
case("concat", "concat a b c", lambda a, b, c: torch.cat([a, b, c], 1),
     {"a": normal(2, 3, 2, 4), "b": normal(2, 1, 2, 4), "c": normal(2, 5, 2, 4)})
case("concat height", "concat a b axis=1", lambda a, b: torch.cat([a, b], 2),
     {"a": normal(2, 3, 2, 4), "b": normal(2, 3, 5, 4)})
case("concat width", "concat a b axis=2", lambda a, b: torch.cat([a, b], 3),
     {"a": normal(2, 3, 2, 4), "b": normal(2, 3, 2, 1)})
case("concat rows", "concat a b", lambda a, b: torch.cat([a, b], 1),
     {"a": normal(3, 4), "b": normal(3, 2)})

# ---- losses ------------------------------------------------------------------------------------


def xent(name, targets, forward, weights=False, smooth=0):
    """forward(x, t, w, s): w is None without weights, s the smoothing"""
    line = "xent x t" + (" w" if weights else "") + (f" smooth={smooth}" if smooth else "")
    case(name, line, lambda x, t, w=None: forward(x, t, w, smooth),
         {"x": between(-4, 4, 5, 5), "t": targets}, targets="t",
         consts={"w": between(0.2, 3, 5)} if weights else {})


def hard(x, t, w, s):
    """A row of targets without a 1 is a picture without a label."""
    label = torch.where(t.sum(1) > 0, t.argmax(1), -1)
    return F.cross_entropy(x, label, w, ignore_index=-1, label_smoothing=s)


def soft(x, t, w, s):
    return F.cross_entropy(x, t, w, label_smoothing=s)


def soft_weights(x, t, w, s):
    """Not PyTorch's mean, which divides by the number of pictures here and by the weight of the
    targets where labels are hard.  We divide by the weight of the targets always, so that a hard
    label means the same in either form."""
    return F.cross_entropy(x, t, w, reduction="sum", label_smoothing=s) / (t * w).sum()


labels = one_hot(5, 2, 0, 4, 4, 1)
xent("xent", labels, hard)
xent("xent smooth", labels, hard, smooth=0.1)
xent("xent weights", labels, hard, True)
xent("xent weights smooth", labels, hard, True, 0.2)
xent("xent unknown", one_hot(5, 2, -1, 4, -1, 1), hard, True)
xent("xent unknown smooth", one_hot(5, 2, -1, 4, -1, 1), hard, smooth=0.1)
xent("xent soft", rows(5, 5), soft)
xent("xent soft smooth", rows(5, 5), soft, smooth=0.1)
xent("xent soft weights", rows(5, 5), soft_weights, True)
xent("xent soft weights smooth", rows(5, 5), soft_weights, True, 0.2)


def focal(name, targets, gamma, weights=False, smooth=0):
    """By its formula.  Rows of targets that add up to 1."""

    def forward(x, t, w=None):
        w = torch.ones(5).double() if w is None else w
        p = x.softmax(1)
        even = (1 - smooth) * t + smooth / 5 * t.sum(1, keepdim=True)
        return (w * even * (1 - p)**gamma * -p.log()).sum() / (w * t).sum()

    line = "xent x t" + (" w" if weights else "") + f" gamma={gamma} smooth={smooth}"
    case(name, line, forward, {"x": between(-4, 4, 5, 5), "t": targets}, targets="t",
         consts={"w": between(0.2, 3, 5)} if weights else {})


focal("focal", labels, 2)
focal("focal weights smooth", labels, 1.5, True, 0.1)
focal("focal unknown", one_hot(5, 2, -1, 4, -1, 1), 0.5)
focal("focal soft", rows(5, 5), 3)


def bce(name, targets, weights=False, x=between(-5, 5, 4, 6)):
    def forward(x, t, w=None):
        if (t >= 0).all():
            return F.binary_cross_entropy_with_logits(x, t, pos_weight=w)
        known = (t >= 0).double()
        return F.binary_cross_entropy_with_logits(x, t.clamp(min=0), known, pos_weight=w,
                                                  reduction="sum") / known.sum()

    case(name, "bce x t" + (" w" if weights else ""), forward, {"x": x, "t": targets}, targets="t",
         consts={"w": between(0.2, 4, 6)} if weights else {})


bce("bce", whole(0, 1, 4, 6))
bce("bce weights", whole(0, 1, 4, 6), True)
bce("bce soft weights", between(0, 1, 4, 6), True)
bce("bce unknown", whole(-1, 1, 4, 6))
bce("bce unknown weights", whole(-1, 1, 4, 6), True)
bce("bce far", given([[1, 0, 1, 0, 1, 0]]), x=given([[-120, 120, 40, -40, 0.125, -0.125]]))


def asymmetric(name, targets, gamma_pos, gamma_neg, margin, weights=False):
    """By its formula, differentiated as it stands."""

    def forward(x, t, w=None):
        w = torch.ones(6).double() if w is None else w
        p, r = x.sigmoid(), (x.sigmoid() - margin).clamp(min=0)
        known, t = (t >= 0).double(), t.clamp(min=0)
        loss = (w * t * (1 - p)**gamma_pos * -p.log() +
                (1 - t) * r**gamma_neg * -torch.log1p(-r))
        return (known * loss).sum() / known.sum()

    line = ("bce x t" + (" w" if weights else "") +
            f" gamma_pos={gamma_pos} gamma_neg={gamma_neg} margin={margin}")
    case(name, line, forward, {"x": between(-5, 5, 4, 6), "t": targets}, targets="t",
         consts={"w": between(0.2, 4, 6)} if weights else {})


asymmetric("asymmetric", whole(0, 1, 4, 6), 1, 4, 0.05)
asymmetric("asymmetric weights unknown", whole(-1, 1, 4, 6), 0, 4, 0.05, True)
asymmetric("asymmetric soft", between(0, 1, 4, 6), 0.5, 1.5, 0.2)
asymmetric("asymmetric focal", whole(-1, 1, 4, 6), 2, 2, 0)
asymmetric("asymmetric margin alone", whole(0, 1, 4, 6), 0, 0, 0.1)

write(sys.argv[1], tensors, graphs)
