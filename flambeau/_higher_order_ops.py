"""What programs use of `torch._higher_order_ops`: control flow. May import `flambeau.control_flow`, `flambeau.missing`."""

from flambeau.control_flow import cond, while_loop
from flambeau.missing import names

__all__ = ["cond", "while_loop"]

globals().update(names("_higher_order_ops"))
