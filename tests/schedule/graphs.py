"""Random graphs of every kind of primitive, drawn by hypothesis, for tests of schedulers and devices."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from flambeau.dtypes import bool_, float32, int64
from flambeau.graph.node import PRIMITIVES, Node, topological_order
from flambeau.graph.numpy import from_array_type
from flambeau.graph.primitives.indexing import EITHER_END
from flambeau.graph.primitives.movement import window_size

__all__ = ["graphs", "leaf", "copied"]

FLOAT_UNARY = ["neg", "abs", "tanh", "sin", "atan"]
STEPS = ["sign", "floor", "round"]
ROUNDED = frozenset(("exp", "tanh", "sin", "atan", "add", "sub", "mul", "div", "sum", "prod", "contract", "scan", "scatter"))
BINARY = ["add", "sub", "mul", "maximum", "minimum"]
COMPARE = ["eq", "ne", "lt", "ge"]
DEVICE = "cpu"


def leaf(array: Any) -> Node:
    """A node in memory."""
    array = np.ascontiguousarray(array)
    node = Node(PRIMITIVES["buffer"], (), (), array.shape, from_array_type(array.dtype), DEVICE)
    node.buffer = array
    return node


def make(name: str, inputs: tuple[Node, ...], *params: Any) -> Node:
    return PRIMITIVES[name](inputs, params, DEVICE)


def copied(nodes: list[Node]) -> list[Node]:
    """The same graph in new nodes, down to the same leaves' data."""
    made: dict[int, Node] = {}
    for n in topological_order(nodes):
        if n.buffer is not None:
            made[n.serial] = leaf(n.buffer)
        else:
            made[n.serial] = Node(n.primitive, tuple(made[i.serial] for i in n.inputs), n.params, n.shape, n.dtype, n.device)
    return [made[n.serial] for n in nodes]


def broadcast(x: Node, shape: tuple[int, ...]) -> Node:
    """`x` with ones in front and then repeated."""
    if len(x.shape) < len(shape):
        x = make("reshape", (x,), (1,) * (len(shape) - len(x.shape)) + x.shape, x.shape)
    return make("expand", (x,), shape, x.shape)


