"""`link`: an object file as LLVM emits it → an `Image`, machine code that runs wherever it is put.

Kernels are small and alike: code, constants, calls of a few functions of the C library, nothing writable. So linking one is
laying its sections out in a row and filling in distances. What is left for later is the address of each function that the process
must provide: a call of it goes to a stub, which jumps to where a slot says.

LLVM's own loader isn't used because it ends the process where it fails: it maps three regions for each object, of which a process
may have some 65,000, and distances don't fit where large tensors lie between two of them. Nor does it give anything back before
the end.

Every system gets ELF objects (`jit.py` asks LLVM for them): the format and the relocation numbers are those of the System V ABI's
processor supplements for x86-64 and AArch64. Imports nothing of flambeau.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Image", "link"]

_X86_64, _AARCH64 = 62, 183
_WRITABLE, _IN_MEMORY, _EXECUTABLE, _THREAD_LOCAL = 1, 2, 4, 0x400
_CONTENT, _SYMBOLS, _ADDITIVE_RELOCATIONS, _OTHER_RELOCATIONS = 1, 2, 4, 9
_UNWINDING = frozenset((".eh_frame", ".pdata", ".xdata"))
"""Sections that nobody reads: nothing is thrown through compiled code."""
_GLOBAL_FUNCTION = 0x12
_UNDEFINED, _FIRST_SPECIAL = 0, 0xFF00
_PAGE = 4096


@dataclass(frozen=True)
class Image:
    """`code` is to be put at a multiple of `alignment`. `functions` are the offsets of its functions; at the offset in `imports`
    goes the address, eight bytes, of the process' function of that name."""

    code: bytes
    alignment: int
    functions: dict[str, int]
    imports: dict[str, int]

    def to_bytes(self) -> bytes:
        """The image as a file keeps it."""
        head = json.dumps([self.alignment, self.functions, self.imports]).encode()
        return len(head).to_bytes(4, "little") + head + self.code

    @classmethod
    def from_bytes(cls, data: bytes) -> Image:
        """What `to_bytes` was of."""
        size = int.from_bytes(data[:4], "little")
        alignment, functions, imports = json.loads(data[4 : 4 + size])
        return cls(data[4 + size :], alignment, functions, imports)


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


@dataclass(frozen=True)
class _Symbol:
    name: str
    info: int
    section: int
    value: int


