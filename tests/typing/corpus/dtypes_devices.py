"""dtypes that promote, casts, and what cannot be mixed."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, int64
from flambeau.typing import Shaped, cpu, shape_vars
i = torch.arange(6)
f = i / 2
reveal_type(f)
reveal_type(i + 1)
reveal_type(i * 0.5)
reveal_type(i.float() + torch.randn(6, dtype=torch.float64))
reveal_type(i.to(torch.float16))
reveal_type(i.bool())
reveal_type((i > 2).long())
reveal_type(torch.zeros(3, dtype=torch.int32) + torch.zeros(3, dtype=torch.int64))
reveal_type(i.sum())
reveal_type(i.view(2, 3).double().mean(0))
half = torch.randn(2, 3).half()
product = half.float() @ torch.randn(3, 4)
#~ product = half @ torch.randn(3, 4)
reveal_type(product)
mean = i.float().mean()
#~ mean = i.mean()
reveal_type(mean)
picked = torch.randn(10)[i]
#~ picked = torch.randn(10)[f]
reveal_type(picked)
embedded = torch.nn.Embedding(10, 4)(i)
#~ embedded = torch.nn.Embedding(10, 4)(f)
reveal_type(embedded)


@shape_vars("")
def classify(x: Shaped[Tensor[float32, cpu], "[6]"]) -> Shaped[Tensor[int64, cpu], "[]"]:
    return x.argmax()
    #~s return x.amax()


best = classify(torch.randn(6))
#~s best = classify(i)
reveal_type(best)
mask = torch.ones(6, dtype=torch.bool)
kept = torch.where(mask, f, torch.zeros(6))
#~ kept = torch.where(f, f, torch.zeros(6))
reveal_type(kept)
z = torch.complex(torch.randn(3), torch.randn(3))
reveal_type(z.abs())
reveal_type(torch.zeros(3).type(torch.float64))
reveal_type(torch.zeros(2, 3).to("cpu"))
reveal_type(torch.ones(2).to(device="cpu", dtype=torch.float64))
