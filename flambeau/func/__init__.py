"""Functions of functions (`torch.func`): `vmap`, `grad`, `vjp`, `jvp`, `jacrev`, `jacfwd`, `hessian`, modules as functions.

May import `flambeau.nn` and below.
"""

from flambeau.func.batching import vmap
from flambeau.func.differentiation import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from flambeau.func.modules import functional_call, functionalize, replace_all_batch_norm_modules_, stack_module_state

__all__ = [
    "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
