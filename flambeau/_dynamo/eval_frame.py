"""`torch._dynamo.eval_frame`: where libraries look for the class of compiled modules. May import `flambeau.nn`."""

from flambeau.nn.compiled import CompiledModule as OptimizedModule

__all__ = ["OptimizedModule"]
