"""PyTorch's API as a compiler in pure Python: `import flambeau as torch`.

The namespace is filled from the operator registry; whole modules (`nn`, `optim`, …) are imported when first asked for.
May import everything below it; nothing imports it but programs.
"""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

from flambeau import autograd as autograd
from flambeau import dtypes as _dtypes
from flambeau import missing as _missing
from flambeau import ops as _ops
from flambeau import printing as _printing
from flambeau import renamed as _renamed
from flambeau.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from flambeau.device import default_device as get_default_device
from flambeau.device import device, set_default_device
from flambeau.dtypes import default_dtype as get_default_dtype
from flambeau.dtypes import dtype, finfo, iinfo, set_default_dtype
from flambeau.layout import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from flambeau.ops.registry import OPERATORS as _OPERATORS
from flambeau.size import Size
from flambeau.tensor import Tensor
from flambeau.version import __version__

try:
    from flambeau.ops.einops import rearrange, reduce, repeat
except ModuleNotFoundError as error:  # a page may lack the einops package; everything else works
    if error.name != "einops":
        raise

for _d in (*_dtypes.ALL, *_dtypes.NAMES_ONLY):
    globals()[_d.name] = _d
globals().update(_dtypes.ALIASES)
globals().update({name: o.public for (namespace, name), o in _OPERATORS.items() if namespace == ""})

