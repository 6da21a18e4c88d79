"""Module itself beside PyTorch's: registration, state_dicts, hooks, conversions, containers, and the texts of errors.

Most tests run one program on both libraries and compare what it returns.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import OrderedDict
from typing import NamedTuple

import pytest
import torch

import flambeau


def both(program):
    """What `program(library)` gives, or raises, in flambeau; checked to be what it gives in PyTorch. Errors may say more."""
    found = []
    for library in (flambeau, torch):
        library.manual_seed(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = plain(program(library))
            except Exception as error:
                text = error.args[0] if isinstance(error, KeyError) else str(error)
                kind = next(c for c in type(error).__mro__ if c.__module__ == "builtins")
                result = Raised(kind.__name__, names(text))
        found.append((result, [names(str(w.message)) for w in caught if "nested_tensor" not in str(w.message)]))
    (ours, warned), (theirs, expected) = found
    assert ours == theirs or (isinstance(ours, Raised) and isinstance(theirs, Raised) and ours.says_more_than(theirs))
    assert warned == expected
    return ours


class Raised(NamedTuple):
    kind: str
    text: str

    def says_more_than(self, other):
        return self.kind == other.kind and self.text.startswith(other.text)


def names(text):
    return str(text).replace("flambeau.", "torch.")


def plain(value):
    if isinstance(value, (flambeau.Tensor, torch.Tensor)):
        return str(value.dtype), value.tolist(), value.requires_grad
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (flambeau.nn.Module, torch.nn.Module)):
        return repr(value)
    return value if isinstance(value, (int, float, bool, str, type(None))) else names(repr(value))


def net(lib):
    """A small network with ones as weights."""

    class Block(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = lib.nn.Linear(2, 2)
            self.norm = lib.nn.BatchNorm1d(2)
            self.register_buffer("scale", lib.ones(2))
            self.register_buffer("hidden", lib.ones(1), persistent=False)
            self.bare = lib.nn.Parameter(lib.ones(2))
            self.register_parameter("absent", None)

        def forward(self, x):
            return self.norm(self.fc(x)) * self.scale + self.bare

        def extra_repr(self):
            return "two\nlines"

    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = Block()
            self.again = self.first
            self.none = None
            self.list = lib.nn.ModuleList([lib.nn.ReLU(), lib.nn.ReLU(), lib.nn.Linear(2, 1), lib.nn.ReLU()])
            self.dict = lib.nn.ModuleDict({"a": lib.nn.Tanh(), "b": Block()})

        def forward(self, x):
            return self.list[2](self.dict["b"](self.first(x)))

    module = Net()
    with lib.no_grad():
        for i, p in enumerate(module.parameters()):
            p.fill_(0.5 + i)
    return module


def test_repr_and_walks():
    both(net)
    both(lambda lib: [name for name, _ in net(lib).named_parameters()])
    both(lambda lib: [name for name, _ in net(lib).named_parameters("p", remove_duplicate=False)])
    both(lambda lib: [name for name, _ in net(lib).named_parameters(recurse=False)])
    both(lambda lib: [name for name, _ in net(lib).named_buffers()])
    both(lambda lib: [name for name, _ in net(lib).named_modules()])
    both(lambda lib: [name for name, _ in net(lib).named_modules(prefix="x", remove_duplicate=False)])
    both(lambda lib: [name for name, _ in net(lib).named_children()])
    both(lambda lib: [len(list(f())) for m in [net(lib)] for f in (m.parameters, m.buffers, m.modules, m.children)])
    both(lambda lib: {"fc", "bare", "scale", "forward"} <= set(dir(net(lib).first)))


def test_by_name():
    for call in (
        lambda m: m.get_submodule("list.2"),
        lambda m: m.get_submodule(""),
        lambda m: m.get_submodule("list.7"),
        lambda m: m.get_submodule("first.scale"),
        lambda m: m.get_parameter("first.bare"),
        lambda m: m.get_parameter("first.scale"),
        lambda m: m.get_parameter("first.nothing"),
        lambda m: m.get_buffer("first.scale"),
        lambda m: m.get_buffer("first.bare"),
        lambda m: m.get_buffer("nothing"),
        lambda m: m.set_submodule("list.2", m.first) or m,
        lambda m: m.set_submodule("list.new", m.first, strict=True),
        lambda m: m.set_submodule("first.scale", m.first),
        lambda m: m.set_submodule("", m.first),
        lambda m: m.set_submodule("list.2", 3),
    ):
        both(lambda lib, call=call: call(net(lib)))


def test_attributes():
    for call in (
        lambda lib, m: setattr(m.first, "bare", 3),
        lambda lib, m: setattr(m.first, "bare", None) or m.first.bare,
        lambda lib, m: setattr(m.first, "bare", lib.ones(1)),
        lambda lib, m: setattr(m.first, "scale", "x"),
        lambda lib, m: setattr(m.first, "scale", lib.zeros(3)) or list(m.first.state_dict()),
        lambda lib, m: setattr(m.first, "scale", None) or list(m.first.state_dict()),
        lambda lib, m: setattr(m.first, "fc", 3),
        lambda lib, m: setattr(m.first, "fc", None) or m,
        lambda lib, m: setattr(m.first, "fc", lib.nn.Parameter(lib.ones(1))) or list(m.first.state_dict()),
        lambda lib, m: setattr(m.first, "scale", lib.nn.Parameter(lib.ones(1))) or list(m.first.state_dict()),
        lambda lib, m: setattr(m.first, "bare", lib.nn.ReLU()),
        lambda lib, m: setattr(m.first, "new", lib.nn.Buffer(lib.ones(1))) or list(m.first.state_dict()),
        lambda lib, m: setattr(m.first, "new", lib.nn.Buffer(lib.ones(1), persistent=False)) or list(m.first.state_dict()),
        lambda lib, m: setattr(m.first, "plain", 5) or m.first.plain,
        lambda lib, m: m.first.nothing,
        lambda lib, m: delattr(m.first, "bare") or list(m.first.state_dict()),
        lambda lib, m: delattr(m.first, "hidden") or [n for n, _ in m.first.named_buffers()],
        lambda lib, m: delattr(m.first, "fc") or m.first,
        lambda lib, m: delattr(m.first, "nothing"),
        lambda lib, m: m.register_buffer("a.b", None),
        lambda lib, m: m.register_buffer("", None),
        lambda lib, m: m.register_buffer("first", None),
        lambda lib, m: m.register_buffer(3, None),
        lambda lib, m: m.register_buffer("new", 3),
        lambda lib, m: m.register_parameter("a.b", None),
        lambda lib, m: m.register_parameter("", None),
        lambda lib, m: m.register_parameter("forward", None),
        lambda lib, m: m.register_parameter("new", lib.ones(1)),
        lambda lib, m: m.register_parameter("new", lib.nn.Parameter(lib.ones(1)) * 2),
        lambda lib, m: m.add_module("a.b", None),
        lambda lib, m: m.add_module("", None),
        lambda lib, m: m.add_module("forward", lib.nn.ReLU()),
        lambda lib, m: m.add_module("new", 3),
        lambda lib, m: m.add_module(3, lib.nn.ReLU()),
        lambda lib, m: lib.nn.Module(3),
        lambda lib, m: lib.nn.Module(a=3),
        lambda lib, m: lib.nn.Module()(3),
    ):
        both(lambda lib, call=call: call(lib, net(lib)))


def test_before_init():
    def program(lib, value):
        class Early(lib.nn.Module):
            def __init__(self):
                self.x = value(lib)

        return Early()

    both(lambda lib: program(lib, lambda lib: lib.nn.Parameter(lib.ones(1))))
    both(lambda lib: program(lib, lambda lib: lib.nn.ReLU()))


def test_state_dicts():
    both(lambda lib: net(lib).state_dict())
    both(lambda lib: net(lib).state_dict(prefix="p.", keep_vars=True))
    both(lambda lib: net(lib).state_dict()._metadata)
    both(lambda lib: type(net(lib).state_dict()).__name__)

    def shares(lib):
        m = net(lib)
        m.state_dict()["first.bare"].fill_(9)
        return m.first.bare

    both(shares)


CHANGES = {
    "nothing": lambda lib, s: None,
    "missing": lambda lib, s: s.pop("first.bare"),
    "unexpected": lambda lib, s: s.update({"x": lib.ones(1), "list.2.y": lib.ones(1), "first.z.w": lib.ones(1)}),
    "shape": lambda lib, s: s.update({"first.fc.weight": lib.ones(3, 2), "list.2.bias": lib.ones(4)}),
    "no tensor": lambda lib, s: s.update({"first.fc.bias": 3}),
    "all": lambda lib, s: (s.pop("list.2.bias"), s.update({"q": lib.ones(1), "first.bare": lib.ones(5)})),
    "dtype": lambda lib, s: s.update({"first.bare": lib.tensor([1, 2])}),
    "scalar": lambda lib, s: s.update({"first.norm.num_batches_tracked": lib.tensor([4])}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("options", [{}, {"strict": False}, {"assign": True}])
def test_load_state_dict(change, options):
    def program(lib):
        source, target = net(lib), net(lib)
        with lib.no_grad():
            for p in source.parameters():
                p.mul_(3)
        state = source.state_dict()
        CHANGES[change](lib, state)
        try:
            return target.load_state_dict(state, **options), target.state_dict(), [p.requires_grad for p in target.parameters()]
        except RuntimeError as error:
            return str(error), target.state_dict()

    both(program)


def test_load_state_dict_of_something_else():
    both(lambda lib: net(lib).load_state_dict([1]))
    both(lambda lib: str(net(lib).load_state_dict({}, strict=False))[:30])


def test_extra_state():
    def program(lib, load=None):
        class Extra(lib.nn.Linear):
            def get_extra_state(self):
                return {"n": 3}

            def set_extra_state(self, state):
                self.seen = state

        m = lib.nn.Sequential(Extra(1, 1))
        state = m.state_dict()
        if load:
            load(state)
        m.load_state_dict(state)
        return list(state), m[0].seen

    both(program)
    both(lambda lib: program(lib, lambda s: s.pop("0._extra_state")))
    both(lambda lib: lib.nn.Linear(1, 1).load_state_dict({**lib.nn.Linear(1, 1).state_dict(), "_extra_state": 3}))


def test_state_dict_hooks():
    def program(lib):
        seen = []
        m = net(lib)
        m.first.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append(("pre", prefix, keep)))
        m.first.register_state_dict_post_hook(lambda module, state, prefix, meta: seen.append((len(state), prefix, meta)))
        m._register_state_dict_hook(lambda module, state, prefix, meta: OrderedDict(a=1))
        m.first.register_load_state_dict_pre_hook(
            lambda module, state, prefix, *rest: seen.append((type(module).__name__, prefix))
        )
        m.first.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
        result = m.load_state_dict(net(lib).state_dict())
        return m.state_dict(), result, seen

    both(program)

    def bad(lib):
        m = net(lib)
        m.register_state_dict_post_hook(lambda *args: 3)
        return m.state_dict()

    both(bad)


def test_conversions():
    for call in (
        lambda lib, m: m.double(),
        lambda lib, m: m.half(),
        lambda lib, m: m.bfloat16(),
        lambda lib, m: m.to(lib.float64),
        lambda lib, m: m.to("cpu", lib.float16),
        lambda lib, m: m.to(lib.ones(1, dtype=lib.float64)),
        lambda lib, m: m.to(dtype=lib.float64, device="cpu"),
        lambda lib, m: m.type(lib.float64),
        lambda lib, m: m.cpu(),
        lambda lib, m: m.float(),
        lambda lib, m: m.requires_grad_(False),
        lambda lib, m: m.eval(),
        lambda lib, m: m.to(lib.int64),
        lambda lib, m: m.train(3),
    ):

        def program(lib, call=call):
            m = net(lib)
            m(lib.ones(3, 2)).sum().backward()
            before = list(m.parameters())
            m = call(lib, m)
            same = [a is b for a, b in zip(before, m.parameters())]
            dtypes = {name: str(p.dtype) for name, p in [*m.named_parameters(), *m.named_buffers()]}
            flags = [(p.requires_grad, p.is_leaf, None if p.grad is None else str(p.grad.dtype)) for p in m.parameters()]
            return same, dtypes, flags, [x.training for x in m.modules()]

        both(program)


def test_zero_grad_and_apply():
    def program(lib):
        m = net(lib)
        m(lib.ones(3, 2)).sum().backward()
        m.zero_grad(set_to_none=False)
        zeros = [p.grad for p in m.parameters() if p.grad is not None]
        m.zero_grad()
        seen = []
        m.apply(lambda x: seen.append(type(x).__name__))
        return zeros, [p.grad for p in m.parameters()], seen

    both(program)


def test_forward_hooks():
    def program(lib):
        m, seen = lib.nn.Linear(2, 1), []
        with lib.no_grad():
            m.weight.fill_(1)
            m.bias.fill_(0)
        x = lib.ones(1, 2)
        handles = [
            m.register_forward_pre_hook(lambda mod, args: seen.append(["pre", args])),
            m.register_forward_pre_hook(lambda mod, args: args[0] * 2),
            m.register_forward_pre_hook(lambda mod, args, kwargs: ((args[0] + 1,), kwargs), with_kwargs=True, prepend=True),
            m.register_forward_hook(lambda mod, args, out: seen.append(["post", args, out])),
            m.register_forward_hook(lambda mod, args, out: out + 10),
            m.register_forward_hook(lambda mod, args, kwargs, out: seen.append([kwargs, out]), with_kwargs=True),
        ]
        first = m(x)
        for handle in handles:
            handle.remove()
        return first, m(x), seen

    both(program)

    def bad(lib):
        m = lib.nn.ReLU()
        m.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
        return m(lib.ones(1))

    both(bad)


def test_always_called_hooks():
    def program(lib):
        class Bad(lib.nn.Module):
            def forward(self, x):
                raise ValueError("no")

        m, seen = Bad(), []
        m.register_forward_hook(lambda *a: seen.append("never"))
        m.register_forward_hook(lambda mod, args, out: seen.append(["always", out]), always_call=True)
        try:
            m(3)
        except ValueError as error:
            seen.append(str(error))
        return seen

    both(program)


def test_backward_hooks():
    def program(lib, requires_grad=True):
        m, seen = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Tanh(), lib.nn.Linear(2, 1)), []
        with lib.no_grad():
            for i, p in enumerate(m.parameters()):
                p.fill_(0.1 * (i + 1))
        m[0].register_full_backward_hook(lambda mod, gi, go: seen.append(["0", gi, go]))
        m[1].register_full_backward_hook(lambda mod, gi, go: (gi[0] * 2,))
        m[1].register_full_backward_pre_hook(lambda mod, go: (go[0] + 1,))
        m[2].register_full_backward_pre_hook(lambda mod, go: seen.append(["pre", go]))
        x = lib.ones(1, 2, requires_grad=requires_grad)
        m(x).sum().backward()
        return x.grad, [p.grad for p in m.parameters()], seen

    found = both(lambda lib: rounded(program(lib)))
    assert len(found[2]) == 2
    both(lambda lib: rounded(program(lib, False)))

    def wrong(lib):
        m = lib.nn.ReLU()
        m.register_full_backward_hook(lambda mod, gi, go: (None, None))
        x = lib.ones(1, requires_grad=True)
        m(x).backward()

    both(wrong)

    def mixed(lib):
        m = lib.nn.ReLU()
        m.register_full_backward_hook(lambda *a: None)
        m.register_backward_hook(lambda *a: None)

    both(mixed)


def test_hooks_run_in_order():
    """A leaf's run as soon as its last gradient is there, before those of modules further on."""

    def program(lib):
        nn, seen = lib.nn, []
        layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True)
        m = nn.Sequential(nn.Conv1d(3, 3, 1), nn.BatchNorm1d(3), nn.ReLU(), layer, nn.Linear(4, 2), nn.PReLU(), nn.GRUCell(2, 2))
        for name, p in m.named_parameters():
            p.register_hook(lambda g, name=name: seen.append("gradient of " + name))
            p.register_post_accumulate_grad_hook(lambda q, name=name: seen.append("accumulated " + name))
        for name, module in m[:3].named_modules():
            own = list(module.parameters(recurse=False))
            module.register_full_backward_pre_hook(lambda mod, go, name=name: seen.append("before " + name))
            module.register_full_backward_hook(
                lambda mod, gi, go, name=name, own=own: seen.append(["after " + name, [p.grad is not None for p in own]])
            )
        x = lib.ones(2, 3, 4, requires_grad=True)
        x.register_hook(lambda g: seen.append("gradient of x"))
        y = m[:-1](x)
        y.register_hook(lambda g: seen.append("gradient of y"))
        twice = (m[0].weight ** 2).sum() + m[0].weight.sum()
        (m[-1](y.flatten(0, 1)).sum() + twice).backward()
        return seen

    both(program)


