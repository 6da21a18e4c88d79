"""`torch.autograd.variable`: what tensors with gradients were once called."""

from flambeau.typed_tensors import Variable

__all__ = ["Variable"]
