"""Philox 4x32-10 random words (see `graph/primitives/random.py`, which holds the constants and the meaning).

May import `flambeau.kernels`, that module and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.indices import Linear
from flambeau.codegen.llvm.types import Int, Value, constant, poison, vector
from flambeau.graph.primitives.random import MULTIPLIERS, ROUNDS, WEYL
from flambeau.kernels.ir import Expr

if TYPE_CHECKING:
    from flambeau.codegen.llvm.loops.evaluate import Evaluator

__all__ = ["in_order", "rounds", "words"]

_LOW = 0xFFFFFFFF


def words(ev: Evaluator, e: Expr) -> Value:
    """Word `position` mod 4 of the block offset + ⌊position / 4⌋ under the key `seed`."""
    f = ev.f
    seed, offset = ev.evaluate(e.args[0]), ev.evaluate(e.args[1])
    index = ev.indices.linear(e.args[2])
    if _is_in_blocks(ev, e, index):
        return _blocks(ev, index, seed, offset)
    position = ev.places(index) if ev.varies(e) else f.integer(ev.position(index))
    if ev.varies(e):
        seed, offset = ev.spread(seed), ev.spread(offset)
    type = position.type
    block = f.binary("add", offset, f.binary("lshr", position, constant(type, 2)))
    results = rounds(f, block, seed)
    which = f.binary("and", position, constant(type, 3))
    word = results[3]
    for k in (2, 1, 0):
        word = f.select(f.test("icmp eq", which, constant(type, k)), results[k], word)
    return f.cast("trunc", word, "i32")


def _is_in_blocks(ev: Evaluator, e: Expr, index: Linear) -> bool:
    """Whether the lanes hold whole blocks in order. (A lane axis starts at multiples of the number of lanes.)"""
    if not ev.varies(e) or ev.lanes % 4 or any(ev.varies(a) for a in e.args[:2]):
        return False
    assert ev.lane is not None
    others = [c for t, c in index.terms if not (t.op == "axis" and t.param == ev.lane)]
    return index.is_affine_in(ev.lane) and index.coefficient(ev.lane) == 1 and all(c % 4 == 0 for c in (index.constant, *others))


def _blocks(ev: Evaluator, index: Linear, seed: Value, offset: Value) -> Value:
    """Each block computed once, and its four words laid side by side."""
    f = ev.f
    first = f.binary("lshr", f.integer(ev.position(index)), constant("i64", 2))
    return in_order(f, f.binary("add", offset, first), seed, ev.lanes)


def in_order(f: Function, block: Value, seed: Value, count: int) -> Value:
    """So many words (a multiple of 4) from the beginning of a block on, as i32 lanes."""
    blocks = count // 4
    results = [
        f.cast("trunc", r, "i32")
        for r in rounds(f, f.binary("add", f.splat(block, blocks), f.steps(blocks)), f.splat(seed, blocks))
    ]
    if blocks == 1:
        result = poison(vector("i32", 4))
        for k, word in enumerate(results):
            result = f.insert(result, word, k)
        return result
    halves = [f.shuffle(results[k], results[k + 1], list(range(2 * blocks))) for k in (0, 2)]
    return f.shuffle(halves[0], halves[1], [(lane % 4) * blocks + lane // 4 for lane in range(count)])


def rounds(f: Function, block: Value, seed: Value) -> list[Value]:
    """The four words of each block, in the low halves of i64 lanes; what the high halves hold means nothing.

    The rounds are a loop: written out they take LLVM many times as long, and the kernel is no faster.
    """
    type = block.type
    low, half = constant(type, _LOW), constant(type, 32)

    def turn(_: Int, carried: list[Value]) -> list[Value]:
        counter, key = carried[:4], carried[4:]
        low_words = (f.binary("and", c, low) for c in counter[::2])
        a, b = (f.binary("mul", c, constant(type, m)) for c, m in zip(low_words, MULTIPLIERS, strict=True))
        return [
            f.binary("xor", f.binary("xor", f.binary("lshr", b, half), counter[1]), key[0]),
            b,
            f.binary("xor", f.binary("xor", f.binary("lshr", a, half), counter[3]), key[1]),
            a,
            *(f.binary("add", k, constant(type, w)) for k, w in zip(key, WEYL, strict=True)),
        ]

    zero = constant(type, 0)
    return f.loop(0, ROUNDS, 1, turn, [block, f.binary("lshr", block, half), zero, zero, seed, f.binary("lshr", seed, half)])[:4]
