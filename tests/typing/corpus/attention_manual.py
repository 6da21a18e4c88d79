"""Multi-head attention written out as functions that are generic in every size."""

import math
from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32
from flambeau.typing import Shaped, cpu, shape_vars

@shape_vars("B, H, Q, K, D, V")
def attend(
    q: Shaped[Tensor[float32, cpu], "[B, H, Q, D]"],
    k: Shaped[Tensor[float32, cpu], "[B, H, K, D]"],
    v: Shaped[Tensor[float32, cpu], "[B, H, K, V]"],
) -> Shaped[Tensor[float32, cpu], "[B, H, Q, V]"]:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    #~ scores = q @ k / math.sqrt(q.shape[-1])
    #~ scores = q.mT @ k / math.sqrt(q.shape[-1])
    reveal_type(scores)
    weights = scores.softmax(dim=-1)
    return weights @ v
    #~ return weights.mT @ v
    #~ return v @ weights


@shape_vars("B, T, H, D")
def split_heads(x: Shaped[Tensor[float32, cpu], "[B, T, H * D]"], heads: int) -> Tensor[float32, cpu]:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


q = torch.randn(2, 8, 5, 32)
k = torch.randn(2, 8, 9, 32)
#~ k = torch.randn(2, 8, 9, 64)  -> attend
#~ k = torch.randn(2, 4, 9, 32)  -> attend
v = torch.randn(2, 8, 9, 16)
#~ v = torch.randn(2, 8, 5, 16)  -> attend
out = attend(q, k, v)  #@attend
#~ out = attend(q, v, k)
reveal_type(out)
merged = out.transpose(1, 2).flatten(2)
reveal_type(merged)
w_o = torch.randn(128, 64)
#~ w_o = torch.randn(64, 128)  -> wo
y = merged @ w_o  #@wo
reveal_type(y)
same = F.scaled_dot_product_attention(q, k, v)
#~ same = F.scaled_dot_product_attention(q, k.mT, v)
reveal_type(same)
mask = torch.ones(5, 9).bool()
#~ mask = torch.ones(9, 5).bool()  -> masked
scores = (q @ k.mT).masked_fill(~mask, -1e9)  #@masked
reveal_type(scores)
alibi = torch.arange(9)[None, :] - torch.arange(5)[:, None]
reveal_type(alibi)
#~ alibi = torch.arange(9) - torch.arange(5)
biased = scores + alibi[None, None]
#~ biased = scores + alibi[:, None]
#~ biased = scores + alibi.T
reveal_type(biased)
heads = split_heads(torch.randn(2, 5, 24), 4)
cos = torch.cos(torch.arange(5)[:, None] * torch.rand(16)[None, :])
reveal_type(cos)
x1, x2 = q[..., :16], q[..., 16:]
rotated = torch.cat([x1 * cos - x2 * cos, x1 * cos + x2 * cos], dim=-1)
#~ rotated = torch.cat([x1 * cos.T - x2 * cos, x1 * cos + x2 * cos], dim=-1)
#~ rotated = torch.cat([q * cos - x2 * cos, x1 * cos + x2 * cos], dim=-1)
reveal_type(rotated)
# sizes: B=2, H=8, Q=5, K=9, D=32, V=16
