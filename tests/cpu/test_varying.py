"""Programs whose sizes vary from call to call: values at every size, and that one plan and one piece of code serve many."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from support import WIDTHS, backend

import flambeau
from flambeau import devices
from flambeau.schedule import running
from flambeau.schedule.general import Structures
from flambeau.schedule.keeping import Plans

pytestmark = pytest.mark.skipif(not hasattr(devices.backend("cpu"), "compiler"), reason="needs llvmlite")

PRODUCTS = {
    "rows": lambda t, x, n: x[:n] @ x[:40, :64].mT,
    "columns": lambda t, x, n: x[:33] @ x[:n].mT,
    "sum": lambda t, x, n: x[:n].mT @ x[1 : n + 1],
    "sum of columns": lambda t, x, n: x[:n, :20].mT @ x[:n],
    "all": lambda t, x, n: x[:n, :n] @ x[3 : n + 3, :n],
    "all turned": lambda t, x, n: x[:n, :n].mT @ x[3 : n + 3, :n].mT,
    "right turned": lambda t, x, n: x[:n, :n] @ x[3 : n + 3, :n].mT,
    "batch": lambda t, x, n: x[: 4 * n].reshape(n, 4, 64) @ x[:64, :12],
    "batch of both": lambda t, x, n: x[: 4 * n].reshape(n, 4, 64) @ x[4 : 4 * n + 4].reshape(n, 4, 64).mT,
    "attention": lambda t, x, n: (
        (x[:n].reshape(n, 4, 16).transpose(0, 1) @ x[:n].reshape(n, 4, 16).permute(1, 2, 0)).softmax(-1)
        @ x[:n].reshape(n, 4, 16).transpose(0, 1)
    ),
    "linear": lambda t, x, n: t.nn.functional.gelu(t.nn.functional.linear(x[:n], x[:48], x[0, :48])),
    "two products": lambda t, x, n: (x[:n] @ x[:64]).relu() @ x[:64, :30],
    "einsum": lambda t, x, n: t.einsum("nc,mc,m->nm", x[:n], x[:20], x[:20, 0]),
    "residual": lambda t, x, n: x[:n] + x[:n] @ x[:64],
    "convolution": lambda t, x, n: t.nn.functional.conv2d(
        x[: 4 * n].reshape(n, 4, 8, 8), x[:6, :36].reshape(6, 4, 3, 3), padding=1
    ),
    "long convolution": lambda t, x, n: t.nn.functional.conv1d(
        x[:n].mT[None], x[:64, :24].reshape(8, 64, 3), stride=2, padding=1
    ),
    "large convolution": lambda t, x, n: t.nn.functional.conv2d(
        x[: 8 * n].reshape(1, 8, n, 64), x[:18].reshape(16, 8, 3, 3), padding=1
    ),
    "depthwise": lambda t, x, n: t.nn.functional.conv1d(x[:n].mT[None], x[:64, :3].reshape(64, 1, 3), padding=1, groups=64),
}
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-10, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@pytest.fixture(params=WIDTHS)
def width(request: Any, monkeypatch: Any) -> Iterator[Any]:
    """The CPU with vectors of some width, and no plans."""
    cpu = backend(request.param)
    monkeypatch.setitem(devices._started, "cpu", cpu)
    monkeypatch.setattr(running, "PLANS", Plans(4096))
    monkeypatch.setattr(running, "FILLED_IN", Plans(2048))
    monkeypatch.setattr(running, "_structures", Structures())
    yield cpu


def data(type: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    x = torch.randn(700, 64, dtype=torch.float64) / 4
    x = x.to(type)
    y = flambeau.tensor(x.double().numpy()).to(getattr(flambeau, str(type).removeprefix("torch.")))
    flambeau.synchronize()
    return x, y


def check(program: Any, x: Any, y: Any, n: int) -> None:
    expected = program(torch, x.double(), n)
    found = program(flambeau, y, n)
    assert tuple(found.shape) == tuple(expected.shape)
    tolerance = TOLERANCES[x.dtype]
    if x.dtype is not torch.float32:  # NumPy has no bfloat16; float32 is as it is, so that only the program makes code
        found = found.double()
    np.testing.assert_allclose(
        found.numpy(), expected.numpy(), rtol=tolerance, atol=tolerance * (1 + expected.abs().max().item() if n else 1)
    )


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name: str, width: Any) -> None:
    x, y = data(torch.float32)
    for n in (17, 19, 31, 16, 24, 18, 64, 9, 40, 33, 63, 3, 1, 12, 4):
        check(PRODUCTS[name], x, y, n)


@pytest.mark.parametrize("type", DTYPES[1:], ids=str)
@pytest.mark.parametrize("name", ["rows", "columns", "sum", "right turned", "attention", "linear", "convolution"])
def test_types(name: str, type: Any, width: Any) -> None:
    x, y = data(type)
    for n in (17, 19, 30, 20, 45, 63, 34):
        check(PRODUCTS[name], x, y, n)


@pytest.mark.parametrize("name", ["rows", "columns", "sum", "batch", "two products", "residual"])
def test_one_code_serves_many_sizes(name: str, width: Any) -> None:
    x, y = data(torch.float32)
    for n in (17, 18):
        check(PRODUCTS[name], x, y, n)
    made = width.compiler.compiled + width.compiler.loaded
    plans = sum(len(s.general) for s in running._structures._known.values())
    for n in (19, 23, 20, 22, 25):
        check(PRODUCTS[name], x, y, n)
    assert width.compiler.compiled + width.compiler.loaded == made
    assert sum(len(s.general) for s in running._structures._known.values()) == plans


@given(st.lists(st.tuples(*[st.integers(0, 70)] * 4), min_size=4, max_size=10), st.booleans(), st.booleans())
def test_drawn_sizes(sizes: Any, turns_a: bool, turns_b: bool) -> None:
    rng = np.random.default_rng(0)
    for batch, m, n, k in sizes:
        a = torch.tensor(rng.standard_normal((batch, k, m) if turns_a else (batch, m, k)), dtype=torch.float32)
        b = torch.tensor(rng.standard_normal((batch, n, k) if turns_b else (batch, k, n)), dtype=torch.float32)
        c, d = flambeau.tensor(a.numpy()), flambeau.tensor(b.numpy())
        expected = (a.mT if turns_a else a) @ (b.mT if turns_b else b)
        found = ((c.mT if turns_a else c) @ (d.mT if turns_b else d)).numpy()
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_gradients_at_sizes(width: Any) -> None:
    x, y = data(torch.float32)
    for n in (17, 18, 25, 30, 21):
        results = []
        for lib, z in ((torch, x), (flambeau, y)):
            w = z[:48].clone().requires_grad_()
            v = z[48:58, :48].clone().requires_grad_()
            logits = lib.nn.functional.linear(lib.nn.functional.linear(z[:n], w).relu(), v)
            lib.nn.functional.cross_entropy(logits, lib.arange(n) % 10).backward()
            results.append((w.grad.numpy(), v.grad.numpy()))
        for expected, found in zip(*results, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_recorded_call_at_sizes() -> None:
    x, y = data(torch.float32)
    model = flambeau.compile(lambda z: (z @ z[:40].mT).softmax(-1) @ z[:40])
    for n in (41, 45, 60, 45, 57):
        z = x[:n]
        expected = (z @ z[:40].mT).softmax(-1) @ z[:40]
        np.testing.assert_allclose(model(y[:n]).numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_errors_name_the_size_of_the_call() -> None:
    _, x = data(torch.float32)
    for n in (17, 18, 19, 20):
        with pytest.raises(IndexError, match=f"index 50 is out of bounds for dimension 0 with size {n}"):
            (x[:n] * 2)[flambeau.tensor([0, 50])].numpy()


def test_sizes_that_vary_apart() -> None:
    rng = np.random.default_rng(0)
    a = torch.tensor(rng.standard_normal((80, 90)), dtype=torch.float32)
    b = flambeau.tensor(a.numpy())
    for m, n in ((17, 20), (17, 21), (18, 21), (21, 21), (25, 30), (30, 25), (20, 20), (64, 64), (17, 64)):
        f = lambda z: (z[:m, :n] - z[:m, :n].mean(1, keepdim=True)) @ z[:n, :m]  # noqa: B023
        np.testing.assert_allclose(f(b).numpy(), f(a).numpy(), rtol=1e-4, atol=1e-4)


def test_sizes_that_come_often_get_a_plan_of_their_own(width: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(running, "OFTEN", 5)
    x, y = data(torch.float32)
    for n in (17, 18, *[19] * 12):
        check(PRODUCTS["rows"], x, y, n)
    assert all(p.runs <= 5 for p in running.FILLED_IN.values())
    assert len(running.FILLED_IN) == 1


RECURRENCES: dict[str, Any] = {
    "lstm": lambda t, m, x, n: m(x[:n])[0],
    "states": lambda t, m, x, n: m(x[: n + 1])[1][0],
    "backwards": lambda t, m, x, n: m(x[:n].flip(0))[0].flip(0),
    "packed": lambda t, m, x, n: (
        m(t.nn.utils.rnn.pack_padded_sequence(x[: 4 * n].reshape(n, 4, 64), [n, n - 1, n // 2, 1], enforce_sorted=False))[0].data
    ),
}


def _gradients(lib: Any, model: Any, program: Any, z: Any, n: int) -> list[Any]:
    model.zero_grad()
    found = program(lib, model, z, n)
    found.square().mean().backward()
    return [found.detach().numpy(), *(p.grad.numpy() for p in model.parameters())]


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", RECURRENCES)
def test_recurrences(name: str, both: bool, width: Any) -> None:
    x, y = data(torch.float32)
    models = [lib.nn.LSTM(64, 20, bidirectional=both) for lib in (torch, flambeau)]
    models[1].load_state_dict({k: flambeau.tensor(v.numpy()) for k, v in models[0].state_dict().items()})
    for n in (17, 18, 30, 12, 41, 9, 3):
        expected = _gradients(torch, models[0], RECURRENCES[name], x, n)
        found = _gradients(flambeau, models[1], RECURRENCES[name], y, n)
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5)
    assert any(s.general for s in running._structures._known.values())


INDICES = {
    "growing mask": lambda t, x, n: x[:n, :n].masked_fill(t.ones(64, 64).tril()[:n, :n] == 0, 0.0).softmax(-1),
    "last": lambda t, x, n: x[:n, -1] * x[n - 1, : min(n, 40)].sum(),
    "split": lambda t, x, n: x[: 6 * n].reshape(-1, n, 64).transpose(0, 1).reshape(-1, 3 * n, 64),
    "divided": lambda t, x, n: t.arange(n * n).reshape(n, n) // n + t.arange(n * n).remainder(n).reshape(n, n),
    "turned": lambda t, x, n: x[:n, :50].mT.contiguous(),
    "gathered": lambda t, x, n: x[t.arange(n * 7) % n, t.arange(n * 7) % 64],
    "sums": lambda t, x, n: t.cat([x[:n].sum(0), (x[:n] * x[:n]).sum(1), x[:n, 0].cumsum(0), x[:n].exp().mean()[None]]),
    "kept rows": lambda t, x, n: x[:n, :n].softmax(0) + x[:n, :n].log_softmax(1),
    "noise": lambda t, x, n: t.nn.functional.dropout(x[:n], 0.0) + t.zeros(n, 1),
    "scattered": lambda t, x, n: x.new_zeros(70, 64).index_add(0, t.arange(n) % 40, x[:n]),
}


@pytest.mark.parametrize("name", INDICES)
def test_positions_at_sizes(name: str, width: Any) -> None:
    x, y = data(torch.float32)
    for n in (17, 18, 30, 12, 41, 9, 63, 3):
        check(INDICES[name], x, y, n)


def test_random_numbers_at_sizes(width: Any) -> None:
    """The same as those of a plan for one size."""
    expected = {}
    for n in (17, 18, 30, 12, 41, 9, 63):
        flambeau.manual_seed(n)
        expected[n] = flambeau.rand(n, n + 3).add(1).tolist()
        running.PLANS.clear()
        running.FILLED_IN.clear()
        running._structures = Structures()
    for n, values in expected.items():
        flambeau.manual_seed(n)
        assert flambeau.rand(n, n + 3).add(1).tolist() == values


def test_another_length_makes_no_code(width: Any) -> None:
    """Neighbouring lengths of a program with products, masks, positions and a choice are served by one plan and its code."""
    x, y = data(torch.float32)

    def program(t: Any, x: Any, n: int) -> Any:
        weights = x[:n] @ x[:n].mT
        weights = weights.masked_fill(t.ones(64, 64).tril()[:n, :n] == 0, -1e9).softmax(-1)
        found = weights @ x[:n]
        return found[n - 1] + found[t.arange(n) // 2].sum(0)

    for n in (33, 34):
        check(program, x, y, n)
    made = width.compiler.compiled + width.compiler.loaded
    for n in (35, 36, 38, 41, 40, 45, 52):
        check(program, x, y, n)
    assert width.compiler.compiled + width.compiler.loaded == made


def test_padding_batches_makes_no_plans() -> None:
    """Every batch of sentences has other lengths; what follows the padding is one program."""
    rng = np.random.default_rng(0)
    for batch in range(12):
        lengths = rng.integers(1, 30, 6)
        rows = [rng.integers(0, 90, n) for n in lengths]
        expected = torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=bool(batch % 2), padding_value=7)
        sequences = [flambeau.tensor(r.tolist()) for r in rows]
        plans = len(running.PLANS)
        found = flambeau.nn.utils.rnn.pad_sequence(sequences, batch_first=bool(batch % 2), padding_value=7)
        assert found.tolist() == expected.tolist() and len(running.PLANS) == plans
