# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

from typing import Any

from flambeau.autograd import anomaly_mode as anomaly_mode
from flambeau.autograd import forward_ad as forward_ad
from flambeau.autograd import functional as functional
from flambeau.autograd import graph as graph
from flambeau.autograd import modes as grad_mode
from flambeau.autograd.anomaly_mode import detect_anomaly as detect_anomaly
from flambeau.autograd.anomaly_mode import set_detect_anomaly as set_detect_anomaly
from flambeau.autograd.function import Function as Function
from flambeau.autograd.gradcheck import gradcheck as gradcheck
from flambeau.autograd.gradcheck import gradgradcheck as gradgradcheck
from flambeau.autograd.interface import backward as backward
from flambeau.autograd.interface import grad as grad
from flambeau.autograd.modes import enable_grad as enable_grad
from flambeau.autograd.modes import inference_mode as inference_mode
from flambeau.autograd.modes import no_grad as no_grad
from flambeau.autograd.modes import set_grad_enabled as set_grad_enabled

Variable: Any