def rounded(value):
    value = plain(value)
    if isinstance(value, float):
        return round(value, 5)
    return [rounded(v) for v in value] if isinstance(value, list) else value


def test_several_inputs_and_outputs_under_backward_hooks():
    def program(lib):
        class Two(lib.nn.Module):
            def forward(self, a, b, n):
                return a * b * n, a + b, "text"

        m, seen = Two(), []
        m.register_full_backward_hook(lambda mod, gi, go: seen.append([gi, go]))
        a, b = lib.ones(2, requires_grad=True), lib.ones(2)
        x, y, _ = m(a, b, 3)
        (x + 2 * y).sum().backward()
        return seen, a.grad

    both(program)


def test_global_hooks():
    def program(lib):
        from importlib import import_module

        module, seen = import_module(f"{lib.__name__}.nn.modules.module"), []
        handles = [
            module.register_module_forward_pre_hook(lambda m, args: seen.append("pre " + type(m).__name__)),
            module.register_module_forward_hook(lambda m, args, out: seen.append("post " + type(m).__name__)),
            module.register_module_full_backward_hook(lambda m, gi, go: seen.append("backward " + type(m).__name__)),
            module.register_module_parameter_registration_hook(lambda m, name, p: seen.append("parameter " + name)),
            module.register_module_buffer_registration_hook(lambda m, name, p: seen.append("buffer " + name)),
            module.register_module_module_registration_hook(lambda m, name, p: seen.append("module " + name)),
        ]
        try:
            net(lib)(lib.ones(2, 2, requires_grad=True)).sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        count = len(seen)
        net(lib)(lib.ones(2, 2))
        return seen, len(seen) == count

    both(program)


