"""agree.py -- what discern reached beside what PyTorch reached, on the same test pictures

    agree.py row SET SEED FOLDER        a line of the table
    agree.py sum SET FOLDER...          the mean over seeds; status 1 when discern is worse by more
                                        than POINTS

A FOLDER holds answers.json (discern predict), eval.json (discern eval), torch.npz (train_torch.py)
and last.safetensors.  The interval is a paired bootstrap over the test pictures: both answers of a
drawn picture count, so what is hard for both does not widen it.  It says nothing of what another
seed would do: that is what more seeds are for.
"""
import json
import os
import sys

import numpy as np
from networks import describe

POINTS, DRAWS = 1.0, 2000


def accuracy(probability, target, weight):
    """Share of the pictures (as often as weight says) whose likeliest label is the true one."""
    right = probability.argmax(1) == target.argmax(1)
    return (weight * right).sum() / weight.sum()


class Ap:
    """Mean over the labels of average precision, scikit-learn's, for weights that change."""

    def __init__(self, probability, target):
        self.label = []
        for p, t in zip(probability.T, target.T):
            order = np.argsort(-p, kind="stable")
            p, known = p[order], (t >= 0)[order]
            # Of pictures with the same answer all count, or none.
            last = np.searchsorted(-p, -p, side="right") - 1
            self.label.append((order, t[order] == 1, known, last))

    def __call__(self, weight):
        out = []
        for order, true, known, last in self.label:
            w = weight[order] * known
            tp = w * true
            if not 0 < tp.sum() < w.sum():
                continue
            precision = np.cumsum(tp)[last] / np.maximum(np.cumsum(w)[last], 1e-300)
            out.append((tp * precision).sum() / tp.sum())
        return np.mean(out)


def figure_of(task, probability, target):
    """The figure as a function of how often each picture counts."""
    if task == "multi":
        return Ap(probability, target)
    return lambda weight: accuracy(probability, target, weight)


def ours(folder, files):
    """discern's probabilities, in the order of files."""
    with open(os.path.join(folder, "answers.json")) as f:
        results = {r["file"]: r["answers"] for r in json.load(f)["results"]}
    p = np.full((len(files), len(next(iter(results.values())))), np.nan)
    for row, file in zip(p, files):
        for answer in results[str(file)]:
            row[answer["index"]] = answer["probability"]
    assert np.isfinite(p).all(), "discern did not answer everything"
    return p


def row(name, seed, folder):
    model = describe(os.path.join(folder, "last.safetensors"))
    with open(os.path.join(folder, "eval.json")) as f:
        report = json.load(f)
    told = report["accuracy" if model["task"] == "single" else "mean_ap"]
    with np.load(os.path.join(folder, "torch.npz")) as f:
        files, target, theirs = f["files"], f["target"], f["probability"]
    a = figure_of(model["task"], ours(folder, files), target)
    b = figure_of(model["task"], theirs, target)
    every = np.ones(len(files))
    if abs(a(every) - told) > 1e-4 or report["pictures"] != len(files):
        raise SystemExit(f"{folder}: eval says {told} of {report['pictures']} pictures, the answers"
                         f" {a(every)} of {len(files)}")
    random = np.random.default_rng(1)
    draws = [random.multinomial(len(files), every / len(files)) for _ in range(DRAWS)]
    difference = 100 * np.array([a(w) - b(w) for w in draws])
    low, high = np.percentile(difference, (2.5, 97.5))
    result = {"ours": 100 * a(every), "theirs": 100 * b(every)}
    with open(os.path.join(folder, "row.json"), "w") as f:
        json.dump(result, f)
    print(f"| {name}, seed {seed} | {model['provenance']['step']} | {result['ours']:.2f} | "
          f"{result['theirs']:.2f} | {result['ours'] - result['theirs']:+.2f} "
          f"[{low:+.2f}, {high:+.2f}] |")


def total(name, folders):
    rows = []
    for folder in folders:
        with open(os.path.join(folder, "row.json")) as f:
            rows.append(json.load(f))
    a, b = (np.array([r[key] for r in rows]) for key in ("ours", "theirs"))
    if len(rows) > 1:
        print(f"| {name}, mean of {len(rows)} | | {a.mean():.2f} ± {a.std(ddof=1):.2f} | "
              f"{b.mean():.2f} ± {b.std(ddof=1):.2f} | {(a - b).mean():+.2f} |")
    if (a - b).mean() < -POINTS:
        print(f"{name}: discern is {(b - a).mean():.2f} points below PyTorch, {POINTS:g} at most",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "row":
        row(*sys.argv[2:])
    else:
        sys.exit(total(sys.argv[2], sys.argv[3:]))
