"""Golden values for infer/fit.c: python3 tests/golden/fit.py > tests/golden/fit.json

Needs PyTorch.  Logits and truths by lot; temperature, scale and shift are those of the least log
loss by torch.optim.LBFGS in double, with the targets and the pull to the start that infer/fit.h
tells of.
"""
import json
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


def least(parameters, loss):
    opt = torch.optim.LBFGS(parameters, lr=1, max_iter=500, tolerance_grad=1e-13,
                            tolerance_change=1e-16, line_search_fn='strong_wolfe')

    def closure():
        opt.zero_grad()
        value = loss()
        value.backward()
        return value

    for _ in range(20):
        opt.step(closure)
    return [p.detach() for p in parameters]


def loss_of(task, u, t):
    if task == 'single':
        return -(t * torch.log_softmax(u, 1)).sum()
    known = t >= 0
    t = t.clamp(0, 1)
    return (torch.nn.functional.softplus(u) - t * u)[known].sum()


def case(task, n, k, sharp):
    z = (sharp * torch.randn(n, k)).float()
    u = z.double() / sharp * 1.5 + torch.linspace(-1, 1, k)
    if task == 'single':
        truth = torch.multinomial(torch.softmax(u, 1), 1)[:, 0]
        target = torch.nn.functional.one_hot(truth, k).double()
    else:
        target = torch.bernoulli(torch.sigmoid(u))
        target[torch.rand(n, k) < 0.1] = -1
    e = 1 / (n + 1)
    t = torch.where(target < 0, target,
                    target * (1 - e) + e / (k if task == 'single' else 2))
    z = z.double()
    b = torch.ones(1, requires_grad=True)
    start = least([b], lambda: loss_of(task, z * b, t))[0]
    scale = start.repeat(k).clone().requires_grad_()
    shift = torch.zeros(k, requires_grad=True)
    scale, shift = least([scale, shift], lambda: loss_of(task, z * scale + shift, t) +
                         (((scale / start - 1) ** 2).sum() + (shift ** 2).sum()) / 2)
    return {'task': task, 'n': n, 'labels': k,
            'logits': [float('%.9g' % x) for x in z.flatten().tolist()],
            'target': [int(x) for x in target.flatten().tolist()],
            'temperature': 1 / start.item(), 'scale': scale.tolist(), 'shift': shift.tolist()}


print(json.dumps([case('single', 80, 4, 4.0), case('multi', 60, 3, 0.5)], separators=(',', ':')))