def test_copies_keep_sharing_and_hooks():
    m = net(flambeau)
    calls = []
    m.first.register_forward_hook(lambda *a: calls.append(1))
    other = copy.deepcopy(m)
    assert other.first is other.again and other.first is not m.first
    other(flambeau.ones(3, 2))
    assert calls == [1]
    linear = pickle.loads(pickle.dumps(flambeau.nn.Linear(2, 2).requires_grad_(False)))
    assert not linear.weight.requires_grad


def test_sequential():
    s = lambda lib: lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.ReLU(), lib.nn.Tanh())
    for call in (
        lambda lib, q: q[1],
        lambda lib, q: q[-1],
        lambda lib, q: q[1:],
        lambda lib, q: q[5],
        lambda lib, q: q["x"],
        lambda lib, q: q.append(lib.nn.ELU()),
        lambda lib, q: q.insert(1, lib.nn.ELU()),
        lambda lib, q: q.insert(-1, lib.nn.ELU()),
        lambda lib, q: q.insert(9, lib.nn.ELU()),
        lambda lib, q: q.extend(s(lib)),
        lambda lib, q: [q.pop(1), q],
        lambda lib, q: q.__delitem__(0) or q,
        lambda lib, q: q.__delitem__(slice(0, 2)) or q,
        lambda lib, q: q.__setitem__(0, lib.nn.ELU()) or q,
        lambda lib, q: q + s(lib),
        lambda lib, q: q.__add__([1]),
        lambda lib, q: q * 2,
        lambda lib, q: 2 * q,
        lambda lib, q: q * 0,
        lambda lib, q: q * 1.5,
        lambda lib, q: q.__iadd__(s(lib)),
        lambda lib, q: q.__imul__(3),
        lambda lib, q: [len(q), [type(m).__name__ for m in q]],
        lambda lib, q: lib.nn.Sequential(OrderedDict(a=lib.nn.ReLU(), b=lib.nn.ELU())),
        lambda lib, q: lib.nn.Sequential(3),
    ):
        both(lambda lib, call=call: call(lib, s(lib)))


