"""Indexing in full: integers, slices, steps, None, ellipsis, masks and integer tensors."""

from typing import reveal_type

import flambeau as torch
x = torch.randn(4, 6, 8, 10)
reveal_type(x[0])
reveal_type(x[-1, 2])
reveal_type(x[:, 1:4])
reveal_type(x[:, ::2, 1:-1])
reveal_type(x[..., -1])
reveal_type(x[..., None])
reveal_type(x[:, None, :, 0])
reveal_type(x[1:, :, :3, -4:])
reveal_type(x[0, 0, 0, 0])
ids = torch.tensor([0, 2, 3])
reveal_type(x[ids])
reveal_type(x[:, ids])
reveal_type(x[ids, ids])
reveal_type(x[:, torch.tensor([[0, 1], [2, 3]])])
reveal_type(x[[0, 2]])
reveal_type(x[torch.arange(4), :, torch.tensor([0, 1, 2, 3])])
mask = x > 0
reveal_type(mask)
wide = x[:, :, 2:6, 2:6]
#~ wide = x[:, :, 2:6, 2:6, 0]
y = x[5:]
z = x[0][0]
bad = x[3, 5, 7, 9]
#~ bad = x[4, 5, 7, 9]
product = x[:, 0] @ x[:, 1].mT
#~ product = x[:, 0] @ x[:, 1]
reveal_type(product)
x[:, 0] = torch.zeros(4, 8, 10)
#~ x[:, 0] = torch.zeros(4, 10, 8)
x[mask] = 0.0
x[ids] += 1
rows = x[:, 0, 0]
reveal_type(rows[torch.arange(4), ids.new_zeros(4)])
