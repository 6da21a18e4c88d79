"""A denoiser with time embeddings, and one step of the noise schedule."""

import math
from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars

@shape_vars("N")
def time_embedding(t: Shaped[Tensor[int64, cpu], "[N]"]) -> Shaped[Tensor[float32, cpu], "[N, 64]"]:
    frequencies = torch.exp(-math.log(10000) * torch.arange(32) / 32)
    #~ frequencies = torch.exp(-math.log(10000) * torch.arange(16) / 32)  -> emb
    reveal_type(frequencies)
    angles = t[:, None].float() * frequencies[None, :]
    #~ angles = t.float() * frequencies
    reveal_type(angles)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)  #@emb
    #~s return torch.cat([angles.sin(), angles.cos()], dim=0)


class Denoiser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inp = nn.Conv2d(1, 32, 3, padding=1)
        self.time = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 32))
        #~ self.time = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 64))  -> film
        self.norm = nn.GroupNorm(8, 32)
        #~ self.norm = nn.GroupNorm(7, 32)  -> norm
        self.mid = nn.Conv2d(32, 32, 3, padding=1, groups=4)
        self.out = nn.Conv2d(32, 1, 3, padding=1)
        #~ self.out = nn.Conv2d(32, 1, 3, padding=0)  -> ret
        #~s self.out = nn.Conv2d(32, 3, 3, padding=1)  -> ret

    @shape_vars("N, H, W")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 1, H, W]"], t: Shaped[Tensor[int64, cpu], "[N]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 1, H, W]"]:
        h = self.inp(x)
        emb = self.time(time_embedding(t))
        reveal_type(emb)
        h = h + emb[:, :, None, None]  #@film
        #~ h = h + emb
        #~ h = h + emb[:, None, None]
        h = F.silu(self.norm(h))  #@norm
        h = self.mid(h)
        reveal_type(h)
        return self.out(h)  #@ret


betas = torch.linspace(1e-4, 0.02, 1000)
alphas = torch.cumprod(1 - betas, dim=0)
#~ alphas = torch.cumprod(1 - betas, dim=1)
reveal_type(alphas)
x0 = torch.rand(4, 1, 16, 16)
t = torch.randint(0, 1000, (4,))
#~ t = torch.rand(4)  -> at
noise = torch.randn_like(x0)
a = alphas[t].view(-1, 1, 1, 1)  #@at
#~ a = alphas[t].view(-1, 1, 1)  -> pred
reveal_type(a)
noisy = a.sqrt() * x0 + (1 - a).sqrt() * noise
reveal_type(noisy)
model = Denoiser()
predicted = model(noisy, t)  #@pred
#~ predicted = model(t, noisy)
#~ predicted = model(noisy, torch.randint(0, 1000, (5,)))
reveal_type(predicted)
loss = F.mse_loss(predicted, noise)
#~ loss = F.mse_loss(predicted, noise[:, :, :8])
reveal_type(loss)
# sizes: N=4, H=16, W=16
