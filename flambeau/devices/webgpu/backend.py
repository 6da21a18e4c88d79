"""`WebGPUBackend`: the device: plans become command lists, submitted when something is read or enough waits.

May import `flambeau.codegen.wgsl`, `flambeau.kernels`, `flambeau.schedule`, `flambeau.graph`, `flambeau.dtypes`,
`flambeau.precision` and `flambeau.profiler`.
"""

from __future__ import annotations

import builtins
import signal
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from flambeau.codegen.wgsl.program import CHECKS, Program
from flambeau.devices.webgpu.host import Command, Host
from flambeau.devices.webgpu.memory import Block, Buffer, Pool
from flambeau.devices.webgpu.programs import ERRORS_PLACE, Executable, Launch, Repeated, StepProgram, compile_plan, value_bytes
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
_PIPELINES = 4096
_PROGRAMS = 4096
_SCALAR_SPACE = 1 << 14
_SCALAR_STEP = 256
_ERROR_BYTES = 16


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
        with self._lock:
            executable = self._executable(plan, donated)
            if len(self._bind_groups) >= _BIND_GROUPS:
                self._forget_bind_groups()
            values: list[Any] = [None] * len(plan.values)
            blocks: list[Block | None] = [None] * len(plan.values)
            offsets: dict[int, int] = {}
            for v, buffer in zip(plan.inputs, inputs, strict=True):
                values[v], blocks[v] = buffer, buffer.block
            for v, number in zip(plan.scalars, scalars, strict=True):
                blocks[v], offsets[v] = self._scalar(number, plan.values[v].dtype)
            owned: dict[int, Block] = {}
            taken: set[int] = set()
            self._is_executing = True
            try:
                for step in executable.steps:
                    taken.update(old for _, old in step.take_over)
                    self._run_step(step, plan, blocks, offsets, owned)
            except BaseException as error:
                for block in owned.values():
                    self.pool.free(block)
                overwritten = frozenset(i for i in donated if plan.inputs[i] in taken)
                if overwritten:  # what is recorded already will run
                    raise Interrupted(error, [None] * len(plan.outputs), overwritten) from None
                raise
            finally:
                self._is_executing = False
            results = self._results(plan, values, blocks, owned, frozenset(plan.inputs[i] for i in donated))
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

    def _run_step(
        self, step: StepProgram, plan: Plan, blocks: list[Block | None], offsets: dict[int, int], owned: dict[int, Block]
    ) -> None:
        pool = self.pool
        for v, nbytes in step.allocate:
            blocks[v] = owned[v] = pool.allocate(nbytes)
        for v, old in step.take_over:
            blocks[v] = blocks[old]
        if step.routine is not None:
            self._run_routine(step, plan, blocks)
        if step.repeated is not None:
            self._run_repeated(step.repeated, [(blocks[v], offsets.get(v, 0)) for v in step.arguments])
        scratch = [pool.allocate(n) for n in step.scratch]
        try:
            self._record(step, blocks, scratch, offsets)
        finally:
            for block in scratch:
                pool.free(block)
        for v in step.free:
            pool.free(owned.pop(v))

    def _record(
        self, step: StepProgram, blocks: Sequence[Block | None], scratch: Sequence[Block], offsets: dict[int, int]
    ) -> None:
        """Appends a step's commands to the batch."""
        commands, batch = self._commands, self._batch
        for action in step.actions:
            if isinstance(action, Launch):
                bound = []
                for place in action.places:
                    block = blocks[place] if place >= 0 else self._errors if place == ERRORS_PLACE else scratch[~place]
                    block.batch = batch  # type: ignore[union-attr]
                    bound.append(block)
                commands.append(
                    ("dispatch", action.pipeline, self._bind_group(action, bound, offsets), *action.groups, action.label)
                )
                self.dispatches += 1
            elif isinstance(action, tuple):
                source, start, into, to, n = action
                a = blocks[source] if source >= 0 else scratch[~source]
                b = blocks[into] if into >= 0 else scratch[~into]
                assert a is not None and b is not None
                a.batch = b.batch = batch
                # a scalar lies in a block of many
                commands.append(("copy", a.handle, start + offsets.get(source, 0), b.handle, to + offsets.get(into, 0), n))
            else:
                block = scratch[action]
                block.batch = batch
                commands.append(("clear", block.handle, step.scratch[action]))
        if step.checks:
            self._may_have_failed = True

    def _run_repeated(self, repeated: Repeated, slots: Sequence[tuple[Any, int]]) -> None:
        """A recurrence: each run's rows are copied to where the body reads them, and its results to their rows."""
        kernel, pool = repeated.kernel, self.pool
        body = kernel.body
        own = [(pool.allocate(max(8, -(-nbytes // 4) * 4)), 0) for nbytes in kernel.blocks]
        blocks: list[Block | None] = [None] * len(body.values)
        offsets: dict[int, int] = {}
        rows: list[Block] = []
        moving = {v for v, _ in repeated.takes}
        for v in body.inputs:
            if v in moving:
                blocks[v] = row = pool.allocate(value_bytes(body.values[v].size, body.values[v].dtype.itemsize))
                rows.append(row)
            else:
                blocks[v], offset = slots[kernel.places[v].memory]
                if offset:
                    offsets[v] = offset

        def copy(v: int, by_kernel: RowCopy | None, run: int, is_put: bool) -> None:
            memory, element = kernel.places[v].element(run)
            sequence, offset = slots[memory] if memory >= 0 else own[~memory]
            row, value = blocks[v], body.values[v]
            assert row is not None
            if by_kernel is None or memory == kernel.places[v].first:
                sequence.batch = row.batch = self._batch
                ends = [(sequence.handle, offset + element * value.dtype.itemsize), (row.handle, 0)]
                (source, start), (into, to) = ends[::-1] if is_put else ends
                self._commands.append(("copy", source, start, into, to, -(-value.size * value.dtype.itemsize // 4) * 4))
                return
            number, place = self._scalar(element, int64)
            (step,) = by_kernel.program.steps
            self._run_step(replace(step, allocate=[]), by_kernel.plan, [sequence, number, row], {0: offset, 1: place}, {})

        for run in range(kernel.times):
            for v, by_kernel in repeated.takes:
                copy(v, by_kernel, run, False)
            owned: dict[int, Block] = {}
            try:
                for step in repeated.body.steps:
                    self._run_step(step, body, blocks, offsets, owned)
                for v, by_kernel in repeated.puts:
                    copy(v, by_kernel, run, True)
            finally:
                for block in owned.values():
                    pool.free(block)
        for block in (*rows, *(block for block, _ in own)):
            pool.free(block)

    def _bind_group(self, launch: Launch, bound: Sequence[Any], offsets: dict[int, int]) -> Any:
        key: list[int] = [launch.number]
        for block in bound:
            key.append(block.number)
        if offsets:
            key.extend(offsets[p] for p in launch.places if p in offsets)
        wanted = tuple(key)
        found = self._bind_groups.get(wanted)
        if found is None:
            entries = [
                (block.handle, offset + offsets.get(place, 0), n)
                for block, place, (offset, n) in zip(bound, launch.places, launch.spans)
            ]
            found = self._bind_groups[wanted] = self.host.create_bind_group(launch.writable, entries)
        return found

    def _forget_bind_groups(self) -> None:
        """Submits what was recorded, and drops all bind groups. Not between the commands of one step, which would lose some."""
        self.flush()
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

    def _results(
        self, plan: Plan, values: list[Any], blocks: list[Block | None], owned: dict[int, Block], donated: frozenset[int]
    ) -> list[Buffer]:
        made: dict[int, Buffer] = {}
        given = {b.block.number: b for b in values if b is not None}
        results = []
        for v in plan.outputs:
            block = blocks[v]
            if block is None:  # nothing to compute: a value without elements
                block = owned[v] = self.pool.allocate(value_bytes(plan.values[v].size, plan.values[v].dtype.itemsize))
            buffer = made.get(block.number)
            if buffer is None:
                buffer = given.get(block.number)
                if buffer is None:
                    buffer = Buffer(self.pool, block, plan.values[v].size * plan.values[v].dtype.itemsize)
                made[block.number] = buffer
            results.append(buffer)
        return results

    def _run_routine(self, step: StepProgram, plan: Plan, blocks: list[Block | None]) -> None:
        """A host function: its operands come down, its result goes up, in plain sight of the profiler."""
        from flambeau.graph.numpy import array_type, np
        from flambeau.graph.primitives.routine import call, computed

        routine = step.routine
        assert routine is not None
        *operands, result = step.arguments
        with recorder.span(f"host routine {computed(routine.name, routine.arguments)}", "routine"):
            self.flush()
            arrays = []
            for v, shape in zip(operands, routine.shapes):
                value = plan.values[v]
                data = self.host.read([(blocks[v].handle, 0, value_bytes(value.size, value.dtype.itemsize))])  # type: ignore[union-attr]
                arrays.append(np.frombuffer(data, array_type(value.dtype), value.size).reshape(shape))
            made = call(routine.name, arrays, routine.arguments, routine.shapes[-1], plan.values[result].dtype)
            data = made.tobytes()
            self.host.write(blocks[result].handle, 0, data + bytes(-len(data) % 4))  # type: ignore[union-attr]

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
