"""Invertible maps of samples, with the logarithms of their determinants (`torch.distributions.transforms`).

May import `flambeau.tensor`, `flambeau.ops`.
"""

from flambeau.distributions.transforms import composed, elementwise, events
from flambeau.distributions.transforms.composed import *  # noqa: F403
from flambeau.distributions.transforms.elementwise import *  # noqa: F403
from flambeau.distributions.transforms.events import *  # noqa: F403
from flambeau.distributions.transforms.transform import Transform
from flambeau.distributions.transforms.transform import _InverseTransform as _InverseTransform

__all__ = ["Transform", *composed.__all__, *elementwise.__all__, *events.__all__]
