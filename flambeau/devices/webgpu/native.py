"""The native host: wgpu-py over wgpu-native, or over Dawn with `wgpudawn`, which has the same interface.

The setting FLAMBEAU_WEBGPU chooses the package ("wgpu", the default, or "wgpudawn"); FLAMBEAU_WEBGPU_ADAPTER a part of the
adapter's name. May import wgpu or wgpudawn (inside functions), `flambeau.config`, `codegen.wgsl.target`, `devices.webgpu.host`.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import Any

import flambeau.config as config
from flambeau.codegen.wgsl.target import Target
from flambeau.devices.webgpu.host import Command, DeviceLostError, OutOfMemoryError

__all__ = ["open_host", "adapters", "NativeHost"]

DAWN_TOGGLES = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia", "disable_workgroup_init", "disable_robustness"]
"""What Dawn needs for half precision and subgroup matrices, and what it may leave out.

Kernels write workgroup memory before they read it, and hold every address inside its buffer by themselves: positions that come
from data are checked first, as on the CPU, which checks nothing more. Dawn's own checks halve the speed of subgroup matrices.
"""
_INSTALL = "install it with: pip install flambeau[gpu]"


@cache
def _package() -> Any:
    """The wgpu-py package that the user chose. Raises RuntimeError when it isn't installed."""
    name = config.webgpu_package()
    if not os.environ.get("XDG_RUNTIME_DIR") and os.name == "posix":  # Mesa's drivers say so on stderr when it is unset
        os.environ["XDG_RUNTIME_DIR"] = tempfile.gettempdir()
    try:
        package = importlib.import_module(name)
    except ImportError as error:
        advice = _INSTALL if name == "wgpu" else "install it with: pip install wgpudawn"
        raise RuntimeError(f"the webgpu device needs the package {name!r}; {advice}") from error
    if name == "wgpudawn":
        _dawn_toggles()
    return package


def _dawn_toggles() -> None:
    extras = importlib.import_module("wgpudawn.backends.dawn.extras")
    known = set(extras.all_toggles())
    # timestamps are rounded to 0.1 ms unless told otherwise: a page might spy with them, a program of one's own need not
    disabled = [t for t in ("timestamp_quantization",) if t in known]
    extras.set_instance_extras(enable_toggles=[t for t in DAWN_TOGGLES if t in known], disable_toggles=disabled)


def _adapters() -> list[Any]:
    """Adapters that can compute: GPUs first, software last, each once (not again through OpenGL).

    Asked for each time: an adapter gives one device only.
    """
    package = _package()
    found = [a for a in package.gpu.enumerate_adapters_sync() if a.info["backend_type"] in ("Vulkan", "Metal", "D3D12")]
    if not found:
        found = list(package.gpu.enumerate_adapters_sync())
    found = [a for a in found if config.webgpu_adapter() in a.summary.lower()]
    order = {"DiscreteGPU": 0, "IntegratedGPU": 1, "CPU": 3}
    return sorted(found, key=lambda a: order.get(a.info["adapter_type"], 2))


def adapters() -> list[str]:
    try:
        return [a.summary for a in _adapters()]
    except (RuntimeError, OSError):
        return []


def open_host(index: int) -> NativeHost:
    found = _adapters()
    if not found:
        raise RuntimeError(
            "no WebGPU adapter was found: install a Vulkan driver (on Debian, `mesa-vulkan-drivers` gives one that runs on the"
            " CPU)"
        )
    if index >= len(found):
        raise RuntimeError(f"webgpu device index {index} is out of range: {len(found)} adapter(s) found")
    return NativeHost(_package(), found[index])


def _has_matrices(adapter: Any, features: Sequence[str]) -> bool:
    """Whether products of float16 matrices of 16×16 with sums of float32 are offered to subgroups of 32, as on NVIDIA's GPUs."""
    if "chromium-experimental-subgroup-matrix" not in features or not {"shader-f16", "subgroups"} <= set(features):
        return False
    extras = importlib.import_module("wgpudawn.backends.dawn.extras")
    wanted = {"component_type": "f16", "result_component_type": "f32", "m": 16, "n": 16, "k": 16}
    found = extras.get_adapter_properties(adapter).get("subgroup_matrix_configs", [])
    return any(wanted.items() <= c.items() and c["min_subgroup_size"] == c["max_subgroup_size"] == 32 for c in found)


