"""`Tensor`: a view (size, stride, offset) of a storage, with its place on the tape.

What PyTorch's tensors do beyond arithmetic lives here. Operators, and the methods that are operators, are added by
`flambeau.ops`. May import what its modules may.
"""

from flambeau.tensor.core import Tensor, View, from_bytes, from_node, over, result_strides
from flambeau.tensor.overriding import overridable

__all__ = ["Tensor", "View", "from_bytes", "from_node", "over", "overridable", "result_strides"]
