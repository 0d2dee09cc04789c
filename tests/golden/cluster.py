"""Golden values for tests/infer/test_cluster.c, by scikit-learn: tests/golden/cluster.json.

python3 tests/golden/cluster.py > tests/golden/cluster.json
"""
import json
import warnings

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import (adjusted_rand_score, normalized_mutual_info_score, silhouette_score)

SIZES = [60, 45, 30, 25]
CENTRES = [[0, 0, 0, 0, 0], [3, 0, 0, 1, 0], [0, 3, 1, 0, 0], [2.2, 2.2, 0, 0, 1]]
SPREAD = [1.0, 0.8, 1.2, 0.4]


def rows():
    """Four heaps of unlike size and density, the middle of each denser."""
    u = np.random.default_rng(7).random((sum(SIZES), 5)) - 0.5
    place = np.repeat(np.arange(4), SIZES)
    x = np.array(CENTRES)[place] + np.array(SPREAD)[place, None] * 4 * u * np.abs(u)
    return np.round(x, 4).astype(np.float32), place


def renumbered(of):
    """The largest cluster first, of equal ones that with the earliest row."""
    known = [c for c in np.unique(of) if c >= 0]
    known.sort(key=lambda c: (-np.sum(of == c), np.argmax(of == c)))
    to = {c: i for i, c in enumerate(known)}
    return [to.get(c, -1) for c in of]


def suspects(given, p):
    """Confident learning with prune by noise rate, arXiv:1911.00068, sections 3.1 and 3.2."""
    labels = range(p.shape[1])
    t = np.array([p[given == j, j].mean() for j in labels])
    joint = np.zeros((len(labels), len(labels)))
    for i, row in zip(given, p):
        over = [j for j in labels if row[j] >= t[j]]
        if over:
            joint[i, max(over, key=lambda j: row[j])] += 1
    joint *= (np.bincount(given) / joint.sum(1))[:, None]
    found = set()
    for i in labels:
        for j in labels:
            lead = p[:, j] - p[:, i]
            rows = [r for r in np.argsort(-lead, kind='stable') if given[r] == i]
            if i != j:
                found |= {r for r in rows[:int(np.floor(joint[i, j] + 0.5))] if lead[r] > 0}
    told = []
    for r in found:
        likely = max((j for j in labels if j != given[r]), key=lambda j: p[r, j])
        told.append((float(p[r, given[r]] - p[r, likely]), int(r), int(likely)))
    return [[r, likely] for _, r, likely in sorted(told)]


def main():
    warnings.simplefilter('ignore')
    x, place = rows()
    wide = x.astype(np.float64)
    kmeans = []
    for k in (2, 3, 4, 5, 6):
        of = KMeans(k, n_init=100, random_state=0).fit(wide)
        kmeans.append({'k': k, 'sum': of.inertia_, 'of': renumbered(of.labels_),
                       'silhouette': silhouette_score(wide, of.labels_),
                       'rand': adjusted_rand_score(place, of.labels_),
                       'information': normalized_mutual_info_score(place, of.labels_)})
    density = []
    for least, neighbours in ((5, 5), (10, 5), (8, 3), (15, 15), (25, 4)):
        of = HDBSCAN(min_cluster_size=least, min_samples=neighbours, copy=True).fit(wide).labels_
        density.append({'least': least, 'neighbours': neighbours, 'of': renumbered(of)})
    rng = np.random.default_rng(3)
    given = rng.integers(0, 3, 60)
    p = rng.dirichlet([0.6, 0.6, 0.6], 60)
    p[np.arange(60), given] += 0.6
    p = np.round(p / p.sum(1, keepdims=True), 5).astype(np.float32)
    print(json.dumps({
        'width': x.shape[1], 'rows': [round(float(v), 4) for v in x.ravel()],
        'label': [int(v) for v in place], 'kmeans': kmeans, 'density': density,
        'given': [int(v) for v in given], 'p': [round(float(v), 5) for v in p.ravel()],
        'suspects': suspects(given, p.astype(np.float64))}, separators=(',', ':')))


if __name__ == '__main__':
    main()
