"""Names that packages ask for while they are imported: what each is here, and what comes of using what isn't here."""

from __future__ import annotations

import importlib

import pytest
import torch

import flambeau


@pytest.mark.parametrize("name", ["uint16", "uint64", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"])
def test_dtypes_by_name_only(name):
    ours, theirs = getattr(flambeau, name), getattr(torch, name)
    assert (repr(ours), ours.itemsize, ours.is_floating_point, ours.is_signed) == (
        repr(theirs), theirs.itemsize, theirs.is_floating_point, theirs.is_signed
    )  # fmt: skip
    limits = "finfo" if theirs.is_floating_point else "iinfo"
    for field in ("bits", "min", "max", *(("eps", "tiny", "resolution") if limits == "finfo" else ())):
        assert getattr(getattr(flambeau, limits)(ours), field) == getattr(getattr(torch, limits)(theirs), field), field
    x = flambeau.ones(2)
    for make in (
        lambda: flambeau.zeros(2, dtype=ours),
        lambda: flambeau.tensor([1, 2], dtype=ours),
        lambda: flambeau.empty_like(x, dtype=ours),
        lambda: x.to(ours),
        lambda: x.sum(dtype=ours),
        lambda: flambeau.promote_types(ours, flambeau.int8),
        lambda: flambeau.nn.Linear(2, 2).to(ours) if ours.is_floating_point else x.type(ours),
    ):
        with pytest.raises(TypeError, match=name):
            make()


def test_the_default_dtype_is_one_that_tensors_have():
    with pytest.raises(TypeError, match="float8_e5m2"):
        flambeau.set_default_dtype(flambeau.float8_e5m2)
    assert flambeau.get_default_dtype() is flambeau.float32


@pytest.mark.parametrize("name", ["sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"])
def test_layouts(name):
    layout = getattr(flambeau, name)
    x = flambeau.ones(2)
    assert repr(layout) == repr(getattr(torch, name)) and x.layout is flambeau.strided and x.layout != layout
    for make in (lambda: flambeau.zeros(2, layout=layout), lambda: flambeau.rand_like(x, layout=layout)):
        with pytest.raises(NotImplementedError, match=name):
            make()
    assert flambeau.zeros(2, layout=flambeau.strided).tolist() == [0, 0]


def test_classes_of_what_is_not_here():
    """They stand in annotations and `isinstance`, and can't be made."""
    for made in (flambeau.cuda.Stream, flambeau.cuda.CUDAGraph, flambeau.cuda.graph):
        assert (made | None) and not isinstance(flambeau.ones(1), made)
        with pytest.raises(AssertionError, match=made.__name__):
            made()
    for made in (flambeau.jit.ScriptModule, flambeau.jit.ScriptFunction, flambeau.jit.RecursiveScriptModule):
        assert not isinstance(flambeau.jit.script(flambeau.nn.Linear(1, 1)), made)
        with pytest.raises(TypeError, match=made.__name__):
            made()


def program(m):
    """What packages do with such names."""
    dynamo = importlib.import_module(f"{m.__name__}._dynamo")
    annotations = importlib.import_module(f"{m.__name__}.jit.annotations")
    checkpoint = importlib.import_module(f"{m.__name__}.utils.checkpoint")

    def double(x):
        return x * 2

    double = dynamo.allow_in_graph(double)
    double.__annotations__["x"] = annotations.BroadcastingList2[int]

    x, y = checkpoint.detach_variable((m.ones(2, requires_grad=True) * 2, 3))
    found = [double(4), m.torch is m, x.is_leaf, x.requires_grad, y, *checkpoint.get_device_states(m.ones(1))]
    found += [m.serialization.DEFAULT_PROTOCOL, m.hub.get_dir() == m.hub._get_torch_home() + "/hub"]
    utils = importlib.import_module(f"{m.__name__}.distributions.utils")
    found += [utils._sum_rightmost(m.ones(2, 3, 4), 2).tolist(), tuple(utils._standard_normal((2, 3), m.float64, "cpu").shape)]
    return [*found, isinstance(m.__config__.show(), str)]


def test_names():
    assert program(flambeau) == program(torch)
    for m in (flambeau, torch):
        with pytest.raises(RuntimeError, match="Unsupported type for global function"):
            importlib.import_module(f"{m.__name__}.fx").wrap(3)


@pytest.mark.parametrize("m", [flambeau, torch], ids=["flambeau", "torch"])
def test_futures(m):
    futures = importlib.import_module(f"{m.__name__}.futures")
    assert issubclass(futures.Future, m.Future)
    first, second, failing = futures.Future(), futures.Future(), futures.Future()
    both = futures.collect_all([first, second])
    after = first.then(lambda done: done.value() + 1)
    seen = []
    second.add_done_callback(lambda done: seen.append(done.value()))
    assert not first.done() and not both.done()
    first.set_result(1)
    assert not both.done()
    second.set_result(5)
    assert after.wait() == 2 and seen == [5] and [f.value() for f in both.wait()] == [1, 5]
    assert futures.wait_all([first, second]) == [1, 5]
    with pytest.raises(RuntimeError, match="completed Future"):
        first.set_result(2)
    wrong = failing.then(lambda done: done.wait())
    failing.set_exception(ValueError("lost"))
    for future in (failing, wrong):
        with pytest.raises((ValueError, RuntimeError), match="lost"):
            future.wait()
    with pytest.raises(AssertionError, match="not an Exception"):
        futures.Future().set_exception("lost")


class Pair(dict):
    """A dict that is a container of its own kind."""


class Other(dict):
    """The same for PyTorch, whose registry is another."""


@pytest.mark.parametrize(("m", "kind"), [(flambeau, Pair), (torch, Other)], ids=["flambeau", "torch"])
def test_registered_containers(m, kind):
    """A class whose instances are taken apart and put together by functions of its own, also through `vmap` and `grad`."""
    pytree = importlib.import_module(f"{m.__name__}.utils._pytree")

    def put_together(values, keys):
        return kind(zip(keys, values))

    def take_apart(pair):
        return list(pair.values()), list(pair)

    pytree.register_pytree_node(
        kind, take_apart, put_together, serialized_type_name=f"tests.{kind.__name__}",
        flatten_with_keys_fn=pytree._dict_flatten_with_keys,
    )  # fmt: skip
    with pytest.raises(ValueError, match="already registered"):
        pytree.register_pytree_node(kind, take_apart, put_together)
    tree = {"a": kind(x=1, y=(2, 3)), "b": [4]}
    leaves, structure = pytree.tree_flatten(tree)
    again = pytree.tree_unflatten([10 * leaf for leaf in leaves], structure)
    assert leaves == [1, 2, 3, 4] and type(again["a"]) is kind and again == {"a": {"x": 10, "y": (20, 30)}, "b": [40]}
    assert pytree.tree_map(len, tree, is_leaf=lambda v: isinstance(v, (list, kind))) == {"a": 2, "b": 1}
    assert pytree._dict_flatten_with_keys({"k": 1})[0][0][0].key == "k"
    mapped = m.func.vmap(lambda p: kind(s=p["x"] + p["y"]))(kind(x=m.ones(3), y=m.arange(3.0)))
    assert type(mapped) is kind and mapped["s"].tolist() == [1, 2, 3]
    gradient = m.func.grad(lambda p: (p["x"] ** 2).sum())(kind(x=m.ones(2)))
    assert type(gradient) is kind and gradient["x"].tolist() == [2, 2]
