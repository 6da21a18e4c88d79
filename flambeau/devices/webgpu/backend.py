"""`WebGPUBackend`: the device: plans become command lists, submitted when something is read or enough waits.

May import `flambeau.codegen.wgsl`, `flambeau.kernels`, `flambeau.schedule`, `flambeau.graph`, `flambeau.dtypes`,
`flambeau.precision` and `flambeau.profiler`.
"""

from __future__ import annotations

import builtins
import signal
import threading
from collections.abc import Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import Any

from flambeau.codegen.wgsl.program import CHECKS, Program
from flambeau.devices.webgpu.host import Command, Host
from flambeau.devices.webgpu.memory import Block, Buffer, Pool
from flambeau.devices.webgpu.programs import (
    Commands,
    Executable,
    Launch,
    Repeated,
    Routine,
    block_bytes,
    compile_plan,
    value_bytes,
)
from flambeau.devices.webgpu.rows import RowCopy
from flambeau.dtypes import dtype, int64
from flambeau.graph.node import Node
from flambeau.host import pack
from flambeau.precision import may_round_products
from flambeau.profiler import recorder
from flambeau.schedule.execution import Interrupted
from flambeau.schedule.plan import Plan

__all__ = ["WebGPUBackend"]

_BIND_GROUPS = 8192
_LISTED = 1 << 17
"""Commands of parts of plans that are kept for runs on the same blocks."""
_PIPELINES = 4096
_PROGRAMS = 4096
_SCALAR_SPACE = 1 << 14
_SCALAR_STEP = 256
_ERROR_BYTES = 16
_number = attrgetter("number")


class _Undisturbed:
    """Around a submission, which Ctrl-C must not cut in two: KeyboardInterrupt comes after it."""

    __slots__ = ("_came", "_theirs")

    def __enter__(self) -> None:
        self._came = False
        self._theirs = None
        if threading.current_thread() is threading.main_thread():
            theirs = signal.getsignal(signal.SIGINT)
            if callable(theirs):
                self._theirs = theirs
                signal.signal(signal.SIGINT, self._note)

    def _note(self, *_: Any) -> None:
        self._came = True

    def __exit__(self, *_: Any) -> None:
        if self._theirs is not None:
            signal.signal(signal.SIGINT, self._theirs)
            if self._came:
                self._theirs(signal.SIGINT, None)