def test_module_list_and_dict():
    make = lambda lib: lib.nn.ModuleList([lib.nn.ReLU(), lib.nn.Tanh()])
    for call in (
        lambda lib, q: q[1],
        lambda lib, q: q[-3],
        lambda lib, q: q[:1],
        lambda lib, q: q.append(lib.nn.ELU()),
        lambda lib, q: q.insert(1, lib.nn.ELU()) or q,
        lambda lib, q: q.extend([lib.nn.ELU()]),
        lambda lib, q: q.extend(3),
        lambda lib, q: [q.pop(0), q],
        lambda lib, q: q.__delitem__(slice(0, 1)) or q,
        lambda lib, q: q.__add__([lib.nn.ELU()]),
        lambda lib, q: q.__iadd__([lib.nn.ELU()]),
        lambda lib, q: q(3),
        lambda lib, q: lib.nn.ModuleList(),
    ):
        both(lambda lib, call=call: call(lib, make(lib)))
    for call in (
        lambda lib, d: d["a"],
        lambda lib, d: d["z"],
        lambda lib, d: d.update({"b": lib.nn.ELU()}) or d,
        lambda lib, d: d.update([("b", lib.nn.ELU())]) or d,
        lambda lib, d: d.update([("b",)]),
        lambda lib, d: d.update([3]),
        lambda lib, d: d.update(3),
        lambda lib, d: [d.pop("a"), len(d), "a" in d],
        lambda lib, d: d.clear() or d,
        lambda lib, d: [list(d), list(d.keys()), [k for k, _ in d.items()], len(list(d.values()))],
        lambda lib, d: d.__setitem__("a.b", lib.nn.ELU()),
    ):
        both(lambda lib, call=call: call(lib, lib.nn.ModuleDict({"a": lib.nn.ReLU()})))


