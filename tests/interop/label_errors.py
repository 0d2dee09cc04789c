"""How well `discern data errors` finds labels that were exchanged: docs/cluster.md.

python3 tests/interop/label_errors.py DISCERN FOLDER MODEL [SHARE [SEEDS]]

Of the class folders of FOLDER (or of its train/ and test/) a table is made, in which a SHARE of the
labels, drawn by lot, is another one; printed is which of them are told, and how many of what is
told they are.
"""
import csv
import json
import os
import random
import subprocess
import sys
import tempfile


def pictures(folder):
    found = []
    for here, _, names in os.walk(folder):
        for name in names:
            if name.lower().endswith(('.jpg', '.jpeg', '.png')):
                path = os.path.join(here, name)
                found.append((path, os.path.basename(here)))
    return sorted(found)


def told(program, table, model, sure):
    out = subprocess.run([program, 'data', 'errors', table, '--model', model, '--json', '--quiet',
                          '--sure', str(sure)], stdout=subprocess.PIPE, check=True).stdout
    return {e['name'] for e in json.loads(out)['errors']}


def main():
    program, folder, model = sys.argv[1:4]
    share = float(sys.argv[4]) if len(sys.argv) > 4 else 0.05
    seeds = int(sys.argv[5]) if len(sys.argv) > 5 else 3
    real = pictures(folder)
    labels = sorted({label for _, label in real})
    for seed in range(1, seeds + 1):
        draw = random.Random(seed)
        wrong = set(draw.sample(range(len(real)), round(share * len(real))))
        with tempfile.TemporaryDirectory() as room:
            table = os.path.join(room, 'labels.csv')
            with open(table, 'w', newline='') as f:
                rows = csv.writer(f)
                rows.writerow(['path', 'label'])
                for i, (path, label) in enumerate(real):
                    rows.writerow([os.path.abspath(path),
                                   draw.choice([x for x in labels if x != label])
                                   if i in wrong else label])
            exchanged = {os.path.abspath(real[i][0]) for i in wrong}
            for sure in (0, 0.5):
                names = told(program, table, model, sure)
                hits = len({os.path.join('/', n) for n in names} & exchanged)
                print(f'seed {seed} sure {sure}: told {len(names)}, exchanged {len(exchanged)}, '
                      f'found {100 * hits / len(exchanged):.1f} %, '
                      f'right {100 * hits / max(1, len(names)):.1f} %', flush=True)


if __name__ == '__main__':
    main()
