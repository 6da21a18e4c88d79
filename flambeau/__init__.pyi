# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

# Which stubs a checker reads: Pyrefly calls itself TYPE_CHECKING_WITH_PYREFLY and computes shapes; the others read the portable
# ones. The nesting is for mypy, which would otherwise look into the first.
from typing import Any

from flambeau import autograd as autograd
from flambeau import _C as _C
from flambeau import __config__ as __config__
from flambeau import _dynamo as _dynamo
from flambeau import _inductor as _inductor
from flambeau import _tensor_str as _tensor_str
from flambeau import _utils as _utils
from flambeau import accelerator as accelerator
from flambeau import amp as amp
from flambeau import ao as ao
from flambeau import backends as backends
from flambeau import compiler as compiler
from flambeau import cpu as cpu
from flambeau import cuda as cuda
from flambeau import distributed as distributed
from flambeau import distributions as distributions
from flambeau import export as export
from flambeau import fft as fft
from flambeau import func as func
from flambeau import functional as functional
from flambeau import futures as futures
from flambeau import fx as fx
from flambeau import hub as hub
from flambeau import jit as jit
from flambeau import library as library
from flambeau import linalg as linalg
from flambeau import mps as mps
from flambeau import multiprocessing as multiprocessing
from flambeau import nested as nested
from flambeau import nn as nn
from flambeau import onnx as onnx
from flambeau import optim as optim
from flambeau import overrides as overrides
from flambeau import package as package
from flambeau import profiler as profiler
from flambeau import quantization as quantization
from flambeau import quasirandom as quasirandom
from flambeau import random as random
from flambeau import return_types as return_types
from flambeau import serialization as serialization
from flambeau import signal as signal
from flambeau import sparse as sparse
from flambeau import special as special
from flambeau import storage as storage
from flambeau import testing as testing
from flambeau import types as types
from flambeau import typing as typing
from flambeau import utils as utils
from flambeau import version as version
from flambeau import webgpu as webgpu
from flambeau import xpu as xpu
from flambeau.autograd.modes import enable_grad as enable_grad
from flambeau.autograd.modes import inference_mode as inference_mode
from flambeau.autograd.modes import is_grad_enabled as is_grad_enabled
from flambeau.autograd.modes import no_grad as no_grad
from flambeau.autograd.modes import set_grad_enabled as set_grad_enabled

MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from flambeau._pyrefly._aliases import *
        from flambeau._pyrefly._dtypes import *
        from flambeau._pyrefly._functions import *
        from flambeau._pyrefly._tensor import Tensor as Tensor
else:
    from flambeau._portable._aliases import *
    from flambeau._portable._dtypes import *
    from flambeau._portable._functions import *
    from flambeau._portable._tensor import Tensor as Tensor
