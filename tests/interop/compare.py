"""compare.py STEM N -- what discern said against what others say of the same N pictures

Reads what run.sh left: STEM.json (discern predict), STEM.npy (--dump-input) and STEM.*.onnx
(discern export with various options), each of which says by its metadata what it wants to be fed.
Others are ONNX Runtime and, where it is installed, OpenCV.  Status 1 when they differ by more than
1e-4.
"""

import glob
import json
import sys

import numpy as np
import onnxruntime

LIMIT = 1e-4
SOME = 12       # pictures that files of few at a time are asked about

try:
    import onnx
except ImportError:
    onnx = None
try:
    import PIL.Image
except ImportError:
    PIL = None
try:
    import cv2
except ImportError:
    cv2 = None


class File:
    """An exported file in ONNX Runtime, fed as its metadata say."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        meta = self.session.get_modelmeta().custom_metadata_map
        self.labels = json.loads(meta["discern.labels"])
        self.prep = json.loads(meta["discern.prep"])
        self.wants = json.loads(meta["discern.input"])
        self.logits = meta["discern.output"] == "logits"
        self.input = self.session.get_inputs()[0]
        self.output = self.session.get_outputs()[0]
        self.batch = self.input.shape[0] if isinstance(self.input.shape[0], int) else 0

    def feed(self, x):
        """What discern saw, [N,H,W,C] and normalised, as this file wants it."""
        if self.wants["type"] == "uint8":
            channels = x.shape[3]
            x = (x * self.prep["std"][:channels] + self.prep["mean"][:channels]) * 255
            x = np.rint(x).astype(np.uint8)
        if self.wants["layout"] == "nchw":
            x = x.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(x)

    def groups(self, x):
        """Of all pictures, or of some where each run takes few."""
        step = self.batch or len(x)
        for i in range(0, len(x) if step == len(x) else SOME, step):
            yield self.feed(x[i : i + step])

    def run(self, x):
        said = [self.session.run(None, {self.input.name: g})[0] for g in self.groups(x)]
        return np.concatenate(said).astype(np.float64)


def run_opencv(path, f, x):
    net = cv2.dnn.readNetFromONNX(path)
    said = []
    for g in f.groups(x[: f.batch or SOME]):
        net.setInput(g, f.input.name)
        said.append(net.forward(f.output.name).copy())
    return np.concatenate(said).astype(np.float64)


def probabilities(report, labels):
    """[pictures, labels] from discern's JSON, whose answers are sorted."""
    p = np.full((len(report["results"]), labels), np.nan)
    for row, result in zip(p, report["results"]):
        for answer in result["answers"]:
            row[answer["index"]] = answer["probability"]
    return p


def pillow_input(report, prep):
    """The pictures as their metadata say, read by Pillow; None where they would be resized."""
    out = []
    for result in report["results"]:
        picture = PIL.Image.open(result["file"]).convert("RGB")
        if list(picture.size[::-1]) != prep["size"] or prep["crop"] != 1:
            return None
        out.append((np.asarray(picture, np.float64) / 255 - prep["mean"]) / prep["std"])
    return np.stack(out)


def answer(logits, task):
    if task == "multi":
        return 1 / (1 + np.exp(-logits))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def main(stem, n):
    with open(stem + ".json") as f:
        report = json.load(f)
    x = np.load(stem + ".npy")
    assert len(report["results"]) == len(x) == n, "not %d pictures" % n
    ours = probabilities(report, len(report["results"][0]["answers"]))
    assert np.isfinite(ours).all(), "discern told less than all labels"
    bad = 0

    def tell(what, difference, required=True):
        nonlocal bad
        ok = difference <= LIMIT
        bad += required and not ok
        print("  %-34s largest difference %.1e%s" % (what, difference, "" if ok else "  TOO LARGE"))

    files = sorted(glob.glob(glob.escape(stem) + ".*.onnx"))
    assert files, "nothing was exported"
    for path in files:
        name = path[len(stem) + 1 : -5]
        f = File(path)
        for result in report["results"]:
            for a in result["answers"]:
                assert f.labels[a["index"]] == a["label"], "labels are in another order"
        finish = (lambda p: answer(p, report["task"])) if f.logits else (lambda p: p)
        said = finish(f.run(x))
        tell(name, np.abs(said - ours[: len(said)]).max())
        if cv2:
            try:
                said = finish(run_opencv(path, f, x))
                tell(name + ", OpenCV " + cv2.__version__, np.abs(said - ours[: len(said)]).max())
            except cv2.error as e:
                print("  %-34s OpenCV %s refuses it: %s" % (name, cv2.__version__, str(e).split(":")[-1].strip()[:60]))
                bad += "operators" not in stem      # some of those it does not have
        if onnx:
            onnx.checker.check_model(onnx.load(path), full_check=True)
    seen = pillow_input(report, f.prep) if PIL else None
    if seen is not None:
        tell("input, read by Pillow", np.abs(seen - x).max())
    print("  %-34s spread of ours %.2f" % ("", np.ptp(ours)))
    if onnx:
        print("  accepted by onnx.checker of onnx %s" % onnx.__version__)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
