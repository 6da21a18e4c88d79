"""Kernels → addresses of machine code: from memory, from disk, or compiled now, several at a time.

May import `flambeau.kernels`, `flambeau.codegen.llvm` and its neighbours.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast
from weakref import WeakValueDictionary

from flambeau.codegen.llvm import attention, contraction, fourier, loops, sorting
from flambeau.codegen.llvm.lowered import Lowered, Message
from flambeau.codegen.llvm.starts import from_starts
from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.cache import DiskCache
from flambeau.devices.cpu.code import Code
from flambeau.devices.cpu.image import Image
from flambeau.devices.cpu.jit import Jit
from flambeau.devices.cpu.kept import name_on_disk
from flambeau.devices.cpu.uncut import uncut
from flambeau.kernels.fingerprint import fingerprint
from flambeau.kernels.ir import AttentionKernel, ContractionKernel, FourierKernel, Kernel, LoopKernel, SortKernel
from flambeau.kernels.replaced import is_traced
from flambeau.traced import Notes, Trace

__all__ = ["Compiled", "Compiler", "Pack"]


KEPT = 2048
"""How many kernels stay in memory though no plan uses them now; the one used longest ago goes first."""


_IMAGES = 32
"""Texts whose code is remembered."""
_VARIANTS = 32
"""Pieces of code of a kernel over traced numbers that are kept, each for sizes among which its choices are right."""


@dataclass(frozen=True)
class Pack:
    """A phase that runs before the others: its address, the slot that is packed, the scratch block of the result. `name` is
    the same for the same function and place only, also after its code was dropped and loaded again."""

    name: str
    address: int
    slot: int
    scratch: int


@dataclass(frozen=True, eq=False)
class Compiled:
    """Addresses of a kernel's phases in order, good while `code` is held, and what they need (see `codegen/llvm/lowered.py`)."""

    addresses: tuple[int, ...]
    scratch: tuple[int, ...]
    messages: tuple[Message, ...]
    packs: tuple[Pack, ...]
    code: Code
    sizes: tuple[int, ...] = ()
    """What a loop kernel's code is given."""
    starts: tuple[int, ...] = ()
    """By how many bytes the first slots' addresses are to be moved."""
    shared: Compiled | None = None
    """What this shares its code with, as kernels without sizes and starts know it."""

    def started(self, addresses: int) -> list[int]:
        """`starts`, for so many addresses."""
        return [*self.starts, *[0] * (addresses - len(self.starts))]


@dataclass(frozen=True)
class _Unloaded:
    """A kernel's image, and its functions' names in it. This is what the disk keeps."""

    image: Image
    functions: tuple[str, ...]
    packs: tuple[tuple[str, int, int], ...]
    scratch: tuple[int, ...]
    messages: tuple[Message, ...]

    def to_bytes(self) -> bytes:
        head = json.dumps(
            {
                "functions": self.functions,
                "packs": self.packs,
                "scratch": self.scratch,
                "messages": [[m.exception, m.text] for m in self.messages],
            }
        ).encode()
        return len(head).to_bytes(4, "little") + head + self.image.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> _Unloaded:
        size = int.from_bytes(data[:4], "little")
        head: dict[str, Any] = json.loads(data[4 : 4 + size])
        packs = tuple((name, slot, block) for name, slot, block in head["packs"])
        messages = tuple(Message(exception, text) for exception, text in head["messages"])
        return cls(Image.from_bytes(data[4 + size :]), tuple(head["functions"]), packs, tuple(head["scratch"]), messages)

    def at(self, base: int, code: Code, key: str) -> Compiled:
        """The kernel when its image was put at `base`."""
        place = self.image.functions
        packs = tuple(Pack(f"{key}.{name}", base + place[name], slot, block) for name, slot, block in self.packs)
        return Compiled(tuple(base + place[name] for name in self.functions), self.scratch, self.messages, packs, code)


