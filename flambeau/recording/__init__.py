"""`flambeau.compile`: record a call once and replay it.

May import `flambeau.ops`, `flambeau.autograd`, `flambeau.tensor`, `flambeau.schedule`. Written in tensors and nodes; knows
nothing of kernels.
"""

from flambeau.recording.compiled import compile

__all__ = ["compile"]
