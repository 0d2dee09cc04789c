"""compare.py STEM N -- what discern said against what ONNX Runtime says, of the same N pictures

Reads what run.sh left: STEM.json (discern predict), STEM.npy (--dump-input), STEM.one.onnx,
STEM.many.onnx, STEM.logits.onnx (discern export).  Status 1 when they differ by more than 1e-4.
"""

import json
import sys

import numpy as np
import onnxruntime

LIMIT = 1e-4

try:
    import onnx
except ImportError:
    onnx = None
try:
    import PIL.Image
except ImportError:
    PIL = None


def run(path, image):
    """Output of the file for a batch of pictures, and its session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0], session


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
    image = np.ascontiguousarray(x.transpose(0, 3, 1, 2))

    many, session = run(stem + ".many.onnx", image)
    ours = probabilities(report, many.shape[1])
    assert np.isfinite(ours).all(), "discern told less than all labels"
    meta = session.get_modelmeta().custom_metadata_map
    labels = json.loads(meta["discern.labels"])
    for result in report["results"]:
        for a in result["answers"]:
            assert labels[a["index"]] == a["label"], "labels are in another order"

    one = np.concatenate([run(stem + ".one.onnx", image[i : i + 1])[0] for i in range(0, n, 10)])
    logits, _ = run(stem + ".logits.onnx", image)
    checks = [
        ("probability, all at once", np.abs(many - ours).max()),
        ("probability, one by one", np.abs(one - ours[::10]).max()),
        ("from logits", np.abs(answer(logits.astype(np.float64), report["task"]) - ours).max()),
    ]
    seen = pillow_input(report, json.loads(meta["discern.prep"])) if PIL else None
    if seen is not None:
        checks.append(("input, read by Pillow", np.abs(seen - x).max()))

    top = (many.argmax(axis=1) == ours.argmax(axis=1)).sum()
    bad = 0
    for what, difference in checks:
        ok = difference <= LIMIT
        bad += not ok
        print("  %-26s largest difference %.1e%s" % (what, difference, "" if ok else "  TOO LARGE"))
    print("  %-26s %d of %d alike; spread of ours %.2f" % ("top answer", top, n, np.ptp(ours)))
    if onnx:
        for kind in "one", "many", "logits":
            onnx.checker.check_model(onnx.load("%s.%s.onnx" % (stem, kind)), full_check=True)
        print("  accepted by onnx.checker of onnx %s" % onnx.__version__)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