@dataclass(frozen=True)
class _Request:
    """What a kernel's code is kept under, how it is made, and what the kernel adds to code that it shares with others."""

    key: str
    lower: Callable[[], Lowered]
    general: loops.General | None = None
    starts: tuple[int, ...] = ()

    def completed(self, code: Compiled) -> Compiled:
        general = self.general
        if general is None:
            if not any(self.starts):
                return code
            packs = [replace(p, name=f"{p.name}+{start}") if (start := self.starts[p.slot]) else p for p in code.packs]
            return replace(code, packs=tuple(packs), starts=self.starts, shared=code)
        messages = tuple(m.filled(general.texts) for m in code.messages)
        return Compiled(code.addresses, general.scratch, messages, code.packs, code.code, general.sizes, self.starts, code)


class Compiler:
    """Compiles kernels for one target. It remembers what a plan uses, and the last `KEPT` kernels besides."""

    def __init__(self, target: Target, disk: DiskCache | None = None) -> None:
        self.target = target
        self.jit = Jit(target)
        self.disk = DiskCache() if disk is None else disk
        self.compiled = self.loaded = 0
        """How many kernels were compiled in this process, and how many came from disk."""
        self._recent: OrderedDict[tuple[Kernel, int, bool], Compiled] = OrderedDict()
        self._alive: WeakValueDictionary[str, Compiled] = WeakValueDictionary()
        """By the key on disk: whoever holds one keeps its code in memory."""
        self._images: OrderedDict[str, Future[Image]] = OrderedDict()
        """By their text, also those that are being made."""
        self._lock = threading.RLock()

    def prepare(
        self, kernels: Iterable[Kernel], threads: int, may_round: bool = False, trace: Trace | None = None
    ) -> dict[Kernel, Compiled]:
        """The kernels' machine code, good while the result (or each of its values) is held.

        What is missing is compiled on two threads and put into memory as one block. `may_round`: see `Target`. `trace`: the
        kernels' sizes are traced numbers of that, and so are those that their code is to be given.
        """
        target = replace(self.target, may_round=True) if may_round else self.target
        found: dict[Kernel, Compiled] = {}
        wanted: dict[Kernel, _Request] = {}
        notes: dict[Kernel, Notes] = {}
        shared: dict[str, Compiled] = {}
        with self._lock:
            for kernel in dict.fromkeys(kernels):
                if trace is None:
                    known = self._recent.get((kernel, threads, may_round))
                else:
                    kept = trace.kept.get((kernel, threads, target), ())
                    known = next((made for under, made in kept if trace.assume(under)), None)
                if known is not None:
                    found[kernel] = known
                    continue
                if trace is None:
                    request = self._started(kernel, threads, target)
                else:
                    request, notes[kernel] = trace.apart(partial(self._request, kernel, threads, target))
                wanted[kernel] = request
                alive = self._alive.get(request.key)
                if alive is not None:
                    shared[request.key] = alive
        missing = {r.key: r for r in wanted.values() if r.key not in shared}
        if missing:
            made = self._make(list(missing.values()))
            code = self.jit.load([unloaded.image for unloaded in made])
            with self._lock:  # another thread may have been as fast
                for key, unloaded, base in zip(missing, made, code.bases, strict=True):
                    alive = self._alive.get(key)
                    if alive is None:
                        alive = self._alive[key] = unloaded.at(base, code, key)
                    shared[key] = alive
        for kernel, request in wanted.items():
            found[kernel] = request.completed(shared[request.key])
        if trace is not None:
            for kernel, under in notes.items():
                variants = trace.kept.setdefault((kernel, threads, target), [])
                variants.insert(0, (under, found[kernel]))
                del variants[_VARIANTS:]
            return found
        with self._lock:
            for kernel, known in found.items():
                self._recent[kernel, threads, may_round] = known
                self._recent.move_to_end((kernel, threads, may_round))
            while len(self._recent) > KEPT:
                self._recent.popitem(last=False)
        return found

    def after_fork(self) -> None:
        """In a forked child: another thread may have held the lock, or have been making code."""
        self._lock = threading.RLock()
        self._images.clear()

    def code_bytes(self) -> int:
        """Bytes of executable memory that hold kernels."""
        return sum({id(c.code): c.code.size for c in list(self._alive.values())}.values())

    def _make(self, missing: list[_Request]) -> list[_Unloaded]:
        if len(missing) == 1:
            return [self._find(missing[0])]
        with ThreadPoolExecutor(2, thread_name_prefix="flambeau-compile") as pool:
            try:
                return list(pool.map(self._find, missing))
            except BaseException:  # Ctrl-C, say
                pool.shutdown(cancel_futures=True)
                raise

    def _find(self, request: _Request) -> _Unloaded:
        """From disk, else compiled."""
        kept = self.disk.get(request.key)
        if kept is not None:
            self.loaded += 1
            return _Unloaded.from_bytes(kept)
        lowered = request.lower()
        packs = tuple((pack.function, pack.slot, pack.scratch) for pack in lowered.packs)
        image = uncut(partial(self._image, lowered.ir))
        made = _Unloaded(image, lowered.functions, packs, lowered.scratch, lowered.messages)
        self.disk.put(request.key, made.to_bytes())
        self.compiled += 1
        return made

    def _image(self, ir: str) -> Image:
        """The module's machine code, which kernels share whose texts are equal though what they were made from is not."""
        with self._lock:
            known = self._images.get(ir)
            making = known or self._images.setdefault(ir, Future())
            while len(self._images) > _IMAGES:
                self._images.popitem(last=False)
        if known is None:
            try:
                making.set_result(self.jit.assemble(ir))
            except BaseException as error:
                making.set_exception(error)
                with self._lock:
                    self._images.pop(ir, None)
        return making.result()

    def _started(self, kernel: Kernel, threads: int, target: Target) -> _Request:
        """The request for a kernel of plain numbers: wherever it reads, it shares its code."""
        begun, starts = from_starts(kernel)
        starts = tuple(n * slot.dtype.itemsize for n, slot in zip(starts, kernel.slots))
        return replace(self._request(begun, threads, target), starts=starts)

    def _request(self, kernel: Kernel, threads: int, target: Target) -> _Request:
        if isinstance(kernel, LoopKernel):
            general = loops.generalise(kernel, target, threads)
            return _Request(
                name_on_disk(target, fingerprint(general.phases)), lambda: loops.lower(general.phases, target), general
            )
        if isinstance(kernel, SortKernel):
            type, descending = kernel.slots[0].dtype, kernel.descending
            general = loops.General((), sorting.sizes(kernel), (), (sorting.scratch_bytes(kernel, threads),))
            method = sorting.method(kernel)
            name = name_on_disk(target, f"sort {type.name} {descending} {method}")
            return _Request(name, lambda: sorting.lower(type, descending, method, target), general)
        if isinstance(kernel, FourierKernel):
            type, scheme = kernel.slots[0].dtype, fourier.choose(kernel, target, threads)
            general = loops.General((), (kernel.outer,), (), fourier.scratch_bytes(kernel, scheme, threads))
            return _Request(name_on_disk(target, f"{type.name} {scheme}"), lambda: fourier.lower(type, scheme, target), general)
        assert isinstance(kernel, ContractionKernel | AttentionKernel), kernel
        lower: Any = contraction.lower if isinstance(kernel, ContractionKernel) else attention.lower
        if is_traced(kernel):
            lowered = lower(kernel, target, threads)
            general = loops.General((), cast("tuple[int, ...]", lowered.sizes), (), lowered.scratch)
            return _Request(name_on_disk(target, lowered.ir), lambda: replace(lowered, scratch=(), sizes=()), general)
        return _Request(name_on_disk(target, f"{threads} {fingerprint(kernel)}"), lambda: lower(kernel, target, threads))
