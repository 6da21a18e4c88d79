"""Functions that are generic over shapes, with arithmetic on the names."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

@shape_vars("N, C, H, W")
def halve(x: Shaped[Tensor[float32, cpu], "[N, C, 2 * H, 2 * W]"]) -> Shaped[Tensor[float32, cpu], "[N, C, H, W]"]:
    return F.avg_pool2d(x, 2)
    #~s return F.avg_pool2d(x, 4)


@shape_vars("N")
def mirrored(x: Shaped[Tensor[float32, cpu], "[N]"]) -> Shaped[Tensor[float32, cpu], "[2 * N]"]:
    both = torch.cat([x, x.flip(0)])
    reveal_type(both)
    return both
    #~s return torch.cat([x, x, x])


@shape_vars("N, D")
def covariance(x: Shaped[Tensor[float32, cpu], "[N, D]"]) -> Shaped[Tensor[float32, cpu], "[D, D]"]:
    centred = x - x.mean(0)
    product = centred.T @ centred
    #~s product = centred @ centred.T  -> covariance
    reveal_type(product)
    return product / (x.size(0) - 1)  #@covariance


@shape_vars("*Rest, D")
def rms(x: Shaped[Tensor[float32, cpu], "[*Rest, D]"]) -> Shaped[Tensor[float32, cpu], "[*Rest, D]"]:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


@shape_vars("B, T, D")
def shifted(x: Shaped[Tensor[float32, cpu], "[B, T, D]"]) -> Shaped[Tensor[float32, cpu], "[B, T - 1, D]"]:
    return x[:, 1:]
    #~s return x[:, 2:]


@shape_vars("B, C, H, W")
def tokens(x: Shaped[Tensor[float32, cpu], "[B, C, H, W]"]) -> Shaped[Tensor[float32, cpu], "[B, H * W, C]"]:
    flat = x.flatten(2)
    reveal_type(flat)
    return flat.transpose(1, 2)
    #~s return flat


@shape_vars("N, K, M")
def chain(
    a: Shaped[Tensor[float32, cpu], "[N, K]"], b: Shaped[Tensor[float32, cpu], "[K, M]"]
) -> Shaped[Tensor[float32, cpu], "[N, M]"]:
    return a @ b
    #~s return b @ a


small = halve(torch.randn(2, 3, 8, 6))
double = mirrored(torch.randn(5))
reveal_type(double)
square = covariance(torch.randn(9, 4))
reveal_type(square)
same = rms(torch.randn(2, 3, 4))
reveal_type(same)
later = shifted(torch.randn(2, 7, 4))
reveal_type(later)
wide = tokens(torch.randn(1, 2, 3, 4))
reveal_type(wide)
done = chain(torch.randn(2, 3), torch.randn(3, 4))
#~ done = chain(torch.randn(2, 3), torch.randn(4, 3))
reveal_type(done)
scores = nn.Linear(4, 2)(square)
#~ scores = nn.Linear(5, 2)(square)
# sizes: N=5, D=4, B=1, C=2, H=3, W=4
