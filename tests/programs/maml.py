"""Model-agnostic meta-learning two ways: by gradients on the tape, and by `func`, over all tasks at once with `vmap`."""

from __future__ import annotations

import numpy as np

from tests.programs.weights import fill

TASKS, POINTS, RATE = 3, 8, 0.05


def run(torch, rng):
    nn, F, func = torch.nn, torch.nn.functional, torch.func
    model = fill(torch, nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 1)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def loss_of(parameters, x, y):
        return F.mse_loss(func.functional_call(model, parameters, (x,)), y)

    def adapted_loss(parameters, x, y, test_x, test_y):
        gradients = func.grad(loss_of)(parameters, x, y)
        quick = {name: p - RATE * gradients[name] for name, p in parameters.items()}
        return loss_of(quick, test_x, test_y)

    found = []
    for _ in range(3):
        amplitude, phase = rng.uniform(0.5, 2, (TASKS, 1, 1)), rng.uniform(0, 3, (TASKS, 1, 1))
        inputs = rng.uniform(-3, 3, (2, TASKS, POINTS, 1))
        outputs = amplitude * np.sin(inputs + phase)
        x, test_x, y, test_y = (torch.from_numpy(v.astype("float32")) for v in (*inputs, *outputs))
        parameters = dict(model.named_parameters())
        total = 0
        for task in range(TASKS):
            inner = loss_of(parameters, x[task], y[task])
            gradients = torch.autograd.grad(inner, tuple(parameters.values()), create_graph=True)
            quick = {name: p - RATE * g for (name, p), g in zip(parameters.items(), gradients)}
            total = total + loss_of(quick, test_x[task], test_y[task])
        at_once = func.vmap(adapted_loss, in_dims=(None, 0, 0, 0, 0))(parameters, x, y, test_x, test_y)
        wanted = torch.autograd.grad(at_once.sum(), tuple(parameters.values()), retain_graph=True)
        optimizer.zero_grad()
        total.backward()
        found += [total.item(), at_once.sum().item(), *((g - p.grad).abs().max() for g, p in zip(wanted, model.parameters()))]
        optimizer.step()
    return found, at_once
