"""Tensor expressions: Pyrefly knows that they give a tensor; the mypy plugin reads the string."""

import flambeau as torch

x, w, b = torch.randn(2, 3), torch.randn(3, 4), torch.randn(4)
layer = torch.tx("relu(x @ w + b)")
h = layer(x=x, w=w, b=b) + torch.randn(2, 4)
s = torch.tx("softmax(x @ w, dim=-1)[0, 1:].T * 2")(x=x, w=w) + torch.randn(3)
torch.tx("relu(x @")  # E: mypy
torch.tx("unheard_of(x)")  # E: mypy
layer(x=x, w=w)  # E: mypy
layer(x=x, w=w, b=b, c=b)  # E: mypy
layer(x=x, w=x, b=b)  # E: mypy
torch.tx("x + y")(x=x, y=w)  # E: mypy
