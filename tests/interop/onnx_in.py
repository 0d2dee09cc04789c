#!/usr/bin/env python3
"""onnx_in.py ONNX_RUN FILE... -- does discern compute ONNX files of others as ONNX Runtime does?

A made-up picture, x[i] = -2 + 4 frac(0.618 i), goes through both; of every output the least, the
largest and the first six numbers are held against each other, to 1e-4 of the largest.
"""
import subprocess
import sys

import numpy as np
import onnxruntime as ort

GOLDEN = 0.6180339887498949


def theirs(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options)
    image = session.get_inputs()[0]
    shape = [d if isinstance(d, int) else 1 for d in image.shape]
    x = -2 + 4 * np.modf(np.arange(np.prod(shape)) * GOLDEN)[0]
    return session.run(None, {image.name: x.astype(np.float32).reshape(shape)})


def ours(run, path):
    out = subprocess.run([run, "net", path, "-2", "2"], capture_output=True, text=True)
    rows = [line.split(",") for line in out.stdout.splitlines()]
    if out.returncode or any(len(row) != 7 for row in rows):
        return None, out.stdout.strip()
    return [[float(v) for v in row[3:5] + row[6].split()] for row in rows], ""


bad = 0
for path in sys.argv[2:]:
    name = path.rsplit("/", 1)[-1]
    have, why = ours(sys.argv[1], path)
    if have is None:
        print(f"{name}: refused: {why}")
        bad += 1
        continue
    worst = 0
    for mine, y in zip(have, theirs(path)):
        want = [y.min(), y.max(), *y.ravel()[:6]]
        worst = max(worst, np.abs(np.subtract(mine, want)).max() / max(1, np.abs(y).max()))
    print(f"{name}: {len(have)} outputs, largest difference {worst:.1e}")
    bad += not worst <= 1e-4
sys.exit(bad > 0)