def test_parameter_containers():
    make = lambda lib: lib.nn.ParameterList([lib.ones(2), lib.nn.Parameter(lib.zeros(1, 2), False), "x"])
    for call in (
        lambda lib, q: q,
        lambda lib, q: [type(p).__name__ for p in q],
        lambda lib, q: q[0],
        lambda lib, q: q[1:],
        lambda lib, q: q[7],
        lambda lib, q: q.append(lib.ones(1)),
        lambda lib, q: q.extend([1, lib.ones(1)]),
        lambda lib, q: q.extend(lib.ones(2)),
        lambda lib, q: q.__setitem__(0, lib.ones(1)) or q,
        lambda lib, q: list(q.state_dict()),
        lambda lib, q: q(),
        lambda lib, q: len(q),
    ):
        both(lambda lib, call=call: call(lib, make(lib)))
    for call in (
        lambda lib, d: d,
        lambda lib, d: list(d),
        lambda lib, d: d["a"],
        lambda lib, d: [d.pop("a"), d],
        lambda lib, d: [d.popitem(), list(d)],
        lambda lib, d: d.setdefault("n", lib.ones(1)),
        lambda lib, d: [d.get("z"), d.get("z", 3), d.get("a")],
        lambda lib, d: d.update([("q", lib.ones(1))]) or d,
        lambda lib, d: d.update(3),
        lambda lib, d: d | lib.nn.ParameterDict({"a": lib.zeros(1)}),
        lambda lib, d: d.copy(),
        lambda lib, d: d.fromkeys(["x", "y"], 1),
        lambda lib, d: d[3],
        lambda lib, d: d.clear() or len(d),
        lambda lib, d: list(reversed(d)),
        lambda lib, d: d(1),
    ):
        both(lambda lib, call=call: call(lib, lib.nn.ParameterDict({"b": lib.ones(2), "a": lib.zeros(1)})))


