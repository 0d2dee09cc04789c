#!/usr/bin/env python3
"""resize.py -- makes tests/golden/resize.bin: pictures resized by Pillow (made with 13.0.0)

Each record: six int32 (kind of picture, width, height, filter, result's width and height), four float64 (the box), the
result's bytes.  Pictures are made by a formula, here and in tests/data/test_resize.c.  The two passes are two calls,
across and then down, as Pillow did by itself up to version 12; later ones go down first where that is less work.

    python3 tests/golden/resize.py >tests/golden/resize.bin
"""
import struct
import sys

import numpy as np
from PIL import Image

FILTERS = [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]
NOISE, CHECKS, WAVES = range(3)

# Kind, size, box (None: all of it), size of the result.
CASES = [
    (NOISE, (64, 48), None, (32, 24)),
    (NOISE, (64, 48), None, (31, 17)),
    (NOISE, (23, 19), None, (50, 41)),
    (NOISE, (37, 53), None, (9, 80)),
    (NOISE, (53, 37), None, (80, 9)),
    (NOISE, (200, 150), (3.25, 7.5, 190.125, 140.75), (56, 56)),
    (NOISE, (200, 150), (90.3, 70.7, 101.9, 81.1), (33, 34)),
    (NOISE, (30, 30), (4, 5, 24, 25), (20, 40)),
    (NOISE, (30, 30), (29.2, 29.4, 30, 30), (7, 5)),
    (NOISE, (1, 1), None, (6, 4)),
    (NOISE, (1, 40), None, (3, 7)),
    (NOISE, (40, 1), None, (7, 3)),
    (NOISE, (9, 7), None, (1, 1)),
    (NOISE, (5000, 6), None, (3, 2)),
    (NOISE, (6, 5000), None, (2, 3)),
    (NOISE, (700, 500), None, (11, 9)),
    (CHECKS, (64, 64), None, (40, 48)),
    (CHECKS, (40, 40), None, (64, 67)),
    (CHECKS, (101, 77), (0.5, 0.25, 100.5, 76.75), (30, 90)),
    (WAVES, (256, 180), None, (64, 48)),
    (WAVES, (33, 21), None, (70, 50)),
    (WAVES, (500, 375), (62.5, 0, 437.5, 375), (56, 56)),
]


def picture(kind, width, height):
    y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.uint32)
    h = x * np.uint32(2654435761) + y * np.uint32(2246822519) + c * np.uint32(3266489917)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2654435761)
    h ^= h >> np.uint32(13)
    if kind == NOISE:
        v = h >> np.uint32(24)
    elif kind == CHECKS:
        v = (h >> np.uint32(31)) * np.uint32(255)
    else:
        v = (x * np.uint32(7) + y * np.uint32(3) + c * np.uint32(40)) % np.uint32(510)
        v = np.where(v < 256, v, 510 - v)
    return Image.fromarray(v.astype(np.uint8))


def main():
    out = sys.stdout.buffer
    for kind, (width, height), box, (out_w, out_h) in CASES:
        x0, y0, x1, y1 = (float(np.float32(v)) for v in box or (0, 0, width, height))
        for number, resample in enumerate(FILTERS):
            image = picture(kind, width, height)
            image = image.resize((out_w, height), resample, box=(x0, 0, x1, height))
            image = image.resize((out_w, out_h), resample, box=(0, y0, out_w, y1))
            out.write(struct.pack("<6i4d", kind, width, height, number, out_w, out_h, x0, y0, x1, y1))
            out.write(np.asarray(image).tobytes())


main()
