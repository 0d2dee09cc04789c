"""train_torch.py MODEL DATA OUT -- the training that made MODEL once more, in PyTorch

Files, parts (split.csv beside MODEL), preparation, augmentation, network, batch, optimiser, rates
and number of steps are those that MODEL tells; first weights, order and augmentation are drawn anew
by the same rules.  MODEL is a last.safetensors: what a training ends with, chosen by nobody.
OUT (.npz) gets the answers for the test part: files, probability [n,labels], target [n,labels].
"""
import os
import sys
import time

import numpy as np
import torch
from networks import describe, make, start
from pictures import Augmented, Pictures
from recipe import Training, settings

TEST_BATCH = 250


def answers(net, task, part):
    """Probabilities [n,labels] for a part's pictures."""
    pixels, out = part.prepared(), []
    net.eval()
    with torch.no_grad():
        for at in range(0, part.n, TEST_BATCH):
            logits = net(torch.from_numpy(part.normalize(pixels[at:at + TEST_BATCH])))
            out.append(logits.softmax(1) if task == "single" else logits.sigmoid())
    return torch.cat(out).numpy()


def main(path, data, out):
    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    model, how = describe(path), settings(path)
    split = os.path.join(os.path.dirname(path), "split.csv")
    began = time.time()
    train = Pictures(data, split, "train", model)
    want = model["provenance"]["data"]["train"]
    if train.n != want:
        raise SystemExit(f"{path}: learnt from {want} pictures, {split} has {train.n}")
    augmented = Augmented(train, how["augment"], np.random.default_rng(how["seed"]))
    net = make(how["arch"], len(model["labels"]), how["size"])
    start(net, how["seed"])
    training = Training(net, model["task"], how, how["made"])
    read, sum_ = time.time(), 0.0
    for image, target in augmented.batches(how["batch"], how["made"]):
        sum_ += training.step(torch.from_numpy(image), torch.from_numpy(target))
        if training.made % 100 == 0:
            print(f"PyTorch: step {training.made} of {how['made']}, mean loss {sum_ / 100:.4f}, "
                  f"{(time.time() - read) / training.made:.3f} s a step", file=sys.stderr)
            sum_ = 0.0
    test = Pictures(data, split, "test", model)
    np.savez(out, files=test.files, target=test.target,
             probability=answers(training.result(), model["task"], test))
    print(f"PyTorch: {how['made']} steps in {time.time() - began:.0f} s, pictures and all",
          file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