_MODULES = frozenset((
    "nn", "func", "distributions", "amp", "optim", "utils", "linalg", "fft", "special", "random", "profiler", "webgpu", "typing",
    "testing", "serialization", "version", "cuda", "backends", "jit", "compiler", "distributed", "accelerator", "cpu", "xpu",
    "mps", "functional", "hub", "return_types", "signal", "types", "overrides", "_C",
    "multiprocessing", "_dynamo", "_inductor", "__config__", "storage", "fx",
    "futures", "library", "sparse", "_tensor_str", "_utils", "ao", "export", "nested", "onnx", "package", "quantization",
    "quasirandom",
))  # fmt: skip
_ELSEWHERE = {
    "save": "flambeau.serialization",
    "load": "flambeau.serialization",
    "Generator": "flambeau.generator",
    "manual_seed": "flambeau.generator",
    "seed": "flambeau.generator",
    "initial_seed": "flambeau.generator",
    "get_rng_state": "flambeau.generator",
    "set_rng_state": "flambeau.generator",
    "default_generator": "flambeau.generator",
    "set_printoptions": "flambeau.printing",
    "compile": "flambeau.recording",
    "synchronize": "flambeau.runtime",
    "Event": "flambeau.streams",
    "Stream": "flambeau.streams",
    "set_num_threads": "flambeau.runtime",
    "get_num_threads": "flambeau.runtime",
    "set_float32_matmul_precision": "flambeau.precision",
    "get_float32_matmul_precision": "flambeau.precision",
    "tx": "flambeau.ops.expressions",
    "set_default_tensor_type": "flambeau.typed_tensors",
    **{
        f"{kind}Tensor": "flambeau.typed_tensors"
        for kind in ("Float", "Double", "Half", "BFloat16", "Byte", "Char", "Short", "Int", "Long", "Bool")
    },
    "vmap": "flambeau.func",
    "autocast": "flambeau.amp",
    "are_deterministic_algorithms_enabled": "flambeau.determinism",
    "get_deterministic_debug_mode": "flambeau.determinism",
    "is_deterministic_algorithms_warn_only_enabled": "flambeau.determinism",
    "set_deterministic_debug_mode": "flambeau.determinism",
    "use_deterministic_algorithms": "flambeau.determinism",
    **dict.fromkeys(
        (
            "autocast_decrement_nesting",
            "autocast_increment_nesting",
            "clear_autocast_cache",
            "get_autocast_cpu_dtype",
            "get_autocast_dtype",
            "is_autocast_cache_enabled",
            "is_autocast_cpu_enabled",
            "is_autocast_enabled",
            "set_autocast_cache_enabled",
            "set_autocast_cpu_dtype",
            "set_autocast_cpu_enabled",
            "set_autocast_dtype",
            "set_autocast_enabled",
        ),
        "flambeau.amp.autocast_mode",
    ),
    "Future": "flambeau.futures",
    "GradScaler": "flambeau.amp.grad_scaler",
    **dict.fromkeys(("TypedStorage", "UntypedStorage"), "flambeau.ops.storages"),
    **dict.fromkeys(("get_num_interop_threads", "set_flush_denormal", "set_num_interop_threads"), "flambeau.runtime"),
    "is_anomaly_check_nan_enabled": "flambeau.autograd.anomaly_mode",
    "is_anomaly_enabled": "flambeau.autograd.anomaly_mode",
    "set_anomaly_enabled": "flambeau.autograd.anomaly_mode",
    "to_dlpack": "flambeau.utils.dlpack",
    **dict.fromkeys(
        (
            "SymBool",
            "SymFloat",
            "SymInt",
            "sym_float",
            "sym_int",
            "sym_ite",
            "sym_max",
            "sym_min",
            "sym_not",
            "sym_sqrt",
            "sym_sum",
        ),
        "flambeau.sym",
    ),
    **dict.fromkeys(("eig", "lstsq", "matrix_rank", "solve", "symeig"), "flambeau.removed"),
    **dict.fromkeys(
        (
            "sparse_coo_tensor",
            "sparse_csr_tensor",
            "sparse_csc_tensor",
            "sparse_bsr_tensor",
            "sparse_bsc_tensor",
            "sparse_compressed_tensor",
            "spmm",
            "hspmm",
            "saddmm",
            "smm",
            "sspaddmm",
            "dsmm",
            "hsmm",
        ),
        "flambeau.sparse",
    ),
    **dict.fromkeys(("cond", "while_loop"), "flambeau.control_flow"),
    **dict.fromkeys(("AcceleratorError", "OutOfMemoryError"), "flambeau.absent"),
    **dict.fromkeys(("PyTorchFileReader", "PyTorchFileWriter", "ScriptObject"), "flambeau._C"),
    **dict.fromkeys(_missing.SCRIPT_TYPES, "flambeau._C"),
    "ScriptModule": "flambeau.jit",
    "_segment_reduce": "flambeau.ops.segments",
    "_assert": "flambeau.testing",
    "_assert_async": "flambeau.testing",
    **dict.fromkeys(("DisableTorchFunction", "DisableTorchFunctionSubclass"), "flambeau.tensor.overriding"),
}
"""Names whose module is imported when they are first used."""


def __getattr__(name: str) -> Any:
    if name == "torch":  # PyTorch's package imports itself by name, so that `torch.torch` is there
        return sys.modules["flambeau"]
    if name == "__name__":
        return _renamed.package_name()
    if name in _MODULES:
        try:
            return importlib.import_module(f"flambeau.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau.{name}":
                raise
    elif name in _ELSEWHERE:
        value = globals()[name] = getattr(importlib.import_module(_ELSEWHERE[name]), name)
        return value
    elif name.startswith("_foreach_"):
        functions = importlib.import_module("flambeau.ops.foreach").FUNCTIONS
        if name in functions:
            value = globals()[name] = functions[name]
            return value
    elif not name.startswith("_"):
        importlib.import_module("flambeau.nn.functional")  # some of its operators are `torch`'s too
        if ("", name) in _OPERATORS:
            value = globals()[name] = _OPERATORS["", name].public
            return value
    raise AttributeError(f"module 'flambeau' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_ELSEWHERE})


inf, nan, pi, e = math.inf, math.nan, math.pi, math.e
newaxis = None

__all__ = sorted(
    name for name in {*globals(), *_ELSEWHERE} if not name.startswith("_") and name not in ("annotations", "importlib", "Any")
)

del __name__  # so that `__getattr__` is asked for it
