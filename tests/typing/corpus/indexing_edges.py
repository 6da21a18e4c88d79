"""Indices, ranges, masks, and what lies outside."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32
from flambeau.typing import Shaped, cpu, shape_vars

x = torch.arange(60.0).reshape(3, 4, 5)
first = x[0]
#~ first = x[3]
#~ first = x[-4]
reveal_type(first)
element = x[2, 3, 4]
#~ element = x[2, 4, 4]
#~ element = x[2, 3, 4, 0]
reveal_type(element)
last = x[..., -1]
#~ last = x[..., 5]
reveal_type(last)
middle = x[:, 1:3]
reveal_type(middle)
every = x[:, :, ::2]
reveal_type(every)
lifted = x[:, None, ..., None]
reveal_type(lifted)
row = x.select(1, 2)
#~ row = x.select(1, 4)
#~ row = x.select(3, 0)
reveal_type(row)
part = x.narrow(2, 1, 3)
#~ part = x.narrow(2, 3, 3)
reveal_type(part)
fancy = x[[0, 2]]
reveal_type(fancy)
pairs = x[torch.tensor([0, 1]), torch.tensor([2, 3])]
#~ pairs = x[torch.tensor([0, 1]), torch.tensor([2, 3, 0])]
reveal_type(pairs)
rows = x.index_select(0, torch.tensor([0, 0, 2, 1]))
#~ rows = x.index_select(0, torch.tensor([[0, 0], [2, 1]]))
reveal_type(rows)
mask = x > 10
hits = x[mask]
short = torch.ones(3, 4).bool()
#~ short = torch.ones(4, 3).bool()  -> mask
some = x[short]  #@mask
x[:, 0] = torch.zeros(3, 5)
#~ x[:, 0] = torch.zeros(3, 4)
#~ x[:, 0] = torch.zeros(4, 5)
x[0, :, 1:3] = torch.ones(2)
#~ x[0, :, 1:3] = torch.ones(3)
x[x < 0] = 0.0
for matrix in x:
    reveal_type(matrix)
    total = matrix @ torch.ones(5)
    #~ total = matrix @ torch.ones(4)
a, b, c = x
#~ a, b = x
reveal_type(a)
pieces = [row.sum() for row in first]
d, e = x.split([1, 3], dim=1)
#~ d, e = x.split([1, 2], dim=1)
#~ d, e = x.split([1, 1, 2], dim=1)
reveal_type(e)
left, right = x[..., :2], x[..., 2:]
joined = left + right[..., :2]
#~ joined = left + right
reveal_type(joined)
n: int = x.size(1)
#~s n: int = x.size(3)
m: int = x.shape[2]
#~s m: int = x.shape[3]

@shape_vars("N")
def head(v: Shaped[Tensor[float32, cpu], "[N, 7]"]) -> Shaped[Tensor[float32, cpu], "[N]"]:
    return v[:, 6]
    #~ return v[:, 7]
    #~s return v[6]
    #~s return v[:, 5:6]

h = head(torch.ones(2, 7))
reveal_type(h)
# sizes: N=2
