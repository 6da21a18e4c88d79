"""Strings that name dimensions: einsum, rearrange, reduce, repeat."""

from typing import reveal_type

import flambeau as torch
from flambeau import einsum, rearrange, reduce, repeat

images = torch.randn(4, 3, 32, 48)
patches = rearrange(images, "b c (h p) (w q) -> b (h w) (p q c)", p=8, q=8)
#~ patches = rearrange(images, "b c (h p) (w q) -> b (h w) (p q c)", p=5, q=8)
#~ patches = rearrange(images, "b c (h p) (w q) -> b (h w) (p c)", p=8, q=8)
#~ patches = rearrange(images[0], "b c (h p) (w q) -> b (h w) (p q c)", p=8, q=8)
reveal_type(patches)
weight = torch.randn(192, 64)
#~ weight = torch.randn(64, 192)  -> embed
tokens = einsum("bnp,pd->bnd", patches, weight)  #@embed
#~ tokens = einsum("bnp,qd->bnp", patches, weight, weight)
#~ tokens = einsum("bnp,dp->bnd", patches, weight)
reveal_type(tokens)
back = rearrange(patches, "b (h w) (p q c) -> b c (h p) (w q)", h=4, p=8, q=8)
#~ back = rearrange(patches, "b (h w) (p q c) -> b c (h p) (w q)", h=5, p=8, q=8)
reveal_type(back)
difference = images - back
pooled = reduce(images, "b c (h 2) (w 2) -> b c h w", "max")
#~ pooled = reduce(images, "b c (h 5) (w 2) -> b c h w", "max")
reveal_type(pooled)
means = reduce(images, "b c h w -> b c", "mean")
reveal_type(means)
centered = images - rearrange(means, "b c -> b c 1 1")
#~ centered = images - means
reveal_type(centered)
tiled = repeat(means, "b c -> b c h w", h=2, w=3)
#~ tiled = repeat(means, "b c -> b c h w", h=2)
reveal_type(tiled)
flat = rearrange(images, "b c h w -> b (c h w)")
reveal_type(flat)
matrix = einsum("ij,jk->ik", torch.ones(3, 4), torch.ones(4, 5))
#~ matrix = einsum("ij,jk->ik", torch.ones(3, 4), torch.ones(5, 4))
reveal_type(matrix)
trace = einsum("ii->", torch.ones(4, 4))
#~ trace = einsum("ii->", torch.ones(4, 5))
reveal_type(trace)
batch = einsum("...ij,...jk->...ik", torch.ones(2, 7, 3, 4), torch.ones(2, 7, 4, 5))
#~ batch = einsum("...ij,...jk->...ik", torch.ones(2, 7, 3, 4), torch.ones(2, 7, 3, 5))
reveal_type(batch)
bilinear = einsum("bi,oij,bj->bo", torch.ones(6, 4), torch.ones(2, 4, 5), torch.ones(6, 5))
#~ bilinear = einsum("bi,oij,bj->bo", torch.ones(6, 5), torch.ones(2, 4, 5), torch.ones(6, 5))
reveal_type(bilinear)
heads = rearrange(tokens, "b n (k h d) -> k b h n d", k=2, h=4)
q, v = heads
reveal_type(q)
attention = einsum("bhid,bhjd->bhij", q, v).softmax(-1)
reveal_type(attention)
stacked = rearrange([torch.ones(2, 3), torch.zeros(2, 3)], "n a b -> a (n b)")
channel_last = images.permute(0, 2, 3, 1)
#~ channel_last = images.permute(0, 2, 3, 4)
#~ channel_last = images.permute(0, 2, 2, 1)
reveal_type(channel_last)
