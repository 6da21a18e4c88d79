"""`Emitter`: kernel IR expressions → WGSL statements, each placed at the outermost open loop where its axes are known.

An expression becomes a `let` once per loop it belongs to. int64 expressions have two forms: the exact two-word value, and
its low 32 bits, which are all that an address needs and the whole value where an interval proves so.
Conditions are joined by `&` and `|`, never by the short-circuit forms: those are branches, and SwiftShader's time to compile
a loop doubles with every two of them.
May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from flambeau.codegen.wgsl.expressions import COMPARISONS, combine, elementwise
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.program import check_number
from flambeau.codegen.wgsl.ranges import Intervals
from flambeau.codegen.wgsl.types import WGSL_TYPE, bitcast, cast, kind_of, literal, opaque_zero, rounded
from flambeau.dtypes import dtype, float32
from flambeau.dtypes import int32 as _INT32
from flambeau.kernels.ir import Expr

__all__ = ["Block", "Emitter", "Team", "identity"]

_LOW_WORD_OPS = {
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "neg": "(-{})",
    "bitwise_and": "({} & {})",
    "bitwise_or": "({} | {})",
    "bitwise_xor": "({} ^ {})",
    "bitwise_not": "(~{})",
}
"""The low word of these depends on the operands' low words alone."""
_EXACT_I32_OPS = {"maximum": "max({}, {})", "minimum": "min({}, {})", "abs": "abs({})", "sign": "sign({})"}
_COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BLOCKED_SUM = 256  # float sums longer than this keep a partial sum for each stretch of about √n elements


class Block:
    """An open loop or branch: its statements so far, the axes known in it, the names given in it."""

    __slots__ = ("lines", "bound", "names")

    def __init__(self, bound: frozenset[int]) -> None:
        self.lines: list[str] = []
        self.bound = bound
        self.names: dict[object, str] = {}


class Team:
    """Invocations of a workgroup that share one group's work: `size` of them, `width` in the workgroup."""

    def __init__(self, size: int, width: int) -> None:
        self.size, self.width = size, width
        self.arrays: dict[str, str] = {}

    def array(self, kind: str) -> str:
        """The workgroup array for partial results of `kind`."""
        return self.arrays.setdefault(kind, f"shared_{kind}")

    def declarations(self) -> str:
        return "".join(f"var<workgroup> {name}: array<{WGSL_TYPE[kind]}, {self.width}>;\n" for kind, name in self.arrays.items())


def identity(kind_of_reduction: str, d: dtype) -> str:
    """What a reduction of no elements of `d` starts from."""
    if kind_of_reduction == "sum":
        return literal(0, d)
    if kind_of_reduction == "prod":
        return literal(1, d)
    if kind_of_reduction in ("any", "all"):
        return literal(kind_of_reduction == "all", d)
    lowest = kind_of_reduction.endswith("max")
    if d.category == 2:
        return literal(float("-inf" if lowest else "inf"), float32 if kind_of(d) == "f32" else d)
    if d.category == 0:
        return literal(not lowest, d)
    bits = 8 * d.itemsize
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if d.is_signed else (0, (1 << bits) - 1)
    return literal(low if lowest else high, d)


