"""Every optimizer beside PyTorch's: twenty steps, state_dicts that move between the two, error texts."""

from __future__ import annotations

import copy
import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch

import flambeau
from flambeau import optim

CASES = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    "sgd nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "sgd maximize": ("SGD", {"lr": 0.01, "maximize": True, "momentum": 0.5}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam amsgrad": ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    "adam maximize": ("Adam", {"lr": 0.01, "maximize": True, "betas": (0.5, 0.9), "eps": 1e-3}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "adamw amsgrad": ("AdamW", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.2}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop all": ("RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True, "weight_decay": 0.1, "alpha": 0.9}),
    "adafactor": ("Adafactor", {"lr": 0.05}),
    "adafactor all": ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "eps": (1e-5, 0.1), "d": 2.0, "beta2_decay": -0.5}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad decay": ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    "adadelta": ("Adadelta", {"lr": 1.0, "weight_decay": 0.1}),
    "adamax": ("Adamax", {"lr": 0.01, "weight_decay": 0.1}),
    "nadam": ("NAdam", {"lr": 0.01, "weight_decay": 0.1}),
    "nadam decoupled": ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": ("RAdam", {"lr": 0.01, "weight_decay": 0.1}),
    "radam decoupled": ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.9, 0.9)}),
    "asgd": ("ASGD", {"lr": 0.1, "t0": 5, "weight_decay": 0.1}),
    "rprop": ("Rprop", {"lr": 0.01}),
}
SHAPES = [(3, 4), (5,), (2, 2, 2)]


def start(dtype):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def gradients(step, dtype):
    rng = np.random.default_rng(step + 1)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def parameters(library, dtype):
    return [library.tensor(value.tolist(), dtype=getattr(library, dtype)).requires_grad_() for value in start(dtype)]


def advance(library, optimizer, params, steps, dtype, skip=None):
    for step in steps:
        optimizer.zero_grad()
        for index, (param, grad) in enumerate(zip(params, gradients(step, dtype))):
            if (step, index) != skip:
                param.grad = library.tensor(grad.tolist(), dtype=getattr(library, dtype))
        optimizer.step()


def check(ours, theirs, dtype, case=""):
    tolerance = {"float32": 2e-5, "float64": 1e-11}[dtype]
    if case.startswith("nadam"):
        tolerance = max(tolerance, 1e-6)  # PyTorch keeps the product of the momentums as float32 in any case
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_twenty_steps(case, dtype):
    name, options = CASES[case]
    ours, theirs = parameters(flambeau, dtype), parameters(torch, dtype)
    a = getattr(optim, name)(ours, **options)
    b = getattr(torch.optim, name)(theirs, **options)
    for step in range(20):
        advance(flambeau, a, ours, [step], dtype)
        advance(torch, b, theirs, [step], dtype)
        check(ours, theirs, dtype, case)


@pytest.mark.parametrize("case", CASES)
def test_a_parameter_that_sits_out_keeps_its_step(case):
    name, options = CASES[case]
    ours, theirs = parameters(flambeau, "float32"), parameters(torch, "float32")
    a = getattr(optim, name)(ours, **options)
    b = getattr(torch.optim, name)(theirs, **options)
    advance(flambeau, a, ours, range(6), "float32", skip=(2, 1))
    advance(torch, b, theirs, range(6), "float32", skip=(2, 1))
    check(ours, theirs, "float32")


