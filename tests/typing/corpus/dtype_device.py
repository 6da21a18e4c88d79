"""dtypes and devices as users mix them."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn as nn
from flambeau import Tensor, float16, float32, float64, int64
from flambeau.typing import Shaped, cpu, shape_vars, webgpu

x = torch.zeros(4, 8)
i = torch.arange(4)
half = x.half()
double = x.double()
#~ double = x  -> wide
reveal_type(half)
reveal_type(double)
w = torch.randn(8, 2, dtype=torch.float64)
y = double @ w  #@wide
#~ y = x @ w
#~ y = half @ w
reveal_type(y)
mean = i.float().mean()
#~ mean = i.mean()
reveal_type(mean)
summed = x + i[:, None]
#~ summed = x + i
reveal_type(summed)
ratio = i / 2
reveal_type(ratio)
whole = i // 2
reveal_type(whole)
flags = x > 0
reveal_type(flags)
chosen = torch.where(flags, x, 0.0)
#~ chosen = torch.where(x, x, 0.0)
reveal_type(chosen)
count = flags.sum(dim=1)
reveal_type(count)
picked = x[i]
#~ picked = x[i.float()]
reveal_type(picked)
layer = nn.Linear(8, 3)
out = layer(x)
#~ out = layer(i)
#~ out = layer(x.long())
#~ out = layer(double)
table = nn.Embedding(10, 6)
vectors = table(i)
#~ vectors = table(x)
#~ vectors = table(i.float())
reveal_type(vectors)
both = flags & (x < 1)
#~ both = flags & x
reveal_type(both)
bits = i & 1
mixed = torch.cat([x, torch.ones(2, 8)])
as_type = i.to(torch.float32)
reveal_type(as_type)
like = x.type_as(w)
inverted = ~flags
#~ inverted = ~x
reveal_type(inverted)
labels = nn.functional.one_hot(i, 4)
#~ labels = nn.functional.one_hot(i.float(), 4)
reveal_type(labels)

def on_gpu(model_input: Tensor[float32, webgpu]) -> Tensor[float32, webgpu]:
    bias = torch.ones(8, device="webgpu")
    #~s bias = torch.ones(8)  -> gpu
    return model_input * bias  #@gpu

@shape_vars("N")
def single(x: Shaped[Tensor[float32, cpu], "[N]"]) -> Shaped[Tensor[float32, cpu], "[N]"]:
    return x * 2

z = single(torch.zeros(5))
#~s z = single(torch.zeros(5, dtype=torch.float64))
#~s z = single(torch.zeros(5, dtype=torch.long))
#~s z = single(torch.zeros(5, 1))
reveal_type(z)
