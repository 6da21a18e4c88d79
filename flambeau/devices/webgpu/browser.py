"""The browser host: a page's (or a worker's) `navigator.gpu`, reached from Pyodide through a small JavaScript shim.

Commands cross to JavaScript as one list of numbers a batch. Waiting for the GPU is an ordinary call where Python was entered
through a promise (`runPythonAsync`, `callPromising`); elsewhere `flambeau.webgpu.initialize` and `flambeau.webgpu.fetch` are
the awaitable forms. May import Pyodide's modules (inside functions), `codegen.wgsl.target`, `devices.webgpu.host`.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flambeau.codegen.wgsl.target import Target
from flambeau.devices.webgpu.host import Command, DeviceLostError, OutOfMemoryError

__all__ = ["open_host", "open_host_async", "adapters", "BrowserHost"]

_NO_WAIT = (
    "the page can't wait for the GPU here, because Python was not entered through a promise: run the program with "
    "pyodide.runPythonAsync, or use the awaitable forms `await flambeau.webgpu.initialize()` and "
    "`await flambeau.webgpu.fetch(tensor)`"
)


def _wait(promise: Any) -> Any:
    """The promise's value. Raises RuntimeError where this call stack can't be suspended."""
    from pyodide.ffi import can_run_sync, run_sync

    if not can_run_sync():
        raise RuntimeError(_NO_WAIT)
    return run_sync(promise)


def _navigator_gpu() -> Any:
    import js

    return getattr(getattr(js, "navigator", None), "gpu", None)


def adapters() -> list[str]:
    """One line where the page has WebGPU (what it is, is known only once it was opened)."""
    return [] if _navigator_gpu() is None else ["the browser's WebGPU adapter"]


def _promise(index: int) -> Any:
    from pyodide.code import run_js

    gpu = _navigator_gpu()
    if gpu is None:
        raise RuntimeError("this browser has no WebGPU (navigator.gpu): use a browser that has it, over https or on localhost")
    return run_js((Path(__file__).parent / "shim.js").read_text(encoding="utf-8"))(gpu, index)


def _opened(shim: Any) -> BrowserHost:
    if shim is None:
        raise RuntimeError("the browser gave no WebGPU adapter: its GPU may be blocked (see chrome://gpu)")
    return BrowserHost(shim)


def open_host(index: int) -> BrowserHost:
    return _opened(_wait(_promise(index)))


async def open_host_async(index: int) -> BrowserHost:
    return _opened(await _promise(index))


class BrowserHost:
    """See `Host`; handles are numbers."""

    def __init__(self, shim: Any) -> None:
        from pyodide.ffi import to_js

        self._to_js = to_js
        self._shim = shim
        for name in (
            "createBuffer",
            "destroyBuffer",
            "write",
            "createPipeline",
            "createBindGroup",
            "dropBindGroups",
            "submit",
            "read",
        ):
            setattr(self, "_" + name, getattr(shim, name))  # a method looked up once costs a third
        facts = json.loads(shim.description)
        limits, features = facts["limits"], facts["features"]
        self.name = facts["name"]
        self.has_timestamps = "timestamp-query" in features
        self.target = Target(
            dialect="tint",
            is_software=facts["software"],
            has_float16="shader-f16" in features,
            has_subgroups="subgroups" in features,
            max_storage_buffers=limits["maxStorageBuffersPerShaderStage"],
            max_binding_bytes=limits["maxStorageBufferBindingSize"],
            max_buffer_bytes=limits["maxBufferSize"],
            max_workgroup_bytes=limits["maxComputeWorkgroupStorageSize"],
            max_invocations=limits["maxComputeInvocationsPerWorkgroup"],
            max_workgroups=limits["maxComputeWorkgroupsPerDimension"],
        )

    def _check(self) -> None:
        """Raises what the GPU reported since the last look (errors come later than their calls)."""
        text = self._shim.takeError()
        if text:
            if text.startswith("lost"):
                raise DeviceLostError(f"the webgpu device was {text}")
            if "memory" in text.lower():
                raise OutOfMemoryError(text)
            raise RuntimeError(f"WebGPU: {text}")

    def _numbers(self, values: Sequence[int]) -> Any:
        return self._to_js(memoryview(array("d", values)))

    def create_buffer(self, nbytes: int) -> int:
        try:
            return self._createBuffer(nbytes)  # type: ignore[attr-defined]
        except Exception as error:
            raise OutOfMemoryError(str(error)) from error

    def destroy_buffer(self, buffer: int) -> None:
        self._destroyBuffer(buffer)  # type: ignore[attr-defined]

    def write(self, buffer: int, offset: int, data: Any) -> None:
        self._write(buffer, offset, self._to_js(memoryview(data)))  # type: ignore[attr-defined]

    def create_pipeline(self, code: str, writable: tuple[bool, ...], stays_inside: bool) -> int:
        return self._createPipeline(code, _key(writable))  # type: ignore[attr-defined]

    def create_bind_group(self, writable: tuple[bool, ...], entries: Sequence[tuple[int, int, int]]) -> int:
        return self._createBindGroup(_key(writable), self._numbers([n for entry in entries for n in entry]))  # type: ignore[attr-defined]

    def drop_bind_groups(self) -> None:
        """Forgets all bind groups: their numbers start again."""
        self._dropBindGroups()  # type: ignore[attr-defined]

    def submit(self, commands: Sequence[Command], timed: bool = False) -> int:
        numbers: list[int] = []
        for command in commands:
            if command[0] == "dispatch":
                numbers += (0, *command[1:6])
            elif command[0] == "copy":
                numbers += (1, *command[1:])
            else:
                numbers += (2, command[1], command[2], 0, 0, 0)
        return self._submit(self._numbers(numbers), timed)  # type: ignore[attr-defined]

    def timings(self, token: int) -> list[tuple[int, int]]:
        # how many there are is what the buffer holds: the shim made it for them
        if not token:
            return []
        stamps = memoryview(_wait(self._shim.readAll(token)).to_bytes()).cast("Q")
        return [(stamps[i], stamps[i + 1]) for i in range(0, len(stamps), 2)]

    def read(self, pieces: Sequence[tuple[int, int, int]]) -> memoryview:
        data = _wait(self._read(self._numbers([n for piece in pieces for n in piece])))  # type: ignore[attr-defined]
        self._check()
        return memoryview(data.to_bytes())

    async def read_async(self, pieces: Sequence[tuple[int, int, int]]) -> memoryview:
        """`read` for where the call stack can't be suspended."""
        data = await self._read(self._numbers([n for piece in pieces for n in piece]))  # type: ignore[attr-defined]
        self._check()
        return memoryview(data.to_bytes())

    def synchronize(self) -> None:
        _wait(self._shim.finished())
        self._check()


def _key(writable: tuple[bool, ...]) -> str:
    return "".join("w" if w else "r" for w in writable)
