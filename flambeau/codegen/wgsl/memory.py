"""`Memory`: how a kernel's slots are declared, read and written in WGSL.

A slot larger than the adapter's binding limit is bound in pieces. A store of an element narrower than a word is an atomic
update of the word, unless the kernel owns whole words (`loops.py`). May import `flambeau.dtypes`, `codegen.wgsl.types`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.program import Binding
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import ZERO, kind_of, lanes, pack, storage_type, unpack
from flambeau.dtypes import dtype

__all__ = ["Memory"]

_ALIGNMENT = 256  # of a binding's offset: WebGPU's least common requirement


class Memory:
    """Slot number `slot` of a kernel: `size` elements of `type`, as the array `name`."""

    def __init__(self, slot: int, type: dtype, size: int, target: Target, writable: bool = False, name: str = "") -> None:
        self.slot, self.type, self.size, self.target = slot, type, size, target
        self.name = name or f"s{slot}"
        self.writable = writable
        self.is_atomic = False
        self.is_vector = False
        """Whether it is declared as an array of vectors of four elements: four words of float32, or two words of a half type."""
        self.rounds_natively = False
        """Whether the shader may use f16 to round vectors of float16."""
        self.holds = False
        """Whether it is made of other slots' copies."""
        self._first = 0

    def inside(self, name: str, first: int) -> None:
        """Puts the slot into another array, from storage element `first`."""
        self.name, self._first = name, first

    @property
    def nbytes(self) -> int:
        """The size in storage: whole words, and never nothing."""
        return max(4, -(-self.size * self.type.itemsize // 4) * 4, self.type.itemsize)

    def pieces(self) -> list[tuple[int, int]]:
        """(offset, bytes) of each part that is bound."""
        limit = self.target.max_binding_bytes // _ALIGNMENT * _ALIGNMENT
        return [(start, min(limit, self.nbytes - start)) for start in range(0, self.nbytes, limit)]

    def declaration(self, first: int) -> tuple[str, list[Binding]]:
        """The declarations with binding numbers from `first`, and what to bind there."""
        pieces = self.pieces()
        if self.nbytes > self.target.max_buffer_bytes:
            raise RuntimeError(
                f"a tensor of {self.nbytes} bytes is larger than the adapter's largest buffer"
                f" ({self.target.max_buffer_bytes} bytes)"
            )
        if len(pieces) > 1 and self.is_atomic:
            raise RuntimeError(
                f"this kernel updates a tensor of {self.nbytes} bytes atomically, which is limited to the adapter's storage "
                f"binding of {self.target.max_binding_bytes} bytes"
            )
        access = "read_write" if self.writable else "read"
        vector = "vec4<f32>" if self.type.itemsize == 4 else "vec2<u32>"
        element = vector if self.is_vector else storage_type(self.type, self.is_atomic)
        lines, bindings = [], []
        for i, (offset, nbytes) in enumerate(pieces):
            name = self.name if len(pieces) == 1 else f"{self.name}_{i}"
            lines.append(f"@group(0) @binding({first + i}) var<storage, {access}> {name}: array<{element}>;")
            bindings.append(Binding(self.slot, self.writable, offset, nbytes))
        if len(pieces) > 1:
            width = max(4, self.type.itemsize)
            per_piece = pieces[0][1] // width
            reads = "".join(
                f" if (i < {per_piece * (k + 1)}u) {{ return {self.name}_{k}[i - {per_piece * k}u]; }}"
                for k in range(len(pieces))
            )
            lines.append(f"fn read_{self.name}(i: u32) -> {element} {{{reads} return {self.name}_0[0]; }}")
            if self.writable:
                writes = "".join(
                    f" if (i < {per_piece * (k + 1)}u) {{ {self.name}_{k}[i - {per_piece * k}u] = x; return; }}"
                    for k in range(len(pieces))
                )
                lines.append(f"fn write_{self.name}(i: u32, x: {element}) {{{writes} }}")
        return "\n".join(lines) + "\n", bindings

    @property
    def _is_split(self) -> bool:
        return self.nbytes > self.target.max_binding_bytes // _ALIGNMENT * _ALIGNMENT

    def element(self, place: str) -> str:
        """The storage element (a word, for narrow types) at `place`, u32 text."""
        if self._first:
            place = f"({place}) + {self._first}u"
        if self.is_vector:
            return f"{self.name}[({place}) / {self.type.itemsize}u][({place}) % {self.type.itemsize}u]"
        if self.is_atomic:
            return f"atomicLoad(&{self.name}[{place}])"
        return f"read_{self.name}({place})" if self._is_split else f"{self.name}[{place}]"

    def set_element(self, place: str, value: str) -> str:
        """The statement that writes a whole storage element."""
        if self._first:
            place = f"({place}) + {self._first}u"
        if self.is_vector:
            return f"{self.name}[({place}) / {self.type.itemsize}u][({place}) % {self.type.itemsize}u] = {value};"
        if self.is_atomic:
            return f"atomicStore(&{self.name}[{place}], {value});"
        return f"write_{self.name}({place}, {value});" if self._is_split else f"{self.name}[{place}] = {value};"

    def allow_vectors(self) -> bool:
        """Declares the slot as vectors where that is possible; returns whether it is."""
        whole = not self.is_atomic and not self._first and not self.holds and self.size % 4 == 0
        plain = self.type.name == "float32" or self.type.name in ("float16", "bfloat16")
        self.is_vector = self.is_vector or (plain and whole and len(self.pieces()) == 1)
        return self.is_vector

    def words(self, index: str) -> str:
        """The storage of four neighbouring elements from `index` (u32 text), which is a multiple of four."""
        return f"{self.name}[({index}) / 4u]"

    def vector(self, index: str) -> str:
        """The values of four neighbouring elements from `index`, a multiple of four, as vec4<f32>."""
        if self.type.itemsize == 4:
            return self.words(index)
        return f"{self.type.name}_vector({self.words(index)})"

    def store_vector(self, index: str, values: Sequence[str]) -> str:
        """The statement that writes four neighbouring elements from `index`, a multiple of four."""
        if self.type.itemsize == 4:
            return f"{self.words(index)} = vec4<f32>({', '.join(values)});"
        if self.rounds_natively:
            a, b = (f"bitcast<u32>(vec2<f16>(vec2<f32>({x}, {y})))" for x, y in (values[:2], values[2:]))
            return f"{self.words(index)} = vec2<u32>({a}, {b});"
        halves = [pack(v, self.type) for v in values]
        return f"{self.words(index)} = vec2<u32>({halves[0]} | ({halves[1]} << 16u), {halves[2]} | ({halves[3]} << 16u));"

    def load(self, index: str) -> str:
        """The value at element `index` (u32 text), in its kind."""
        n = lanes(self.type)
        if n > 1:
            bits = 32 // n
            word = self.element(f"({index}) >> {n.bit_length() - 1}u")
            part = f"({word} >> ((({index}) & {n - 1}u) * {bits}u)) & {hex((1 << bits) - 1)}u"
            return unpack(f"({part})", self.type)
        if not self.is_atomic:
            return self.element(index)
        if self.type.itemsize == 8:
            return f"vec2<u32>({self.element(f'2u * ({index})')}, {self.element(f'2u * ({index}) + 1u')})"
        return unpack(self.element(index), self.type)

    def load_low_word(self, index: str) -> str:
        """The low 32 bits of an int64 element, as i32."""
        element = self.element(f"2u * ({index})") if self.is_atomic else f"{self.element(index)}.x"
        return f"bitcast<i32>({element})"

    def store(self, index: str, value: str) -> list[str]:
        """Statements that write one element, leaving its neighbours in the word alone."""
        n = lanes(self.type)
        if n == 1:
            if not self.is_atomic:
                return [self.set_element(index, value)]
            if self.type.itemsize == 8:
                return [
                    "{",
                    f"  let stored = {value};",
                    f"  atomicStore(&{self.name}[2u * ({index})], stored.x);",
                    f"  atomicStore(&{self.name}[2u * ({index}) + 1u], stored.y);",
                    "}",
                ]
            return [self.set_element(index, pack(value, self.type))]
        assert self.is_atomic, self.name
        bits = 32 // n
        return [
            "{",
            f"  let place = {index};",
            f"  let shift = (place & {n - 1}u) * {bits}u;",
            f"  let stored = {pack(value, self.type)} << shift;",
            f"  let word = place >> {n.bit_length() - 1}u;",
            f"  atomicAnd(&{self.name}[word], stored | ~({hex((1 << bits) - 1)}u << shift));",
            f"  atomicOr(&{self.name}[word], stored);",
            "}",
        ]

    @property
    def zero(self) -> str:
        return ZERO[kind_of(self.type)]
