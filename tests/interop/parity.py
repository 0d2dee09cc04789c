"""parity.py sample FOLDER SET N DATA | opencv FOLDER NAME | compare FOLDER [--validation]

The parts of parity.sh that are no commands of discern: N pictures of a set, spread evenly over it,
as a list and as a table with their labels; what the OpenCV of this Python says of them; and the
comparison of all, against discern predict.  Status 1 when two differ by more than 1e-4, or have
another likeliest label where the two likeliest are further apart than that.
"""

import csv
import ctypes
import json
import os
import sys

import numpy as np

LIMIT = 1e-4


def sample(folder, name, n, data):
    if name == "posters":
        with open(data, newline="") as f:
            head, *rows = csv.reader(f)
        keep = [i for i, h in enumerate(head) if h != "split"]
        root = os.path.join(os.path.dirname(data), "images")
        rows = [[os.path.join(root, r[0])] + [r[i] for i in keep[1:]] for r in rows]
        head = [head[i] for i in keep]
    else:
        head = ["filename", "label"]
        rows = []
        for where, _, files in sorted(os.walk(data)):
            label = os.path.basename(where)
            rows += [[os.path.join(where, f), label] for f in sorted(files) if f.endswith(".jpg")]
    rows = [rows[i * len(rows) // n] for i in range(n)]
    with open(os.path.join(folder, "list"), "w") as f:
        f.writelines(r[0] + "\n" for r in rows)
    with open(os.path.join(folder, "sample.csv"), "w", newline="") as f:
        csv.writer(f).writerows([head] + [[r[0].lstrip("/")] + r[1:] for r in rows])


def read_json(folder, name):
    with open(os.path.join(folder, name)) as f:
        return json.load(f)


def inputs(folder):
    """What the network saw [N,H,W,C], as NCHW, and the pixels that it was made of."""
    x = np.load(os.path.join(folder, "input.npy"))
    prep = read_json(folder, "info.json")["prep"]
    channels = x.shape[3]
    pixels = np.rint((x * prep["std"][:channels] + prep["mean"][:channels]) * 255).astype(np.uint8)
    return x, np.ascontiguousarray(x.transpose(0, 3, 1, 2)), pixels


def opencv(folder):
    import cv2

    _, nchw, _ = inputs(folder)
    net = cv2.dnn.readNetFromONNX(os.path.join(folder, "model.onnx"))
    said = []
    for picture in nchw:
        net.setInput(picture[None])
        said.append(net.forward()[0].copy())
    return "ONNX in OpenCV " + cv2.__version__, np.stack(said)


def onnxruntime_says(folder):
    import onnxruntime

    _, nchw, pixels = inputs(folder)
    session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"),
                                           providers=["CPUExecutionProvider"])
    said = [session.run(None, {"image": nchw[i : i + 50]})[0] for i in range(0, len(nchw), 50)]
    version = "ONNX Runtime " + onnxruntime.__version__
    yield "ONNX in " + version, np.concatenate(said)
    session = onnxruntime.InferenceSession(os.path.join(folder, "pixels.onnx"),
                                           providers=["CPUExecutionProvider"])
    said = [session.run(None, {"image": p[None]})[0] for p in pixels]
    yield "the same from pixels (`--uint8 --layout nhwc`)", np.concatenate(said)


def exported_c(folder, labels):
    x, _, pixels = inputs(folder)
    code = ctypes.CDLL(os.path.realpath(os.path.join(folder, "model.so")))
    said = np.zeros((2, len(x), labels), np.float32)
    for i in range(len(x)):
        picture, bytes_ = np.ascontiguousarray(x[i]), np.ascontiguousarray(pixels[i])
        code.model_run_float(picture.ctypes.data_as(ctypes.c_void_p),
                             said[0, i].ctypes.data_as(ctypes.c_void_p))
        code.model_run(bytes_.ctypes.data_as(ctypes.c_void_p),
                       said[1, i].ctypes.data_as(ctypes.c_void_p))
    yield "exported C", said[0]
    yield "exported C, from pixels", said[1]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 512)]


class Guess(ctypes.Structure):
    _fields_ = [("label", ctypes.c_char_p), ("index", ctypes.c_int),
                ("probability", ctypes.c_float)]


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int), ("batch", ctypes.c_int),
                ("top", ctypes.c_int), ("threshold", ctypes.c_double)]


