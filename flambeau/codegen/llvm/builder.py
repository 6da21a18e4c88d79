"""A builder of LLVM IR text: typed values, folded integers, vectors of any width, loops that carry values.

Imports nothing of flambeau: it knows LLVM's language and neither kernels nor dtypes.

A `Value` is a name (or a constant's spelling) with its LLVM type. Wherever an i64 is expected a Python int may stand, and
arithmetic on Python ints stays in Python, so that index expressions with known sizes cost no instructions. A loop takes
the values that it carries and a body from (index, carried values) to the next carried values: an accumulator tile is a list
of values that goes in and comes out.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

__all__ = [
    "Value",
    "Int",
    "Module",
    "Function",
    "vector",
    "lanes_of",
    "element_of",
    "bits_of",
    "bytes_of",
    "is_float",
    "constant",
    "zero",
    "poison",
]

_BITS = {"half": 16, "bfloat": 16, "float": 32, "double": 64, "ptr": 64}


@dataclass(frozen=True, slots=True)
class Value:
    """An SSA value or constant: how it is spelled, and its LLVM type."""

    name: str
    type: str

    def __str__(self) -> str:
        return self.name


Int = int | Value


# --- types ---------------------------------------------------------------------------------------------------------------


@lru_cache(None)
def _parts(type: str) -> tuple[int, str]:
    if type[0] != "<":
        return 1, type
    count, _, element = type[1:-1].partition(" x ")
    return int(count), element


def vector(element: str, lanes: int) -> str:
    """`<lanes x element>`, or the element itself for one lane."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def lanes_of(type: str) -> int:
    return _parts(type)[0]


def element_of(type: str) -> str:
    return _parts(type)[1]


def bits_of(type: str) -> int:
    """Bits of one element."""
    element = element_of(type)
    return _BITS.get(element) or int(element[1:])


def bytes_of(type: str) -> int:
    """Bytes that the type takes in memory (an i1 takes one)."""
    return lanes_of(type) * max(1, bits_of(type) // 8)


def is_float(type: str) -> bool:
    return element_of(type) in ("half", "bfloat", "float", "double")


# --- constants -----------------------------------------------------------------------------------------------------------


def _float_text(element: str, number: float) -> str:
    """LLVM's hexadecimal spelling, exact: float32 is written as the double of the same value."""
    try:
        packed = struct.pack({"half": "<e", "double": "<d"}.get(element, "<f"), number)
    except OverflowError:
        packed = struct.pack({"half": "<e"}.get(element, "<f"), math.copysign(math.inf, number))
    if element == "half":
        return f"0xH{struct.unpack('<H', packed)[0]:04X}"
    if element == "bfloat":
        word = struct.unpack("<I", packed)[0]
        is_nan = word & 0x7FFFFFFF > 0x7F800000
        rounded = word | 0x400000 if is_nan else word + 0x7FFF + (word >> 16 & 1)
        return f"0xR{rounded >> 16 & 0xFFFF:04X}"
    if element == "float":
        packed = struct.pack("<d", struct.unpack("<f", packed)[0])
    return f"0x{struct.unpack('<Q', packed)[0]:016X}"


def constant(type: str, number: float | Sequence[float]) -> Value:
    """A constant of `type`; a number fills every lane, a sequence gives one a lane. Integers wrap to the type's width."""
    lanes, element = _parts(type)

    def text(x: float) -> str:
        if is_float(element):
            return _float_text(element, float(x))
        bits = bits_of(element)
        if bits == 1:
            return "true" if x else "false"
        wrapped = int(x) & ((1 << bits) - 1)
        return str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)

    numbers = [number] * lanes if isinstance(number, int | float) else list(number)
    assert len(numbers) == lanes, (type, numbers)
    if lanes == 1:
        return Value(text(numbers[0]), type)
    return Value("<" + ", ".join(f"{element} {text(x)}" for x in numbers) + ">", type)


def zero(type: str) -> Value:
    return Value("null" if type == "ptr" else "zeroinitializer", type) if type[0] == "<" or type == "ptr" else constant(type, 0)


def poison(type: str) -> Value:
    return Value("poison", type)


# --- modules -------------------------------------------------------------------------------------------------------------

_NO_UNROLL = "!0"

STOP = "flambeau_stop"
"""A function of the runtime, i32 (): 1 while whatever is being computed is not wanted any more."""


