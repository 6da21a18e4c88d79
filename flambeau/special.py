"""`torch.special`: special functions, under the names they have there.

Filled from the operator registry; may import `flambeau.ops` and `flambeau.nn.functional`.
"""

from __future__ import annotations

from flambeau.nn.functional.softmax import log_softmax as log_softmax
from flambeau.nn.functional.softmax import softmax as softmax
from flambeau.ops.registry import OPERATORS

_SAME = (
    "digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "i0", "log1p", "logit", "logsumexp", "polygamma", "round", "sinc",
    "xlogy",
)  # fmt: skip
_OTHER_NAMES = {
    "expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma", "multigammaln": "mvlgamma", "gammainc": "igamma",
    "gammaincc": "igammac",
}  # fmt: skip

_found = {name: o for (namespace, name), o in OPERATORS.items() if namespace == "special"}
_found.update({name: OPERATORS["", name] for name in _SAME})
_found.update({name: OPERATORS["", other] for name, other in _OTHER_NAMES.items()})
globals().update({name: o.public for name, o in _found.items()})
__all__ = sorted(["log_softmax", "softmax", *_found])
