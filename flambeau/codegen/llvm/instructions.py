"""Instructions without control flow: integers that are folded, vectors of any width, memory.

Imports LLVM's types and `flambeau.traced`. Wherever an i64 is expected a Python int may stand, and arithmetic on Python ints
stays in Python, so that index expressions with known sizes cost no instructions. A traced number may stand there, too: what is
computed of those alone is so before the code is called, and what meets a value of the code becomes an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, overload

from flambeau.codegen.llvm.types import (
    Int,
    Value,
    bits_of,
    constant,
    element_of,
    is_float,
    lanes_of,
    parts_of,
    poison,
    vector,
    zero,
)
from flambeau.traced import Traced, plain_sign

if TYPE_CHECKING:
    from flambeau.codegen.llvm.builder import Module

__all__ = ["Instructions"]


class Instructions:
    """A function's text as it grows. A method adds an instruction to the current block and gives its result."""

    parameters: tuple[Value, ...]

    def __init__(self, module: Module, head: str) -> None:
        """`head` is the function's first line."""
        self.module = module
        self._lines = [head, "entry:"]
        self._entry: list[str] = []
        """What goes before all else."""
        self._count = 0
        self._sizes: dict[int, Value] = {}

    def emit(self, text: str) -> None:
        """Adds an instruction without a result."""
        self._lines.append(" " + text)

    def op(self, type: str, text: str) -> Value:
        """Adds an instruction with a result of `type`."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f" {name} = {text}")
        return Value(name, type)

    # --- i64 arithmetic, folded

    def text(self, a: Int) -> str:
        """An i64 as an operand."""
        return str(self.size(a)) if isinstance(a, Traced) else str(a)

    def size(self, a: Traced) -> Value:
        """What stands for a traced number: an argument of the code."""
        found = self._sizes.get(a.number)
        if found is None:
            found = self._sizes[a.number] = self.entry_load("i64", self.parameters[0], self.module.place_of(a))
        return found

    @property
    def takes_sizes(self) -> bool:
        """Whether traced numbers are among the arguments."""
        return bool(self._sizes)

    def add(self, a: Int, b: Int) -> Int:
        if not isinstance(a, Value) and not isinstance(b, Value):
            return a + b
        if isinstance(a, int) and a == 0:
            return b
        if isinstance(b, int) and b == 0:
            return a
        return self.op("i64", f"add nsw i64 {self.text(a)}, {self.text(b)}")

    def sub(self, a: Int, b: Int) -> Int:
        if not isinstance(a, Value) and not isinstance(b, Value):
            return a - b
        if isinstance(b, int):
            return self.add(a, -b)
        return self.op("i64", f"sub nsw i64 {self.text(a)}, {self.text(b)}")

    def mul(self, a: Int, b: Int) -> Int:
        if not isinstance(a, Value) and not isinstance(b, Value):
            return a * b
        if isinstance(b, int):
            a, b = b, a
        if isinstance(a, int):
            if a == 0:
                return 0
            if a == 1:
                return b
        return self.op("i64", f"mul nsw i64 {self.text(a)}, {self.text(b)}")

    def div(self, a: Int, b: Int) -> Int:
        """Quotient of a non-negative `a` and a positive number."""
        if not isinstance(a, Value) and not isinstance(b, Value):
            return a // b
        return a if isinstance(b, int) and b == 1 else self.op("i64", f"udiv i64 {self.text(a)}, {self.text(b)}")

    def rem(self, a: Int, b: Int) -> Int:
        """Remainder of a non-negative `a` and a positive number."""
        if not isinstance(a, Value) and not isinstance(b, Value):
            return a % b
        return 0 if isinstance(b, int) and b == 1 else self.op("i64", f"urem i64 {self.text(a)}, {self.text(b)}")

    def floor_div(self, a: Int, b: int) -> Int:
        """Quotient rounded down, for `a` of either sign and a positive constant."""
        if not isinstance(a, Value):
            return a // b
        if b == 1:
            return a
        if b & (b - 1) == 0:
            return self.op("i64", f"ashr i64 {a}, {b.bit_length() - 1}")
        remainder = self.op("i64", f"srem i64 {a}, {b}")
        sign = self.op("i64", f"ashr i64 {remainder}, 63")
        return self.add(self.op("i64", f"sdiv i64 {a}, {b}"), sign)

    def minimum(self, a: Int, b: Int) -> Int:
        return self._extremum("slt", min, a, b)

    def maximum(self, a: Int, b: Int) -> Int:
        return self._extremum("sgt", max, a, b)

    def _extremum(self, predicate: str, fold: Callable[[int, int], int], a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return fold(a, b)
        condition = self.compare(predicate, a, b)
        if isinstance(condition, bool):
            return a if condition else b
        return self.op("i64", f"select i1 {condition}, i64 {self.text(a)}, i64 {self.text(b)}")

    def compare(self, predicate: str, a: Int, b: Int) -> bool | Value:
        """`icmp` on i64: eq, ne, slt, sle, sgt, sge, ult (folded for the signed ones)."""
        if isinstance(a, int) and isinstance(b, int):
            fold: dict[str, Callable[[int, int], bool]] = {
                "eq": lambda x, y: x == y,
                "ne": lambda x, y: x != y,
                "slt": lambda x, y: x < y,
                "sle": lambda x, y: x <= y,
                "sgt": lambda x, y: x > y,
                "sge": lambda x, y: x >= y,
                "ult": lambda x, y: x % (1 << 64) < y % (1 << 64),
            }
            return fold[predicate](a, b)
        if predicate != "ult" and not isinstance(a, Value) and not isinstance(b, Value):
            sign = plain_sign(a - b)
            if sign is not None:
                return self.compare(predicate, sign, 0)
        return self.op("i1", f"icmp {predicate} i64 {self.text(a)}, {self.text(b)}")

    @overload
    def both(self, a: Value, b: Value) -> Value: ...
    @overload
    def both(self, a: bool | Value, b: bool | Value) -> bool | Value: ...
    def both(self, a: bool | Value, b: bool | Value) -> bool | Value:
        """The conjunction of two conditions (folded where one is known); lane by lane for vectors."""
        if isinstance(a, bool):
            return b if a else False
        if isinstance(b, bool):
            return a if b else False
        return self.op(a.type, f"and {a.type} {a}, {b}")

    def integer(self, a: Int) -> Value:
        """As a Value."""
        return a if isinstance(a, Value) else Value(self.text(a), "i64")

    def filled(self, type: str, a: Int) -> Value:
        """A number in all lanes of an integer type."""
        if isinstance(a, int):
            return constant(type, a)
        value = self.integer(a)
        if bits_of(type) < 64:
            value = self.cast("trunc", value, element_of(type))
        return self.splat(value, lanes_of(type))

    # --- any type

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """An instruction of two operands of one type (`fadd`, `mul`, `and`, `shl` …)."""
        return self.op(a.type, f"{op} {a.type} {a}, {b}")

    def test(self, op: str, a: Value, b: Value) -> Value:
        """`icmp eq`, `fcmp olt` …: i1, or a vector of them."""
        return self.op(vector("i1", lanes_of(a.type)), f"{op} {a.type} {a}, {b}")

    def cast(self, op: str, a: Value, element: str) -> Value:
        """A conversion instruction (`sext`, `fptrunc`, `bitcast` of one width …) to lanes of `element`."""
        type = vector(element, lanes_of(a.type))
        return self.op(type, f"{op} {a.type} {a} to {type}")

    def select(self, condition: bool | Value, a: Value, b: Value) -> Value:
        if isinstance(condition, bool):
            return a if condition else b
        return self.op(a.type, f"select {condition.type} {condition}, {a.type} {a}, {b.type} {b}")

    def call(self, name: str, type: str, *arguments: Value) -> Value:
        """A call of a declared or intrinsic function with a result."""
        self.module.declare(name, type, [a.type for a in arguments])
        return self.op(type, f"call {type} @{name}({', '.join(f'{a.type} {a}' for a in arguments)})")

    def call_void(self, name: str, *arguments: Value) -> None:
        self.module.declare(name, "void", [a.type for a in arguments])
        self.emit(f"call void @{name}({', '.join(f'{a.type} {a}' for a in arguments)})")

    @staticmethod
    def suffix(type: str) -> str:
        """The type's part of an intrinsic's name: `v16f32` of `<16 x float>`."""
        lanes, element = parts_of(type)
        short = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64", "ptr": "p0"}.get(element, element)
        return short if lanes == 1 else f"v{lanes}{short}"

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """`llvm.<name>` overloaded on its first argument's type, whose result has that type: `intrinsic("fabs", x)`."""
        type = arguments[0].type
        return self.call(f"llvm.{name}.{self.suffix(type)}", type, *arguments)

    def multiply_add(self, a: Value, b: Value, c: Value) -> Value:
        """a·b + c, fused where the processor does that at no cost."""
        if is_float(a.type):
            return self.intrinsic("fmuladd", a, b, c)
        return self.binary("add", self.binary("mul", a, b), c)

    def total(self, a: Value) -> Value:
        """The sum of a vector's lanes, in pairs."""
        lanes, element = parts_of(a.type)
        width = lanes
        while width > 1:
            half = width // 2
            other = self.shuffle(a, poison(a.type), [i + half if i < half else -1 for i in range(lanes)])
            a = self.binary("fadd" if is_float(element) else "add", a, other)
            width = half
        return a if lanes == 1 else self.extract(a, 0)

    def choose_int(self, condition: bool | Value, a: Int, b: Int) -> Int:
        """An i64 `select`."""
        if isinstance(condition, bool):
            return a if condition else b
        return self.op("i64", f"select i1 {condition}, i64 {self.text(a)}, i64 {self.text(b)}")

    # --- vectors

    def splat(self, a: Value, lanes: int) -> Value:
        if lanes == 1:
            return a
        type = vector(a.type, lanes)
        single = self.op(type, f"insertelement {type} poison, {a.type} {a}, i64 0")
        return self.op(type, f"shufflevector {type} {single}, {type} poison, <{lanes} x i32> zeroinitializer")

    def extract(self, a: Value, lane: int) -> Value:
        return self.op(element_of(a.type), f"extractelement {a.type} {a}, i64 {lane}")

    def insert(self, a: Value, item: Value, lane: int) -> Value:
        return self.op(a.type, f"insertelement {a.type} {a}, {item.type} {item}, i64 {lane}")

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Lanes picked from a then b, counted through; -1 leaves a lane undefined."""
        type = vector(element_of(a.type), len(lanes))
        picks = ", ".join("i32 poison" if i < 0 else f"i32 {i}" for i in lanes)
        return self.op(type, f"shufflevector {a.type} {a}, {b.type} {b}, <{len(lanes)} x i32> <{picks}>")

    def steps(self, lanes: int, element: str = "i64", step: int | Traced = 1) -> Value:
        """The constant 0, step, 2·step …"""
        if isinstance(step, Traced):
            counted = self.steps(lanes, element)
            return self.binary("mul", counted, self.filled(counted.type, step))
        return constant(vector(element, lanes), [step * i for i in range(lanes)] if lanes > 1 else 0)

    def lane_mask(self, low: Int, high: Int, lanes: int) -> bool | Value:
        """Lanes i with low <= i < high. True or False where that is known for all."""
        if isinstance(low, int) and isinstance(high, int):
            if low <= 0 and high >= lanes:
                return True
            if low >= lanes or high <= max(low, 0):
                return False
            return constant(vector("i1", lanes), [low <= i < high for i in range(lanes)])
        type = vector("i32", lanes)
        mask: bool | Value = True
        for bound, predicate in ((high, "icmp slt"), (low, "icmp sge")):
            if isinstance(bound, int) and (
                (predicate == "icmp sge" and bound <= 0) or (predicate == "icmp slt" and bound >= lanes)
            ):
                continue
            clamped = self.maximum(self.minimum(bound, lanes), -1)
            mask = self.both(mask, self.test(predicate, self.steps(lanes, "i32"), self.filled(type, clamped)))
        return mask

    # --- memory

    def address(self, pointer: Value, index: Int, element: str) -> Value:
        """The address of item `index` of an array of `element`."""
        if isinstance(index, int) and index == 0:
            return pointer
        return self.op("ptr", f"getelementptr {element}, ptr {pointer}, i64 {self.text(index)}")

    def load(self, type: str, pointer: Value, align: int = 0) -> Value:
        return self.op(type, f"load {type}, ptr {pointer}, align {align or max(1, bits_of(type) // 8)}")

    def store(self, a: Value, pointer: Value, align: int = 0, nontemporal: bool = False) -> None:
        hint = ", !nontemporal !3" if nontemporal else ""
        self.emit(f"store {a.type} {a}, ptr {pointer}, align {align or max(1, bits_of(a.type) // 8)}{hint}")

    def masked_load(self, type: str, pointer: Value, mask: bool | Value) -> Value:
        """Lanes outside the mask are 0 and their memory isn't touched."""
        if isinstance(mask, bool):
            return self.load(type, pointer) if mask else zero(type)
        element, loaded = element_of(type), []
        align = Value(str(max(1, bits_of(element) // 8)), "i32")
        for first, count in self._registers(type):
            part, chosen = vector(element, count), self._part(mask, first, count)
            at = self.address(pointer, first, element)
            loaded.append(self.call(f"llvm.masked.load.{self.suffix(part)}.p0", part, at, align, chosen, zero(part)))
        return self._joined(loaded)

    def masked_store(self, a: Value, pointer: Value, mask: bool | Value) -> None:
        """Lanes outside the mask aren't written."""
        if isinstance(mask, bool):
            if mask:
                self.store(a, pointer)
            return
        element = element_of(a.type)
        align = Value(str(max(1, bits_of(element) // 8)), "i32")
        for first, count in self._registers(a.type):
            part, chosen = self._part(a, first, count), self._part(mask, first, count)
            at = self.address(pointer, first, element)
            self.call_void(f"llvm.masked.store.{self.suffix(part.type)}.p0", part, at, align, chosen)

    def _registers(self, type: str) -> list[tuple[int, int]]:
        """The first lane and the number of lanes of each register that a vector takes.

        Under a mask each is read and written by itself. LLVM would take a wider vector apart, but where half of a mask turns out
        to be empty it reads that half without one (LLVM 22.1), or stops the process (20.1 and 22.1).
        """
        lanes, most = lanes_of(type), self.module.target.lanes(bits_of(type))
        return [(first, min(most, lanes - first)) for first in range(0, lanes, most)]

    def _part(self, a: Value, first: int, count: int) -> Value:
        return a if count == lanes_of(a.type) else self.shuffle(a, a, range(first, first + count))

    def _joined(self, parts: Sequence[Value]) -> Value:
        """Vectors one behind the other, none longer than the first, as one."""
        total = parts[0]
        for part in parts[1:]:
            before, lanes = lanes_of(total.type), lanes_of(part.type)
            if lanes < before:
                part = self.shuffle(part, part, [*range(lanes), *[-1] * (before - lanes)])
            total = self.shuffle(total, part, range(before + lanes))
        return total

    def gather(self, element: str, pointer: Value, indices: Value, mask: bool | Value = True) -> Value:
        """Items of an array of `element` at a vector of i64 indices; 0 outside the mask."""
        lanes = lanes_of(indices.type)
        type, pointers = vector(element, lanes), vector("ptr", lanes)
        if mask is False:
            return zero(type)
        where = self.op(pointers, f"getelementptr {element}, ptr {pointer}, {indices.type} {indices}")
        chosen = constant(vector("i1", lanes), 1) if mask is True else mask
        align = Value(str(max(1, bits_of(type) // 8)), "i32")
        return self.call(
            f"llvm.masked.gather.{self.suffix(type)}.{self.suffix(pointers)}", type, where, align, chosen, zero(type)
        )

    def scatter(self, a: Value, pointer: Value, indices: Value, mask: bool | Value = True) -> None:
        """Writes lane i to item indices[i], in lane order."""
        if mask is False:
            return
        lanes = lanes_of(a.type)
        pointers = vector("ptr", lanes)
        where = self.op(pointers, f"getelementptr {element_of(a.type)}, ptr {pointer}, {indices.type} {indices}")
        chosen = constant(vector("i1", lanes), 1) if mask is True else mask
        align = Value(str(max(1, bits_of(a.type) // 8)), "i32")
        self.call_void(f"llvm.masked.scatter.{self.suffix(a.type)}.{self.suffix(pointers)}", a, where, align, chosen)

    def prefetch(self, pointer: Value, write: bool = False, locality: int = 3) -> None:
        """Locality 3 is the first cache level, 2 the second."""
        self.call_void("llvm.prefetch.p0", pointer, Value(str(int(write)), "i32"), Value(str(locality), "i32"), Value("1", "i32"))

    # --- at the function's entry

    def alloca(self, type: str, count: int, align: int = 64) -> Value:
        """Stack memory, allotted at the function's entry."""
        self._count += 1
        name = f"%v{self._count}"
        self._entry.append(f" {name} = alloca [{count} x {type}], align {align}")
        return Value(name, "ptr")

    def entry_load(self, type: str, pointer: Value, index: int) -> Value:
        """Item `index` of an array, read at the function's entry: `pointer` is a parameter."""
        self._count += 2
        address, value = f"%v{self._count - 1}", f"%v{self._count}"
        self._entry.append(f" {address} = getelementptr {type}, ptr {pointer}, i64 {index}")
        self._entry.append(f" {value} = load {type}, ptr {address}, align {bits_of(type) // 8}")
        return Value(value, type)