class Module:
    """Functions, the intrinsics that they call, constant tables; `text()` gives the whole as IR.

    `attributes` is the text of every function's attribute group, such as `nounwind "target-cpu"="..."`.
    """

    def __init__(self, attributes: str = "nounwind") -> None:
        self.attributes = attributes
        self._functions: list[str] = []
        self._declarations: dict[str, str] = {}
        self._globals: dict[str, str] = {}
        self._defined: set[str] = set()

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> None:
        """Declares an external function or intrinsic, once."""
        if name not in self._declarations and name not in self._defined:
            self._declarations[name] = f"declare {result} @{name}({', '.join(arguments)})"

    def table(self, element: str, numbers: Sequence[float]) -> Value:
        """A constant array in memory; gives its address. Equal tables are one."""
        body = ", ".join(f"{element} {constant(element, x)}" for x in numbers)
        text = f"private unnamed_addr constant [{len(numbers)} x {element}] [{body}], align 64"
        name = self._globals.setdefault(text, f"@table{len(self._globals)}")
        return Value(name, "ptr")

    def function(self, name: str, parameters: Sequence[tuple[str, str]], attributes: str = "") -> Function:
        """Starts a function returning void; parameters are (type, name). Call `finish()` on it when it is complete."""
        self._defined.add(name)
        return Function(self, name, parameters, attributes)

    def text(self) -> str:
        head = [f"{name} = {text}" for text, name in self._globals.items()]
        tail = [
            f"attributes #0 = {{ {self.attributes} }}",
            '!0 = distinct !{!0, !1, !2}\n!1 = !{!"llvm.loop.unroll.disable"}\n!2 = !{!"llvm.loop.vectorize.enable", i1 false}',
            "!3 = !{i32 1}\n",
        ]
        return "\n".join([*head, *self._declarations.values(), *self._functions, *tail])