class _Object:
    """The parts of an object file. Raises RuntimeError where it isn't one for a processor that is known here."""

    def __init__(self, data: bytes) -> None:
        if data[:7] != b"\x7fELF\x02\x01\x01":
            raise RuntimeError("the compiler gave something else than a 64-bit little-endian ELF object")
        self.data = data
        (self.machine,) = struct.unpack_from("<H", data, 18)
        (at,) = struct.unpack_from("<Q", data, 40)
        size, count, naming = struct.unpack_from("<HHH", data, 58)
        heads = [struct.unpack_from("<IIQQQQIIQQ", data, at + k * size) for k in range(count)]
        self.sections = []
        for name, kind, flags, _, offset, length, link, info, alignment, _ in heads:
            text = self._text(heads[naming][4] + name)
            self.sections.append(_Section(text, kind, flags, offset, length, link, info, max(alignment, 1)))
        self.symbols: list[_Symbol] = []
        for table in self.sections:
            if table.kind == _SYMBOLS:
                names = self.sections[table.link].offset
                for k in range(table.size // 24):
                    name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", data, table.offset + 24 * k)
                    self.symbols.append(_Symbol(self._text(names + name), info, section, value))

    def _text(self, at: int) -> str:
        return self.data[at : self.data.index(0, at)].decode()


def link(data: bytes) -> Image:
    """Raises RuntimeError for an object that needs more than is done here: writable data, or a relocation that isn't known."""
    parsed = _Object(data)
    if parsed.machine not in _RELOCATE:
        raise RuntimeError(f"objects for processor {parsed.machine} of the ELF list can't be linked")
    code = bytearray()
    start: dict[int, int] = {}
    kept = [(i, s) for i, s in enumerate(parsed.sections) if s.flags & _IN_MEMORY and s.size and s.name not in _UNWINDING]
    for i, s in sorted(kept, key=lambda item: not item[1].flags & _EXECUTABLE):
        if s.kind != _CONTENT or s.flags & (_THREAD_LOCAL | _WRITABLE):
            raise RuntimeError(f"compiled code has a section {s.name}, which kernels don't")
        code += bytes(-len(code) % s.alignment)
        start[i] = len(code)
        code += data[s.offset : s.offset + s.size]
    alignment = max([16, *(s.alignment for _, s in kept)])
    if parsed.machine == _AARCH64:
        alignment = max(alignment, _PAGE)  # its code counts pages
    imports: dict[str, int] = {}
    stubs: dict[str, int] = {}

    def stub_of(name: str) -> int:
        found = stubs.get(name)
        if found is None:
            code.extend(bytes(-len(code) % 16))
            found = stubs[name] = len(code)
            # Jumps to the address eight bytes further on: jmp *2(%rip); or ldr x16, 8; br x16.
            code.extend(b"\xff\x25\x02\0\0\0\0\0" if parsed.machine == _X86_64 else b"\x50\0\0\x58\0\x02\x1f\xd6")
            imports[name] = len(code)
            code.extend(bytes(8))
        return found

    def place_of(symbol: _Symbol) -> int:
        if symbol.section == _UNDEFINED:
            return stub_of(symbol.name)
        if symbol.section >= _FIRST_SPECIAL or symbol.section not in start:
            raise RuntimeError(f"compiled code refers to {symbol.name!r}, which has no place in it")
        return start[symbol.section] + symbol.value

    relocate = _RELOCATE[parsed.machine]
    for table in parsed.sections:
        if table.info not in start or table.kind not in (_ADDITIVE_RELOCATIONS, _OTHER_RELOCATIONS):
            continue
        if table.kind == _OTHER_RELOCATIONS:
            raise RuntimeError("compiled code has relocations without addends")
        for k in range(table.size // 24):
            offset, info, addend = struct.unpack_from("<QQq", data, table.offset + 24 * k)
            symbol, kind = parsed.symbols[info >> 32], info & 0xFFFFFFFF
            if symbol.section == _UNDEFINED and kind not in _CALLS:
                raise RuntimeError(f"compiled code reads {symbol.name!r} of the process, which kernels don't")
            relocate(code, start[table.info] + offset, kind, place_of(symbol), addend)
    functions = {s.name: start[s.section] + s.value for s in parsed.symbols if s.info == _GLOBAL_FUNCTION and s.section in start}
    return Image(bytes(code), alignment, functions, imports)


# --- relocations: how each kind's distance is written into the code.

_CALLS = frozenset((4, 282, 283))
"""PLT32; JUMP26, CALL26: the distance to a function, or to a stub."""


def _relocate_x86_64(code: bytearray, at: int, kind: int, target: int, addend: int) -> None:
    if kind in (2, 4):  # PC32, PLT32
        struct.pack_into("<i", code, at, target + addend - at)
    elif kind == 24:  # PC64
        struct.pack_into("<q", code, at, target + addend - at)
    else:
        raise RuntimeError(f"relocation {kind} of x86-64 isn't known")


_SCALES = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4}
"""ADD_ABS_LO12_NC and LDST8…128_ABS_LO12_NC: the low twelve bits of an address, in units of 2^n bytes."""


def _relocate_aarch64(code: bytearray, at: int, kind: int, target: int, addend: int) -> None:
    place = target + addend
    if kind == 260:  # PREL64
        struct.pack_into("<q", code, at, place - at)
        return
    if kind == 261:  # PREL32
        struct.pack_into("<i", code, at, place - at)
        return
    (word,) = struct.unpack_from("<I", code, at)
    if kind in (282, 283):  # JUMP26, CALL26
        word |= _field(place - at >> 2, 26)
    elif kind in (274, 275):  # ADR_PREL_LO21, ADR_PREL_PG_HI21
        distance = place - at if kind == 274 else (place // _PAGE) - (at // _PAGE)
        bits = _field(distance, 21)
        word |= (bits & 3) << 29 | (bits >> 2) << 5
    elif kind == 273:  # LD_PREL_LO19
        word |= _field(place - at >> 2, 19) << 5
    elif kind in _SCALES:
        word |= (place % _PAGE >> _SCALES[kind]) << 10
    else:
        raise RuntimeError(f"relocation {kind} of AArch64 isn't known")
    struct.pack_into("<I", code, at, word)


def _field(value: int, bits: int) -> int:
    """A signed number in a field of an instruction. Raises RuntimeError where it doesn't fit."""
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise RuntimeError(f"a distance in compiled code doesn't fit in {bits} bits")
    return value & (1 << bits) - 1


_RELOCATE: dict[int, Callable[[bytearray, int, int, int, int], None]] = {
    _X86_64: _relocate_x86_64,
    _AARCH64: _relocate_aarch64,
}
