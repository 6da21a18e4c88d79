"""Patches by rearrange, attention over heads by rearrange, pooling by reduce."""

from typing import reveal_type

import flambeau as torch
from flambeau import nn
images = torch.randn(4, 3, 32, 48)
patches = torch.rearrange(images, "b c (h p1) (w p2) -> b (h w) (p1 p2 c)", p1=8, p2=8)
#~ patches = torch.rearrange(images, "b c (h p1) (w p2) -> b (h w) (p1 p2 c)", p1=8, p2=7)
#~ patches = torch.rearrange(images, "b (h p1) (w p2) -> b (h w) (p1 p2)", p1=8, p2=8)
reveal_type(patches)
tokens = nn.Linear(192, 128)(patches)
#~ tokens = nn.Linear(64, 128)(patches)
q, k, v = nn.Linear(128, 384)(tokens).chunk(3, dim=-1)
reveal_type(q)
q = torch.rearrange(q, "b n (h d) -> b h n d", h=4)
reveal_type(q)
k = torch.rearrange(k, "b n (h d) -> b h n d", h=4)
v = torch.rearrange(v, "b n (h d) -> b h n d", h=4)
attention = (q @ k.mT).softmax(-1)
reveal_type(attention)
mixed = torch.rearrange(attention @ v, "b h n d -> b n (h d)")
reveal_type(mixed)
pooled = torch.reduce(mixed, "b n d -> b d", "mean")
reveal_type(pooled)
tiled = torch.repeat(pooled, "b d -> b t d", t=3)
reveal_type(tiled)
scores = nn.Linear(128, 5)(pooled)
#~ scores = nn.Linear(128, 5)(pooled.T)
reveal_type(scores)
