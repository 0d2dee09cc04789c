"""few.py WORK DATA SEED...: the table of few.sh, of what it has left in WORK"""
import csv
import json
import os
import sys
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
work, data, seeds = sys.argv[1], sys.argv[2], sys.argv[3:]
x = np.load(os.path.join(work, "rows.npy"))
with open(os.path.join(work, "rows.names.csv"), newline="") as f:
    names = [os.path.relpath(row["file"], data) for row in csv.DictReader(f)]
part, label = zip(*[name.split("/")[:2] for name in names])
test, label = np.array(part) == "test", np.array(label)

print("| seed | pictures | `train --few` | head | LogisticRegressionCV |")
print("|---:|---:|---:|---|---:|")
both = []
for seed in seeds:
    with open(os.path.join(work, seed, "split.csv"), newline="") as f:
        drawn = {"train/" + row["name"] for row in csv.DictReader(f) if row["split"] == "train"}
    learnt = np.array([name in drawn for name in names])
    assert learnt.sum() == len(drawn), "pictures that have no row"
    each = min(np.unique(label[learnt], return_counts=True)[1])
    theirs = make_pipeline(StandardScaler(), LogisticRegressionCV(cv=min(5, each), max_iter=5000))
    theirs = theirs.fit(x[learnt], label[learnt]).score(x[test], label[test])
    with open(os.path.join(work, seed + ".json")) as f:
        ours = json.load(f)["accuracy"]
    with open(os.path.join(work, seed, "run.json")) as f:
        note = next(text for text in json.load(f)["notes"] if text.startswith("few: "))
    head = note[5:].split(" of ")[0] + (" (even)" if ", made even" in note.split(";")[0] else "")
    print(f"| {seed} | {learnt.sum()} | {ours:.4f} | {head} | {theirs:.4f} |")
    both.append((ours, theirs))
mean = np.mean(both, 0)
print(f"| mean | | {mean[0]:.4f} | | {mean[1]:.4f} |")
