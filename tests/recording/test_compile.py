"""`flambeau.compile`: replays do what plain calls do, state included, and fall back plainly where a call can't be recorded."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref

import pytest
import torch as oracle

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.recording import recording as recording_module


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-5) -> None:
    assert a.dtype is b.dtype and tuple(a.shape) == tuple(b.shape)
    assert torch.allclose(a, b, rtol=tolerance, atol=tolerance), (a, b)


def here(t: oracle.Tensor) -> torch.Tensor:
    """PyTorch's tensor on the device under test."""
    return torch.from_numpy(t.numpy()).to(torch.get_default_device())


def test_a_pure_function_replays() -> None:
    @torch.compile
    def f(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x * y + 1).relu().sum(0)

    for _ in range(4):
        x, y = torch.randn(3, 5), torch.randn(5)
        close(f(x, y), (x * y + 1).relu().sum(0))
    assert f.recordings == 1 and f.replays == 3


def test_results_are_nested_and_may_share_memory() -> None:
    @torch.compile
    def f(x: torch.Tensor) -> dict[str, object]:
        h = x + 1
        return {"h": h, "row": h[0], "both": (x, [h.T, 3])}

    f(torch.randn(2, 3))
    x = torch.randn(2, 3)
    out = f(x)
    assert out["both"][0] is x and out["both"][1][1] == 3
    close(out["both"][1][0], (x + 1).T)
    out["row"].zero_()
    assert out["h"][0].tolist() == [0, 0, 0] and out["h"][1].tolist() == (x + 1)[1].tolist()


@pytest.mark.parametrize("change", ["shape", "dtype", "number", "string", "grad mode", "default dtype"])
def test_a_guard_tells_calls_apart(change: str) -> None:
    @torch.compile
    def f(x: torch.Tensor, factor: float = 2.0, how: str = "mul") -> torch.Tensor:
        return x * factor if how == "mul" else x + torch.full((), factor)

    x = torch.arange(6.0)
    for _ in range(2):
        close(f(x), x * 2)
    if change == "shape":
        close(f(x[:3]), x[:3] * 2)
    elif change == "dtype":
        close(f(x.double()), x.double() * 2)
    elif change == "number":
        close(f(x, 3.5), x * 3.5)
    elif change == "string":
        close(f(x, how="add"), x + 2)
    elif change == "grad mode":
        with torch.no_grad():
            close(f(x), x * 2)
    else:
        torch.set_default_dtype(torch.float64)
        try:
            close(f(x, how="add"), x + 2)
        finally:
            torch.set_default_dtype(torch.float32)
    assert f.recordings == 2


def test_the_training_flag_is_part_of_the_guard() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    compiled = torch.compile(model)
    x = torch.randn(8, 4)
    with torch.no_grad():
        for training in (True, False, True, False):
            plain = copy.deepcopy(model).train(training)
            compiled.train(training)
            expected = plain(x)
            close(compiled(x), expected)
            close(model[1].running_mean, plain[1].running_mean)
            assert model[1].num_batches_tracked.item() == plain[1].num_batches_tracked.item()


@pytest.mark.parametrize("make", [
    lambda lib, p: lib.optim.SGD(p, lr=0.1, momentum=0.9),
    lambda lib, p: lib.optim.Adam(p, lr=0.01),
    lambda lib, p: lib.optim.AdamW(p, lr=0.01, amsgrad=True),
])  # fmt: skip
@pytest.mark.parametrize("set_to_none", [True, False])
def test_a_training_step_equals_pytorch(make: object, set_to_none: bool) -> None:
    oracle.manual_seed(0)
    theirs = oracle.nn.Sequential(oracle.nn.Linear(6, 16), oracle.nn.Tanh(), oracle.nn.Linear(16, 3))
    mine = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
    mine.load_state_dict({k: here(v) for k, v in theirs.state_dict().items()})
    optimizers = make(oracle, theirs.parameters()), make(torch, mine.parameters())
    schedules = oracle.optim.lr_scheduler.StepLR(optimizers[0], 2, 0.5), torch.optim.lr_scheduler.StepLR(optimizers[1], 2, 0.5)

    def step(lib: object, model: object, optimizer: object, x: object, y: object) -> object:
        optimizer.zero_grad(set_to_none=set_to_none)
        loss = lib.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = torch.compile(lambda x, y: step(torch, mine, optimizers[1], x, y))
    for _ in range(8):
        x, y = oracle.randn(10, 6), oracle.randint(0, 3, (10,))
        expected = step(oracle, theirs, optimizers[0], x, y)
        got = compiled(here(x), here(y))
        assert abs(got.item() - expected.item()) < 1e-4
        for schedule in schedules:
            schedule.step()
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert oracle.allclose(oracle.from_numpy(p.detach().cpu().numpy()), q, atol=1e-4)
            assert oracle.allclose(oracle.from_numpy(p.grad.cpu().numpy()), q.grad, atol=1e-4)
    assert compiled.replays >= 5
    with pytest.raises(RuntimeError, match="second time"):
        got.backward()


