"""A builder of LLVM IR text: modules, and functions whose loops carry values.

Imports LLVM's types, instructions and targets, and `flambeau.traced`; it knows LLVM's language and neither kernels nor dtypes.

A `Value` is a name (or a constant's spelling) with its LLVM type. A loop takes the values that it carries and a body from (index,
carried values) to the next carried values: an accumulator tile is a list of values that goes in and comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from flambeau.codegen.llvm.instructions import Instructions
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, bits_of, constant, element_of, lanes_of
from flambeau.traced import Traced, plain_sign

__all__ = ["STOP", "Module", "Function"]

_NO_UNROLL = "!0"

STOP = "flambeau_stop"
"""A function of the runtime, i32 (): 1 while whatever is being computed is not wanted any more."""


class Module:
    """Functions for a processor, the intrinsics that they call, constant tables; `text()` gives the whole as IR."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._functions: list[str] = []
        self._declarations: dict[str, str] = {}
        self._globals: dict[str, str] = {}
        self._defined: set[str] = set()
        self.sizes: dict[int, Traced] = {}
        """The traced numbers that the code is given, by their number in their trace…"""
        self.size_place = 0
        """…and where they stand among its arguments."""

    def place_of(self, size: Traced) -> int:
        """Which argument a traced number is."""
        self.sizes.setdefault(size.number, size)
        return self.size_place + list(self.sizes).index(size.number)

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

    def coefficient(self, type: str, number: float) -> str:
        """The address of a constant that is to be read where it is used: an instruction may have its operand in memory. LLVM
        would keep it in a register, and read it into one before each use where there are too few; it can't know a weak one."""
        text = f"weak hidden unnamed_addr constant {type} {constant(type, number)}, align 64"
        return self._globals.setdefault(text, f"@coefficient{len(self._globals)}")

    def function(self, name: str, parameters: Sequence[tuple[str, str]], attributes: str = "") -> Function:
        """Starts a function returning void; parameters are (type, name). Call `finish()` on it when it is complete."""
        self._defined.add(name)
        return Function(self, name, parameters, attributes)

    def text(self) -> str:
        head = [f"{name} = {text}" for text, name in self._globals.items()]
        tail = [
            f"attributes #0 = {{ {self.target.attributes} }}",
            '!0 = distinct !{!0, !1, !2}\n!1 = !{!"llvm.loop.unroll.disable"}\n!2 = !{!"llvm.loop.vectorize.enable", i1 false}',
            "!3 = !{i32 1}\n",
        ]
        return "\n".join([*head, *self._declarations.values(), *self._functions, *tail])


class Function(Instructions):
    """One function under construction. Instructions go to the current block; methods give their results."""

    def __init__(self, module: Module, name: str, parameters: Sequence[tuple[str, str]], attributes: str = "") -> None:
        text = ", ".join(f"{t} %{n}" for t, n in parameters)
        super().__init__(module, f"define void @{name}({text}) {attributes + ' ' if attributes else ''}#0 {{")
        self.name = name
        self.parameters = tuple(Value(f"%{n}", t) for t, n in parameters)
        self._block = "entry"

    def finish(self) -> None:
        """Returns, closes the function and adds it to the module."""
        self.emit("ret void")
        self._lines[2:2] = self._entry
        self._lines.append("}")
        self.module._functions.append("\n".join(self._lines))

    # --- blocks

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
        elif not isinstance(low, Value) and not isinstance(high, Value):
            nonempty = nonempty or plain_sign(high - low) == 1
        first, last, by = self.text(low), self.text(high), self.text(step)
        top, done, before = self.label(), self.label(), self._block
        if nonempty:
            self.branch(top)
        else:
            self.branch(top, self.op("i1", f"icmp slt i64 {first}, {last}"), done)
        self.start(top)
        slot = len(self._lines)
        self._lines.append("")
        self._count += 1 + len(carried)
        names = [f"%v{self._count - i}" for i in range(1 + len(carried))]
        index, inside = Value(names[0], "i64"), [Value(n, c.type) for n, c in zip(names[1:], carried)]
        after = list(body(index, inside) or ())
        assert len(after) == len(carried), (len(after), len(carried))
        following = self.op("i64", f"add nsw i64 {index}, {by}")
        more = self.op("i1", f"icmp slt i64 {following}, {last}")
        latch = self._block
        self.branch(top, more, done, unrolled)
        pairs = zip([index, *inside], [self.integer(low), *carried], [following, *after])
        self._lines[slot] = "\n".join(
            f" {p} = phi {p.type} [ {begin}, %{before} ], [ {then}, %{latch} ]" for p, begin, then in pairs
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

    # --- memory under masks

    def masked_store(self, a: Value, pointer: Value, mask: bool | Value) -> None:
        """Lanes outside the mask aren't written.

        Without masks in the processor: by pieces where the mask is known; else without it where it holds for all lanes, since a
        store under a mask takes as long as ten without one on some processors, and is one store a lane for narrow elements.
        """
        if self.module.target.has_masks or isinstance(mask, bool):
            super().masked_store(a, pointer, mask)
            return
        pieces, masked = _runs(mask), super().masked_store
        if pieces is None:
            self.choose(self._holds_for_all(mask), lambda: self.store(a, pointer), lambda: masked(a, pointer, mask))
            return
        for first, count in pieces:
            part = self.shuffle(a, a, range(first, first + count)) if count > 1 else self.extract(a, first)
            self.store(part, self.address(pointer, first, element_of(a.type)), max(1, bits_of(element_of(a.type)) // 8))

    def masked_load(self, type: str, pointer: Value, mask: bool | Value) -> Value:
        """Lanes outside the mask are 0 and their memory isn't touched. As for `masked_store`, but that only narrow elements are
        loaded one by one."""
        if self.module.target.has_masks or isinstance(mask, bool) or bits_of(element_of(type)) >= 32:
            return super().masked_load(type, pointer, mask)
        masked = super().masked_load
        (loaded,) = self.choose(
            self._holds_for_all(mask), lambda: [self.load(type, pointer)], lambda: [masked(type, pointer, mask)]
        )
        return loaded

    def _holds_for_all(self, mask: Value) -> Value:
        bits = f"i{lanes_of(mask.type)}"
        return self.test("icmp eq", self.op(bits, f"bitcast {mask.type} {mask} to {bits}"), constant(bits, -1))

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


_MOST_PIECES = 4
"""Stores that are written out for a known mask."""


def _runs(mask: Value) -> list[tuple[int, int]] | None:
    """(first lane, lanes) of the powers of two that a known mask's lanes are made of; None for one that isn't known, or is of
    many."""
    if not mask.name.startswith("<"):
        return None
    holds = [word.endswith("true") for word in mask.name[1:-1].split(",")]
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(holds):
        count = 1
        while (
            holds[first]
            and first % (2 * count) == 0
            and all(holds[first : first + 2 * count])
            and first + 2 * count <= len(holds)
        ):
            count *= 2
        if holds[first]:
            found.append((first, count))
        first += count
    return found if len(found) <= _MOST_PIECES else None
