"""`torch.fx` against PyTorch's: the same program gives the same graph, and the graph's code the same values."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch

import flambeau

LIBRARIES = (torch, flambeau)


def block(library):
    """A module with submodules, a parameter, a buffer, branches on settings, and a dict as its result."""
    nn = library.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 5)
            self.scale = nn.Parameter(library.full((4,), 1.5))
            self.register_buffer("shift", library.ones(4))
            self.layers = nn.ModuleList([nn.Sequential(nn.Linear(5, 5), nn.ReLU()) for _ in range(2)])

        def forward(self, x, factor: float = 2.0, *, residual=True):
            y = self.linear(x * self.scale + self.shift)
            for layer in self.layers:
                y = y + layer(y) if residual is None else layer(y)
            rows, columns = y.shape[0], y.size(-1)
            return {"y": y.view(rows, columns) * factor, "n": library.cat([y, y], dim=1)[:, 1:3]}

    return Block()


def unpacked(library):
    def program(x):
        a, b, c = x.chunk(3)
        rows, columns = x.shape
        a += b
        return a * c, x.reshape(rows * columns)

    return program


def typed(x: int, y: list[int] | None = None) -> int:
    return x * 2


PROGRAMS = {
    "block": block,
    "signs": lambda library: (
        lambda x: (
            (
                1 - x,
                2 / x,
                x**2,
                2**x,
                x // 2,
                x % 2,
                -x,
                +x,
                ~(x > 0),
                abs(x),
                x @ x.T,
                x == 1,
                (x > 0) & (x < 1),
                1 | (x > 0).int(),
            )
        )
    ),
    "unpacked": unpacked,
    "indices": lambda library: lambda x: (x[0], x[:, 1:], x[..., None], x[0, 1], x[::2, [0, 1]]),
    "functions": lambda library: lambda x: library.stack([library.relu(x), library.exp(input=x)], 0).permute(1, 0, 2).sum((0, 1)),
    "own tensors": lambda library: lambda x: library.ones(4) + x * library.tensor([1.0, 2.0, 3.0, 4.0]),
    "numbers": lambda library: lambda x: x * math.sqrt(x.shape[1]) + math.pi - float("inf"),
    "methods": lambda library: lambda x: x.to(library.float64).masked_fill(x > 0, -1.0).type_as(x).transpose(0, 1).contiguous(),
    "where": lambda library: lambda x: library.where(x > 0, x, library.zeros_like(x)).clamp(min=0.0, max=1.0),
    "starred": lambda library: lambda x, *args, **kwargs: x,
    "typed": lambda library: typed,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_graph(name):
    code, values = [], []
    for library in LIBRARIES:
        library.manual_seed(0)
        traced = library.fx.symbolic_trace(PROGRAMS[name](library))
        code.append((traced.code, str(traced.graph)))
        x = library.arange(12.0).reshape(3, 4) / 7
        result = traced(x) if name != "starred" else traced(x, (), {})
        values.append(result if name != "block" else {k: tuple(v.shape) for k, v in result.items()})
    assert code[1] == code[0]
    if name == "block":
        assert values[1] == values[0]
        return
    ours, theirs = ((v if isinstance(v, tuple) else (v,)) for v in reversed(values))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


def test_a_traced_module_is_the_module():
    model = block(flambeau)
    traced = flambeau.fx.symbolic_trace(model)
    x = flambeau.randn(3, 4)
    assert {n for n, _ in traced.named_parameters()} == {n for n, _ in model.named_parameters()}
    assert traced.linear.weight is model.linear.weight and set(traced.state_dict()) == set(model.state_dict())
    for name, value in model(x).items():
        assert flambeau.equal(traced(x)[name], value)
    copied = copy.deepcopy(traced)
    assert copied.code == traced.code and copied.linear.weight is not traced.linear.weight
    again = pickle.loads(pickle.dumps(traced))
    assert again.code == traced.code and flambeau.equal(again(x)["y"], traced(x)["y"])
    assert flambeau.fx.symbolic_trace(traced).code == traced.code


@pytest.mark.parametrize("kind", ["if", "for", "len"])
def test_what_asks_for_values_is_an_error(kind):
    programs = {"if": lambda x: 1 if x.sum() > 0 else 2, "for": lambda x: [y for y in x], "len": lambda x: len(x)}  # noqa: C416
    raised = []
    for library in LIBRARIES:
        with pytest.raises((ValueError, RuntimeError)) as error:
            library.fx.symbolic_trace(programs[kind])
        raised.append((type(error.value).__name__, str(error.value)))
    assert raised[1] == raised[0]
    assert flambeau.nn.Linear(2, 2)(flambeau.ones(2)).shape == (2,)  # nothing of the trace is left


def test_arguments_that_are_fixed():
    def program(x, twice=True, n=2):
        return x * n if twice else x

    code = []
    for library in LIBRARIES:
        traced = library.fx.symbolic_trace(program, concrete_args={"twice": True, "n": 3})
        code.append(traced.code)
        assert traced(library.ones(2), True, 3).tolist() == [3.0, 3.0]
        with pytest.raises(AssertionError, match="n has been specialized to have value 3 but got another value"):
            traced(library.ones(2), True, 4)
    assert code[1] == code[0]


def changes(library):
    """The ways in which programs change graphs: targets, nodes put in and taken out, proxies, patterns, transformers."""
    fx, x, found = library.fx, library.arange(4.0), []
    traced = fx.symbolic_trace(lambda x, y: library.add(x, y).relu())
    node = traced.graph.find_nodes(op="call_function", target=library.add)[0]
    node.target = library.mul
    with traced.graph.inserting_after(node):
        further = traced.graph.call_function(library.neg, (node,))
        node.replace_all_uses_with(further, lambda user: user is not further)
    with pytest.raises(RuntimeError, match="Tried to erase Node add but it still had 1 users"):
        traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()
    found += [traced.code, traced(x, x - 2).tolist()]

    graph = fx.Graph()
    a, b = graph.placeholder("a"), fx.Proxy(graph.placeholder("b"))
    shifted = library.nn.functional.dropout(library.relu(b), p=0.0, training=True, inplace=False) + fx.Proxy(a) * 2
    graph.output(library.cat([shifted, b]).node)
    module = fx.GraphModule({}, graph)
    found += [module.code, module(x, x - 2).tolist(), str(module)]

    traced = fx.symbolic_trace(lambda x: library.cat([x.sigmoid() * 2, x.sigmoid() * 3]))
    matches = fx.replace_pattern(traced, lambda a: a.sigmoid(), lambda a: a.tanh() + 1)
    found += [len(matches), traced.code]

    class Swapped(fx.Transformer):
        def call_function(self, target, args, kwargs):
            if target is library.sigmoid:
                return library.neg(*args, **kwargs)
            return super().call_function(target, args, kwargs)

    changed = Swapped(fx.symbolic_trace(lambda x: library.sigmoid(x).neg() + 1)).transform()
    found += [changed.code, changed(x).tolist()]

    unused = fx.symbolic_trace(lambda x: (x + 1, x * 2)[1])
    found += [unused.graph.eliminate_dead_code(), str(unused.graph), len(unused.graph.nodes)]
    node = unused.graph.find_nodes(op="placeholder")[0]
    return [*found, node.name, [n.name for n in node.users], unused.graph.output_node().args[0].all_input_nodes[0] is node]


def test_graphs_are_changed():
    assert changes(flambeau) == changes(torch)


def interpreted(library, propagation):
    traced = library.fx.symbolic_trace(library.nn.Sequential(library.nn.Conv2d(3, 4, 3, stride=2), library.nn.Flatten()))
    x, called = library.ones(2, 3, 8, 8), []
    propagation(traced).propagate(x)

    class Watched(library.fx.Interpreter):
        def call_module(self, target, args, kwargs):
            called.append(target)
            return super().call_module(target, args, kwargs)

    assert library.equal(Watched(traced).run(x), traced(x)) and called == ["0", "1"]
    with pytest.raises(RuntimeError, match="Expected positional argument for parameter"):
        library.fx.Interpreter(traced).run()
    metas = [node.meta["tensor_meta"] for node in traced.graph.nodes]
    return [(tuple(m.shape), m.stride, str(m.dtype), m.requires_grad, str(m.memory_format)) for m in metas]


def test_interpreter_and_shapes():
    from torch.fx.passes.shape_prop import ShapeProp as theirs

    from flambeau.fx.passes.shape_prop import ShapeProp as ours

    assert interpreted(flambeau, ours) == interpreted(torch, theirs)


HELPED = """
def helped(x):
    return x if x.sum() > 0 else -x