def to_torch(value):
    if isinstance(value, dict):
        return {key: to_torch(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_torch(v) for v in value)
    return torch.tensor(value.tolist(), dtype=getattr(torch, str(value.dtype)[6:])) if hasattr(value, "numpy") else value


def to_flambeau(value):
    if isinstance(value, dict):
        return {key: to_flambeau(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_flambeau(v) for v in value)
    if isinstance(value, torch.Tensor):
        return flambeau.tensor(value.tolist(), dtype=getattr(flambeau, str(value.dtype)[6:]))
    return value


@pytest.mark.parametrize("case", CASES)
def test_state_moves_to_and_from_pytorch(case):
    name, options = CASES[case]
    ours, theirs = parameters(flambeau, "float32"), parameters(torch, "float32")
    a = getattr(optim, name)(ours, **options)
    b = getattr(torch.optim, name)(theirs, **options)
    advance(flambeau, a, ours, range(3), "float32")
    advance(torch, b, theirs, range(3), "float32")
    mine, his = a.state_dict(), b.state_dict()
    assert mine["state"].keys() == his["state"].keys()
    for key in his["state"]:
        assert mine["state"][key].keys() == his["state"][key].keys()
    assert mine["param_groups"][0].keys() == his["param_groups"][0].keys()
    # crossed over: PyTorch goes on from our state and we from PyTorch's
    b.load_state_dict(to_torch(mine))
    a.load_state_dict(to_flambeau(his))
    advance(flambeau, a, ours, range(3, 6), "float32")
    advance(torch, b, theirs, range(3, 6), "float32")
    check(ours, theirs, "float32")


@pytest.mark.parametrize("case", CASES)
def test_deepcopy_goes_on_alike(case):
    name, options = CASES[case]
    ours = parameters(flambeau, "float32")
    a = getattr(optim, name)(ours, **options)
    advance(flambeau, a, ours, range(2), "float32")
    other, copied = copy.deepcopy((a, ours))
    advance(flambeau, a, ours, range(2, 4), "float32")
    advance(flambeau, other, copied, range(2, 4), "float32")
    for x, y in zip(ours, copied):
        np.testing.assert_array_equal(x.detach().numpy(), y.detach().numpy())


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"]
)
def test_repr(name):
    for groups in (1, 2):
        a = getattr(optim, name)([{"params": parameters(flambeau, "float32")} for _ in range(groups)])
        b = getattr(torch.optim, name)([{"params": parameters(torch, "float32")} for _ in range(groups)])
        assert repr(a) == repr(b)


def test_parameter_groups():
    def make(library):
        params = parameters(library, "float32")
        optimizer = library.optim.SGD([{"params": params[:1], "lr": 0.5}, {"params": params[1:2]}], lr=0.1, momentum=0.9)
        optimizer.add_param_group({"params": params[2], "momentum": 0})
        return params, optimizer

    (ours, a), (theirs, b) = make(flambeau), make(torch)
    advance(flambeau, a, ours, range(5), "float32")
    advance(torch, b, theirs, range(5), "float32")
    check(ours, theirs, "float32")
    assert a.state_dict()["param_groups"] == b.state_dict()["param_groups"]


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs(line_search):
    def run(library):
        x = library.tensor([-1.2, 1.0, 0.7], dtype=library.float64).requires_grad_()
        optimizer = library.optim.LBFGS([x], lr=0.05 if line_search is None else 1, max_iter=7, line_search_fn=line_search)

        def closure():
            optimizer.zero_grad()
            loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure)) for _ in range(4)]
        return losses, x.detach().numpy()

    ours, theirs = run(flambeau), run(torch)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-8)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-7)


BAD = [
    ("SGD", {"lr": -1}),
    ("SGD", {"momentum": -1}),
    ("SGD", {"weight_decay": -1}),
    ("SGD", {"nesterov": True}),
    ("Adam", {"betas": (1.0, 0.9)}),
    ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"eps": -1}),
    ("Adam", {"fused": True, "foreach": True}),
    ("AdamW", {"weight_decay": -1}),
    ("RMSprop", {"alpha": -1}),
    ("Adagrad", {"lr_decay": -1}),
    ("Adadelta", {"rho": 1.5}),
    ("Rprop", {"etas": (1.5, 1.2)}),
    ("NAdam", {"momentum_decay": -1}),
]


def raised(call):
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("name, options", BAD)
def test_bad_arguments(name, options):
    ours = raised(lambda: getattr(optim, name)(parameters(flambeau, "float32"), **options))
    theirs = raised(lambda: getattr(torch.optim, name)(parameters(torch, "float32"), **options))
    assert ours == theirs


