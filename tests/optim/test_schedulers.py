"""Every scheduler beside PyTorch's: the learning rates of forty epochs, states saved half-way, error texts."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch

import flambeau

warnings.filterwarnings("ignore", message="The epoch parameter")


def cosine_then_constant(s, o):
    return s.SequentialLR(o, [s.CosineAnnealingLR(o, 5), s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)], [4, 9])


CASES = {
    "step": lambda s, o: s.StepLR(o, 7, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 8, 8, 20], 0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.5, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.3, 0.9, 6),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 12, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 6, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.001),
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 0.95**epoch),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, [lambda e: 0.9, lambda e: 0.8]),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, 6),
    "cyclic2": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 4, mode="triangular2"),
    "cyclic range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.99),
    "cyclic function": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, scale_fn=lambda x: 1 / x, cycle_momentum=False),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=45),
    "one cycle linear": lambda s, o: s.OneCycleLR(o, [0.5, 0.1], epochs=5, steps_per_epoch=9, anneal_strategy="linear"),
    "one cycle three": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=45, three_phase=True),
    "sequential": cosine_then_constant,
    "chained": lambda s, o: s.ChainedScheduler([s.ExponentialLR(o, 0.95), s.StepLR(o, 5)]),
}


def make(library, case, optimizer="SGD"):
    params = [library.zeros(2).requires_grad_(), library.zeros(3).requires_grad_()]
    options = {"momentum": 0.9} if optimizer == "SGD" else {}
    o = getattr(library.optim, optimizer)([{"params": params[:1]}, {"params": params[1:], "lr": 0.3}], lr=0.1, **options)
    return o, CASES[case](library.optim.lr_scheduler, o)


def rates(optimizer, scheduler, epochs):
    found = []
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        found.append([(g["lr"], g.get("momentum"), g.get("betas")) for g in optimizer.param_groups])
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
    return found


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("case", CASES)
def test_rates(case, optimizer):
    assert rates(*make(flambeau, case, optimizer), 40) == rates(*make(torch, case, optimizer), 40)


@pytest.mark.parametrize("case", CASES)
def test_a_saved_scheduler_goes_on(case):
    o, scheduler = make(flambeau, case)
    rates(o, scheduler, 9)
    saved = copy.deepcopy({"o": o.state_dict(), "s": scheduler.state_dict()})
    other, fresh = make(flambeau, case)
    other.load_state_dict(saved["o"])
    fresh.load_state_dict(saved["s"])
    assert rates(other, fresh, 9) == rates(o, scheduler, 9)


@pytest.mark.parametrize("case", ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine", "restarts"])
def test_jumping_to_an_epoch(case):
    found = []
    for library in (flambeau, torch):
        o, scheduler = make(library, case)
        o.step()
        found.append([])
        for epoch in (3, 7, 1, 11):
            scheduler.step(epoch)
            found[-1].append([g["lr"] for g in o.param_groups])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "options", [{}, {"mode": "max", "threshold_mode": "abs", "threshold": 0.5}, {"cooldown": 2, "min_lr": 0.02}]
)
def test_plateau(options):
    metrics = [5, 4, 4, 4, 3.9999, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 2, 5, 6, 7, 8, 7, 7]
    found = []
    for library in (flambeau, torch):
        o = library.optim.SGD([library.zeros(2).requires_grad_()], lr=0.1)
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(o, patience=2, factor=0.5, **options)
        found.append([])
        for metric in metrics:
            scheduler.step(library.tensor(float(metric)))
            found[-1].append((o.param_groups[0]["lr"], scheduler.num_bad_epochs, scheduler.best))
        found[-1].append(scheduler.state_dict())
    assert found[0] == found[1]


BAD = {
    "constant": lambda s, o: s.ConstantLR(o, 2.0),
    "linear": lambda s, o: s.LinearLR(o, 0.0),
    "linear end": lambda s, o: s.LinearLR(o, 0.5, 2.0),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.1),
    "one cycle steps": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=-1),
    "one cycle start": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, pct_start=2.0),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: e]),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="middle"),
    "sequential": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [1, 2]),
    "no optimizer": lambda s, o: s.StepLR(None, 1),
    "cyclic": lambda s, o: s.CyclicLR(o, [0.1], 0.2),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments(case):
    found = []
    for library in (flambeau, torch):
        o, _ = make(library, "step")
        with pytest.raises(Exception) as caught:
            BAD[case](library.optim.lr_scheduler, o)
        found.append((type(caught.value), str(caught.value)))
    assert found[0] == found[1]


def test_stepping_too_early_warns():
    _optimizer, scheduler = make(flambeau, "step")
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()


def test_get_lr_outside_step_warns():
    _, scheduler = make(flambeau, "step")
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


def test_tensor_learning_rate_keeps_its_identity():
    lr = flambeau.tensor(0.1)
    o = flambeau.optim.SGD([flambeau.zeros(2).requires_grad_()], lr=lr)
    scheduler = flambeau.optim.lr_scheduler.ExponentialLR(o, 0.5)
    o.step()
    scheduler.step()
    assert o.param_groups[0]["lr"] is lr
    assert abs(float(lr) - 0.05) < 1e-7