class NativeHost:
    """See `Host`."""

    def __init__(self, package: Any, adapter: Any) -> None:
        self._package = package
        dawn = package.__name__ == "wgpudawn"
        offered = set(adapter.features)
        wanted = ["shader-f16", "timestamp-query", "subgroups" if dawn else "subgroup"]
        wanted += ["chromium-experimental-subgroup-matrix"] if dawn else ["shader-f64"]
        features = [f for f in wanted if f in offered]
        limits = dict(adapter.limits)
        try:
            self.device = adapter.request_device_sync(required_features=features, required_limits=limits)
        except Exception:  # some limits are reported but can't be asked for
            kept = {k: v for k, v in limits.items() if k in _LIMITS}
            self.device = adapter.request_device_sync(required_features=features, required_limits=kept)
        self.queue = self.device.queue
        given = dict(self.device.limits)
        info = adapter.info
        self.name = adapter.summary
        self.has_timestamps = "timestamp-query" in features
        self.target = Target(
            dialect="tint" if dawn else "naga",
            is_software=info["adapter_type"] == "CPU",
            has_float16="shader-f16" in features,
            has_float64="shader-f64" in features,
            has_subgroups=wanted[2] in features,
            has_subgroup_matrix=_has_matrices(adapter, features),
            max_storage_buffers=given["max-storage-buffers-per-shader-stage"],
            max_binding_bytes=given["max-storage-buffer-binding-size"],
            max_buffer_bytes=given["max-buffer-size"],
            max_workgroup_bytes=given["max-compute-workgroup-storage-size"],
            max_invocations=given["max-compute-invocations-per-workgroup"],
            max_workgroups=given["max-compute-workgroups-per-dimension"],
        )
        usage = package.BufferUsage
        self._storage = usage.STORAGE | usage.COPY_SRC | usage.COPY_DST
        self._reading = usage.MAP_READ | usage.COPY_DST
        self._layouts: dict[tuple[bool, ...], tuple[Any, Any]] = {}
        self._staging: dict[int, Any] = {}
        self._mark = self.create_buffer(256)
        self._query_usage = usage.QUERY_RESOLVE | usage.COPY_SRC
        self._recording = self._recording_functions("dawn" if dawn else "wgpu_native")

    def _recording_functions(self, backend: str) -> tuple[Any, Any, Any, Any]:
        """(set pipeline, set bind group, dispatch, a null pointer) of the C interface: wgpu-py's methods cost several times more.

        They report nothing: an encoder that was used wrongly says so when it is finished.
        """
        api = importlib.import_module(f"{self._package.__name__}.backends.{backend}._api")
        names = ("SetPipeline", "SetBindGroup", "DispatchWorkgroups")
        calls = [getattr(api.lib, f"wgpuComputePassEncoder{name}") for name in names]
        return calls[0], calls[1], calls[2], api.ffi.NULL

    # --- memory -------------------------------------------------------------------------------------------------------
    def create_buffer(self, nbytes: int) -> Any:
        try:
            return self.device.create_buffer(size=nbytes, usage=self._storage)
        except Exception as error:
            if _is_out_of_memory(error):
                raise OutOfMemoryError(_first_line(error)) from error
            raise self._translated(error) from error

    def destroy_buffer(self, buffer: Any) -> None:
        buffer.destroy()

    def write(self, buffer: Any, offset: int, data: Any) -> None:
        self.queue.write_buffer(buffer, offset, data)

    def read(self, pieces: Sequence[tuple[Any, int, int]]) -> memoryview:
        try:
            return self._read(pieces)
        except Exception as error:
            raise self._translated(error) from error

    def _read(self, pieces: Sequence[tuple[Any, int, int]]) -> memoryview:
        total = sum(n for _, _, n in pieces)
        size = 1 << max(total - 1, 255).bit_length()
        staging = self._staging.pop(size, None)
        if staging is None:
            staging = self.device.create_buffer(size=size, usage=self._reading)
        encoder = self.device.create_command_encoder()
        place = 0
        for buffer, offset, n in pieces:
            encoder.copy_buffer_to_buffer(buffer, offset, staging, place, n)
            place += n
        self.queue.submit([encoder.finish()])
        staging.map_sync("READ", 0, total)
        data = staging.read_mapped(0, total, copy=True)
        staging.unmap()
        if size <= 1 << 26:
            self._staging[size] = staging
        else:
            staging.destroy()
        return memoryview(data).cast("B")

    # --- programs -----------------------------------------------------------------------------------------------------
    def _layout(self, writable: tuple[bool, ...]) -> tuple[Any, Any]:
        found = self._layouts.get(writable)
        if found is None:
            entries = [
                {
                    "binding": i,
                    "visibility": self._package.ShaderStage.COMPUTE,
                    "buffer": {"type": "storage" if w else "read-only-storage"},
                }
                for i, w in enumerate(writable)
            ]
            group = self.device.create_bind_group_layout(entries=entries)
            found = self._layouts[writable] = group, self.device.create_pipeline_layout(bind_group_layouts=[group])
        return found

    def _unchecked_module(self, code: str) -> Any:
        """A shader module without naga's bounds checks and loop guards; None where this wgpu-native can't make one."""
        try:
            api = importlib.import_module(f"{self._package.__name__}.backends.wgpu_native._api")
            create = api.libf.wgpuDeviceCreateShaderModuleTrusted
        except (ImportError, AttributeError):
            return None
        source = api.new_struct_p("WGPUShaderSourceWGSL *", code=api.to_c_string_view(code))
        source[0].chain.next = api.ffi.NULL
        source[0].chain.sType = api.lib.WGPUSType_ShaderSourceWGSL
        chain = api.ffi.cast("WGPUChainedStruct *", source)
        descriptor = api.new_struct_p("WGPUShaderModuleDescriptor *", nextInChain=chain, label=api.to_c_string_view(""))
        handle = create(self.device._internal, descriptor, 0)
        return None if handle == api.ffi.NULL else api.GPUShaderModule("", handle, self.device)

    def create_pipeline(self, code: str, writable: tuple[bool, ...], stays_inside: bool) -> Any:
        try:
            module = self._unchecked_module(code) if stays_inside and self.target.dialect == "naga" else None
            if module is None:
                module = self.device.create_shader_module(code=code)
            return self.device.create_compute_pipeline(
                layout=self._layout(writable)[1], compute={"module": module, "entry_point": "main"}
            )
        except Exception as error:
            raise RuntimeError(f"the WebGPU driver rejected a kernel: {error}\n{code}") from error

    def create_bind_group(self, writable: tuple[bool, ...], entries: Sequence[tuple[Any, int, int]]) -> Any:
        return self.device.create_bind_group(
            layout=self._layout(writable)[0],
            entries=[
                {"binding": i, "resource": {"buffer": buffer, "offset": offset, "size": n}}
                for i, (buffer, offset, n) in enumerate(entries)
            ],
        )

    def drop_bind_groups(self) -> None:
        pass

    # --- running ------------------------------------------------------------------------------------------------------
    def submit(self, commands: Sequence[Command], timed: bool = False) -> Any:
        try:
            return self._submit(commands, timed)
        except Exception as error:
            raise self._translated(error) from error

    def _submit(self, commands: Sequence[Command], timed: bool) -> Any:
        encoder = self.device.create_command_encoder()
        token = self._timed(encoder, commands) if timed else None
        if not timed:
            set_pipeline, set_bind_group, dispatch, none = self._recording
            current: Any = None
            handle: Any = None
            bound_pipeline = None
            for command in commands:
                if command[0] == "dispatch":
                    if current is None:
                        current = encoder.begin_compute_pass()
                        handle = current._internal
                        bound_pipeline = None
                    _, pipeline, group, x, y, z, _ = command
                    if pipeline is not bound_pipeline:
                        set_pipeline(handle, pipeline._internal)
                        bound_pipeline = pipeline
                    set_bind_group(handle, 0, group._internal, 0, none)
                    dispatch(handle, x, y, z)
                else:
                    if current is not None:
                        current.end()
                        current = None
                    self._copy(encoder, command)
            if current is not None:
                current.end()
        self.queue.submit([encoder.finish()])
        return token

    def _copy(self, encoder: Any, command: Command) -> None:
        if command[0] == "copy":
            encoder.copy_buffer_to_buffer(*command[1:])
        else:
            encoder.clear_buffer(command[1], 0, command[2])

    def _timed(self, encoder: Any, commands: Sequence[Command]) -> Any:
        dispatches = sum(c[0] == "dispatch" for c in commands)
        if not dispatches:
            for command in commands:
                self._copy(encoder, command)
            return None
        sets: list[tuple[Any, Any, int]] = []
        per_set = 2048
        left = dispatches
        while left > 0:
            n = min(left, per_set)
            queries = self.device.create_query_set(type="timestamp", count=2 * n)
            sets.append((queries, self.device.create_buffer(size=16 * n, usage=self._query_usage), n))
            left -= n
        number = 0
        for command in commands:
            if command[0] != "dispatch":
                self._copy(encoder, command)
                continue
            queries, place = sets[number // per_set][0], number % per_set
            number += 1
            current = encoder.begin_compute_pass(
                timestamp_writes={
                    "query_set": queries,
                    "beginning_of_pass_write_index": 2 * place,
                    "end_of_pass_write_index": 2 * place + 1,
                }
            )
            _, pipeline, group, x, y, z, _ = command
            current.set_pipeline(pipeline)
            current.set_bind_group(0, group)
            current.dispatch_workgroups(x, y, z)
            current.end()
        for queries, buffer, n in sets:
            encoder.resolve_query_set(queries, 0, 2 * n, buffer, 0)
        return sets

    def timings(self, token: Any) -> list[tuple[int, int]]:
        result: list[tuple[int, int]] = []
        for _, buffer, n in token or ():
            stamps = self.queue.read_buffer(buffer).cast("B").cast("Q")
            result += [(stamps[2 * i], stamps[2 * i + 1]) for i in range(n)]
        return result

    def synchronize(self) -> None:
        # not on_submitted_work_done_sync: wgpu-py 0.32 calls it with the wrong signature
        self.read([(self._mark, 0, 4)])

    def _translated(self, error: Exception) -> Exception:
        text = str(error).lower()
        if "lost" in text:
            return DeviceLostError(f"the webgpu device was lost; tensors on it are gone ({' '.join(str(error).split())})")
        if _is_out_of_memory(error):
            return OutOfMemoryError(_first_line(error))
        return error


_LIMITS = (
    "max-storage-buffers-per-shader-stage",
    "max-storage-buffer-binding-size",
    "max-buffer-size",
    "max-compute-workgroup-storage-size",
    "max-compute-invocations-per-workgroup",
    "max-compute-workgroup-size-x",
)


def _is_out_of_memory(error: Exception) -> bool:
    text = f"{type(error).__name__} {error}".lower()
    return "outofmemory" in text or "out of memory" in text or "not enough memory" in text


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
