"""`torch.nn.functional`: the operators that networks are made of, one file a topic.

They are operators like those of `flambeau.ops` and may import what those may. The names are filled from the operator registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flambeau.nn.functional import (  # noqa: F401 - each registers its operators
    activation,
    adaptive_pooling,
    attention,
    classification,
    convolution,
    ctc,
    distance,
    interpolation,
    loss,
    native,
    normalization,
    pooling,
    recurrent,
    vision,
)
from flambeau.nn.functional.dropout import dropout as dropout  # the topics with a function of their name
from flambeau.nn.functional.embedding import embedding as embedding
from flambeau.nn.functional.linear import linear as linear
from flambeau.nn.functional.softmax import softmax as softmax
from flambeau.ops.registry import OPERATORS

globals().update({name: o.public for (namespace, name), o in OPERATORS.items() if namespace == "nn.functional"})

__all__ = sorted(name for namespace, name in OPERATORS if namespace == "nn.functional")

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
