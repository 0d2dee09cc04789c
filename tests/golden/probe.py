"""Golden values for infer/embed/probe.c: python3 tests/golden/probe.py > tests/golden/probe.json

Needs scikit-learn (made with 1.9.1): LogisticRegression behind a StandardScaler, with the C that is
said; of several labels one for each label, on the pictures where it is known.  Weights and biases
are those of features as they are.  One feature is the same everywhere, one is another's double, one
is a thousand times as large as the others.
"""
import json
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)


def features(n, width):
    x = np.round(64 * rng.normal(size=(n, width))) / 64
    x[:, 1] = 3
    x[:, 2] = 2 * x[:, 0]
    x[:, 3] = np.round(1000 * x[:, 3]) + 500
    return x


def fit(z, t, c):
    m = LogisticRegression(C=c, tol=1e-10, max_iter=10000).fit(z, t)
    return m.coef_, m.intercept_


def raw(scaler, w, b):
    w = w / scaler.scale_
    return w, b - w @ scaler.mean_


def case(task, n, width, labels, c):
    x = features(n, width)
    s = x[:, 4:4 + labels] * 2 + rng.normal(size=(n, labels))
    if task == 'single':
        truth = s.argmax(1)
        truth[::29] = -1
        use = truth >= 0
        scaler = StandardScaler().fit(x[use])
        w, b = fit(scaler.transform(x[use]), truth[use], c)
        target = (truth[:, None] == np.arange(labels)).astype(int)
    else:
        target = (s > 0.5).astype(int)
        target[rng.random((n, labels)) < 0.1] = -1
        target[::31] = -1
        use = (target >= 0).any(1)
        scaler = StandardScaler().fit(x[use])
        ws, bs = [], []
        for l in range(labels):
            known = target[:, l] >= 0
            one = fit(scaler.transform(x[known]), target[known, l], c)
            ws.append(one[0][0])
            bs.append(one[1][0])
        w, b = np.array(ws), np.array(bs)
    w, b = raw(scaler, w, b)
    return {'task': task, 'n': n, 'width': width, 'labels': labels, 'c': c,
            'row': [float('%.9g' % v) for v in x.flatten()],
            'target': [int(v) for v in target.flatten()],
            'weight': [float('%.9g' % v) for v in w.flatten()],
            'bias': [float('%.9g' % v) for v in b]}


print(json.dumps([case('single', 300, 9, 3, 0.05), case('single', 40, 30, 4, 1),
                  case('multi', 280, 8, 3, 0.2)]))
