"""Automatic differentiation: the tape and what users do with it (`torch.autograd`).

`modes` and `tape` know nothing of the tensor class; `function`, `interface` and `gradcheck` are written in tensors.
"""
