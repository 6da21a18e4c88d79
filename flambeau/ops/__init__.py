"""Operators by topic, each composed of primitives. Importing this package gives `Tensor` its methods.

May import `flambeau.tensor`, `flambeau.autograd`, `flambeau.shapes` and what those may.
"""
