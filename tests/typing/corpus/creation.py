"""What makes tensors."""

from typing import reveal_type

import flambeau as torch
reveal_type(torch.zeros(3, 4))
reveal_type(torch.ones((2, 5)))
reveal_type(torch.full((2, 3), 7.0))
reveal_type(torch.full((2, 3), 7))
reveal_type(torch.arange(10))
reveal_type(torch.arange(2, 10))
reveal_type(torch.arange(0, 10, 3))
reveal_type(torch.arange(0.0, 1.0, 0.25))  # open: pyrefly, mypy
reveal_type(torch.linspace(0, 1, 11))
reveal_type(torch.logspace(0, 1, 5))
reveal_type(torch.eye(4))
reveal_type(torch.eye(3, 5))
reveal_type(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
reveal_type(torch.tensor(3.0))
reveal_type(torch.tensor([1, 2, 3], dtype=torch.float32))
reveal_type(torch.rand(2, 2))
reveal_type(torch.randint(0, 10, (3, 4)))
reveal_type(torch.randint(10, (3,)))
reveal_type(torch.randn(3).new_zeros(2, 5))
reveal_type(torch.zeros_like(torch.randn(3, 2)))
reveal_type(torch.randn_like(torch.zeros(2)))
reveal_type(torch.randperm(7))
reveal_type(torch.empty(0, 3))
reveal_type(torch.normal(0.0, 1.0, (3, 2)))
reveal_type(torch.normal(torch.zeros(4), torch.ones(4)))
reveal_type(torch.bernoulli(torch.full((3, 3), 0.5)))
reveal_type(torch.multinomial(torch.ones(5, 4), 2))
reveal_type(torch.tril(torch.ones(4, 4)))
reveal_type(torch.hann_window(16))
reveal_type(torch.full_like(torch.zeros(3), 2.0))
reveal_type(torch.as_tensor([1.0, 2.0, 3.0]))
shape = (4, 5)
reveal_type(torch.zeros(shape))  # open: mypy
size = 6
reveal_type(torch.randn(size, 2 * size))  # open: mypy
reveal_type(torch.zeros(torch.randn(2, 3).shape))
reveal_type(torch.stack([torch.zeros(3), torch.ones(3)]).shape[0])
reveal_type(torch.cartesian_prod(torch.arange(2), torch.arange(3)))
reveal_type(torch.tril_indices(3, 3))  # open: pyrefly, mypy
reveal_type(torch.ones(3, requires_grad=True))
