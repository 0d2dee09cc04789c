"""curve.py WORK -- discern's loss at every step beside PyTorch's, same weights, same batches

WORK/float and WORK/double hold what discern left when its numbers were floats and doubles (steps.c,
batches.c): start.safetensors, last.safetensors, batches.safetensors, and loss.txt with the loss and
the rate of each step.  PyTorch makes the same steps in double, which is the truth for both, and in
float, to see how far floats stray by their nature: where a number rounds across the kink of a ReLU,
or the other way in a max pool, the curve takes another path, some hundredths away at last.  So

    doubles agree to EXACT at every step, and the weights and running statistics that are written
    at the end, rounded to float, to ROUNDED: the check of what is computed;
    floats agree to FIRST in the first steps, and then stray, in the quadratic mean, at most MORE
    times as far as PyTorch's own floats.

Status 1 when they do not.
"""
import sys

import numpy as np
import torch
from networks import describe, load
from recipe import Training, rate, settings
from safetensors.numpy import load_file

EXACT, ROUNDED, FIRST, FIRST_STEPS, MORE = 1e-10, 1e-7, 1e-4, 3, 3


def pytorch(stem, how, task, dtype):
    """The losses of PyTorch's steps, and the network that they end with."""
    batches = load_file(stem + "batches.safetensors")
    net = load(stem + "start.safetensors").to(dtype)
    training = Training(net, task, how, len(batches["image"]))
    losses = [
        training.step(torch.from_numpy(image).to(dtype).permute(0, 3, 1, 2),
                      torch.from_numpy(target).to(dtype))
        for image, target in zip(batches["image"], batches["target"])
    ]
    return np.array(losses), training.result()


def weights_far(stem, net):
    """The largest difference of a weight or running statistic, as a share of its tensor's largest:
    of what discern wrote at the end, which is in float."""
    wrote, far = load(stem + "last.safetensors").state_dict(), 0
    for name, want in net.state_dict().items():
        if want.is_floating_point():
            far = max(far, ((wrote[name] - want).abs().max() / want.abs().max()).item())
    return far


def compare(stem, kind):
    """What is to be held to a bound: (words, figure, bound); and prints the distances."""
    how, task = settings(stem + "last.safetensors"), describe(stem + "last.safetensors")["task"]
    ours, rates = np.loadtxt(stem + "loss.txt", unpack=True)
    steps = len(ours)
    truth, net = pytorch(stem, how, task, torch.float64)
    far = np.abs(ours - truth) / truth
    rates_far = max(abs(r / rate(how, i, steps) - 1) for i, r in enumerate(rates))
    print(f"  {kind}: {steps} steps of {how['batch']} at {how['lr']:g}, loss {truth[0]:.3f} to "
          f"{truth[-1]:.3f}; from PyTorch's double: discern {far.max():.1e} at most, "
          f"{(far ** 2).mean() ** 0.5:.1e} in the mean")
    checks = [("rates differ", rates_far, 1e-12)]
    if kind == "double":
        return checks + [("doubles differ", far.max(), EXACT),
                         ("weights at the end differ", weights_far(stem, net), ROUNDED)]
    theirs = np.abs(pytorch(stem, how, task, torch.float32)[0] - truth) / truth
    ratio = (far ** 2).mean() ** 0.5 / (theirs ** 2).mean() ** 0.5
    print(f"         PyTorch's float {theirs.max():.1e} at most, {(theirs ** 2).mean() ** 0.5:.1e} "
          f"in the mean: {'discern' if ratio < 1 else 'PyTorch'} is nearer")
    return checks + [("the first floats differ", far[:FIRST_STEPS].max(), FIRST),
                     ("floats stray more than PyTorch's", ratio, MORE)]


def main(work):
    torch.set_num_threads(1)
    bad = 0
    for kind in "double", "float":
        for words, figure, bound in compare(f"{work}/{kind}/", kind):
            if not figure <= bound:
                print(f"  {kind}: {words}: {figure:.2g}, {bound:g} at most")
                bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
