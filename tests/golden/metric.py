#!/usr/bin/env python3
"""metric.py -- makes tests/golden/metric.json: figures by scikit-learn for answers full of ties

Needs scikit-learn (made with 1.9.1).  Probabilities are multiples of 1/64, exact in float, so that ties are many and
mean the same to everybody.  What scikit-learn has no function for is spelt out below: calibration errors, top-5 where
ties go to the first label, and labels that are unknown (-1), which are left out pair by pair.

    python3 tests/golden/metric.py >tests/golden/metric.json
"""
import json
import math
import random

import numpy as np
from sklearn import calibration, metrics


def null(x):
    return None if x is None or math.isnan(x) else float(x)


def average_precision(yes, p):
    return float("nan") if yes.min() == yes.max() else metrics.average_precision_score(yes, p)


def roc_auc(yes, p):
    return float("nan") if yes.min() == yes.max() else metrics.roc_auc_score(yes, p)


def averages(yes, answer, label):
    """Of precision, recall and F1: macro, weighted, micro; of AP and ROC-AUC over the labels that have one."""
    figures = {}
    for how in ("macro", "weighted", "micro"):
        for name, x in zip(("precision", "recall", "f1"), metrics.precision_recall_fscore_support(
                yes, answer, average=how, zero_division=0)):
            figures[f"{how}_{name}"] = float(x)
    there = [f for f in label if f["ap"] is not None]
    support = [f["support"] for f in there]
    figures["mean_ap"] = float(np.mean([f["ap"] for f in there]))
    figures["weighted_ap"] = float(np.average([f["ap"] for f in there], weights=support))
    figures["roc_auc"] = float(np.mean([f["roc_auc"] for f in there]))
    figures["weighted_roc_auc"] = float(np.average([f["roc_auc"] for f in there], weights=support))
    return figures


def squared_calibration(p, yes, picture):
    """The mean product of (truth - confidence) of two pictures of a group, over 15 groups of confidence."""
    ranked = np.sort(p)
    bound = [ranked[g * len(p) // 15] for g in range(1, 15)]
    group = np.searchsorted(bound, p, side="right")
    total = n = 0
    for g in range(15):
        here = np.flatnonzero(group == g)
        products = [(yes[i] - p[i]) * (yes[j] - p[j]) for i in here for j in here if picture[i] != picture[j]]
        if products:
            total += len(here) * np.mean(products)
            n += len(here)
    return float(total / n)


def curve(yes, p):
    """[[recall, precision, threshold], ...], thresholds falling; without scikit-learn's last point, which has none."""
    if yes.min() == yes.max():
        return []
    precision, recall, threshold = metrics.precision_recall_curve(yes, p)
    return [[float(x) for x in row] for row in zip(recall, precision, threshold)][::-1]


def reliability(yes, p):
    """[[right, confidence], ...] of the bins that are not empty."""
    right, confidence = calibration.calibration_curve(yes, p, n_bins=15, strategy="uniform")
    return [[float(x) for x in row] for row in zip(right, confidence)]


def label_figures(yes, answer, p):
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        yes, answer, average="binary", zero_division=0)
    return {"support": int(yes.sum()), "predicted": int(answer.sum()), "correct": int((yes & answer).sum()),
            "precision": precision, "recall": recall, "f1": f1, "ap": null(average_precision(yes, p)),
            "roc_auc": null(roc_auc(yes, p)), "curve": curve(yes, p)}


def ece(confidence, right):
    total = 0
    for b in range(15):
        here = (confidence > b / 15 - (b == 0)) & (confidence <= (b + 1) / 15)
        if here.any():
            total += here.mean() * abs(right[here].mean() - confidence[here].mean())
    return total


def single(rng, n, labels):
    p = np.zeros((n, labels))
    for row in p:                                   # 64 parts dealt out, one label favoured
        favourite = rng.randrange(labels)
        for _ in range(64):
            row[favourite if rng.random() < 0.3 else rng.randrange(labels)] += 1 / 64
    truth = np.array([int(row.argmax()) if rng.random() < 0.6 else rng.randrange(labels - 1) for row in p])
    answer = p.argmax(1)
    order = np.argsort(-p, axis=1, kind="stable")
    every = list(range(labels))
    figures = {
        "n": n,
        "accuracy": metrics.accuracy_score(truth, answer),
        "top5": float(np.mean([t in row[:5] for t, row in zip(truth, order)])),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, answer),
        "mcc": metrics.matthews_corrcoef(truth, answer),
        "top_k": float(metrics.top_k_accuracy_score(truth, p - 1e-9 * np.arange(labels), k=2, labels=every)),
        "brier": float(metrics.brier_score_loss(truth, p, labels=every, scale_by_half=False)),
        "calibration_error": squared_calibration(p.max(1), answer == truth, np.arange(n)),
        # metrics.log_loss rescales the rows, which do not sum to one once clipped; ours does not.
        "log_loss": float(np.mean([-math.log(max(p[i, t], 1e-7)) for i, t in enumerate(truth)])),
        "ece": ece(p.max(1), answer == truth),
        "majority": float(np.bincount(truth).max() / n),
    }
    assert math.isclose(figures["log_loss"], metrics.log_loss(truth, np.clip(p, 1e-7, 1), labels=every), abs_tol=1e-5)
    label = [label_figures(truth == l, answer == l, p[:, l]) for l in every]
    figures |= averages(truth, answer, label)
    return {"task": "single", "labels": labels, "probability": p.ravel().tolist(),
            "target": np.eye(labels)[truth].astype(int).ravel().tolist(), "figures": figures,
            "confusion": metrics.confusion_matrix(truth, answer, labels=every).ravel().tolist(),
            "reliability": reliability(answer == truth, p.max(1)),
            "label": label}