torch.fx.wrap("helped")
torch.fx.wrap("len")

def program(x):
    return helped(x) * len(x)
"""


def with_leaves(library):
    """The graph of a tracer that says what is entered, and of a module that says which functions aren't."""

    class Whole(library.fx.Tracer):
        def is_leaf_module(self, m, module_qualified_name):
            return isinstance(m, library.nn.Sequential)

    module = {"__name__": "helper", "torch": library}
    exec(HELPED, module)
    traced = library.fx.symbolic_trace(module["program"])
    assert traced(-library.ones(2)).tolist() == [2.0, 2.0] and "len" not in module
    with pytest.raises(NotImplementedError, match="top level of a module"):
        library.fx.wrap("helped")
    return str(Whole().trace(block(library))), traced.code, str(traced.graph)


def test_what_is_not_entered():
    ours = with_leaves(flambeau)
    theirs = tuple(text.replace("torch._C._nn.linear", "torch.nn.functional.linear") for text in with_leaves(torch))
    assert ours == theirs and "call_module[target=layers.0]" in ours[0]


def test_unchangeable_arguments():
    traced = flambeau.fx.symbolic_trace(lambda x: flambeau.cat([x, x], 0))
    node = traced.graph.find_nodes(op="call_function", target=flambeau.cat)[0]
    with pytest.raises(TypeError, match="'immutable_list' object does not support mutation"):
        node.args[0].append(1)
    node.args = (node.args[0], 1)
    node.update_arg(0, [*node.args[0], node.args[0][0]])
    traced.recompile()
    assert traced(flambeau.ones(2, 1)).shape == (2, 3)


@pytest.mark.parametrize("library", LIBRARIES)
def test_proxies_that_a_function_takes_apart_are_recorded(library):
    traced = library.fx.symbolic_trace(lambda x, y: library.broadcast_tensors(x[..., :1], y[..., :1])[0])
    assert traced(library.ones(3, 2), library.ones(4, 1, 2)).shape == (4, 3, 1)


def test_einsum_of_a_list_is_a_call_of_its_operands():
    codes = []
    for m in (torch, flambeau):

        def product(x, y):
            return m.einsum("ij,jk->ik", [x, y]) + m.einsum(x, [0, 1], y, [1, 2], [0, 2])  # noqa: B023 - called in this round

        traced = m.fx.symbolic_trace(product)
        codes.append(traced.code.replace("torch.functional.", "torch."))
        assert traced(m.ones(2, 3), m.ones(3, 2)).tolist() == [[6.0, 6.0]] * 2
    assert codes[0] == codes[1]
