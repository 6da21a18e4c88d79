"""`torch.special`: special functions, under the names they have there.

Filled from the operator registry; may import `flambeau.ops` and `flambeau.nn.functional`.
"""

from __future__ import annotations

from flambeau.nn.functional.softmax import log_softmax as log_softmax
from flambeau.nn.functional.softmax import softmax as softmax
from flambeau.ops.registry import OPERATORS

_SAME = (
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expm1", "gammainc", "gammaincc", "i0", "i0e", "i1", "i1e",
    "log1p", "log_ndtr", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "round", "sinc", "xlog1py", "xlogy",
    "zeta",
)  # fmt: skip
_OTHER_NAMES = {"expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma", "multigammaln": "mvlgamma"}

_found = {name: OPERATORS.get(("special", name)) or OPERATORS.get(("", name)) for name in _SAME}
_found.update({name: OPERATORS.get(("", other)) for name, other in _OTHER_NAMES.items()})
globals().update({name: o.public for name, o in _found.items() if o is not None})
__all__ = sorted(["log_softmax", "softmax", *(name for name, o in _found.items() if o is not None)])