def multi(rng, n, labels, unknown, threshold):
    p = np.array([[rng.randrange(65) / 64 for _ in range(labels)] for _ in range(n)])
    target = np.array([[int(rng.random() < 0.2 + 0.6 * x) for x in row] for row in p])
    target[:, labels - 1] = 0                       # nobody carries the last
    for row in target:
        for l in range(labels):
            if rng.random() < unknown:
                row[l] = -1
    known, yes, answer = target >= 0, target == 1, p >= threshold
    rows = known.any(1)
    label = [label_figures(yes[known[:, l], l], answer[known[:, l], l], p[known[:, l], l]) for l in range(labels)]
    share = [yes[known[:, l], l].mean() for l in range(labels) if label[l]["ap"] is not None]
    figures = {
        "n": int(rows.sum()),
        "baseline_ap": float(np.mean(share)),
        "subset_accuracy": float(((yes == answer) | ~known).all(1)[rows].mean()),
        "hamming": float((yes != answer)[known].mean()),
        "brier": metrics.brier_score_loss(yes[known], p[known]),
        "ece": ece(p[known], yes[known]),
        "calibration_error": squared_calibration(p[known], yes[known], np.nonzero(known)[0]),
        "log_loss": float(np.mean([-math.log(max(q if y else 1 - q, 1e-7)) for q, y in zip(p[known], yes[known])])),
    }
    figures |= averages(yes & known, answer & known, label)
    if not unknown:                                 # then scikit-learn says the same in one call each
        assert figures["subset_accuracy"] == metrics.accuracy_score(yes, answer)
        assert math.isclose(figures["hamming"], metrics.hamming_loss(yes, answer))
    return {"task": "multi", "labels": labels, "probability": p.ravel().tolist(),
            "target": target.astype(int).ravel().tolist(), "threshold": threshold, "figures": figures,
            "reliability": reliability(yes[known], p[known]), "label": label}


def main():
    rng = random.Random(1)
    cases = [single(rng, 24, 3), single(rng, 30, 8), multi(rng, 24, 4, 0, [0.5] * 4),
             multi(rng, 24, 4, 0.3, [0.5] * 4), multi(rng, 30, 3, 0.1, [0.25, 0.75, 0.5])]
    print("[" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "]")


main()
