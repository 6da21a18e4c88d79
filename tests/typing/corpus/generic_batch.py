"""Functions that are generic in the batch and other sizes, called with several."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64
from flambeau.typing import Shaped, cpu, shape_vars

@shape_vars("N, D")
def normalize(x: Shaped[Tensor[float32, cpu], "[N, D]"]) -> Shaped[Tensor[float32, cpu], "[N, D]"]:
    return (x - x.mean(1, keepdim=True)) / x.norm(dim=1, keepdim=True)
    #~ return (x - x.mean(1)) / x.norm(dim=1, keepdim=True)
    #~s return x.norm(dim=1, keepdim=True)


@shape_vars("N, M, D")
def similarity(a: Shaped[Tensor[float32, cpu], "[N, D]"], b: Shaped[Tensor[float32, cpu], "[M, D]"]) -> Shaped[Tensor[float32, cpu], "[N, M]"]:
    return normalize(a) @ normalize(b).T
    #~ return normalize(a) @ normalize(b)
    #~s return normalize(b) @ normalize(a).T


@shape_vars("N, C, K")
def soft_targets(labels: Shaped[Tensor[int64, cpu], "[N]"]) -> Shaped[Tensor[float32, cpu], "[N, 10]"]:
    return F.one_hot(labels, 10).float() * 0.9 + 0.01
    #~s return F.one_hot(labels, 10) * 1
    #~s return F.one_hot(labels, 12).float() * 0.9


@shape_vars("B, C, H, W")
def gram(features: Shaped[Tensor[float32, cpu], "[B, C, H, W]"]) -> Shaped[Tensor[float32, cpu], "[B, C, C]"]:
    flat = features.flatten(2)
    reveal_type(flat)
    return flat @ flat.transpose(1, 2) / flat.shape[-1]
    #~ return flat @ flat / flat.shape[-1]
    #~s return flat.transpose(1, 2) @ flat / flat.shape[-1]


@shape_vars("N, T, D")
def pool(x: Shaped[Tensor[float32, cpu], "[N, T, D]"], mask: Shaped[Tensor[float32, cpu], "[N, T]"]) -> Shaped[Tensor[float32, cpu], "[N, D]"]:
    total = (x * mask.unsqueeze(-1)).sum(1)
    #~ total = (x * mask).sum(1)
    #~s total = (x * mask.unsqueeze(-1)).sum(2)  -> pooled
    return total / mask.sum(1, keepdim=True)  #@pooled
    #~ return total / mask.sum(1)


@shape_vars("N, D")
def distances(x: Shaped[Tensor[float32, cpu], "[N, D]"]) -> Shaped[Tensor[float32, cpu], "[N, N]"]:
    return (x[:, None] - x[None, :]).pow(2).sum(-1).sqrt()
    #~s return (x[:, None] - x[None, :]).pow(2).sqrt()
    #~s return (x - x).pow(2).sum(-1).sqrt()


s = similarity(torch.randn(3, 8), torch.randn(5, 8))
#~ s = similarity(torch.randn(3, 8), torch.randn(5, 7))
#~ s = similarity(torch.randn(3, 8), torch.randn(8))
reveal_type(s)
g = gram(torch.randn(2, 6, 4, 4))
#~s g = gram(torch.randn(6, 4, 4))
reveal_type(g)
p = pool(torch.randn(2, 7, 9), torch.ones(2, 7))
#~ p = pool(torch.randn(2, 7, 9), torch.ones(7, 2))
#~ p = pool(torch.ones(2, 7), torch.randn(2, 7, 9))
reveal_type(p)
d = distances(torch.randn(3, 4))
reveal_type(d)
t = soft_targets(torch.tensor([1, 2, 3]))
reveal_type(t)
loss = F.cross_entropy(torch.randn(3, 10), t)
#~ loss = F.cross_entropy(torch.randn(3, 12), t)
mixed = 0.3 * s + 0.7 * s.flip(0)
#~ mixed = 0.3 * s + 0.7 * s.T
reveal_type(mixed)
# sizes: N=3, D=8, B=2, C=6, H=4, W=4, T=7, M=5
