"""golden.py -- what the scripts share that make golden files: numbers by a formula, and the file

Numbers come from the generator of nn/base/rng.h, so that the tests can make the large ones
(weights, pictures) themselves and the files stay small: number i of "conv1.weight" is
rng_f32(SEED, FNV-1a of the name, i).
"""
import json
import struct

import numpy as np
import torch

SEED = 1


def fnv1a(name):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def philox(index, stream):
    """The first word of Philox4x32-10 for each index: key SEED, counter (index, stream)."""
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, b = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
    c0, c1, c2, c3 = index.astype(np.uint64), np.uint64(0), np.uint64(stream), np.uint64(0)
    k0, k1 = SEED, 0
    for _ in range(10):
        p, q = a * c0, b * c2
        c0, c1 = q >> high ^ c1 ^ np.uint64(k0), q & low
        c2, c3 = p >> high ^ c3 ^ np.uint64(k1), p & low
        k0, k1 = k0 + 0x9E3779B9 & 0xFFFFFFFF, k1 + 0xBB67AE85 & 0xFFFFFFFF
    return c0


def uniform(name, *shape):
    """rng_f32: multiples of 2^-24 in [0, 1), as doubles."""
    n = int(np.prod(shape, dtype=np.int64))
    u = (philox(np.arange(n), fnv1a(name)) >> np.uint64(8)).astype(np.float64) * 2.0**-24
    return torch.from_numpy(u).reshape(shape)


def to_float(x):
    """Rounded to what a network of floats holds."""
    return x.float().double()


def nhwc(x):
    """Pictures as we hold them; other tensors as they are."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def write(path, tensors, metadata):
    """A safetensors file: F32, in the order given, the header padded to 64 bytes."""
    header, at = {"__metadata__": metadata}, 0
    for name, t in tensors.items():
        end = at + 4 * t.numel()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.detach().contiguous().float().numpy().tobytes())