class WebGPUBackend:
    """See `Backend`. Thread-safe: one lock orders what threads record."""

    runs_plans = True
    takes_sizes = False
    is_host = False
    window = None

    def __init__(self, host: Host, index: int) -> None:
        self.host = host
        self.name = f"webgpu:{index}"
        self.target = host.target
        self.multiplies_halves = host.target.has_subgroup_matrix
        self._lock = threading.RLock()
        self.pool = Pool(host, self._lock)
        self.pool.on_release = self._forget_bind_groups
        self.threshold = 256
        self.holding = 0
        self.submissions = self.dispatches = 0
        self._commands: list[Command] = []
        self._batch = 1
        self._pipelines: dict[tuple[str, tuple[bool, ...]], Any] = {}
        self._programs: dict[Any, Program] = {}
        self._bind_groups: dict[tuple[Any, ...], Any] = {}
        self._lists: dict[tuple[int, ...], list[Command]] = {}
        """The commands of parts of plans, by the part's number and its blocks'."""
        self._list_lengths = 0
        self._errors = Block(host.create_buffer(_ERROR_BYTES), _ERROR_BYTES)
        self._may_have_failed = False
        self._scalars: list[tuple[Block, bytearray]] = []
        self._scalar_chunk = self._scalar_place = 0
        self._is_executing = False

    # --- the device's interface ---------------------------------------------------------------------------------------
    def supports(self, type: dtype) -> bool:
        return type.real.name != "float64" or self.target.has_float64

    def upload(self, data: Any, nbytes: int) -> Buffer:
        view = memoryview(data).cast("B")[:nbytes]
        padded = -(-nbytes // 4) * 4
        with self._lock:
            buffer = Buffer(self.pool, self.pool.allocate(max(padded, 8)), nbytes)
            if nbytes:
                if buffer.block.batch == self._batch and self._commands:
                    self.flush()  # commands not yet submitted still use this block, and a write would overtake them
                self.host.write(buffer.block.handle, 0, view if padded == nbytes else bytes(view) + bytes(padded - nbytes))
        return buffer

    def download(self, buffer: Buffer, nbytes: int) -> memoryview:
        with self._lock:
            self.flush()
            checked = self._may_have_failed
            padded = -(-nbytes // 4) * 4
            pieces = [(buffer.block.handle, 0, padded)] if padded else []
            if checked:
                pieces.append((self._errors.handle, 0, _ERROR_BYTES))
            if not pieces:
                return memoryview(b"")
            with recorder.span("copy to host", "transfer"):
                data = self.host.read(pieces)
            if checked:
                self._raise_failed_check(data[padded:])
        return data[:nbytes]

    def realize(self, nodes: Sequence[Node]) -> None:
        from flambeau.schedule import realize

        realize(self, nodes)

    def describe(self) -> dict[str, Any]:
        """What `flambeau info` prints: the adapter, and what it offers."""
        return {"device": self.name, "adapter": self.host.name, **asdict(self.target)}

    def synchronize(self) -> None:
        with self._lock:
            self.flush()
            if self._may_have_failed:
                self._raise_failed_check(self.host.read([(self._errors.handle, 0, _ERROR_BYTES)]))
            else:
                self.host.synchronize()

    # --- running ------------------------------------------------------------------------------------------------------
    def execute(self, plan: Plan, inputs: Sequence[Buffer], scalars: Sequence[Any], donated: frozenset[int]) -> list[Buffer]:
        pool = self.pool
        with self._lock:
            executable = self._executable(plan, donated)
            if len(self._bind_groups) >= _BIND_GROUPS:
                self._forget_bind_groups()
            blocks = [self._errors]
            blocks += [buffer.block for buffer in inputs]
            offsets: dict[int, int] = {}
            taken: set[int] = set()
            self._is_executing = True
            try:
                for v, number in zip(plan.scalars, scalars, strict=True):
                    block, offsets[len(blocks)] = self._scalar(number, plan.values[v].dtype)
                    blocks.append(block)
                for nbytes in executable.sizes:
                    blocks.append(pool.allocate(nbytes))
                for part in executable.parts:
                    if isinstance(part, Commands):
                        taken |= part.takes
                    self._run(part, blocks, offsets)
            except BaseException as error:
                for block in blocks[executable.first :]:
                    pool.free(block)
                overwritten = donated & taken
                if overwritten:  # what is recorded already will run
                    raise Interrupted(error, [None] * len(plan.outputs), overwritten) from None
                raise
            finally:
                self._is_executing = False
            for place in executable.temporary:
                pool.free(blocks[place])
            made: dict[int, Buffer] = dict(enumerate(inputs, 1))
            results = []
            for place, nbytes in executable.results:
                if place not in made:
                    made[place] = Buffer(pool, blocks[place], nbytes)
                results.append(made[place])
            if len(self._commands) >= self.threshold and not self.holding:
                self.flush()
        return results

    def _executable(self, plan: Plan, donated: frozenset[int]) -> Executable:
        compiled: dict[Any, Executable] = plan.executable if isinstance(plan.executable, dict) else {}
        reduced = may_round_products()
        key = (donated, reduced, id(self))
        found = compiled.get(key)
        if found is None:
            found = compile_plan(plan, donated, self.target, self._pipeline, self._programs, reduced)
            while len(self._programs) > _PROGRAMS:
                del self._programs[next(iter(self._programs))]
            compiled[key] = found
            plan.executable = compiled
        return found

    def _run(self, part: Commands | Routine | Repeated, blocks: list[Block], offsets: dict[int, int]) -> None:
        """Does a part of a plan, or appends it to the batch. `offsets`: where in its block a value begins, by place."""
        if isinstance(part, Commands):
            key = (part.number, *map(_number, blocks), *offsets.values())
            commands = self._lists.get(key)
            if commands is None:
                commands = self._listed(part, blocks, offsets)
                self._list_lengths += len(commands)
                if self._list_lengths > _LISTED:
                    self._lists.clear()
                    self._list_lengths = len(commands)
                self._lists[key] = commands
            batch = self._batch
            for place in part.uses:
                blocks[place].batch = batch
            self._commands += commands
            self.dispatches += part.launches
            self._may_have_failed |= part.checks
        elif isinstance(part, Routine):
            self._run_routine(part, blocks)
        else:
            self._run_repeated(part, [(blocks[place], offsets.get(place, 0)) for place in part.places])

    def _listed(self, part: Commands, blocks: Sequence[Block], offsets: dict[int, int]) -> list[Command]:
        """The commands of a part of a plan on these blocks."""
        commands: list[Command] = []
        for action in part.actions:
            if isinstance(action, Launch):
                group = self._bind_group(action, blocks, offsets)
                commands.append(("dispatch", action.pipeline, group, *action.groups, action.label))
            elif len(action) == 5:
                source, start, into, to, n = action
                # a scalar lies in a block of many
                ends = (blocks[source].handle, start + offsets.get(source, 0), blocks[into].handle, to + offsets.get(into, 0))
                commands.append(("copy", *ends, n))
            else:
                place, nbytes = action
                commands.append(("clear", blocks[place].handle, nbytes))
        return commands

    def _run_repeated(self, repeated: Repeated, slots: Sequence[tuple[Block, int]]) -> None:
        """A recurrence: each run's rows are copied to where the body reads them, and its results to their rows."""
        kernel, body, pool = repeated.kernel, repeated.body, self.pool
        own: list[Block] = []

        def allocate(nbytes: int) -> Block:
            own.append(pool.allocate(nbytes))
            return own[-1]

        def copy(v: int, by_kernel: RowCopy | None, run: int, is_put: bool) -> None:
            memory, element = kernel.places[v].element(run)
            sequence, offset = slots[memory] if memory >= 0 else kept[~memory]
            place, value = body.place[v], kernel.body.values[v]
            assert place is not None
            row = blocks[place]
            if by_kernel is None or memory == kernel.places[v].first:
                sequence.batch = row.batch = self._batch
                ends = [(sequence.handle, offset + element * value.dtype.itemsize), (row.handle, 0)]
                (source, start), (into, to) = ends[::-1] if is_put else ends
                self._commands.append(("copy", source, start, into, to, -(-value.size * value.dtype.itemsize // 4) * 4))
                return
            number, at = self._scalar(element, int64)
            places = by_kernel.program.place
            bound = [self._errors] * by_kernel.program.first + own_of[v]
            bound[places[0]], bound[places[1]], bound[places[2]] = sequence, number, row
            (part,) = by_kernel.program.parts
            self._run(part, bound, {places[0]: offset, places[1]: at})

        try:
            kept = [(allocate(block_bytes(nbytes)), 0) for nbytes in kernel.blocks]
            moving = {v for v, _ in repeated.takes}
            copies = [*repeated.takes, *repeated.puts]
            own_of = {v: [allocate(nbytes) for nbytes in c.program.sizes] for v, c in copies if c is not None}
            blocks = [self._errors]
            offsets: dict[int, int] = {}
            for v in kernel.body.inputs:
                if v in moving:
                    blocks.append(allocate(value_bytes(kernel.body.values[v])))
                else:
                    block, offsets[len(blocks)] = slots[kernel.places[v].memory]
                    blocks.append(block)
            blocks += [allocate(nbytes) for nbytes in body.sizes]
            for run in range(kernel.times):
                for v, by_kernel in repeated.takes:
                    copy(v, by_kernel, run, False)
                for part in body.parts:
                    self._run(part, blocks, offsets)
                for v, by_kernel in repeated.puts:
                    copy(v, by_kernel, run, True)
        finally:
            for block in own:
                pool.free(block)

    def _bind_group(self, launch: Launch, blocks: Sequence[Block], offsets: dict[int, int]) -> Any:
        bound = [(blocks[place], offsets.get(place, 0)) for place in launch.places]
        key = (launch.number, *[(block.number, start) for block, start in bound])
        found = self._bind_groups.get(key)
        if found is None:
            entries = [(block.handle, offset + start, n) for (block, start), (offset, n) in zip(bound, launch.spans)]
            found = self._bind_groups[key] = self.host.create_bind_group(launch.writable, entries)
        return found

    def _forget_bind_groups(self) -> None:
        """Submits what was recorded, and drops all bind groups. Not between the commands of one step, which would lose some."""
        self.flush()
        self._lists.clear()
        self._list_lengths = 0
        self._bind_groups.clear()
        self.host.drop_bind_groups()

    def release_memory(self) -> int:
        """Gives idle memory back to the driver; returns how many bytes."""
        with self._lock:
            self.flush()
            return self.pool.release()

    async def download_async(self, buffer: Buffer, nbytes: int) -> memoryview:
        """`download` for a page whose call stack can't be suspended."""
        self.flush()
        padded = max(4, -(-nbytes // 4) * 4)
        data = await self.host.read_async([(buffer.block.handle, 0, padded), (self._errors.handle, 0, _ERROR_BYTES)])  # type: ignore[attr-defined]
        self._raise_failed_check(data[padded:])
        return data[:nbytes]

    def _run_routine(self, routine: Routine, blocks: Sequence[Block]) -> None:
        """A host function: its operands come down, its result goes up, in plain sight of the profiler."""
        from flambeau.graph.numpy import array_type, np
        from flambeau.graph.primitives.routine import call, computed

        kernel = routine.kernel
        *operands, result = zip(routine.places, routine.values, kernel.shapes)
        with recorder.span(f"host routine {computed(kernel.name, kernel.arguments)}", "routine"):
            self.flush()
            arrays = []
            for place, value, shape in operands:
                data = self.host.read([(blocks[place].handle, 0, value_bytes(value))])
                arrays.append(np.frombuffer(data, array_type(value.dtype), value.size).reshape(shape))
            place, value, shape = result
            data = call(kernel.name, arrays, kernel.arguments, shape, value.dtype).tobytes()
            self.host.write(blocks[place].handle, 0, data + bytes(-len(data) % 4))

    def _pipeline(self, code: str, writable: tuple[bool, ...], stays_inside: bool) -> Any:
        key = (code, writable)
        found = self._pipelines.get(key)
        if found is None:
            with recorder.span("compile", "compile"):
                found = self.host.create_pipeline(code, writable, stays_inside)
            while len(self._pipelines) >= _PIPELINES:  # plans hold those that they use
                del self._pipelines[next(iter(self._pipelines))]
            self._pipelines[key] = found
        return found

    # --- scalars ------------------------------------------------------------------------------------------------------
    def _scalar(self, number: Any, type: dtype) -> tuple[Block, int]:
        """Where a number lies that this batch's commands will find in memory: written in one piece before they are submitted."""
        if self._scalar_place + _SCALAR_STEP > _SCALAR_SPACE:
            self._scalar_chunk += 1
            self._scalar_place = 0
        if self._scalar_chunk >= len(self._scalars):
            self._scalars.append((self.pool.allocate(_SCALAR_SPACE), bytearray(_SCALAR_SPACE)))
        block, data = self._scalars[self._scalar_chunk]
        place = self._scalar_place
        self._scalar_place += _SCALAR_STEP
        encoded = pack((number,), type)
        data[place : place + len(encoded)] = encoded
        return block, place

    def flush(self) -> None:
        """Submits what was recorded, without waiting for it."""
        with self._lock:
            if self._commands:
                with _Undisturbed():
                    self._submit()
            if not self._is_executing:  # the plan's later steps look for its numbers where they are
                self._scalar_chunk = self._scalar_place = 0

    def _submit(self) -> None:
        for chunk in range(min(self._scalar_chunk + 1, len(self._scalars))):
            used = self._scalar_place if chunk == self._scalar_chunk else _SCALAR_SPACE
            if used:
                block, data = self._scalars[chunk]
                self.host.write(block.handle, 0, memoryview(data)[:used])
        commands, self._commands = self._commands, []
        self._batch += 1
        self.submissions += 1
        profile = recorder.active
        if profile is None:
            self.host.submit(commands)
        else:
            token = self.host.submit(commands, timed=self.host.has_timestamps)
            profile.submitted(self, [c[6] for c in commands if c[0] == "dispatch"], token)

    # --- checks -------------------------------------------------------------------------------------------------------
    def _raise_failed_check(self, data: memoryview) -> None:
        words = data.cast("I")
        self._may_have_failed = False
        if words[0]:
            self.host.write(self._errors.handle, 0, bytes(_ERROR_BYTES))
            value = words[1] | words[2] << 32
            value -= (value >> 63) << 64
            exception, text = CHECKS[words[0] - 1]
            raise getattr(builtins, exception)(text.replace("{value}", str(value)))
