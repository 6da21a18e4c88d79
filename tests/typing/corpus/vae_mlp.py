"""A VAE with its reparametrisation, and the loss of both parts."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

@shape_vars("N, D")
def reparametrize(
    mu: Shaped[Tensor[float32, cpu], "[N, D]"], logvar: Shaped[Tensor[float32, cpu], "[N, D]"]
) -> Shaped[Tensor[float32, cpu], "[N, D]"]:
    std = (0.5 * logvar).exp()
    return mu + torch.randn_like(std) * std
    #~s return mu + (torch.randn_like(std) * std).sum(1)


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU())
        #~ self.enc = nn.Sequential(nn.Linear(784, 400), nn.ReLU())  -> enc
        #~ self.enc = nn.Sequential(nn.Flatten(), nn.Linear(28, 400), nn.ReLU())  -> enc
        self.mu = nn.Linear(400, 20)
        #~ self.mu = nn.Linear(400, 10)  -> sample
        self.logvar = nn.Linear(400, 20)
        self.dec = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))
        #~ self.dec = nn.Sequential(nn.Linear(40, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))  -> dec
        #~ self.dec = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 32)))  -> dec

    @shape_vars("N")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 1, 28, 28]"]
    ) -> tuple[
        Shaped[Tensor[float32, cpu], "[N, 1, 28, 28]"], Shaped[Tensor[float32, cpu], "[N, 20]"], Shaped[Tensor[float32, cpu], "[N, 20]"]
    ]:
        h = self.enc(x)  #@enc
        reveal_type(h)
        mu, logvar = self.mu(h), self.logvar(h)
        z = reparametrize(mu, logvar)  #@sample
        #~ z = reparametrize(mu, h)
        reveal_type(z)
        return self.dec(z), mu, logvar  #@dec
        #~s return self.dec(z), mu, h


vae = VAE()
x = torch.rand(6, 1, 28, 28)
recon, mu, logvar = vae(x)
#~ recon, mu = vae(x)
reveal_type(recon)
reveal_type(mu)
bce = F.binary_cross_entropy(recon, x, reduction="sum")
#~ bce = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
kl_each = (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=1)
#~ kl_each = (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=2)
reveal_type(kl_each)
loss = bce + kld
loss.backward()
sample = vae.dec(torch.randn(64, 20))
#~ sample = vae.dec(torch.randn(64, 400))
reveal_type(sample)
picture = sample.view(8, 8, 28, 28).permute(0, 2, 1, 3).reshape(224, 224)
#~ picture = sample.view(8, 8, 28, 28).permute(0, 2, 1, 3).reshape(224, 225)
reveal_type(picture)
# sizes: N=6