def test_parameters():
    both(lambda lib: repr(lib.nn.Parameter(lib.ones(2))))
    both(lambda lib: lib.nn.Parameter().shape)
    both(lambda lib: lib.nn.Parameter(lib.ones(2), requires_grad=False))
    both(lambda lib: type(lib.nn.Parameter(lib.ones(2)) * 2).__name__)
    both(lambda lib: isinstance(lib.nn.Parameter(lib.ones(1)), lib.Tensor))

    def shares(lib):
        x = lib.ones(2)
        p = lib.nn.Parameter(x)
        x.fill_(5)
        return p

    both(shares)


BAD_LAYERS = [
    lambda nn: nn.Conv2d(3, 4, 3, groups=0),
    lambda nn: nn.Conv2d(3, 4, 3, groups=2),
    lambda nn: nn.Conv2d(4, 3, 3, groups=2),
    lambda nn: nn.Conv2d(4, 3, 3, padding="same", stride=2),
    lambda nn: nn.ConvTranspose2d(4, 3, 3, padding_mode="reflect"),
    lambda nn: nn.Dropout(1.5),
    lambda nn: nn.GroupNorm(3, 4),
    lambda nn: nn.Hardtanh(1, 0),
    lambda nn: nn.Unflatten(1, "x"),
    lambda nn: nn.Unflatten(1, (2, "x")),
    lambda nn: nn.Embedding(3, 2, padding_idx=3),
    lambda nn: nn.Embedding(3, 2, padding_idx=-4),
    lambda nn: nn.HuberLoss(delta="x"),
    lambda nn: nn.MultiMarginLoss(p=3),
    lambda nn: nn.TripletMarginLoss(margin=0),
    lambda nn: nn.FractionalMaxPool2d(2),
    lambda nn: nn.FractionalMaxPool2d(2, 3, 0.5),
    lambda nn: nn.FractionalMaxPool2d(2, output_ratio=2.0),
    lambda nn: nn.LSTM(3, 0),
    lambda nn: nn.LSTM(3, 2, num_layers=0),
    lambda nn: nn.LSTM(3, 2, dropout=2),
    lambda nn: nn.LSTM(3, 2, proj_size=2),
    lambda nn: nn.LSTM(3, 2, bias=3),
    lambda nn: nn.GRU(3, 2, proj_size=1),
    lambda nn: nn.RNN(3, 2, nonlinearity="sin"),
    lambda nn: nn.LSTM(3, 2, dropout=0.5),
    lambda nn: nn.MultiheadAttention(0, 1),
    lambda nn: nn.MultiheadAttention(5, 2),
    lambda nn: nn.AdaptiveLogSoftmaxWithLoss(4, 5, []),
    lambda nn: nn.AdaptiveLogSoftmaxWithLoss(4, 5, [3, 2]),
    lambda nn: nn.Bilinear(0, 1, 1),
    lambda nn: nn.MSELoss(size_average=False).reduction,
]