def libdiscern(folder, labels):
    """discern_file, file by file."""
    lib = ctypes.CDLL(os.path.realpath(os.path.join(folder, "libdiscern.so")))
    lib.discern_open.restype = lib.discern_session_new.restype = ctypes.c_void_p
    err = Error()
    model = lib.discern_open(os.path.join(folder, "model.safetensors").encode(), None,
                             ctypes.byref(err))
    assert model, err.message
    how = Options(ctypes.sizeof(Options), 1, 0, labels, -1)
    session = lib.discern_session_new(ctypes.c_void_p(model), ctypes.byref(how), ctypes.byref(err))
    assert session, err.message
    with open(os.path.join(folder, "list")) as f:
        files = f.read().splitlines()
    said = np.full((len(files), labels), np.nan)
    top = (Guess * labels)()
    for row, path in zip(said, files):
        n = lib.discern_file(ctypes.c_void_p(session), path.encode(), top, labels,
                             ctypes.byref(err))
        assert n == labels, err.message
        for guess in top:
            row[guess.index] = guess.probability
    return "libdiscern, `discern_file`", said


def predicted(folder, labels):
    report = read_json(folder, "predict.json")
    p = np.full((len(report["results"]), len(labels)), np.nan)
    for row, result in zip(p, report["results"]):
        for answer in result["answers"]:
            assert labels[answer["index"]] == answer["label"]
            row[answer["index"]] = answer["probability"]
    assert np.isfinite(p).all(), "discern predict told less than all labels"
    return p


def evaluated(folder, labels):
    """The rows of discern eval --csv."""
    with open(os.path.join(folder, "eval.csv"), newline="") as f:
        head, *rows = csv.reader(f)
    columns = [head.index("p:" + label) for label in labels]
    return np.array([[float(r[c]) for c in columns] for r in rows])


def figures(folder, p, labels):
    """Of p, what discern eval tells of the sample: (name, ours)."""
    with open(os.path.join(folder, "sample.csv"), newline="") as f:
        head, *rows = csv.reader(f)
    if head[1] == "label":
        truth = np.array([labels.index(r[1]) for r in rows])
        yield "accuracy", (p.argmax(axis=1) == truth).mean()
        yield "log_loss", -np.log(p[np.arange(len(p)), truth]).mean()
    else:
        truth = np.array([[float(r[head.index(name)]) for name in labels] for r in rows])
        yield "subset_accuracy", ((p >= 0.5) == (truth > 0)).all(axis=1).mean()
        yield "log_loss", -(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean()


def compare(folder, validation):
    info = read_json(folder, "info.json")
    labels = info["labels"]
    ours = predicted(folder, labels)
    bad = 0
    print("| road | same likeliest label | largest difference |\n|---|---:|---:|")

    def tell(name, p):
        nonlocal bad
        two = np.sort(ours, axis=1)[:, -2:]
        tie = two[:, 1] - two[:, 0] < LIMIT
        other = p.argmax(axis=1) != ours.argmax(axis=1)
        difference = np.abs(p - ours).max()
        bad += difference > LIMIT or (other & ~tie).any()
        print("| %s | %d of %d%s | %.1e |" % (name, (~other).sum(), len(p),
              ", %d ties" % (other & tie).sum() if (other & tie).any() else "", difference))

    def tell_figures(name, pairs):
        nonlocal bad
        worst = max(abs(a - b) for a, b in pairs)
        bad += worst > 1e-6
        print("| %s | %d figures | %.1e |" % (name, len(pairs), worst))

    told = read_json(folder, "eval.json")
    assert told["pictures"] == len(ours)
    tell("`discern eval --csv`", evaluated(folder, labels))
    tell_figures("`discern eval` (figures)",
                 [(told[name], x) for name, x in figures(folder, ours, labels)])
    if validation:
        seen, told = info["provenance"]["figures"], read_json(folder, "val.json")
        # The provenance writes some names otherwise.
        names = {"accuracy": "accuracy", "mAP": "mean_ap", "log_loss": "log_loss",
                 "macro_f1": "macro_f1", "pictures": "pictures",
                 "subset_accuracy": "subset_accuracy"}
        tell_figures("validation in training = `eval --split val` (figures)",
                     [(seen[a], told[b]) for a, b in names.items() if a in seen])
    if os.path.exists(os.path.join(folder, "libdiscern.so")):
        tell(*libdiscern(folder, len(labels)))
    for name, p in exported_c(folder, len(labels)):
        tell(name, p)
    for name, p in onnxruntime_says(folder):
        tell(name, p)
    try:
        tell(*opencv(folder))
    except ImportError:
        print("| ONNX in OpenCV | not asked: not installed | |")
    other = os.path.join(folder, "other.npz")
    if os.path.exists(other):
        z = np.load(other)
        tell(str(z["name"]), z["p"])
    return 1 if bad else 0


def main(what, folder, *rest):
    if what == "sample":
        sample(folder, rest[0], int(rest[1]), rest[2])
    elif what == "opencv":
        name, p = opencv(folder)
        np.savez(os.path.join(folder, rest[0] + ".npz"), name=name, p=p)
    else:
        return compare(folder, "--validation" in rest)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
