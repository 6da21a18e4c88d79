"""A diffusion model's pieces: time embedding, noising, a conditioned block."""

from typing import reveal_type

import math
import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars


@shape_vars("N")
def time_embedding(t: Shaped[Tensor[int64, cpu], "[N]"]) -> Shaped[Tensor[float32, cpu], "[N, 64]"]:
    frequencies = torch.exp(-math.log(10000) * torch.arange(32) / 32)
    angles = t[:, None].float() * frequencies[None, :]
    reveal_type(angles)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
    #~s return torch.cat([angles.sin(), angles.cos()], dim=0)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, 32)
        self.conv = nn.Conv2d(32, 32, 3, padding=1)
        self.project = nn.Linear(64, 32)
        #~ self.project = nn.Linear(64, 64)  -> project

    @shape_vars("N, H, W")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 32, H, W]"], emb: Shaped[Tensor[float32, cpu], "[N, 64]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 32, H, W]"]:
        h = self.conv(F.silu(self.norm(x)))
        h = h + self.project(F.silu(emb))[:, :, None, None]  #@project
        #~ h = h + self.project(F.silu(emb))
        reveal_type(h)
        return x + h


betas = torch.linspace(1e-4, 0.02, 100)
alphas = torch.cumprod(1.0 - betas, dim=0)
reveal_type(alphas)
x0 = torch.randn(4, 32, 8, 8)
t = torch.randint(0, 100, (4,))
noise = torch.randn_like(x0)
a = alphas[t].view(-1, 1, 1, 1)
#~ a = alphas[t]  -> noisy
reveal_type(a)
noisy = a.sqrt() * x0 + (1 - a).sqrt() * noise  #@noisy
reveal_type(noisy)
predicted = Block()(noisy, time_embedding(t))
#~ predicted = Block()(noisy, t)
reveal_type(predicted)
loss = F.mse_loss(predicted, noise)
# sizes: N=4, H=8, W=8
