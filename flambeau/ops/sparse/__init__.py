"""Sparse tensors: what they are made of, and what operators mean for them. May import what `flambeau.ops` may.

`parts` is what all the others are written in; each of those adds to the table of `flambeau.tensor.meanings`.
"""

from flambeau.ops.sparse import arithmetic, compressed, construction, methods, movement, products, reductions, refusals  # noqa: F401