def test_backward_outside_a_compiled_module() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4, 2))
    plain = copy.deepcopy(model)
    compiled = torch.compile(model)
    for _ in range(3):
        x = torch.randn(5, 2, 4, 4)
        inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
        (compiled(inputs[0]) ** 2).sum().backward()
        (plain(inputs[1]) ** 2).sum().backward()
        close(inputs[0].grad, inputs[1].grad, 1e-4)
        for p, q in zip(model.parameters(), plain.parameters(), strict=True):
            close(p.grad, q.grad, 1e-4)
    assert compiled._compiled.replays == 2
    y = compiled(torch.randn(5, 2, 4, 4)).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    with pytest.raises(RuntimeError, match="differentiated twice"):
        z = compiled(torch.randn(5, 2, 4, 4, requires_grad=True)).sum()
        z.backward(create_graph=True)


def test_in_place_changes_of_arguments_and_of_the_closure() -> None:
    total = torch.zeros(3)

    @torch.compile
    def f(x: torch.Tensor) -> torch.Tensor:
        total.add_(x)
        x[1:].mul_(2)
        return x

    expected = [0.0, 0.0, 0.0]
    for i in range(4):
        x = torch.tensor([1.0 + i, 2.0, 3.0])
        expected = [a + b for a, b in zip(expected, x.tolist(), strict=True)]
        assert f(x) is x
        assert x.tolist() == [1.0 + i, 4.0, 6.0] and total.tolist() == expected
    assert f.replays == 3


def test_random_numbers_advance_as_in_the_plain_run() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, 0.5) + torch.rand(7)

    compiled = torch.compile(f)
    x = torch.ones(7)
    torch.manual_seed(3)
    expected = [f(x).tolist() for _ in range(4)]
    torch.manual_seed(3)
    assert [compiled(x).tolist() for _ in range(4)] == expected
    assert expected[0] != expected[1] and compiled.replays == 3


