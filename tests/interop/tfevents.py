"""tfevents.py RUN -- does TensorBoard's own reader find in a run folder what metrics.csv and log.jsonl say?

Every curve has a point at every row (or logged step) that has a number, no others, and the same
numbers, as floats are.
"""
import csv
import glob
import json
import os
import sys

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CURVES = {
    "loss/train": "loss", "accuracy/train": "accuracy", "loss/val": "val_log_loss",
    "accuracy/val": "val_accuracy", "mAP/val": "val_mAP", "macro_f1/val": "val_macro_f1",
    "lr": "lr", "pictures_per_second": "pictures_per_second", "memory_mb": "memory_mb",
}
STEP_CURVES = {"step/loss": "step_loss", "step/norm": "norm", "step/lr": "lr"}


def main(run):
    with open(os.path.join(run, "metrics.csv")) as f:
        rows = list(csv.DictReader(f))
    with open(os.path.join(run, "log.jsonl")) as f:
        steps = [e for e in map(json.loads, f) if e["event"] == "step"]
    expected = {
        curve: {int(r["step"]): float(r[column]) for r in rows if r[column]}
        for curve, column in CURVES.items()
    }
    # The steps of one start alone: a resumed run is another test's business.
    for curve, key in STEP_CURVES.items():
        expected[curve] = {e["step"]: e[key] for e in steps if e[key] is not None}
    reader = EventAccumulator(run, size_guidance={"scalars": 0})
    reader.Reload()
    found = {tag: {p.step: p.value for p in reader.Scalars(tag)} for tag in reader.Tags()["scalars"]}
    bad = 0
    points = 0
    for curve in sorted(set(expected) | set(found)):
        want, got = expected.get(curve, {}), found.get(curve, {})
        points += len(want)
        if want.keys() != got.keys():
            print(f"{run}: {curve}: points at {sorted(got)[:5]}..., expected {sorted(want)[:5]}...")
            bad = 1
            continue
        for step, x in want.items():
            if numpy.float32(x) != numpy.float32(got[step]):
                print(f"{run}: {curve}: {got[step]} at step {step}, expected {x}")
                bad = 1
    files = len(glob.glob(os.path.join(run, "events.out.tfevents.*")))
    print(f"{run}: TensorBoard read {points} points of {len(found)} curves from {files} file")
    return bad or points == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
