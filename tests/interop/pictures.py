"""pictures.py -- the pictures of a training as PyTorch gets them: same files, parts and preparation

Follows docs/data.md (the resize rule is Pillow's own) and data/aug: what augmentations see is the
picture shrunk to KEEP times the network's input, as discern keeps it.  Decoding is Pillow's, random
numbers are NumPy's: distributions are the same, not the numbers.
"""
import csv
import os

import numpy as np
from PIL import Image, ImageOps

KEEP = 1.15             # DATA_KEEP
CROP, FLIP = 0.5, 0.5   # what `crop` and `flip` mean without numbers: magnitude, chance


def whole(x):
    """round() of C."""
    return int(np.floor(x + 0.5))


def decode(path):
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


class Pictures:
    """One part of a set: files, targets [n,labels], and how they are prepared.

    data: a folder of TRAIN-OR-TEST/CLASS/FILE, or a table with a column of 0 and 1 for each label
    beside images/.  split: the split.csv that discern wrote.
    """

    def __init__(self, data, split, part, model):
        with open(split, newline="") as f:
            names = sorted(row["name"] for row in csv.DictReader(f) if row["split"] == part)
        labels, prep = model["labels"], model["prep"]
        self.size, self.squash = prep["size"][0], prep["resize"] == "squash"
        if prep["crop"] != 1 or prep["resize"] not in ("crop", "squash"):
            raise SystemExit(f"{data}: the preparation is not built here: {prep}")
        self.scale = 1 / (255 * np.float32(prep["std"]))
        self.shift = -np.float32(prep["mean"]) / np.float32(prep["std"])
        if os.path.isdir(data):
            self.files = [os.path.join(data, name) for name in names]
            true = [[os.path.basename(os.path.dirname(name)) == label for label in labels]
                    for name in names]
        else:
            with open(data, newline="") as f:
                rows = {row["filename"]: row for row in csv.DictReader(f)}
            self.files = [os.path.join(os.path.dirname(data), "images", name) for name in names]
            true = [[rows[name][label] == "1" for label in labels] for name in names]
        self.target = np.array(true, np.float32)
        self.n = len(names)

    def normalize(self, pixels):
        """[n,size,size,3] bytes to the network's numbers [n,3,size,size]."""
        return np.ascontiguousarray((pixels * self.scale + self.shift).transpose(0, 3, 1, 2))

    def prepared(self):
        """Bytes [n,size,size,3] as validation and prediction see the pictures."""
        out = np.empty((self.n, self.size, self.size, 3), np.uint8)
        for i, path in enumerate(self.files):
            image = decode(path)
            w, h = image.size
            side = min(w, h)
            box = (0, 0, w, h) if self.squash else ((w - side) / 2, (h - side) / 2,
                                                    (w + side) / 2, (h + side) / 2)
            out[i] = image.resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        return out

    def kept(self, path):
        """The picture as augmentations find it."""
        image = decode(path)
        w, h = image.size
        x, y = whole(KEEP * self.size) / w, whole(KEEP * self.size) / h
        if not self.squash:
            x = y = max(x, y)
        size = (max(1, whole(w * x)) if x < 1 else w, max(1, whole(h * y)) if y < 1 else h)
        return image if size == (w, h) else image.resize(size, Image.Resampling.BILINEAR)


class Augmented:
    """The recipe `crop,flip` (light), or one of the two, or none, on a part's pictures."""

    def __init__(self, part, recipe, random):
        steps = [] if recipe == "none" else recipe.split(",")
        if set(steps) - {"crop", "flip"}:
            raise SystemExit(f"augment {recipe}: tests/interop/pictures.py has crop and flip alone")
        self.part, self.random = part, random
        self.crop, self.flip = "crop" in steps, "flip" in steps
        self.still = part.prepared() if not steps else None
        self.image = [part.kept(path) for path in part.files] if steps else None
        # Small ones move; what comes in at the edge is the picture mirrored.
        self.reach = [self.reach_of(image) for image in self.image or []]
        for i, reach in enumerate(self.reach):
            if reach:
                pixels = np.pad(self.image[i], ((reach, reach), (reach, reach), (0, 0)),
                                "symmetric")
                self.image[i] = Image.fromarray(pixels)

    def reach_of(self, image):
        """By how many pixels a picture moves; 0: it is large, and parts of it are taken."""
        size = self.part.size
        if not self.crop or image.size[0] > size or image.size[1] > size:
            return 0
        if image.size[0] != image.size[1]:
            raise SystemExit("small pictures that are not square: not built here")
        return whole((1 + CROP) / 12 * image.size[0])

    def box(self, i):
        """What is seen of picture i this time."""
        w, h = self.image[i].size
        reach, u = self.reach[i], self.random.random(4)
        if reach:
            x, y = (np.floor(u[k] * (2 * reach + 1)) for k in (0, 1))
            return x, y, x + w - 2 * reach, y + h - 2 * reach
        if not self.crop:
            side = min(w, h)
            return (0, 0, w, h) if self.part.squash else ((w - side) / 2, (h - side) / 2,
                                                          (w + side) / 2, (h + side) / 2)
        area = 1 - 0.65 * CROP * u[0]
        aspect = np.exp((2 * u[1] - 1) * np.log(4 / 3) * CROP) * (w / h if self.part.squash else 1)
        bw = np.sqrt(area * w * h * aspect)
        bh = bw / aspect
        fit = min(1, w / bw, h / bh)
        bw, bh = bw * fit, bh * fit
        x, y = (w - bw) * u[2], (h - bh) * u[3]
        return x, y, min(x + bw, w), min(y + bh, h)

    def batch(self, index):
        """The pictures of index, normalised, and their targets."""
        size = self.part.size
        pixels = np.empty((len(index), size, size, 3), np.uint8)
        for row, i in zip(pixels, index):
            if self.still is not None:
                row[:] = self.still[i]
                continue
            row[:] = self.image[i].resize((size, size), Image.Resampling.BILINEAR, self.box(i))
            if self.flip and self.random.random() < FLIP:
                row[:] = row[:, ::-1].copy()
        return self.part.normalize(pixels), self.part.target[index]

    def batches(self, n, steps):
        """As many batches of n: every epoch in an order of its own, what is left over dropped."""
        made = 0
        while True:
            order = self.random.permutation(self.part.n)
            for at in range(0, self.part.n - n + 1, n):
                if made == steps:
                    return
                made += 1
                yield self.batch(order[at:at + n])