@pytest.mark.parametrize("number", range(len(BAD_LAYERS)))
def test_bad_layers(number):
    both(lambda lib: BAD_LAYERS[number](lib.nn))


BAD_CALLS = [
    lambda nn, x: nn.BatchNorm2d(3)(x),
    lambda nn, x: nn.BatchNorm1d(3)(x[0, 0]),
    lambda nn, x: nn.InstanceNorm2d(3, affine=True)(x),
    lambda nn, x: nn.InstanceNorm1d(7)(x).shape,
    lambda nn, x: nn.CircularPad2d(1)(x[0]),
    lambda nn, x: nn.Softmax2d()(x[0]),
    lambda nn, x: nn.LSTM(5, 2)(x),
    lambda nn, x: nn.GRU(4, 2)(x.double()),
    lambda nn, x: nn.RNN(4, 2)(x, x),
    lambda nn, x: nn.RNN(4, 2)(x, x[0]),
    lambda nn, x: nn.RNN(4, 2)(x[0, 0]),
    lambda nn, x: nn.LSTM(4, 2)(x, (x, x)),
    lambda nn, x: nn.LSTMCell(4, 2)(x),
    lambda nn, x: nn.GRUCell(5, 2)(x[0]),
    lambda nn, x: nn.RNNCell(4, 2)(x[0], x[0]),
    lambda nn, x: nn.Transformer(4, 2, 1, 1, 4)(x, x[:, :1]),
    lambda nn, x: nn.Transformer(8, 2, 1, 1, 4)(x, x),
]


@pytest.mark.parametrize("number", range(len(BAD_CALLS)))
def test_bad_calls(number):
    both(lambda lib: BAD_CALLS[number](lib.nn, lib.ones(2, 3, 4)))


def test_init():
    for name, args in (("constant_", (3.0,)), ("ones_", ()), ("zeros_", ()), ("eye_", ())):
        both(lambda lib, name=name, args=args: getattr(lib.nn.init, name)(lib.empty(3, 4), *args))
    for shape, groups in (((4, 3, 3), 1), ((4, 2, 3, 2), 2), ((2, 2, 1, 2, 3), 1), ((5, 2, 3), 2)):
        both(lambda lib, shape=shape, groups=groups: lib.nn.init.dirac_(lib.empty(*shape), groups))
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "nothing"):
        both(lambda lib, name=name: lib.nn.init.calculate_gain(name))
    both(lambda lib: lib.nn.init.calculate_gain("leaky_relu", 0.3))
    both(lambda lib: lib.nn.init.calculate_gain("leaky_relu", "x"))
    for call in (
        lambda i, lib: i.eye_(lib.ones(2)),
        lambda i, lib: i.dirac_(lib.ones(2, 2)),
        lambda i, lib: i.xavier_uniform_(lib.ones(2)),
        lambda i, lib: i.kaiming_normal_(lib.ones(2, 2), mode="x"),
        lambda i, lib: i.kaiming_uniform_(lib.ones(0, 2)).shape,
        lambda i, lib: i.orthogonal_(lib.ones(2)),
        lambda i, lib: i.sparse_(lib.ones(2), 0.5),
        lambda i, lib: i.zeros_(lib.ones(2, requires_grad=True)),
        lambda i, lib: i.constant(lib.ones(1), 2),
    ):
        both(lambda lib, call=call: call(lib.nn.init, lib))