def test_looking_at_a_value_runs_plainly_with_one_warning() -> None:
    @torch.compile
    def f(x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum().item() > 0 else x * 3

    with pytest.warns(UserWarning, match="looks at a tensor's value"):
        assert f(torch.ones(2)).tolist() == [2, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(-torch.ones(2)).tolist() == [-3, -3]
        assert f(torch.ones(2)).tolist() == [2, 2]
    assert f.recordings == 0
    with pytest.raises(RuntimeError, match="can't be recorded"):
        torch.compile(lambda x: x.tolist(), fullgraph=True)(torch.ones(1))


def test_an_error_inside_leaves_no_recording() -> None:
    @torch.compile
    def f(x: torch.Tensor, bad: bool) -> torch.Tensor:
        y = x + 1
        if bad:
            raise ValueError("on purpose")
        return y

    with pytest.raises(ValueError, match="on purpose"):
        f(torch.ones(2), True)
    assert f(torch.ones(2), False).tolist() == [2, 2]
    assert (torch.ones(2) * 3).tolist() == [3, 3]


def test_memory_shared_before_is_shared_after() -> None:
    weight = torch.ones(4)
    alias = weight[:2]
    kept = weight.clone()

    @torch.compile
    def f() -> None:
        weight.add_(1)

    for i in range(3):
        f()
        assert alias.tolist() == [2.0 + i] * 2 and kept.tolist() == [1.0] * 4


def test_a_parameter_with_other_data_is_followed() -> None:
    model = nn.Linear(2, 2, bias=False)
    compiled = torch.compile(lambda x: model(x))
    x = torch.eye(2)
    with torch.no_grad():
        for scale in (1.0, 2.0, 3.0):
            model.weight.data = torch.eye(2) * scale
            assert compiled(x).tolist() == [[scale, 0], [0, scale]]
        model.weight = nn.Parameter(torch.eye(2) * 7)
        assert compiled(x).tolist() == [[7, 0], [0, 7]]


def test_compiled_calls_nest_and_methods_compile() -> None:
    inner = torch.compile(lambda x: x * 2)

    class Holder:
        factor = 3.0

        @torch.compile
        def call(self, x: torch.Tensor) -> torch.Tensor:
            return inner(x) + self.factor

    holder = Holder()
    for _ in range(3):
        assert holder.call(torch.ones(2)).tolist() == [5, 5]
    assert Holder.call.replays == 2


def test_a_recording_keeps_no_results_alive() -> None:
    compiled = torch.compile(lambda x: x + 1)
    compiled(torch.ones(10))
    storage = weakref.ref(compiled(torch.ones(10))._storage)
    gc.collect()
    assert storage() is None


def test_gradients_that_a_call_drops_are_gone_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their memory is the new ones'; those that are added to stay."""
    dropped, kept = (torch.ones(4, requires_grad=True) for _ in range(2))

    @torch.compile
    def step() -> None:
        dropped.grad = None
        (dropped * 3 + kept * 2).sum().backward()

    for i in range(4):
        step()
        assert dropped.grad.tolist() == [3.0] * 4
        assert kept.grad.tolist() == [2.0 * (i + 1)] * 4
    assert step.replays > 0
    old = weakref.ref(dropped.grad._storage)
    seen = []
    execute = recording_module.execute

    def watched(*arguments: object) -> object:
        seen.append(old() is None and kept.grad is not None)
        return execute(*arguments)

    monkeypatch.setattr(recording_module, "execute", watched)
    step()
    assert seen == [True]
    assert kept.grad.tolist() == [10.0] * 4


def test_kinds_of_calls_that_do_not_come_again_are_not_recorded() -> None:
    """The number of the step as an argument: recordings stop until a kind comes again; what comes again is recorded."""
    w = torch.ones(3)

    @torch.compile
    def step(x: torch.Tensor, i: int) -> torch.Tensor:
        w.add_(x, alpha=1 / (i + 1))
        return w.sum()

    total = 3.0
    for i in range(30):
        total += 3 / (i + 1)
        assert abs(step(torch.ones(3), i).item() - total) < 1e-4
    assert step.recordings == 8 and step.replays == 0
    for i in (20, 20, 20, 3, 29, 29):  # 3 was recorded; the first replay makes room for new kinds
        total += 3 / (i + 1)
        assert abs(step(torch.ones(3), i).item() - total) < 1e-4
    assert step.recordings == 10 and step.replays == 4


def test_a_state_that_is_handed_on_is_followed() -> None:
    """`self.h = new`, which is also the result: the next call reads the new tensor, not the recorded one's."""

    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h = torch.zeros(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.h = torch.tanh(x + self.h)
            return self.h

    plain, compiled = Cell(), torch.compile(Cell())
    for i in range(12):
        x = torch.full((3,), 0.1 * i)
        assert torch.allclose(plain(x), compiled(x)), i


def test_arguments_come_back_as_they_are_now() -> None:
    """Views of an argument, read or not, and values whose backward would be an error that nobody asked for."""
    f = torch.compile(lambda x: (x.detach(), x.data, x.detach().sum(), x))
    g = torch.compile(lambda x: (lambda d: (d.norm(), d))(x.detach()))

    def overwritten(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = x.exp()
        z = y * y
        y.add_(1)
        return z, y

    h = torch.compile(overwritten)
    for i in range(4):
        x = torch.full((3,), float(i), requires_grad=True)
        assert [t.tolist() for t in f(x)] == [[i] * 3, [i] * 3, 3 * i, [i] * 3]
        assert g(x)[1].tolist() == [i] * 3
        assert torch.allclose(h(x)[0], (2 * x).exp())

    turn = torch.compile(lambda x: x.t_() + 0)
    for n in (2, 2, 2):
        x = torch.arange(3.0 * n).reshape(n, 3)
        assert turn(x).shape == x.shape == (3, n)


@pytest.mark.parametrize("accumulates", [False, True])
def test_gradients_of_arguments(accumulates: bool) -> None:
    """`backward` inside gives each call's own argument its gradient, or adds to the one that it has."""

    @torch.compile
    def attack(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = (x * y).sin().sum()
        loss.backward()
        return loss.detach()

    for i in range(5):
        x = torch.full((3,), 0.1 * i, requires_grad=True)
        if accumulates:
            x.grad = torch.full((3,), float(i))
        y = torch.arange(3.0)
        loss = attack(x, y)
        expected = y * (x.detach() * y).cos() + (i if accumulates else 0)
        assert torch.allclose(loss, (x.detach() * y).sin().sum()) and torch.allclose(x.grad, expected)
    assert attack.replays >= 3


@pytest.mark.parametrize("kind", ["attribute", "private attribute", "list", "list, kept", "tuple", "dict", "view"])
def test_a_state_that_begins_as_none_is_followed(kind: str) -> None:
    """Nothing is read at first; then each call hands a new tensor on, and older ones may be alive elsewhere."""

    def make(compile: bool) -> object:
        cell, state, history = nn.Module(), {"h": None}, []

        def forward(x: torch.Tensor) -> object:
            name = "_h" if kind == "private attribute" else "h"
            held = getattr(cell, name, None) if "attribute" in kind else state["h"]
            old = held[0] if isinstance(held, (list, tuple)) else held["h"] if isinstance(held, dict) else held
            new = torch.tanh(x if old is None else x + old)
            if kind == "view":
                state["h"] = new.view(1, 3)
                return new
            if "attribute" in kind:
                setattr(cell, name, new)
                return new
            if kind == "list, kept":
                history.append(old)
            state["h"] = {"list": [new], "list, kept": [new], "tuple": (new, x), "dict": {"h": new}}[kind]
            return state["h"] if kind != "list, kept" else new * 2

        cell.h = cell._h = None
        cell.forward = forward
        return torch.compile(cell) if compile else cell

    plain, compiled = make(False), make(True)
    for i in range(12):
        x = torch.full((3,), 0.1 * i)
        a, b = (f(x) for f in (plain, compiled))
        if isinstance(a, dict):
            a, b = a["h"], b["h"]
        elif isinstance(a, (list, tuple)):
            a, b = a[0], b[0]
        assert torch.allclose(a, b), i


def test_results_that_are_also_kept_are_replayed_all_the_same() -> None:
    """A loss that the trainer notes is no state: nothing reads it."""
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([w])
    noted = {}

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = (w * x).square().sum()
        loss.backward()
        optimizer.step()
        noted["loss"] = loss.detach()
        return noted["loss"]

    losses = [step(torch.ones(3)).item() for _ in range(6)]
    assert losses == sorted(losses, reverse=True) and len(set(losses)) == 6
    assert step.replays >= 3


def test_a_call_that_reads_new_tensors_each_time_runs_plainly() -> None:
    """A state that the function keeps is another tensor at each call: after eight recordings in vain there are no more."""
    state = [torch.ones(3)]

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        state[0] = state[0].detach().clone() * 0.5 + x
        return state[0].sum()

    expected = 1.0
    for _ in range(20):
        expected = expected * 0.5 + 1
        assert abs(step(torch.ones(3)).item() - 3 * expected) < 1e-5
    assert step.recordings == 0


def test_gradients_of_tensors_that_the_call_makes() -> None:
    """Points that a call makes require gradients, for derivatives of the loss: what `backward` gives them goes with them."""
    model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
    points = torch.linspace(0, 1, 5).unsqueeze(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> torch.Tensor:
        x = points.clone().requires_grad_()
        u = model(x)
        (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        loss = (slope - u).square().mean() + (u[0] - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    start = copy.deepcopy(model.state_dict())
    plain = [step().item() for _ in range(6)]
    model.load_state_dict(start)
    compiled = torch.compile(step)
    assert [compiled().item() for _ in range(6)] == pytest.approx(plain, rel=1e-4)
    assert compiled.recordings == 1 and compiled.replays == 5


@pytest.mark.parametrize("where", ["module", "step"])
def test_a_parameter_that_is_frozen_later_stays_as_it_is(where: str) -> None:
    """Also one that is read through a view."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    own = torch.ones(4, 3, requires_grad=True)
    optimizer = torch.optim.SGD([*model.parameters(), own], lr=0.1)
    forward = torch.compile(model) if where == "module" else model

    def step(x: torch.Tensor) -> None:
        optimizer.zero_grad()
        ((x @ own.t()).sum() + forward(x).square().mean()).backward()
        optimizer.step()

    run = torch.compile(step) if where == "step" else step
    x = torch.randn(5, 3)
    for trained in [model[0].weight, own]:
        for requires_grad in (True, True, True, False, False, False, True, True):
            trained.requires_grad_(requires_grad)
            before = trained.detach().clone()
            run(x)
            assert (trained.grad is not None) is requires_grad
            assert torch.equal(before, trained.detach()) is not requires_grad


def test_hooks_on_the_way_run_at_each_backward() -> None:
    """A hook of a tensor inside the call sees numbers, not the recording's stand-ins for them."""
    seen = []

    @torch.compile
    def f(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        inner = x * 2
        inner.retain_grad()
        inner.register_hook(lambda g: seen.append(g.sum().item()))
        return inner.square().sum(), inner

    for k in range(4):
        x = torch.full((3,), float(k), requires_grad=True)
        y, inner = f(x)
        y.backward()
        assert inner.grad is not None and inner.grad.tolist() == [4.0 * k] * 3
        assert x.grad is not None and x.grad.tolist() == [8.0 * k] * 3
    assert seen == [0.0, 12.0, 24.0, 36.0]


_factor = 2.0


@pytest.mark.parametrize("where", ["global", "closure", "module", "object", "inner function"])
def test_numbers_around_a_function_are_part_of_the_guard(where: str) -> None:
    """A temperature that is annealed between calls."""

    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = 2.0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor

    class Trainer:
        factor = 1.0

        def __init__(self) -> None:
            self.factor = 2.0

        def step(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor

    def of_global(x: torch.Tensor) -> torch.Tensor:
        return x * _factor

    def of_inner(x: torch.Tensor) -> torch.Tensor:
        return (lambda y: y * _factor)(x)

    factor = 2.0

    def of_closure(x: torch.Tensor) -> torch.Tensor:
        return x * factor

    module, trainer = Scale(), Trainer()

    def change(value: float) -> None:
        nonlocal factor
        module.factor = trainer.factor = factor = value
        globals()["_factor"] = value

    functions = {
        "global": of_global,
        "closure": of_closure,
        "module": module,
        "object": trainer.step,
        "inner function": of_inner,
    }
    f = torch.compile(functions[where])
    for value in (2.0, 2.0, 3.0, 3.0, 2.0, 2.0):
        change(value)
        assert f(torch.ones(2)).tolist() == [value] * 2


def test_tensors_that_are_noted_at_each_call_are_all_there() -> None:
    """A hook that collects activations: the call runs plainly, and says so."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    noted = []
    model[0].register_forward_hook(lambda module, inputs, output: noted.append(output.detach()))
    compiled = torch.compile(model)
    with pytest.warns(UserWarning, match="adds tensors"):
        for k in range(5):
            compiled(torch.full((1, 2), float(k)))
    expected = [model[0].forward(torch.full((1, 2), float(k))) for k in range(5)]
    assert len(noted) == 5 and all(torch.allclose(a, b) for a, b in zip(noted, expected, strict=True))


@pytest.mark.parametrize("change", ["child", "hook", "function"])
def test_a_module_that_is_changed_is_recorded_anew(change: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act: nn.Module = nn.ReLU()
            self.function = F.relu

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.function(self.act(x))

    model = Net()
    compiled = torch.compile(model)
    x = torch.tensor([-1.0, 2.0])
    assert [compiled(x).tolist() for _ in range(3)] == [[0.0, 2.0]] * 3
    if change == "child":
        model.act = nn.Hardtanh()
    elif change == "hook":
        model.act.register_forward_hook(lambda module, inputs, output: output + 1)
    else:
        model.function = F.hardtanh
    expected = {"child": [0.0, 1.0], "hook": [1.0, 3.0], "function": [0.0, 1.0]}[change]
    assert [compiled(x).tolist() for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("change", ["weight decay", "a group more", "a parameter sat out", "state"])
def test_an_optimizer_that_is_changed_is_recorded_anew(change: str) -> None:
    def train(is_compiled: bool) -> list[float]:
        torch.manual_seed(0)
        model, more = nn.Linear(3, 2), torch.ones(2, requires_grad=True)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.0)

        def plain(x: torch.Tensor) -> torch.Tensor:
            optimizer.zero_grad()
            loss = (model(x) * more).square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        step = torch.compile(plain) if is_compiled else plain
        losses = []
        for k in range(9):
            if k == 4 and change == "weight decay":
                optimizer.param_groups[0]["weight_decay"] = 0.5
            elif k == 4 and change == "a group more":
                optimizer.add_param_group({"params": [more]})
            elif k == 4 and change == "state":
                optimizer.state.clear()
            elif change == "a parameter sat out":
                model.bias.requires_grad_(k != 4)
            losses.append(step(torch.ones(4, 3)).item())
        return losses

    assert train(True) == pytest.approx(train(False), rel=1e-4)


def test_a_count_around_a_function_that_looks_costs_no_recordings() -> None:
    """Each call has numbers of its own; that it can't be recorded is noted for all of them."""
    count = 0

    @torch.compile
    def f(x: torch.Tensor) -> float:
        nonlocal count
        count += 1
        return float((x * count).sum())

    with pytest.warns(UserWarning, match="looks at a tensor's value"):
        assert [f(torch.ones(2)) for _ in range(5)] == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert f.recordings == 0 and len(f._plain) == 1


def test_slices_among_the_arguments() -> None:
    f = torch.compile(lambda x, at: x[at] * 2)
    x = torch.arange(5.0)
    for at in (slice(0, 2), slice(1, 3), slice(0, 2), slice(None, None, 2), slice(1, 3)):
        assert f(x, at).tolist() == [2 * v for v in range(5)[at]]
