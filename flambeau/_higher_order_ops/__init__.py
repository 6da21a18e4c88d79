"""What programs use of `torch._higher_order_ops`: control flow. May import `flambeau.control_flow`, `flambeau.func`."""

from flambeau._higher_order_ops.associative_scan import associative_scan
from flambeau._higher_order_ops.scan import scan
from flambeau.control_flow import cond, while_loop

__all__ = ["associative_scan", "cond", "scan", "while_loop"]