class Emitter:
    """Statements for expressions over `extents` (axis → length), reading `memories` by slot.

    `axis_names` gives the i32 text of each open axis. `team_level` is the block in which the invocations of `team` are in
    step, so that they may share a reduction. `accumulator` is the text that stands for a contraction's sum.
    """

    def __init__(self, extents: dict[int, int], memories: Sequence[Memory], team: Team | None = None) -> None:
        self.extents = extents
        self.memories = memories
        self.intervals = Intervals(extents)
        self.blocks = [Block(frozenset())]
        self.axis_names: dict[int, str] = {}
        self.team = team
        self.team_level = 0
        self.accumulator = ""
        self.has_checks = False
        self._count = 0

    # --- blocks -------------------------------------------------------------------------------------------------------
    def fresh(self, prefix: str = "v") -> str:
        """A name that is new in this shader."""
        self._count += 1
        return f"{prefix}{self._count}"

    def line(self, text: str) -> None:
        """Adds a statement to the innermost block."""
        self.blocks[-1].lines.append(text)

    def open(self, *axes: int) -> Block:
        """Starts a block in which `axes` are known as well."""
        block = Block(self.blocks[-1].bound | frozenset(axes))
        self.blocks.append(block)
        return block

    def close(self, header: str, footer: str = "}") -> None:
        """Ends the innermost block and puts it, under `header`, into the one around it."""
        block = self.blocks.pop()
        outer = self.blocks[-1].lines
        outer.append(header)
        outer.extend("  " + line for line in block.lines)
        outer.append(footer)

    def home_level(self, axes: frozenset[int]) -> int:
        """The outermost open block where all of `axes` are known."""
        for level, block in enumerate(self.blocks):
            if axes <= block.bound:
                return level
        raise AssertionError(f"axes {sorted(axes)} are not open")

    # --- expressions --------------------------------------------------------------------------------------------------
    def value(self, e: Expr) -> str:
        """The exact value of `e` in its kind, as a name or a short text."""
        self._prepare(e)
        return self._value(e)

    def low(self, e: Expr) -> str:
        """The low 32 bits of the int64 expression `e` as i32 text: the value itself where it fits."""
        self._prepare(e)
        return self._low(e)

    def index(self, e: Expr) -> str:
        """`e` as a u32 element index."""
        low = self.low(e)
        return f"{low[:-1]}u" if low.endswith("i") and low[:-1].isdigit() else f"u32({low})"

    def _prepare(self, root: Expr) -> None:
        """Names what `root` is made of, operands first, so that chains of any length need little recursion."""
        stack: list[tuple[Expr, bool]] = [(root, False)]
        seen: set[Expr] = set()
        innermost = self.blocks[-1].bound
        while stack:
            e, ready = stack.pop()
            if ready:
                self._value(e)
                continue
            if e in seen or not e.axes <= innermost or e.op in ("axis", "literal", "accumulator"):
                continue
            seen.add(e)
            if self._name_of(e, "value") is not None:
                continue
            if e is not root and e.dtype.name != "int64" and e.op not in ("reduce", "scan"):
                stack.append((e, True))
            if e.op not in ("reduce", "scan"):
                stack.extend((a, False) for a in e.args if a.dtype.name != "int64")

    def _name_of(self, e: Expr, form: str) -> str | None:
        return self.blocks[self.home_level(e.axes)].names.get((e, form))

    def _named(self, e: Expr, form: str, make: Callable[[], str]) -> str:
        """The name of `e` in this form, made in its home block if it has none."""
        level = self.home_level(e.axes)
        home = self.blocks[level]
        name = home.names.get((e, form))
        if name is None:
            inner = self.blocks[level + 1 :]
            del self.blocks[level + 1 :]
            text = make()
            if text.isidentifier():
                name = text
            else:
                name = self.fresh()
                home.lines.append(f"let {name} = {text};")
            home.names[e, form] = name
            self.blocks.extend(inner)
        return name

    def name_vector(self, loads: Sequence[Expr], read: Callable[[str], str]) -> None:
        """Reads four neighbouring elements at once: `read` gives the vector's text for the index of the first."""
        level = self.home_level(loads[0].axes)
        home = self.blocks[level]
        if (loads[0], "value") in home.names:
            return
        inner = self.blocks[level + 1 :]
        del self.blocks[level + 1 :]
        name, index = self.fresh(), self.index(loads[0].args[0])
        home.lines.append(f"let {name} = {read(index)};")
        for load, component in zip(loads, "xyzw", strict=True):
            home.names[load, "value"] = f"{name}.{component}"
        self.blocks.extend(inner)

    def _value(self, e: Expr) -> str:
        if e.op == "literal":
            return literal(e.param, e.dtype)
        if e.op == "accumulator":
            return self.accumulator
        if e.dtype.name == "int64" and e.op != "load" and self.intervals.fits(e):
            return f"i64_from_i32({self._low(e)})"
        return self._named(e, "value", lambda: self._make_value(e))

    def _low(self, e: Expr) -> str:
        if e.op == "axis":
            return self.axis_names[e.param]
        if e.op == "literal":
            low = (int(e.param) + (1 << 31)) % (1 << 32) - (1 << 31)
            return f"{low}i" if low >= 0 else f"({low}i)" if low > -(1 << 31) else "i32(-2147483647 - 1)"
        if e.dtype.name != "int64":
            return cast(self._value(e), e.dtype, _INT32)
        return self._named(e, "low", lambda: self._make_low(e))

    def _make_low(self, e: Expr) -> str:
        op = e.op
        if op in _LOW_WORD_OPS:
            return _LOW_WORD_OPS[op].format(*(self._low(a) for a in e.args))
        if op == "where":
            return f"select({self._low(e.args[2])}, {self._low(e.args[1])}, {self._value(e.args[0])})"
        if op == "load":
            return self._load(e, low=True)
        if op == "cast":
            source = e.args[0]
            if source.dtype.name == "int64":
                return self._low(source)
            return cast(self._value(source), source.dtype, _INT32)
        if op in ("reduce", "scan") and e.param[0].startswith("arg"):
            return self._reduce(e) if op == "reduce" else self._scan(e)
        if op == "check":
            return self._check(e)
        if all(a.dtype.name == "int64" and self.intervals.fits(a) for a in e.args):
            if op in _EXACT_I32_OPS:
                return _EXACT_I32_OPS[op].format(*(self._low(a) for a in e.args))
            if op in ("floor_divide", "remainder"):
                a, b = (self._low(x) for x in e.args)
                if self.intervals.of(e.args[0])[0] >= 0 and self.intervals.of(e.args[1])[0] > 0:
                    return f"i32(u32({a}) {'/' if op == 'floor_divide' else '%'} u32({b}))"
                divisor = e.args[1].param if e.args[1].op == "literal" else 0
                if divisor > 0 and not divisor & (divisor - 1):  # a shift and a mask round down, negative numbers too
                    return f"({a} >> {divisor.bit_length() - 1}u)" if op == "floor_divide" else f"({a} & {divisor - 1}i)"
                return f"i32_{op}({a}, {b})"
        return f"bitcast<i32>({self._named(e, 'value', lambda: self._make_value(e))}.x)"

    def _make_value(self, e: Expr) -> str:
        op = e.op
        if op == "load":
            return self._load(e)
        if op == "reduce":
            text = self._reduce(e)
            return f"i64_from_i32({text})" if e.param[0].startswith("arg") else text
        if op == "scan":
            text = self._scan(e)
            return f"i64_from_i32({text})" if e.param[0].startswith("arg") else text
        if op == "philox":
            return f"philox({', '.join(self._value(a) for a in e.args)})"
        if op == "where":
            condition, a, b = (self._value(x) for x in e.args)
            return f"select({b}, {a}, {condition})"
        source = e.args[0]
        if op == "cast" and source.dtype.name == "int64" and self.intervals.fits(source):
            return cast(self._low(source), _INT32, e.dtype)
        if op == "cast":
            return cast(self._value(source), source.dtype, e.dtype)
        if op == "bitcast":
            return bitcast(self._value(source), source.dtype, e.dtype)
        if op == "bitwise_and" and e.dtype.name == "bool" and self._is_range(*e.args):
            # 0 ≤ position < size is one comparison of unsigned numbers
            return f"(u32({self._low(e.args[0].args[0])}) < {int(e.args[1].args[1].param)}u)"
        if op in _COMPARE and source.dtype.name == "int64" and all(self.intervals.fits(a) for a in e.args):
            return f"({self._low(e.args[0])} {_COMPARE[op]} {self._low(e.args[1])})"
        if op == "pow" and source.dtype.category == 2 and e.args[1].op == "literal" and e.args[1].param == 2:
            x = self._value(source)
            return elementwise("mul", (x, x), source.dtype, e.dtype)
        operands = [self._value(a) for a in e.args]
        if source.dtype.category == 2 and op in ("add", "sub", "mul", "div"):
            kept = self._without_folding(e, operands)
            if kept is not None:
                return kept
        assert op in COMPARISONS or source.dtype is e.dtype, e
        return elementwise(op, operands, source.dtype, e.dtype)

    def _without_folding(self, e: Expr, operands: list[str]) -> str | None:
        """What compilers would calculate as if there were no NaN and no infinity (0·x, 0/x, x/0, x - x), so that they can't:
        zeros become opaque in `operands`; returned is the whole text where it is another one."""
        op, (a, b) = e.op, e.args
        if op in ("mul", "div"):
            if b.op == "literal" and b.param == 1:
                return operands[0]
            for i, x in enumerate(e.args):
                if x.op == "literal" and x.param == 0:
                    operands[i] = opaque_zero(x.dtype)
            return None
        opposite = op == "add" and any(
            x.op == "neg" and self._value(x.args[0]) == text for x, text in ((a, operands[1]), (b, operands[0]))
        )
        if opposite or (op == "sub" and operands[0] == operands[1]):
            return f"({elementwise('abs', operands[:1], a.dtype, e.dtype)} * {opaque_zero(a.dtype)})"
        return None

    def _is_range(self, a: Expr, b: Expr) -> bool:
        """Whether `a` and `b` are position ≥ 0 and position < size, of one i32 position and a constant size."""
        if a.op != "ge" or b.op != "lt" or a.args[0] is not b.args[0] or a.args[0].dtype.name != "int64":
            return False
        low, high = a.args[1], b.args[1]
        return low.op == high.op == "literal" and low.param == 0 and high.param >= 0 and self.intervals.fits(a.args[0])

    def _load(self, e: Expr, low: bool = False) -> str:
        memory = self.memories[e.param]
        read = memory.load_low_word if low else memory.load
        if len(e.args) == 1:
            return read(self.index(e.args[0]))
        mask = self._value(e.args[1])
        index = self.index(e.args[0])
        if memory.target.is_software:  # a CPU's vectors take a branch apart: a load that is always there is cheaper
            inside = index if memory.target.dialect == "tint" else f"min({index}, {max(memory.size - 1, 0)}u)"  # Tint clamps
            return f"select({'0i' if low else memory.zero}, {read(inside)}, {mask})"
        name = self.fresh()
        self.line(f"var {name} = {'0i' if low else memory.zero};")
        self.line(f"if ({mask}) {{ {name} = {read(index)}; }}")
        return name

    def _check(self, e: Expr) -> str:
        """A position made non-negative; one outside is reported to the host, and 0 taken instead."""
        position, size, bounds = e.args[0], int(e.args[1].param), e.param
        self.has_checks = True
        low = self._low(position)
        if self.intervals.fits(position):
            outside = f"({low} < {-size if bounds.from_end else 0}i) | ({low} >= {size}i)"
            words = f"{low}, {low} >> 31u"
        else:
            value = self._value(position)
            outside = f"!(({value}.y == 0u) & ({value}.x < {size}u))"
            if bounds.from_end:
                outside += f" & !(({value}.y == 0xffffffffu) & ({value}.x >= {(1 << 32) - size}u))"
            words = f"bitcast<i32>({value}.x), bitcast<i32>({value}.y)"
        name = self.fresh()
        self.line(f"var {name} = {low};")
        text = bounds.text.replace("{size}", str(size))
        self.line(f"if ({outside}) {{ fail({check_number(bounds.exception, text)}u, {words}); {name} = 0i; }}")
        self.line(f"if ({name} < 0i) {{ {name} += {size}i; }}")
        return name

    # --- reductions ---------------------------------------------------------------------------------------------------
    def _reduce(self, e: Expr) -> str:
        """Emits the loops of a reduction into the innermost block (its home) and returns the result's name."""
        kept = dict(self.axis_names)  # reductions side by side may use the same axis numbers
        result = self._reduction(e)
        self.axis_names = kept
        return result

    def _reduction(self, e: Expr) -> str:
        kind, axes = e.param
        team = self.team if len(self.blocks) - 1 <= self.team_level else None
        if kind.startswith("arg"):
            return self._reduce_position(e, team)
        body = e.args[0]
        plus = combine(kind, body.dtype)
        start = identity(kind, body.dtype)
        total = prod(n for _, n in axes)
        blocked = kind == "sum" and body.dtype.category == 2 and total > _BLOCKED_SUM
        result = self.fresh("r")
        self.line(f"var {result} = {start};")
        if team is not None and team.size > 1:
            axis_text = self._open_strided(axes, total, team)
            value = self.value(body)
            self.line(f"{result} = {plus(result, value)};")
            self.close(axis_text)
            result = self._share(result, kind_of(body.dtype), team, plus)
        else:
            self._loops(list(axes), result, start, plus, body, blocked)
        return rounded(result, e.dtype) if e.dtype.itemsize < 4 and e.dtype.category == 2 else result

    def _loops(
        self, axes: list[tuple[int, int]], result: str, start: str, plus: Callable[[str, str], str], body: Expr, blocked: bool
    ) -> None:
        """Serial loops over `axes`, combining `body` into `result`; `blocked` keeps a partial result at each level."""
        if not axes:
            value = self.value(body)
            self.line(f"{result} = {plus(result, value)};")
            return
        (axis, extent), rest = axes[0], axes[1:]
        name = self.fresh("a")
        self.axis_names[axis] = name
        if blocked and extent > _BLOCKED_SUM:
            stretch = 1 << (extent.bit_length() + 1) // 2
            base, partial = self.fresh("b"), self.fresh("r")
            self.open()
            self.line(f"var {partial} = {start};")
            self.open(axis)
            self._loops(rest, partial, start, plus, body, blocked)
            self.close(f"for (var {name} = {base}; {name} < min({base} + {stretch}i, {extent}i); {name}++) {{")
            self.line(f"{result} = {plus(result, partial)};")
            self.close(f"for (var {base} = 0i; {base} < {extent}i; {base} += {stretch}i) {{")
            return
        self.open(axis)
        if blocked and rest:
            partial = self.fresh("r")
            self.line(f"var {partial} = {start};")
            self._loops(rest, partial, start, plus, body, blocked)
            self.line(f"{result} = {plus(result, partial)};")
        else:
            self._loops(rest, result, start, plus, body, blocked)
        self.close(f"for (var {name} = 0i; {name} < {extent}i; {name}++) {{")

    def _open_strided(self, axes: Sequence[tuple[int, int]], total: int, team: Team) -> str:
        """Opens one loop over all of `axes`, this invocation taking every `team.size`-th place; returns its header."""
        flat = self.fresh("f")
        self.open(*(axis for axis, _ in axes))
        self.bind_axes(list(axes), flat)
        return f"for (var {flat} = lane; {flat} < {total}u; {flat} += {team.size}u) {{"

    def bind_axes(self, axes: Sequence[tuple[int, int]], flat: str) -> None:
        """Names each of `axes` from its place in the row-major number `flat` (u32 text)."""
        stride = 1
        for position, (axis, extent) in reversed(list(enumerate(axes))):
            name = self.fresh("a")
            text = flat if stride == 1 else f"({flat} / {stride}u)"
            if position > 0:
                text = f"{text} % {extent}u"
            self.line(f"let {name} = i32({text});" if extent > 1 else f"let {name} = 0i;")
            self.axis_names[axis] = name
            stride *= extent

    def _share(self, partial: str, kind: str, team: Team, plus: Callable[[str, str], str]) -> str:
        """Combines the invocations' partial results by a tree in workgroup memory; every one gets the result."""
        array, half, result = team.array(kind), self.fresh("h"), self.fresh("r")
        self.line(f"{array}[local] = {partial};")
        self.line("workgroupBarrier();")
        self.line(f"for (var {half} = {team.size // 2}u; {half} > 0u; {half} = {half} / 2u) {{")
        self.line(f"  if (lane < {half}) {{ {array}[local] = {plus(f'{array}[local]', f'{array}[local + {half}]')}; }}")
        self.line("  workgroupBarrier();")
        self.line("}")
        self.line(f"let {result} = {array}[local - lane];")
        self.line("workgroupBarrier();")
        return result

    def _reduce_position(self, e: Expr, team: Team | None) -> str:
        """argmax and argmin: the first position of the extremum, NaN counting as the most extreme."""
        kind, axes = e.param
        body = e.args[0]
        value_kind = kind_of(body.dtype)
        best, place = self.fresh("r"), self.fresh("p")
        total = prod(n for _, n in axes)
        self.line(f"var {best} = {identity(kind, body.dtype)};")
        self.line(f"var {place} = 2147483647i;")
        shared = team is not None and team.size > 1
        if shared:
            header = self._open_strided(axes, total, team)  # type: ignore[arg-type]
            headers = [header]
        else:
            headers = []
            for axis, extent in axes:
                name = self.fresh("a")
                self.axis_names[axis] = name
                headers.append(f"for (var {name} = 0i; {name} < {extent}i; {name}++) {{")
                self.open(axis)
        value = self.value(body)
        position = "0i"
        for axis, extent in axes:
            position = self.axis_names[axis] if position == "0i" else f"({position} * {extent}i + {self.axis_names[axis]})"
        better = _beats(kind, value_kind, value, best)
        self.line(f"if (({place} == 2147483647i) | {better}) {{ {best} = {value}; {place} = {position}; }}")
        for header in reversed(headers):
            self.close(header)
        if not shared:
            return place
        assert team is not None
        # the positions need another array than the values, which may be i32 themselves
        place_kind = "u32" if value_kind == "i32" else "i32"
        values, places, half, result = team.array(value_kind), team.array(place_kind), self.fresh("h"), self.fresh("p")
        to_place, from_place = ("bitcast<u32>({})", "bitcast<i32>({})") if place_kind == "u32" else ("{}", "{}")
        self.line(f"{values}[local] = {best}; {places}[local] = {to_place.format(place)};")
        self.line("workgroupBarrier();")
        self.line(f"for (var {half} = {team.size // 2}u; {half} > 0u; {half} = {half} / 2u) {{")
        self.line(f"  if (lane < {half}) {{")
        self.line(f"    let mine = {values}[local]; let other = {values}[local + {half}];")
        mine, other = from_place.format(f"{places}[local]"), from_place.format(f"{places}[local + {half}]")
        self.line(f"    let my_place = {mine}; let other_place = {other};")
        ahead, behind = _beats(kind, value_kind, "other", "mine"), _beats(kind, value_kind, "mine", "other")
        # a position not yet set loses to any; equal values go to the earlier position
        is_better = f"(my_place == 2147483647i) | {ahead} | (!{behind} & (other_place < my_place))"
        self.line(f"    if ((other_place != 2147483647i) & ({is_better})) {{")
        self.line(f"      {values}[local] = other; {places}[local] = {to_place.format('other_place')};")
        self.line("    }")
        self.line("  }")
        self.line("  workgroupBarrier();")
        self.line("}")
        self.line(f"let {result} = {from_place.format(f'{places}[local - lane]')};")
        self.line("workgroupBarrier();")
        return result

    # --- scans --------------------------------------------------------------------------------------------------------
    def _scan(self, e: Expr) -> str:
        """One step of a running combination: the loop over its axis is the innermost block, which runs in order."""
        kind, axis = e.param
        outer = self.blocks[-2]
        body = e.args[0]
        value = self.value(body)
        state = self.fresh("r")
        if kind.startswith("arg"):
            place = self.fresh("p")
            outer.lines.append(f"var {state} = {identity(kind, body.dtype)};")
            outer.lines.append(f"var {place} = 0i;")
            value_kind = kind_of(body.dtype)
            stays = _beats(kind, value_kind, state, value)
            self.line(f"if (!({stays})) {{ {state} = {value}; {place} = {self.axis_names[axis]}; }}")
            now = self.fresh()
            self.line(f"let {now} = {place};")
            return now
        outer.lines.append(f"var {state} = {identity(kind, body.dtype)};")
        self.line(f"{state} = {combine(kind, body.dtype)(state, value)};")
        now = self.fresh()
        half = e.dtype.itemsize < 4 and e.dtype.category == 2
        self.line(f"let {now} = {rounded(state, e.dtype) if half else state};")
        return now


def _beats(kind: str, value_kind: str, a: str, b: str) -> str:
    """Whether `a` is strictly ahead of `b` for argmax or argmin."""
    first, second = (b, a) if kind == "argmax" else (a, b)
    if value_kind in ("f32", "f64"):
        less = f"f32_lt({first}, {second})" if value_kind == "f32" else f"({first} < {second})"
        return f"(!{value_kind}_is_nan({b}) & ({value_kind}_is_nan({a}) | {less}))"
    if value_kind == "i64":
        return f"i64_lt({first}, {second})"
    if value_kind == "bool":
        return f"(!{first} & {second})"
    return f"({first} < {second})"
