"""Kullback and Leibler's divergence between distributions: formulas by the pair of their classes. May import `distributions`."""

from flambeau.distributions.kl import alike as alike
from flambeau.distributions.kl import unlike as unlike
from flambeau.distributions.kl.registry import kl_divergence, register_kl

__all__ = ["register_kl", "kl_divergence"]