@pytest.mark.parametrize(
    "name, options",
    [
        ("uniform_", {"a": -1.0, "b": 3.0}),
        ("normal_", {"mean": 1.0, "std": 2.0}),
        ("trunc_normal_", {"std": 1.0, "a": -1.0, "b": 0.5}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
        ("kaiming_uniform_", {"a": 1.0}),
        ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("sparse_", {"sparsity": 0.3}),
    ],
)
def test_random_init(name, options):
    moments = []
    for library in (flambeau, torch):
        library.manual_seed(1)
        x = getattr(library.nn.init, name)(library.empty(300, 200), **options).double()
        moments.append([x.mean().item(), x.std().item(), x.min().item(), x.max().item(), (x == 0).double().mean().item()])
    scale = moments[1][1]
    assert abs(moments[0][0] - moments[1][0]) < 0.03 * scale and abs(moments[0][1] - scale) < 0.03 * scale
    assert abs(moments[0][4] - moments[1][4]) < 1e-3
    if "uniform" in name or "trunc" in name:
        assert abs(moments[0][2] - moments[1][2]) < 0.05 * scale and abs(moments[0][3] - moments[1][3]) < 0.05 * scale


def test_orthogonal():
    for shape in ((4, 6), (6, 4), (3, 2, 2)):
        x = flambeau.nn.init.orthogonal_(flambeau.empty(*shape), gain=2.0).reshape(shape[0], -1)
        product = x @ x.t() if x.shape[0] <= x.shape[1] else x.t() @ x
        assert (product - 4 * flambeau.eye(product.shape[0])).abs().max().item() < 1e-5
    assert not flambeau.nn.init.ones_(flambeau.nn.Parameter(flambeau.zeros(2))).grad_fn


def test_clipping():
    def params(lib):
        made = [lib.ones(3, requires_grad=True), lib.ones(2, 2, requires_grad=True), lib.ones(1, requires_grad=True)]
        made[0].grad, made[1].grad = lib.tensor([3.0, -4.0, 0.0]), lib.ones(2, 2) * 6
        return made

    for norm in (2.0, 1.0, 3.0, 0.0, float("inf")):
        for limit in (1.0, 100.0):

            def program(lib, norm=norm, limit=limit):
                p = params(lib)
                total = lib.nn.utils.clip_grad_norm_(p, limit, norm)
                return rounded([total, [x.grad for x in p]])

            both(program)

    def by_value(lib):
        p = params(lib)
        lib.nn.utils.clip_grad_value_(p, 3.5)
        return [x.grad for x in p]

    both(by_value)

    def infinite(lib):
        p = params(lib)
        p[0].grad[0] = float("nan")
        return lib.nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)

    both(infinite)
    both(lambda lib: lib.nn.utils.clip_grad_norm_([], 1.0))
    both(lambda lib: rounded(lib.nn.utils.get_total_norm([lib.ones(2), lib.ones(3)])))


def test_vectors():
    both(lambda lib: lib.nn.utils.parameters_to_vector(net(lib).parameters()))

    def back(lib):
        m = net(lib)
        n = sum(p.numel() for p in m.parameters())
        lib.nn.utils.vector_to_parameters(lib.arange(n).float(), m.parameters())
        return list(m.parameters())

    both(back)
    both(lambda lib: lib.nn.utils.vector_to_parameters(3, []))


def test_fusion():
    for make, x in (
        (lambda nn: (nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)), (2, 2, 5, 5)),
        (lambda nn: (nn.ConvTranspose2d(2, 3, 3, bias=False), nn.BatchNorm2d(3, affine=False)), (2, 2, 5, 5)),
        (lambda nn: (nn.Linear(2, 3), nn.BatchNorm1d(3)), (4, 2)),
    ):
        layer, norm = make(flambeau.nn)
        norm(layer(flambeau.randn(*x)))
        layer.eval(), norm.eval()
        x = flambeau.randn(*x)
        if isinstance(layer, flambeau.nn.Linear):
            fused = flambeau.nn.utils.fuse_linear_bn_eval(layer, norm)
        else:
            fused = flambeau.nn.utils.fuse_conv_bn_eval(layer, norm, transpose=layer.transposed)
        assert (fused(x) - norm(layer(x))).abs().max().item() < 1e-5


@pytest.mark.parametrize("name", ["cuda", "xpu", "ipu", "mtia"])
def test_devices_that_are_not_here(name):
    """A module without tensors moves anywhere; tensors raise PyTorch's error."""
    assert isinstance(getattr(flambeau.nn.ReLU(), name)(), flambeau.nn.ReLU)
    for library in (torch, flambeau):
        for value in (library.nn.Linear(1, 1), library.ones(1)):
            with pytest.raises((AssertionError, RuntimeError), match=r"^(Torch not compiled|PyTorch is not linked) with"):
                getattr(value, name)()


def test_arguments_of_extend():
    for library in (torch, flambeau):
        layers = [library.nn.Tanh(), library.nn.ReLU()]
        assert len(library.nn.Sequential(library.nn.Tanh()).extend(sequential=layers)) == 3
        assert len(library.nn.ModuleList().extend(modules=layers)) == 2
        with pytest.raises(TypeError, match="'int' object is not iterable"):
            library.nn.Sequential().extend(3)
        with pytest.raises(TypeError, match=r"ModuleList\.extend should be called with an iterable, but got int"):
            library.nn.ModuleList().extend(3)
