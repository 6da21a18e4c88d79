"""`x[index]` and `x[index] = value` against PyTorch, for drawn indices of every kind."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau
from tests.helpers.oracle import check, check_gradients, compare, to_flambeau

SHAPES = st.lists(st.integers(0, 4), min_size=0, max_size=4).map(tuple)


@st.composite
def slices(draw: st.DrawFn, size: int) -> slice:
    bound = st.none() | st.integers(-size - 2, size + 2)
    return slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3)))


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """An index of a tensor of that shape: basic items, lists, integer tensors that broadcast, and masks; now and
    then a wrong one."""
    items: list[Any] = []
    common = draw(st.sampled_from([(), (1,), (3,), (2, 3)]))
    dim = 0
    ellipsis = draw(st.integers(0, 8))
    while dim < len(shape):
        if len(items) == ellipsis:
            items.append(Ellipsis)
            dim += draw(st.integers(0, len(shape) - dim))
            ellipsis = -1
            continue
        size = shape[dim]
        kind = draw(
            st.sampled_from(["int", "slice", "slice", "all", "none", "tensor", "list", "mask", "wide mask", "bool", "stop"])
        )
        low, high = (-size, size - 1) if size else (0, 0)
        if draw(st.integers(0, 40)) == 0:
            high += 1
        if kind == "int":
            items.append(draw(st.integers(low, high)))
        elif kind == "slice":
            items.append(draw(slices(size)))
        elif kind == "all":
            items.append(slice(None))
        elif kind == "none":
            items.append(None)
            continue
        elif kind == "tensor":
            part = draw(st.sampled_from([common, common[1:], (1,)]))
            n = int(torch.Size(part).numel())
            values = draw(st.lists(st.integers(low, high), min_size=n, max_size=n))
            items.append(torch.tensor(values, dtype=draw(st.sampled_from([torch.int64, torch.int32]))).reshape(part))
        elif kind == "list":
            n = common[-1] if common else 1
            items.append(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))
        elif kind in ("mask", "wide mask"):
            count = min(2, len(shape) - dim) if kind == "wide mask" else 1
            part = shape[dim : dim + count]
            n = int(torch.Size(part).numel())
            items.append(torch.tensor(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=torch.bool).reshape(part))
            dim += count
            continue
        elif kind == "bool":
            items.append(draw(st.booleans()))
            continue
        else:
            break
        dim += 1
    if len(items) == 1 and draw(st.booleans()) and not isinstance(items[0], list):
        return items[0]
    return tuple(items)


def _tensor(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return (torch.arange(torch.Size(shape).numel()) + 1).to(dtype).reshape(shape)


def get(x: Any, index: Any) -> Any:
    return x[index]


def put(x: Any, index: Any, value: Any) -> Any:
    x = x.clone()
    x[index] = value
    return x


@given(data=st.data(), shape=SHAPES)
def test_get(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    index = data.draw(indices(shape))
    x = _tensor(shape)
    if len(shape) >= 2 and data.draw(st.booleans()):
        x = _tensor((shape[1], shape[0], *shape[2:])).transpose(0, 1)
    check(get, get, (x, index), device=device)


@given(data=st.data(), shape=SHAPES)
def test_put(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    index = data.draw(indices(shape))
    x = _tensor(shape)
    try:
        found = tuple(x[index].shape)
    except Exception:
        found = shape
    kind = data.draw(st.sampled_from(["number", "scalar", "whole", "broadcast", "leading ones", "wrong"]))
    value: Any = 0.5
    if kind == "scalar":
        value = torch.tensor(0.5, dtype=torch.float64)
    elif kind == "whole":
        value = -_tensor(found)
    elif kind == "broadcast":
        value = -_tensor(found[1:])
    elif kind == "leading ones":
        value = -_tensor((1, *found))
    elif kind == "wrong":
        value = -_tensor((*found, 2))
    places = [i for i in (index if isinstance(index, tuple) else (index,)) if isinstance(i, (list, torch.Tensor))]
    if kind != "number" and any(isinstance(i, list) or i.dtype != torch.bool for i in places):
        value = value if kind in ("scalar", "wrong") else torch.full_like(value, 0.5)  # which of several writes wins is not said
    check(put, put, (x, index, value), device=device)


@given(data=st.data(), shape=SHAPES)
def test_gradients_of_get(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    index = data.draw(indices(shape))
    x = _tensor(shape)
    try:
        x[index]
    except Exception:
        return
    check_gradients(lambda x: x[_mine(index, device)] ** 2, lambda x: x[index] ** 2, (x,), device=device)


def _mine(index: Any, device: str) -> Any:
    from tests.helpers.oracle import translate

    return translate(index, device)


def test_gradients_of_put(device: str) -> None:
    def step(x: Any, v: Any) -> Any:
        y = x * 2
        y[1:, 0] = v
        y[0] = 3.0
        return y * y

    check_gradients(step, step, (_tensor((3, 2)), _tensor((2,))), device=device)


def test_gradients_of_put_at_positions(device: str) -> None:
    places = torch.tensor([2, 0])

    def run(places: Any) -> Any:
        def step(x: Any, v: Any) -> Any:
            y = x * 2
            y[places] = v
            return y * y

        return step

    check_gradients(run(_mine(places, device)), run(places), (_tensor((3, 2)), _tensor((2, 2))), device=device)


@pytest.mark.parametrize(
    "index",
    [
        (0, 0, 0), slice(None, None, -1), slice(None, None, 0), 5, -4, "a", 1.5, (slice(None), 2), torch.tensor([1.5]),
        torch.tensor([True, False]), torch.tensor([5]), (Ellipsis, Ellipsis, 0), torch.zeros(3, 3, dtype=torch.bool), (None, 3),
        torch.tensor([0, 1], dtype=torch.uint8), slice(0.5, None), ([0, 1], [0, 1, 2]),
    ],
    ids=str,
)  # fmt: skip
def test_errors(device: str, index: Any) -> None:
    check(get, get, (_tensor((3, 2)), index), device=device)
    check(put, put, (_tensor((3, 2)), index, 0.0), device=device)


@pytest.mark.parametrize("index", [(..., ...), (..., ..., 0), (..., 1, ...), (None, ..., ...), (..., ..., None)], ids=str)
def test_several_ellipses(device: str, index: Any) -> None:
    """Each stands for as many dimensions as have no item of their own."""
    check(get, get, (_tensor((2, 3, 4)), index), device=device)


def test_zero_dimensional(device: str) -> None:
    for index in (0, Ellipsis, None, True, False, torch.tensor(True), (), slice(None)):
        check(get, get, (torch.tensor(2.0), index), device=device)


def test_values(device: str) -> None:
    """What may be assigned: numbers convert, tensors of other dtypes only where PyTorch lets them."""
    for dtype in (torch.float32, torch.int64, torch.bool):
        for value in (1, 2.5, True, torch.tensor(1.5), torch.tensor([2], dtype=torch.int32), [1], "a", float("inf")):
            for index in (0, slice(1), torch.tensor([0]), torch.tensor([True, False, True])):
                check(put, put, (torch.zeros(3, dtype=dtype), index, value), device=device)


@settings(max_examples=40)
@given(data=st.data())
def test_advanced_results_lie_in_memory_as_pytorchs(device: str, data: st.DataObject) -> None:
    """Values, strides, and no views: a result is memory of its own."""
    shape = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    order = data.draw(st.permutations(range(len(shape))))
    index: list[Any] = []
    for size in shape:
        places = st.lists(st.integers(-size, size - 1), min_size=2, max_size=2)
        index.append(data.draw(st.one_of(st.just(slice(None)), places, st.lists(places, min_size=3, max_size=3))))
    if all(isinstance(i, slice) for i in index):
        index[0] = [0, 1]
    back = [order.index(d) for d in range(len(shape))]
    x = torch.arange(1.0, 1 + math.prod(shape)).reshape([shape[d] for d in order]).permute(back)
    expected = x[tuple(torch.tensor(i) if isinstance(i, list) else i for i in index)]
    mine = to_flambeau(x, device)
    found = mine[tuple(flambeau.tensor(i) if isinstance(i, list) else i for i in index)]
    compare(found, expected)
    assert found._base is None
    found.add_(1)
    compare(mine, x)


def _numbers_written(t: Any, device: str) -> list[Any]:
    """Single numbers written to memory that nothing else knows, and that views, lazy results, copies and others know."""
    found: list[Any] = []
    x = t.zeros(4, 4, device=device)
    doubled, row = x * 2, x[1]
    x[1, 2], x[0, 0] = 3.0, 7
    found += [x.tolist(), doubled.tolist(), row.tolist()]
    later, total = x + 1, x.sum()
    x[1, 1], x[2, -1] = 5.0, 6.0
    found += [later.tolist(), total.item(), x.tolist(), row[1].item()]
    same, copy, flat = x.detach(), x.clone(), x.view(-1)
    x[0, 1] = 9.0
    flat[3] = 4.0
    x[3, 0] += 2
    found += [same.tolist(), copy.tolist(), x.tolist(), flat.tolist(), x._version]
    whole, truth = t.zeros(3, dtype=t.int64, device=device), t.zeros(3, dtype=t.bool, device=device)
    whole[1], truth[2] = 5, True
    whole[2] += 3
    found += [whole.tolist(), truth.tolist()]
    w = t.ones(3, device=device, requires_grad=True)
    factor = t.ones(3, device=device)
    product = (w * factor).sum()
    factor[0] = 2.0
    try:
        product.backward()
    except RuntimeError:
        found.append("written since")
    written = w * 2
    written[1] = 4.0
    written.sum().backward()
    found += [w.grad.tolist()]
    with pytest.raises(IndexError):
        x[0, 4] = 1.0
    with pytest.raises(RuntimeError):
        t.zeros(2, dtype=t.uint8, device=device)[0] = 300
    return found


def test_numbers_written(device: str) -> None:
    assert _numbers_written(flambeau, device) == _numbers_written(torch, "cpu")


def _rows_read(t: Any, device: str) -> list[Any]:
    """Rows of memory that is computed, read, copied, and written afterwards."""
    x = t.arange(24.0, device=device).reshape(6, 4) + 0.5
    found: list[Any] = [x[2, 1].item()]
    rows = [x[i] for i in (3, 1, 5)]
    found += [t.stack(rows).sum(0).tolist(), [row.max().item() for row in rows]]
    copy, square = x[2].clone(), x[3].view(2, 2).clone()
    copy += 1
    square[0, 0] = 99.0
    found += [copy.tolist(), square.tolist(), x.tolist()]
    rows[1].mul_(2)
    found += [row.tolist() for row in rows]
    rows[2] += rows[0]
    found += [x.tolist(), rows[2].tolist(), (x[4:] @ x[:2].T).tolist(), x[1:3, :2].tolist()]
    return found


def test_rows_of_computed_memory(device: str) -> None:
    assert _rows_read(flambeau, device) == _rows_read(torch, "cpu")


def test_a_copied_row_has_its_own_memory() -> None:
    x = flambeau.arange(12.0).reshape(3, 4) + 0
    for copy in (x[1].clone(), x[1].view(2, 2).clone()):
        array = copy.numpy()
        array[...] = -1
        assert x[1].tolist() == [4, 5, 6, 7]
