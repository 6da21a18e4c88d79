"""Parts of PyTorch that aren't here, as modules that can be imported: libraries name them at their top.

One table says which modules there are, what is missing, and which of their names programs import. A name that begins with a
capital is a class, good for annotations, `isinstance` (nothing is one) and subclassing; others are functions. To make one of the
class or to call the function raises NotImplementedError, which names it and what is missing. Where PyTorch has a true answer
without that part ("is this tensor a fake one?"), it is given; what only notes something for a use that is refused here, such as a
decorator, is taken. No other name is there. May import `flambeau.absent`.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from flambeau.absent import answering, refusing, refusing_types

__all__ = ["SCRIPT_TYPES", "names"]

_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class _Part:
    """A module: why what it is for can't be done, its names in one string, what other functions answer, other values, and
    functions that only note something for a use which is refused here."""

    why: str
    names: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    registrations: str = ""


_ONE_PROCESS = "there is one process, and torch.distributed.is_available() is False"
_ONE_DEVICE = "there is one device of a kind, and modules are not spread over several"
_NO_EXPORT = "graphs are recorded by running, and aren't exported"
_NO_QUANTIZATION = "there are no quantized tensors"
_NO_TRACING = "torch.fx traces programs in terms of PyTorch's functions, and nothing traces what is below these"
_NO_NESTED = "there are no nested tensors"
_NO_FAKES = "tensors without memory are those of device='meta'"

SCRIPT_TYPES = (
    "AnyType", "AwaitType", "BoolType", "ClassType", "ComplexType", "DeviceObjType", "DictType", "EnumType", "FloatType",
    "FutureType", "InferredType", "IntType", "InterfaceType", "ListType", "NoneType", "NumberType", "OptionalType",
    "PyObjectType", "RRefType", "StreamObjType", "StringType", "SymBoolType", "SymIntType", "TensorType", "TupleType",
    "UnionType",
)  # fmt: skip
"""The classes of types in scripts; programs annotate with `TensorType` by mistake for `Tensor`."""

_PARTS = {
    "_C": _Part(
        "that is the inside of PyTorch's binary", " ".join(SCRIPT_TYPES)
        + " Block Graph Node PyTorchFileReader PyTorchFileWriter ScriptObject Value "
        "_ExcludeDispatchKeyGuard _ForceDispatchKeyGuard _IncludeDispatchKeyGuard",
        {"_get_tracing_state": None, "_log_api_usage_once": None},
    ),
    "_custom_ops": _Part("operators are defined by torch.library.custom_op", "custom_op impl impl_abstract impl_backward "
                         "impl_save_for_backward"),
    "_dynamo.utils": _Part("nothing is compiled from bytecode", answers={"is_compile_supported": True}),
    "_subclasses": _Part(_NO_FAKES, "FakeTensor FakeTensorMode"),
    "_subclasses.fake_tensor": _Part(_NO_FAKES, "FakeTensor FakeTensorMode", {"is_fake": False}),
    "ao": _Part(_NO_QUANTIZATION),
    "ao.quantization": _Part(
        _NO_QUANTIZATION,
        "QuantStub DeQuantStub QConfig FakeQuantize MinMaxObserver convert fuse_modules fuse_modules_qat get_default_qconfig "
        "get_default_qat_qconfig prepare prepare_qat quantize_dynamic quantize propagate_qconfig_",
    ),
    "ao.quantization.fx": _Part(_NO_QUANTIZATION),
    "ao.quantization.fx._decomposed": _Part(_NO_QUANTIZATION),
    "distributed": _Part(
        _ONE_PROCESS,
        "DeviceMesh GradBucket P2POp ProcessGroup Store TCPStore FileStore HashStore Work all_gather all_gather_into_tensor "
        "all_gather_object all_reduce all_to_all all_to_all_single barrier batch_isend_irecv broadcast broadcast_object_list "
        "destroy_process_group gather gather_object get_backend get_global_rank get_group_rank get_process_group_ranks get_rank "
        "get_world_size init_device_mesh init_process_group irecv isend monitored_barrier new_group recv reduce reduce_scatter "
        "reduce_scatter_tensor scatter scatter_object_list send",
        dict.fromkeys(("is_gloo_available", "is_mpi_available", "is_nccl_available", "is_torchelastic_launched"), False),
    ),
    "distributed.checkpoint": _Part(_ONE_PROCESS, "FileSystemReader FileSystemWriter load save async_save"),
    "distributed.checkpoint.hf_storage": _Part(_ONE_PROCESS, "HuggingFaceStorageReader HuggingFaceStorageWriter"),
    "distributed.checkpoint.state_dict": _Part(
        _ONE_PROCESS, "StateDictOptions get_model_state_dict get_optimizer_state_dict get_state_dict set_model_state_dict "
        "set_optimizer_state_dict set_state_dict"
    ),
    "distributed._composable": _Part(_ONE_PROCESS),
    "distributed._composable.fsdp": _Part(_ONE_PROCESS, "FSDPModule MixedPrecisionPolicy fully_shard"),
    "distributed._functional_collectives": _Part(
        _ONE_PROCESS, "AsyncCollectiveTensor all_gather_tensor all_reduce all_to_all_single all_to_all_single_autograd "
        "broadcast reduce_scatter_tensor wait_tensor"
    ),
    "distributed._tensor": _Part(_ONE_PROCESS, "DTensor DeviceMesh Replicate Shard distribute_tensor"),
    "distributed._tensor.experimental": _Part(_ONE_PROCESS, "implicit_replication"),
    "distributed.algorithms": _Part(_ONE_PROCESS),
    "distributed.algorithms.join": _Part(_ONE_PROCESS, "Join Joinable JoinHook"),
    "distributed.constants": _Part(_ONE_PROCESS, values={"default_pg_timeout": timedelta(minutes=30)}),
    "distributed.distributed_c10d": _Part(_ONE_PROCESS, "ProcessGroup"),
    "distributed.device_mesh": _Part(_ONE_PROCESS, "DeviceMesh init_device_mesh"),
    "distributed.elastic": _Part(_ONE_PROCESS),
    "distributed.elastic.multiprocessing": _Part(_ONE_PROCESS),
    "distributed.elastic.multiprocessing.errors": _Part(_ONE_PROCESS, "ChildFailedError", registrations="record"),
    "distributed.fsdp": _Part(
        _ONE_PROCESS, "BackwardPrefetch CPUOffload CPUOffloadPolicy FSDPModule FullStateDictConfig "
        "FullOptimStateDictConfig FullyShardedDataParallel MixedPrecision MixedPrecisionPolicy OffloadPolicy "
        "ShardedStateDictConfig ShardingStrategy StateDictType fully_shard register_fsdp_forward_method"
    ),
    "distributed.fsdp.fully_sharded_data_parallel": _Part(
        _ONE_PROCESS, "BackwardPrefetch CPUOffload FullOptimStateDictConfig FullStateDictConfig FullyShardedDataParallel "
        "MixedPrecision ShardingStrategy StateDictType"
    ),
    "distributed.fsdp.wrap": _Part(
        _ONE_PROCESS, "ModuleWrapPolicy always_wrap_policy enable_wrap lambda_auto_wrap_policy size_based_auto_wrap_policy "
        "transformer_auto_wrap_policy wrap"
    ),
    "distributed.nn": _Part(_ONE_PROCESS, "all_gather all_reduce all_to_all broadcast gather reduce reduce_scatter scatter"),
    "distributed.nn.functional": _Part(
        _ONE_PROCESS, "all_gather all_reduce all_to_all broadcast gather reduce reduce_scatter scatter"
    ),
    "distributed.optim": _Part(_ONE_PROCESS, "DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer"),
    "distributed.rpc": _Part(_ONE_PROCESS, "RRef init_rpc remote rpc_async rpc_sync shutdown", {"is_available": False}),
    "distributed.tensor": _Part(
        _ONE_PROCESS, "DTensor DeviceMesh Partial Placement Replicate Shard distribute_module distribute_tensor"
    ),
    "distributed.tensor._utils": _Part(_ONE_PROCESS, "compute_local_shape_and_global_offset"),
    "distributed.tensor.experimental": _Part(_ONE_PROCESS, "context_parallel implicit_replication"),
    "distributed.tensor.parallel": _Part(
        _ONE_PROCESS, "ColwiseParallel ParallelStyle PrepareModuleInput PrepareModuleOutput RowwiseParallel SequenceParallel "
        "loss_parallel parallelize_module"
    ),
    "distributed.tensor.placement_types": _Part(_ONE_PROCESS, "Partial Placement Replicate Shard _StridedShard"),
    "export": _Part(_NO_EXPORT, "Dim ExportedProgram export load save"),
    "export.decomp_utils": _Part(_NO_EXPORT, "CustomDecompTable"),
    "fx._pytree": _Part(_NO_TRACING, "register_pytree_flatten_spec tree_flatten_spec"),
    "fx.experimental": _Part(_NO_TRACING),
    "fx.experimental.proxy_tensor": _Part(_NO_TRACING, "ProxyTorchDispatchMode make_fx", {"get_proxy_mode": None}),
    "fx.experimental.symbolic_shapes": _Part(_NO_TRACING, "ShapeEnv", {"is_symbolic": False},
                                             {"guard_or_false": bool, "guard_or_true": bool}),
    "fx.passes.infra": _Part(_NO_TRACING),
    "fx.passes.infra.pass_base": _Part(_NO_TRACING, "PassBase PassResult"),
    "nested": _Part(_NO_NESTED, "as_nested_tensor nested_tensor nested_tensor_from_jagged to_padded_tensor"),
    "autograd.profiler": _Part("there is no CUDA device", "emit_itt emit_nvtx"),
    "nn.parallel": _Part(_ONE_DEVICE, "DistributedDataParallel data_parallel gather parallel_apply replicate scatter"),
    "nn.parallel.distributed": _Part(_ONE_PROCESS, "DistributedDataParallel"),
    "nn.parallel.parallel_apply": _Part(_ONE_DEVICE, "parallel_apply"),
    "nn.parallel.replicate": _Part(_ONE_DEVICE, "replicate"),
    "nn.parallel.scatter_gather": _Part(_ONE_DEVICE, "gather is_namedtuple scatter scatter_kwargs"),
    "onnx": _Part(
        _NO_EXPORT, "ONNXProgram export", {"is_in_onnx_export": False}, registrations="register_custom_op_symbolic"
    ),
    "onnx.symbolic_helper": _Part(_NO_EXPORT, registrations="parse_args"),
    "onnx.symbolic_opset11": _Part(_NO_EXPORT),
    "onnx.utils": _Part(_NO_EXPORT),
    "package": _Part("models aren't packed with their code", "PackageExporter PackageImporter"),
    "quantization": _Part(_NO_QUANTIZATION, "DeQuantStub QuantStub convert fuse_modules prepare prepare_qat quantize_dynamic"),
    "utils._python_dispatch": _Part("operators aren't dispatched to Python; there is __torch_function__", "TorchDispatchMode"),
    "utils._sympy": _Part("sizes are no symbols of sympy"),
    "utils._sympy.numbers": _Part("sizes are no symbols of sympy", "IntInfinity NegativeIntInfinity"),
    "utils._sympy.value_ranges": _Part("sizes are no symbols of sympy", "ValueRanges bound_sympy"),
    "utils.cpp_extension": _Part(
        "PyTorch's C++ isn't here", "BuildExtension CppExtension CUDAExtension load load_inline", values={"CUDA_HOME": None}
    ),
    "utils.mobile_optimizer": _Part(_NO_EXPORT, "optimize_for_mobile"),
}  # fmt: skip


def _registration(name: str, why: str) -> Any:
    """A function that takes anything, and decorates functions by giving them back, directly or after arguments of its own."""

    def register(*args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else lambda function: function

    register.__name__ = register.__qualname__ = name
    register.__doc__ = f"Takes what it is given, and gives a function back as it is: {why}."
    return register


def _submodules(module: str) -> Any:
    """A module's `__getattr__`."""

    def find(name: str) -> Any:
        if f"{module}.{name}" in _PARTS:
            return importlib.import_module(f"{_PACKAGE}.{module}.{name}")
        raise AttributeError(f"module '{_PACKAGE}.{module}' has no attribute '{name}'")

    return find


