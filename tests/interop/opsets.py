#!/usr/bin/env python3
"""opsets.py DISCERN NET [NAME...] -- networks of every family as ONNX files of every opset

Random weights (families.py) become a model, which is written in opsets 13 to 17 and computed by
ONNX Runtime, OpenVINO and OpenCV, those that are installed; and it is read back, written again and
computed by ONNX Runtime (in, out, in).  Their logits are held to those of NET, tests/interop/net.c,
of the weights themselves: to 1e-4 of the largest.  A row a network: the worst of all opsets; what
is refused is said below it and is an error.  NAMEs: these networks alone.
"""
import os
import subprocess
import sys
import tempfile

import families
import numpy as np
import onnxruntime
import torch
from safetensors.torch import load_file, save_file

try:
    import openvino
except ImportError:
    openvino = None
try:
    import cv2
except ImportError:
    cv2 = None

OPSETS, LIMIT, PICTURES = range(13, 18), 1e-4, 2

# One or two of each family: pixels.  What timm calls them: families.py.
ROWS = [(n, 64) for n in (
    "resnet18d resnet50 resnext50_32x4d seresnet18 mobilenetv1_100 mobilenet_v1_0.25 mobilenet_v2 "
    "mobilenetv3_small_100 mobilenetv3_large_100 efficientnet_b0 densenet121 resnetv2_50x1_bit "
    "convnext_tiny vit_tiny_patch16_224 deit_tiny_distilled_patch16_224 coatnet_0_rw_224 "
    "yolov8n-cls resnet_small").split()]
ROWS += [("efficientnetv2_s", 128), ("swin_tiny_patch4_window7_224", 224),
         ("swin_tiny_patch4_window7_224", 96), ("resnet20", 32), ("airnet", 32)]


def run_onnxruntime(path, pictures):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [session.run(None, {"image": x})[0] for x in pictures]


def run_openvino(path, pictures):
    net = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.array(net(x)[0]) for x in pictures]


def run_opencv(path, pictures):
    net, said = cv2.dnn.readNetFromONNX(path), []
    for x in pictures:
        net.setInput(x, "image")
        said.append(net.forward("logits").copy())
    return said


RUNTIMES = [("ONNX Runtime", run_onnxruntime)]
RUNTIMES += [("OpenVINO", run_openvino)] if openvino else []
RUNTIMES += [("OpenCV", run_opencv)] if cv2 else []


def call(*args):
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])


def write(discern, model, opset, path):
    call(discern, "export", model, "-o", path, "--opset", str(opset), "--logits", "--no-verify",
         "--force")
    return path


def look(discern, program, name, side, work):
    weights, fed, out, model, first, back, again = (os.path.join(work, n) for n in (
        "w.safetensors", "in", "out", "model.safetensors", "first.onnx", "back.safetensors",
        "again.onnx"))
    net = families.make(dict((ours, timms) for ours, timms, _ in families.ROWS).get(name) or name,
                        side)
    image = torch.randn(PICTURES, 3, side, side)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, weights)
    save_file({"image": image}, fed)
    call(program, name, weights, fed, out)
    ours = load_file(out)["logits"].double().numpy()
    call(discern, "import", weights, "--arch", name, "--size", str(side), "-o", model, "--force")
    pictures = [x[None] for x in image.numpy()]
    worst, refused = {}, []

    def hold(what, opset, run, path):
        try:
            said = np.concatenate(run(path, pictures)).astype(np.float64)
        except Exception as e:  # noqa: BLE001: whatever a reader of files throws
            refused.append(f"{what} refuses opset {opset}: {' '.join(str(e).split())[-200:]}")
            return
        worst[what] = max(worst.get(what, 0), np.abs(said - ours).max() / np.abs(ours).max())

    for opset in OPSETS:
        write(discern, model, opset, first)
        for what, run in RUNTIMES:
            hold(what, opset, run, first)
        call(discern, "import", first, "-o", back, "--force")
        hold("in, out, in", opset, run_onnxruntime, write(discern, back, opset, again))
    fine = not refused and all(w <= LIMIT for w in worst.values())
    cells = [f"{worst[w]:.1e}" if w in worst else "-" for w, _ in RUNTIMES + [("in, out, in", 0)]]
    print(f"| {name} | {side} | {' | '.join(cells)} |{'' if fine else ' too far or refused'}",
          flush=True)
    for line in refused:
        print("  " + line, flush=True)
    return fine


def main():
    fine = True
    names = [w for w, _ in RUNTIMES]
    print("%s; opsets %d to %d" % (", ".join(names), OPSETS[0], OPSETS[-1]))
    print(f"| network | pixels | {' | '.join(names)} | in, out, in |\n"
          f"|---|---:|{'---:|' * (len(names) + 1)}")
    with tempfile.TemporaryDirectory() as work:
        for name, side in ROWS:
            if len(sys.argv) <= 3 or name in sys.argv[3:]:
                fine &= look(sys.argv[1], sys.argv[2], name, side, work)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