def test_bad_parameters():
    for make in (
        lambda lib, p: lib.optim.SGD([], lr=0.1),
        lambda lib, p: lib.optim.SGD([{"params": set(p)}], lr=0.1),
        lambda lib, p: lib.optim.SGD([1, 2], lr=0.1),
        lambda lib, p: lib.optim.SGD([p[0] * 2], lr=0.1),
        lambda lib, p: lib.optim.SGD([{"params": p[:2]}, {"params": p[:1]}], lr=0.1),
        lambda lib, p: lib.optim.SGD([("a", p[0]), p[1]], lr=0.1),
        lambda lib, p: lib.optim.SGD(p, lr=0.1).load_state_dict({"state": {}, "param_groups": []}),
        lambda lib, p: lib.optim.SGD(p, lr=0.1).load_state_dict({"state": {}, "param_groups": [{"params": [0]}]}),
    ):
        ours = raised(lambda make=make: make(flambeau, parameters(flambeau, "float32")))
        theirs = raised(lambda make=make: make(torch, parameters(torch, "float32")))
        assert ours == theirs


def test_hooks():
    params = parameters(flambeau, "float32")
    optimizer = optim.SGD(params, lr=0.1)
    seen = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post"))
    advance(flambeau, optimizer, params, [0], "float32")
    before.remove()
    advance(flambeau, optimizer, params, [1], "float32")
    assert seen == ["pre", "post", "post"]
    optimizer.register_state_dict_post_hook(lambda o, state: {"mine": True})
    assert optimizer.state_dict() == {"mine": True}


def test_zero_grad():
    params = parameters(flambeau, "float32")
    optimizer = optim.SGD(params, lr=0.1)
    advance(flambeau, optimizer, params, [0], "float32")
    optimizer.zero_grad(set_to_none=False)
    assert all((p.grad == 0).all() for p in params)
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