class _Builder:
    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.nodes: list[Node] = []
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def choose(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def leaf(self) -> Node:
        shape = tuple(self.draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=0, max_size=4)))
        kind = self.choose(["f", "f", "f", "i"])
        data = self.rng.integers(-4, 5, shape) if kind == "i" else self.rng.standard_normal(shape).astype(np.float32)
        return leaf(np.asarray(data))

    def is_exact(self, x: Node) -> bool:
        """Whether every way to compute x gives the same bits: then a step function of it may be compared."""
        return all(
            n.dtype is not float32 or n.buffer is not None or n.primitive.name not in ROUNDED for n in topological_order([x])
        )

    def exactly(self, x: Node, rank: int) -> Node:
        """x, or what it was made from where it was rounded."""
        while not self.is_exact(x):
            x = x.inputs[0]
        return make("reshape", (x,), x.shape + (1,) * (rank - len(x.shape)), x.shape) if len(x.shape) < rank else x

    def exact(self, type: Any, rank: int = 0) -> Node:
        """Like `pick`, of those without rounding."""
        x = self.exactly(self.pick(type, rank), rank)
        return x if type is None or x.dtype is type else make("cast", (x,), type, x.dtype)

    def pick(self, type: Any = None, rank: int = 0) -> Node:
        """An earlier node of the dtype (or a new one from a cast) and at least the rank."""
        options = [n for n in self.nodes[-8:] if len(n.shape) >= rank and (type is None or n.dtype is type)]
        if options:
            return self.choose(options)
        options = [n for n in self.nodes if len(n.shape) >= rank]
        if not options:
            n = self.choose(self.nodes)
            n = make("reshape", (n,), n.shape + (1,) * (rank - len(n.shape)), n.shape)
        else:
            n = self.choose(options)
        if type is None or n.dtype is type:
            return n
        n = n if type is float32 else self.exactly(n, rank)
        return n if n.dtype is type else make("cast", (n,), type, n.dtype)

    def fit(self, x: Node, like: Node) -> Node:
        """Something of x's dtype and `like`'s shape."""
        if x.shape == like.shape:
            return x
        if len(x.shape) <= len(like.shape):
            padded = (1,) * (len(like.shape) - len(x.shape)) + x.shape
            if all(a in (1, b) for a, b in zip(padded, like.shape)):
                return broadcast(x, like.shape)
        if not x.size:
            return broadcast(make("constant", (), 1 if x.dtype is int64 else x.dtype is bool_ or 1.0, x.dtype), like.shape)
        if x.shape:
            x = make(
                "reshape",
                (make("slice", (x,), (0,) * len(x.shape), (1,) * len(x.shape), (1,) * len(x.shape), x.shape),),
                (),
                (1,) * len(x.shape),
            )
        return broadcast(x, like.shape)

    def step(self) -> Node | None:
        return getattr(self, "make_" + self.choose(MAKERS))()

    def make_leaf(self) -> Node:
        return self.leaf()

    def make_constant(self) -> Node:
        x = self.pick()
        value = self.choose([0, 1, 2, -1])
        value = float(value) if x.dtype is float32 else bool(value) if x.dtype is bool_ else value
        c = make("constant", (), value, x.dtype)
        return broadcast(c, x.shape)

    def make_scalar(self) -> Node:
        x = self.pick(float32)
        return make("mul", (x, broadcast(make("scalar", (), self.integer(-3, 3) + 0.25, float32), x.shape)))

    def make_unary(self) -> Node:
        return make(self.choose(FLOAT_UNARY), (self.pick(float32),))

    def make_step(self) -> Node:
        return make(self.choose(STEPS), (self.exact(float32),))

    def make_binary(self) -> Node:
        x = self.pick(self.choose([float32, int64]))
        return make(self.choose(BINARY), (x, self.fit(self.pick(x.dtype), x)))

    def make_where(self) -> Node:
        x = self.exact(float32)
        condition = make(self.choose(COMPARE), (x, self.fit(self.exact(float32), x)))
        return make("where", (condition, self.fit(self.pick(float32), x), self.fit(self.pick(float32), x)))

    def make_cast(self) -> Node:
        x = self.exact(None)
        to = self.choose([float32, int64, bool_])
        return make("cast", (x,), to, x.dtype)

    def make_reshape(self) -> Node:
        x = self.pick()
        left, shape = x.size, []
        while left > 1 and len(shape) < 4:
            n = self.choose([d for d in range(1, left + 1) if left % d == 0])
            shape.append(n)
            left //= n
        shape.append(left)
        return make("reshape", (x,), tuple(shape), x.shape)

    def make_permute(self) -> Node:
        x = self.pick(rank=2)
        return make("permute", (x,), tuple(self.draw(st.permutations(range(len(x.shape))))))

    def make_expand(self) -> Node:
        x = self.pick()
        return broadcast(x, (self.integer(1, 3), *(self.integer(2, 3) if n == 1 else n for n in x.shape)))

    def make_slice(self) -> Node:
        x = self.pick(rank=1)
        starts, steps, sizes = [], [], []
        for n in x.shape:
            step = self.choose([1, 1, 2, -1, -2])
            size = self.integer(0 if self.integer(0, 20) == 0 else min(n, 1), max((n + abs(step) - 1) // abs(step), 0))
            span = max(size - 1, 0) * abs(step)
            low = self.integer(0, max(n - 1 - span, 0))
            starts.append(low if step > 0 else low + span)
            steps.append(step)
            sizes.append(size)
        return make("slice", (x,), tuple(starts), tuple(steps), tuple(sizes), x.shape)

    def make_pad(self) -> Node:
        x = self.pick(self.choose([float32, int64]), rank=1)
        rank = len(x.shape)
        low, high, gap = (tuple(self.integer(0, m) for _ in range(rank)) for m in (2, 2, 1))
        return make("pad", (x,), low, high, gap, self.choose([0, 0, 1]))

    def make_window(self) -> Node | None:
        x = self.pick(rank=1)
        dims, kernel, stride, dilation = [], [], [], []
        for d, n in enumerate(x.shape):
            k, s, l = self.integer(1, 3), self.integer(1, 2), self.integer(1, 2)
            if n and window_size(n, k, s, l) > 0 and self.integer(0, 1):
                dims.append(d), kernel.append(k), stride.append(s), dilation.append(l)
        return make("window", (x,), tuple(dims), tuple(kernel), tuple(stride), tuple(dilation)) if dims else None

    def make_pool(self) -> Node | None:
        """The place of each window's extremum: over a reshape of the kernel's dimensions."""
        x = self.exact(float32, rank=2)
        if min(x.shape[-2:]) < 2:
            return None
        rank = len(x.shape)
        w = make("window", (x,), (rank - 2, rank - 1), (2, 2), (1, 2), (1, 1))
        flat = make("reshape", (w,), (*w.shape[:rank], 4), w.shape)
        return make(self.choose(["argmax", "argmin", "max"]), (flat,), (rank,), flat.shape)

    def make_as_strided(self) -> Node | None:
        x = self.pick()
        n = x.size
        if not n:
            return None
        flat = make("reshape", (x,), (n,), x.shape)
        a, b = self.integer(1, min(4, n)), self.integer(1, 3)
        s = self.integer(0, (n - 1) // max(a - 1, 1)) if a > 1 else 1
        left = n - 1 - (a - 1) * s
        t = self.integer(0, left // max(b - 1, 1)) if b > 1 else 1
        offset = self.integer(0, max(left - (b - 1) * t, 0)) if b > 1 else self.integer(0, left)
        return make("as_strided", (flat,), (a, b), (s, t), offset, n)

    def make_reduce(self) -> Node | None:
        name = self.choose(["sum", "sum", "max", "min", "prod", "argmax", "argmin", "any", "all"])
        of = self.exact if name.startswith("a") else self.pick
        x = of(bool_ if name in ("any", "all") else float32, rank=1)
        axes = [d for d in range(len(x.shape)) if self.integer(0, 1)] or [0]
        if name.startswith("arg"):
            axes = axes[:1]
        if 0 in x.shape and name not in ("sum", "prod", "any", "all"):
            return None
        return make(name, (x,), tuple(axes), x.shape)

    def make_norm(self) -> Node | None:
        """x less its row's maximum, over its row's sum: the pattern of softmax and of the norms."""
        x = self.pick(float32, rank=1)
        if 0 in x.shape:
            return None
        axes = tuple(d for d in range(len(x.shape)) if self.integer(0, 1)) or (len(x.shape) - 1,)
        kept = tuple(1 if d in axes else n for d, n in enumerate(x.shape))

        def row(t: Node) -> Node:
            return make("expand", (make("reshape", (t,), kept, t.shape),), x.shape, kept)

        centred = make("sub", (x, row(make("max", (x,), axes, x.shape))))
        e = make("exp", (centred,))
        return make("div", (e, row(make("sum", (e,), axes, x.shape))))

    def make_contract(self) -> Node:
        a, b = self.pick(float32), self.pick(float32)
        a_labels = tuple(range(len(a.shape)))
        b_labels, taken = [], set()
        for d, n in enumerate(b.shape):
            same = [label for label in a_labels if a.shape[label] == n and label not in taken]
            label = self.choose([*same, 10 + d])
            taken.add(label)
            b_labels.append(label)
        everything = list(dict.fromkeys((*a_labels, *b_labels)))
        kept = [label for label in everything if self.integer(0, 1)]
        kept = self.draw(st.permutations(kept))[:5]
        return make("contract", (a, b), a_labels, tuple(b_labels), tuple(kept))

    def make_linear(self) -> Node:
        """A contraction with a bias and a kink behind it, under another shape."""
        c = self.make_contract()
        if c.size and self.integer(0, 1):
            c = make("reshape", (c,), (c.size,), c.shape) if self.integer(0, 1) else c
        c = make("add", (c, self.fit(self.pick(float32), c)))
        return make("maximum", (c, broadcast(make("constant", (), 0.0, float32), c.shape)))

    def index(self, shape: tuple[int, ...], size: int) -> Node:
        return leaf(self.rng.integers(-size, size, shape))

    def make_gather(self) -> Node | None:
        x = self.pick(rank=1)
        if 0 in x.shape:
            return None
        axis = self.integer(0, len(x.shape) - 1)
        shape = tuple(self.integer(1, 5) if d == axis else self.integer(1, n) for d, n in enumerate(x.shape))
        return make("gather", (x, self.index(shape, x.shape[axis])), axis, EITHER_END)

    def make_scatter(self) -> Node | None:
        x = self.pick(float32, rank=1)
        if 0 in x.shape:
            return None
        axis = self.integer(0, len(x.shape) - 1)
        shape = tuple(self.integer(1, n) for n in x.shape)
        index = self.index(shape, x.shape[axis])
        mode = self.choose(["set", "add", "mul", "amax", "amin"])
        return make("scatter", (x, index, self.fit(self.pick(float32), index)), axis, mode, EITHER_END)

    def make_assign(self) -> Node | None:
        x = self.pick(float32)
        n = x.size
        if not n:
            return None
        flat = make("reshape", (x,), (n,), x.shape)
        step = self.integer(1, 3)
        size = self.integer(1, (n + step - 1) // step)
        offset = self.integer(0, n - 1 - (size - 1) * step)
        place = make("as_strided", (flat,), (size,), (step,), offset, n)
        value = (
            make("add", (place, self.fit(self.pick(float32), place)))
            if self.integer(0, 1)
            else self.fit(self.pick(float32), place)
        )
        return make("reshape", (make("assign", (flat, value), (size,), (step,), offset),), x.shape, (n,))

    def make_concatenate(self) -> Node:
        x = self.pick(rank=1)
        axis = self.integer(0, len(x.shape) - 1)
        return make("concatenate", tuple([x] + [self.fit(self.pick(x.dtype), x) for _ in range(self.integer(0, 2))]), axis)

    def make_scan(self) -> Node | None:
        kind = self.choose(["sum", "prod", "max", "min", "argmax", "argmin"])
        x = (self.exact if kind.startswith("arg") else self.pick)(float32, rank=1)
        axis = self.integer(0, len(x.shape) - 1)
        return None if 0 in x.shape else make("scan", (x,), axis, kind)

    def make_argsort(self) -> Node | None:
        x = self.exact(None, rank=1)
        if 0 in x.shape:
            return None
        axis = self.integer(0, len(x.shape) - 1)
        return make("argsort", (x,), axis, bool(self.integer(0, 1)), self.integer(1, x.shape[axis]))

    def make_iota(self) -> Node:
        n = self.integer(1, 6)
        return make("iota", (), n, self.choose([int64, float32]))

    def make_random(self) -> Node:
        seed = make("scalar", (), self.integer(0, 2**40), int64)
        offset = make("scalar", (), self.integer(0, 100), int64)
        bits = make("random_bits", (seed, offset), (self.integer(1, 3), self.integer(1, 9)))
        from flambeau.dtypes import uint32

        return make("cast", (bits,), int64, uint32)


MAKERS = [m[5:] for m in dir(_Builder) if m.startswith("make_")]


@st.composite
def graphs(draw: Any, steps: int = 14) -> list[Node]:
    """Output nodes of a random graph over random leaves."""
    b = _Builder(draw)
    b.nodes.append(b.leaf())
    for _ in range(draw(st.integers(1, steps))):
        node = b.step()
        if node is not None and node.size <= 5000 and len(node.shape) <= 6:
            b.nodes.append(node)
    computed = [n for n in b.nodes if n.buffer is None]
    if not computed:
        return []
    outputs = draw(st.lists(st.sampled_from(computed), min_size=1, max_size=4))
    return list(dict.fromkeys([computed[-1], *outputs]))
