"""A variational autoencoder with a convolutional encoder."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
            nn.Flatten(),
        )
        self.mean = nn.Linear(64 * 7 * 7, 20)
        #~ self.mean = nn.Linear(64 * 8 * 8, 20)  -> mean
        self.log_var = nn.Linear(64 * 7 * 7, 20)
        self.expand = nn.Linear(20, 64 * 7 * 7)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid(),
        )

    @shape_vars("N")
    def encode(self, x: Shaped[Tensor[float32, cpu], "[N, 1, 28, 28]"]) -> tuple[
        Shaped[Tensor[float32, cpu], "[N, 20]"], Shaped[Tensor[float32, cpu], "[N, 20]"]
    ]:
        h = self.encoder(x)
        reveal_type(h)
        return self.mean(h), self.log_var(h)  #@mean

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 1, 28, 28]"]) -> tuple[Tensor[float32, cpu], Tensor, Tensor]:
        mean, log_var = self.encode(x)
        std = torch.exp(0.5 * log_var)
        z = mean + std * torch.randn_like(std)
        reveal_type(z)
        h = self.expand(z)
        #~ h = self.expand(torch.cat([z, z], dim=1))
        return self.decoder(h), mean, log_var


x = torch.rand(16, 1, 28, 28)
vae = VAE()
mean, log_var = vae.encode(x)
#~ mean, log_var = vae.encode(x.flatten(1))
reveal_type(mean)
recon, _, _ = vae(x)
bce = F.binary_cross_entropy(recon, x, reduction="sum")
kld = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
reveal_type(kld)
(bce + kld).backward()
# sizes: N=16