def test_step_with_a_closure_gives_the_loss():
    params = parameters(flambeau, "float32")
    optimizer = optim.SGD(params, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in params)
        loss.backward()
        return loss

    first = float(optimizer.step(closure))
    assert float(optimizer.step(closure)) < first


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_parameters(name, dtype):
    """Updates of half parameters are computed in float32 and rounded once, so they're at least as near as PyTorch's."""
    exact = parameters(torch, "float64")
    reference = getattr(torch.optim, name)(exact, lr=0.01)
    params = [p.detach().to(getattr(flambeau, dtype)).requires_grad_() for p in parameters(flambeau, "float32")]
    optimizer = getattr(optim, name)(params, lr=0.01)
    for step in range(5):
        advance(torch, reference, exact, [step], "float64")
        for param, grad in zip(params, gradients(step, "float32")):
            param.grad = flambeau.tensor(grad.tolist()).to(param.dtype)
        optimizer.step()
    for param, value in zip(params, exact):
        assert param.dtype is getattr(flambeau, dtype)
        error = np.abs(param.detach().float().numpy() - value.detach().numpy()).max()
        assert error < {"float16": 0.01, "bfloat16": 0.06}[dtype]


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "ASGD"])
def test_differentiable_updates(name):
    """The gradient of the updated parameter with respect to its gradient's factor, as in meta-learning."""
    found = []
    for library in (flambeau, torch):
        leaf = library.tensor([1.0, -2.0, 3.0], dtype=library.float64, requires_grad=True)
        factor = library.tensor(0.7, dtype=library.float64, requires_grad=True)
        param = leaf.clone()
        optimizer = getattr(library.optim, name)([param], lr=0.1, differentiable=True)
        for step in range(3):
            param.grad = factor * leaf.detach() * (step + 1) + factor**2
            optimizer.step()
        param.sum().backward()
        found.append((leaf.grad.numpy(), factor.grad.numpy()))
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-4)  # PyTorch computes the corrections in float32 here


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam"])
def test_a_recorded_step_follows_the_schedule(name):
    results = []
    for compiled in (False, True):
        flambeau.manual_seed(0)
        params = parameters(flambeau, "float32")
        options = {"momentum": 0.9} if name == "SGD" else {}
        optimizer = getattr(optim, name)(params, lr=0.1, weight_decay=0.01, **options)
        scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.7)

        def step(x, optimizer=optimizer, params=params):
            optimizer.zero_grad()
            loss = sum((p * x).sum() ** 2 for p in params)
            loss.backward()
            optimizer.step()
            return loss

        run = flambeau.compile(step) if compiled else step
        losses = []
        for _ in range(8):
            losses.append(run(flambeau.tensor(0.1)).item())
            scheduler.step()
        results.append((losses, [p.tolist() for p in params], optimizer.state_dict()["param_groups"]))
        assert all(float(s["step"]) == 8 for s in optimizer.state_dict()["state"].values() if "step" in s)
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for a, b in zip(results[0][1], results[1][1]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_an_optimizer_around_another():
    """Whose `__init__` doesn't call `Optimizer.__init__`: it has no hooks of its own."""

    def train(library):
        class Lookahead(library.optim.Optimizer):
            def __init__(self, inner):
                self.inner, self.param_groups, self.state = inner, inner.param_groups, {}
                self.defaults = inner.defaults
                self.slow = [p.detach().clone() for g in inner.param_groups for p in g["params"]]

            def zero_grad(self, set_to_none=True):
                self.inner.zero_grad(set_to_none)

            def step(self, closure=None):
                loss = self.inner.step(closure)
                for p, slow in zip((p for g in self.param_groups for p in g["params"]), self.slow):
                    p.data.copy_(slow.add_(p.data - slow, alpha=0.5))
                return loss

        params = parameters(library, "float64")
        optimizer = Lookahead(library.optim.Adam(params, lr=0.1))
        for _ in range(4):
            optimizer.zero_grad()
            sum((p**2).sum() for p in params).backward()
            optimizer.step()
        return [p.detach().numpy() for p in params]

    for a, b in zip(train(flambeau), train(torch)):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_sparse_adam_moves_the_rows_that_were_looked_up():
    found = {}
    for library in (torch, flambeau):
        table = library.nn.Embedding(6, 3, sparse=True)
        with library.no_grad():
            table.weight.copy_(library.arange(18.0).reshape(6, 3) / 7 - 1)
        optimizer = library.optim.SparseAdam(table.parameters(), lr=0.1, betas=(0.8, 0.9))
        for rows in ([0, 2, 2], [1], [5, 0], [2]):
            optimizer.zero_grad()
            (table(library.tensor(rows)) ** 2).sum().backward()
            optimizer.step()
        state = optimizer.state_dict()["state"][0]
        found[library] = [*table.weight.detach().flatten().tolist(), *state["exp_avg_sq"].flatten().tolist()]
        with pytest.raises(ValueError, match="Complex params at indices"):
            library.optim.SparseAdam([library.zeros(2, dtype=library.complex64)])
    np.testing.assert_allclose(found[flambeau], found[torch], rtol=1e-5, atol=1e-7)


def _numbers_of(name: str) -> list[tuple[str, Any]]:
    """The options of an optimizer that are numbers or pairs of them, each with values at and beyond its bounds."""
    found = []
    values = [math.nan, -1.0, -0.0, 0.0, 1.0, 1.5, 2.0, math.inf, -math.inf]
    for option, parameter in inspect.signature(getattr(torch.optim, name).__init__).parameters.items():
        if isinstance(parameter.default, tuple):
            found += [(option, (a, b)) for a in values for b in values]
            found += [(option, wrong) for wrong in ((0.5,), (0.5, 0.5, 0.5), [0.5, 0.9])]
        elif isinstance(parameter.default, float | int) and not isinstance(parameter.default, bool):
            found += [(option, value) for value in values]
    return found


@pytest.mark.parametrize(
    "name",
    ["SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "ASGD", "SparseAdam",
     "Adafactor", "Muon"],
)  # fmt: skip
def test_which_numbers_are_refused(name: str) -> None:
    """PyTorch's error, or none: SGD takes NaN, the others don't."""

    def run(m: Any, option: str, value: Any) -> str:
        try:
            getattr(m.optim, name)([m.nn.Parameter(m.ones(2, 2))], **{option: value})
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""

    for option, value in _numbers_of(name):
        assert run(flambeau, option, value) == run(torch, option, value), (option, value)
