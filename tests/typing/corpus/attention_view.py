"""Multi-head attention with heads split by view and transpose."""

from typing import reveal_type

import math
import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c_attn = nn.Linear(64, 3 * 64)
        #~ self.c_attn = nn.Linear(64, 2 * 64)  -> split
        self.c_proj = nn.Linear(64, 64)
        self.register_buffer("bias", torch.tril(torch.ones(32, 32)).view(1, 1, 32, 32))

    @shape_vars("B, T")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[B, T, 64]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 64]"]:
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(64, dim=2)  #@split
        k = k.view(B, T, 4, C // 4).transpose(1, 2)
        #~ k = k.view(B, T, 4, C // 8).transpose(1, 2)  -> scores
        q = q.view(B, T, 4, C // 4).transpose(1, 2)
        v = v.view(B, T, 4, C // 4).transpose(1, 2)
        reveal_type(q)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))  #@scores
        #~ att = (q @ k) * (1.0 / math.sqrt(k.size(-1)))
        reveal_type(att)
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        att = att.softmax(dim=-1)
        y = att @ v
        reveal_type(y)
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        reveal_type(y)
        return self.c_proj(y)


out = SelfAttention()(torch.randn(2, 32, 64))
#~ out = SelfAttention()(torch.randn(2, 32, 65))
reveal_type(out)
# sizes: B=2, T=32