def names(module: str) -> dict[str, Any]:
    """What a module of the table holds, by name: with `__getattr__`, for submodules that are in the table, too."""
    part = _PARTS[module]
    message = f"torch.{module}.{{name}} isn't in {_PACKAGE}: {part.why}"
    listed = part.names.split()
    classes = [name for name in listed if name.lstrip("_")[:1].isupper() and not name.isupper()]
    found = refusing(set(listed) - set(classes), NotImplementedError, message, part.why)
    found |= refusing_types(classes, NotImplementedError, message, part.why)
    found |= answering(part.answers, part.why)
    found |= {name: _registration(name, part.why) for name in part.registrations.split()}
    for value in found.values():
        value.__module__ = f"{_PACKAGE}.{module}"
    return found | part.values | {"__getattr__": _submodules(module)}


class _Finder:
    """Finds the table's modules, where no file is one; also makes them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        package, _, module = name.partition(".")
        if package != _PACKAGE or module not in _PARTS:
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        name = spec.name.partition(".")[2]
        return ModuleType(spec.name, f"`torch.{name}`, which isn't here: {_PARTS[name].why}.")

    def exec_module(self, module: ModuleType) -> None:
        found = names(module.__name__.partition(".")[2])
        vars(module).update(found, __all__=sorted(name for name in found if not name.startswith("_")))


sys.meta_path.append(_Finder())  # type: ignore[arg-type]