class Function:
    """One function under construction. Instructions go to the current block; methods give their results."""

    def __init__(self, module: Module, name: str, parameters: Sequence[tuple[str, str]], attributes: str = "") -> None:
        self.module, self.name = module, name
        self.parameters = tuple(Value(f"%{n}", t) for t, n in parameters)
        self._count = 0
        self._block = "entry"
        text = ", ".join(f"{t} %{n}" for t, n in parameters)
        self._lines = [f"define void @{name}({text}) {attributes + ' ' if attributes else ''}#0 {{", "entry:"]
        self._entry: list[str] = []
        """What goes before all else."""

    # --- plumbing

    def emit(self, text: str) -> None:
        """Adds an instruction without a result."""
        self._lines.append(" " + text)

    def op(self, type: str, text: str) -> Value:
        """Adds an instruction with a result of `type`."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f" {name} = {text}")
        return Value(name, type)

    def label(self) -> str:
        self._count += 1
        return f"b{self._count}"

    def start(self, label: str) -> None:
        """Begins the block `label`; the block before must have been ended by a branch."""
        self._lines.append(label + ":")
        self._block = label

    @property
    def block(self) -> str:
        """The label of the current block, for a phi."""
        return self._block

    def branch(self, label: str, condition: Value | None = None, otherwise: str = "", unrolled: bool = True) -> None:
        hint = "" if unrolled else f", !llvm.loop {_NO_UNROLL}"
        if condition is None:
            self.emit(f"br label %{label}{hint}")
        else:
            self.emit(f"br i1 {condition}, label %{label}, label %{otherwise}{hint}")

    def phi(self, type: str, arms: Sequence[tuple[Int, str]]) -> Value:
        return self.op(type, f"phi {type} " + ", ".join(f"[ {v}, %{label} ]" for v, label in arms))

    def alloca(self, type: str, count: int, align: int = 64) -> Value:
        """Stack memory, allotted at the function's entry."""
        self._count += 1
        name = f"%v{self._count}"
        self._entry.append(f" {name} = alloca [{count} x {type}], align {align}")
        return Value(name, "ptr")

    def finish(self) -> None:
        """Returns, closes the function and adds it to the module."""
        self.emit("ret void")
        self._lines[2:2] = self._entry
        self._lines.append("}")
        self.module._functions.append("\n".join(self._lines))

    # --- i64 arithmetic, folded

    def add(self, a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int) and a == 0:
            return b
        if isinstance(b, int) and b == 0:
            return a
        return self.op("i64", f"add nsw i64 {a}, {b}")

    def sub(self, a: Int, b: Int) -> Int:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if isinstance(b, int):
            return self.add(a, -b)
        return self.op("i64", f"sub nsw i64 {a}, {b}")

    def mul(self, a: Int, b: Int) -> Int:
        if isinstance(b, int):
            a, b = b, a
        if isinstance(a, int):
            if isinstance(b, int):
                return a * b
            if a == 0:
                return 0
            if a == 1:
                return b
        return self.op("i64", f"mul nsw i64 {a}, {b}")

    def div(self, a: Int, b: Int) -> Int:
        """Quotient of a non-negative `a` and a positive number."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        return a if b == 1 else self.op("i64", f"udiv i64 {a}, {b}")

    def rem(self, a: Int, b: Int) -> Int:
        """Remainder of a non-negative `a` and a positive number."""
        if isinstance(a, int) and isinstance(b, int):
            return a % b
        return 0 if b == 1 else self.op("i64", f"urem i64 {a}, {b}")

    def floor_div(self, a: Int, b: int) -> Int:
        """Quotient rounded down, for `a` of either sign and a positive constant."""
        if isinstance(a, int):
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
        condition = self.op("i1", f"icmp {predicate} i64 {a}, {b}")
        return self.op("i64", f"select i1 {condition}, i64 {a}, i64 {b}")

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
        return self.op("i1", f"icmp {predicate} i64 {a}, {b}")

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
        return Value(str(a), "i64") if isinstance(a, int) else a

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
        lanes, element = _parts(type)
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
        lanes, element = _parts(a.type)
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
        return self.op("i64", f"select i1 {condition}, i64 {a}, i64 {b}")

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

    def steps(self, lanes: int, element: str = "i64", step: int = 1) -> Value:
        """The constant 0, step, 2·step …"""
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
            narrow = (
                constant(type, clamped) if isinstance(clamped, int) else self.splat(self.cast("trunc", clamped, "i32"), lanes)
            )
            mask = self.both(mask, self.test(predicate, self.steps(lanes, "i32"), narrow))
        return mask

    # --- memory

    def address(self, pointer: Value, index: Int, element: str) -> Value:
        """The address of item `index` of an array of `element`."""
        if isinstance(index, int) and index == 0:
            return pointer
        return self.op("ptr", f"getelementptr {element}, ptr {pointer}, i64 {index}")

    def load(self, type: str, pointer: Value, align: int = 0) -> Value:
        return self.op(type, f"load {type}, ptr {pointer}, align {align or max(1, bits_of(type) // 8)}")

    def entry_load(self, type: str, pointer: Value, index: int) -> Value:
        """Item `index` of an array, read at the function's entry: `pointer` is a parameter."""
        self._count += 2
        address, value = f"%v{self._count - 1}", f"%v{self._count}"
        self._entry.append(f" {address} = getelementptr {type}, ptr {pointer}, i64 {index}")
        self._entry.append(f" {value} = load {type}, ptr {address}, align {bits_of(type) // 8}")
        return Value(value, type)

    def store(self, a: Value, pointer: Value, align: int = 0, nontemporal: bool = False) -> None:
        hint = ", !nontemporal !3" if nontemporal else ""
        self.emit(f"store {a.type} {a}, ptr {pointer}, align {align or max(1, bits_of(a.type) // 8)}{hint}")

    def masked_load(self, type: str, pointer: Value, mask: bool | Value) -> Value:
        """Lanes outside the mask are 0 and their memory isn't touched."""
        if isinstance(mask, bool):
            return self.load(type, pointer) if mask else zero(type)
        align = Value(str(max(1, bits_of(type) // 8)), "i32")
        return self.call(f"llvm.masked.load.{self.suffix(type)}.p0", type, pointer, align, mask, zero(type))

    def masked_store(self, a: Value, pointer: Value, mask: bool | Value) -> None:
        if isinstance(mask, bool):
            if mask:
                self.store(a, pointer)
            return
        align = Value(str(max(1, bits_of(a.type) // 8)), "i32")
        self.call_void(f"llvm.masked.store.{self.suffix(a.type)}.p0", a, pointer, align, mask)

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

    # --- control

    def loop(
        self,
        low: Int,
        high: Int,
        step: Int,
        body: Callable[[Int, list[Value]], Sequence[Value] | None],
        carried: Sequence[Value] = (),
        nonempty: bool = False,
        unrolled: bool = False,
    ) -> list[Value]:
        """for i in range(low, high, step): carried = body(i, carried); gives the last carried values. `step` is positive.

        The test is at the bottom; one before the loop is left out where the bounds show that there is a first turn, or the
        caller says so (`nonempty`). A loop of one turn becomes straight code. LLVM may unroll it only when `unrolled`.
        """
        carried = list(carried)
        if isinstance(low, int) and isinstance(high, int):
            if low >= high:
                return carried
            if isinstance(step, int) and low + step >= high:
                return list(body(low, carried) or ())
            nonempty = True
        top, done, before = self.label(), self.label(), self._block
        if nonempty:
            self.branch(top)
        else:
            self.branch(top, self.op("i1", f"icmp slt i64 {low}, {high}"), done)
        self.start(top)
        slot = len(self._lines)
        self._lines.append("")
        self._count += 1 + len(carried)
        names = [f"%v{self._count - i}" for i in range(1 + len(carried))]
        index, inside = Value(names[0], "i64"), [Value(n, c.type) for n, c in zip(names[1:], carried)]
        after = list(body(index, inside) or ())
        assert len(after) == len(carried), (len(after), len(carried))
        following = self.op("i64", f"add nsw i64 {index}, {step}")
        more = self.op("i1", f"icmp slt i64 {following}, {high}")
        latch = self._block
        self.branch(top, more, done, unrolled)
        pairs = zip([index, *inside], [self.integer(low), *carried], [following, *after])
        self._lines[slot] = "\n".join(
            f" {p} = phi {p.type} [ {first}, %{before} ], [ {then}, %{latch} ]" for p, first, then in pairs
        )
        self.start(done)
        if nonempty:
            return after
        return [self.phi(c.type, [(c, before), (a, latch)]) for c, a in zip(carried, after)]

    def repeat(
        self, carried: Sequence[Value], test: Callable[[list[Value]], Value], body: Callable[[list[Value]], Sequence[Value]]
    ) -> list[Value]:
        """while test(carried): carried = body(carried)."""
        top, inner, done, before = self.label(), self.label(), self.label(), self._block
        self.branch(top)
        self.start(top)
        slot = len(self._lines)
        self._lines.append("")
        self._count += len(carried)
        inside = [Value(f"%v{self._count - i}", c.type) for i, c in enumerate(carried)]
        self.branch(inner, test(inside), done)
        self.start(inner)
        after = list(body(inside))
        assert len(after) == len(carried)
        latch = self._block
        self.branch(top, unrolled=False)
        self._lines[slot] = "\n".join(
            f" {p} = phi {p.type} [ {first}, %{before} ], [ {then}, %{latch} ]" for p, first, then in zip(inside, carried, after)
        )
        self.start(done)
        return inside

    def unless_stopped(self, body: Callable[[Int, list[Value]], None]) -> Callable[[Int, list[Value]], None]:
        """The body of a loop, long enough that a look at `STOP` costs nothing beside it; passed over once that is set."""

        def looking(i: Int, carried: list[Value]) -> None:
            self.module.declare(STOP, "i32", ())
            stop = self.op("i32", f"call i32 @{STOP}()")
            with self.when(self.op("i1", f"icmp ne i32 {stop}, 1")):
                body(i, carried)

        return looking

    @contextmanager
    def when(self, condition: bool | Value) -> Iterator[None]:
        """What is built inside runs where the condition holds. A condition known to be false must be handled by the caller."""
        if isinstance(condition, bool):
            assert condition
            yield
            return
        inside, after = self.label(), self.label()
        self.branch(inside, condition, after)
        self.start(inside)
        yield
        self.branch(after)
        self.start(after)

    def choose(
        self,
        condition: bool | Value,
        then: Callable[[], Sequence[Value] | None],
        otherwise: Callable[[], Sequence[Value] | None],
    ) -> list[Value]:
        """Values from one of two pieces of code."""
        if isinstance(condition, bool):
            return list((then if condition else otherwise)() or ())
        yes, no, after = self.label(), self.label(), self.label()
        self.branch(yes, condition, no)
        results, ends = [], []
        for label, piece in ((yes, then), (no, otherwise)):
            self.start(label)
            results.append(list(piece() or ()))
            ends.append(self._block)
            self.branch(after)
        self.start(after)
        return [self.phi(a.type, [(a, ends[0]), (b, ends[1])]) for a, b in zip(*results)]
