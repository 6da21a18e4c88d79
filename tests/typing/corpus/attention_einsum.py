"""Attention written in einsum, and the products it is made of."""

from typing import reveal_type

import flambeau as torch
from flambeau import nn
x = torch.randn(2, 10, 64)
wq, wk, wv = torch.randn(8, 64, 16), torch.randn(8, 64, 16), torch.randn(8, 64, 16)
q = torch.einsum("btd,hde->bhte", x, wq)
#~ q = torch.einsum("btd,hed->bhte", x, wq)
#~ q = torch.einsum("bt,hde->bhte", x, wq)
k = torch.einsum("bsd,hde->bhse", x, wk)
v = torch.einsum("bsd,hde->bhse", x, wv)
scores = torch.einsum("bhte,bhse->bhts", q, k) / 16**0.5
reveal_type(scores)
mask = torch.triu(torch.ones(10, 10, dtype=torch.bool), diagonal=1)
scores = scores.masked_fill(mask, float("-inf"))
weights = torch.softmax(scores, dim=-1)
heads = torch.einsum("bhts,bhse->bhte", weights, v)
#~ heads = torch.einsum("bhts,bhte->bhse", weights, v.transpose(2, 3))
reveal_type(heads)
out = torch.einsum("bhte,hed->btd", heads, torch.randn(8, 16, 64))
#~ out = torch.einsum("bhte,hed->btd", heads, torch.randn(8, 64, 16))
reveal_type(out)
norm = torch.einsum("btd->", out)
reveal_type(norm)
diagonal = torch.einsum("ii->i", torch.randn(5, 5))
#~ diagonal = torch.einsum("ii->i", torch.randn(5, 6))
reveal_type(diagonal)
batched = torch.einsum("...ij,...jk->...ik", torch.randn(3, 4, 5, 6), torch.randn(3, 4, 6, 7))
reveal_type(batched)
residual = nn.LayerNorm(64)(x + out)
#~ residual = nn.LayerNorm(10)(x + out)
reveal_type(residual)
