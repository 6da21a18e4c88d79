"""DCGAN: the generator of transposed convolutions and the discriminator, and one round of training."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(100, 64, 4, 1, 0, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
            #~ nn.ConvTranspose2d(100, 64, 4, 1, 0, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),  -> main
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
            #~ nn.ConvTranspose2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),  -> main
            nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
            #~ nn.ConvTranspose2d(32, 16, 4, 2, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),  -> main
            nn.ConvTranspose2d(16, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )

    @shape_vars("N")
    def forward(self, z: Shaped[Tensor[float32, cpu], "[N, 100, 1, 1]"]) -> Shaped[Tensor[float32, cpu], "[N, 3, 32, 32]"]:
        return self.main(z)  #@main


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(3, 16, 4, 2, 1)
        self.c2 = nn.Conv2d(16, 32, 4, 2, 1)
        self.c3 = nn.Conv2d(32, 64, 4, 2, 1)
        self.c4 = nn.Conv2d(64, 1, 4, 1, 0)
        #~ self.c4 = nn.Conv2d(64, 1, 5, 1, 0)  -> c4
        #~ self.c4 = nn.Conv2d(128, 1, 4, 1, 0)  -> c4

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 3, 32, 32]"]) -> Shaped[Tensor[float32, cpu], "[N]"]:
        h = F.leaky_relu(self.c1(x), 0.2)
        h = F.leaky_relu(self.c2(h), 0.2)
        h = F.leaky_relu(self.c3(h), 0.2)
        reveal_type(h)
        h = self.c4(h)  #@c4
        return torch.sigmoid(h.view(-1, 1).squeeze(1))
        #~s return torch.sigmoid(h.view(-1, 1))


g, d = Generator(), Discriminator()
opt_d = torch.optim.Adam(d.parameters(), lr=2e-4, betas=(0.5, 0.999))
real = torch.rand(4, 3, 32, 32)
noise = torch.randn(4, 100, 1, 1)
#~ noise = torch.randn(4, 100)  -> fake
#~ noise = torch.randn(4, 128, 1, 1)  -> fake
fake = g(noise)  #@fake
reveal_type(fake)
loss_d = F.binary_cross_entropy(d(real), torch.ones(4)) + F.binary_cross_entropy(d(fake.detach()), torch.zeros(4))
#~ loss_d = F.binary_cross_entropy(d(real), torch.ones(4, 1)) + F.binary_cross_entropy(d(fake.detach()), torch.zeros(4))
#~ loss_d = F.binary_cross_entropy(d(real), torch.ones(4)) + F.binary_cross_entropy(d(fake.detach()), torch.zeros(5))
opt_d.zero_grad()
loss_d.backward()
opt_d.step()
grid = torch.cat([real, fake], dim=3)
#~ grid = torch.cat([real, fake[0]], dim=3)
reveal_type(grid)
both = torch.stack([real, fake]).view(-1, 3, 32, 32)
#~ both = torch.stack([real, fake[:2]]).view(-1, 3, 32, 32)
reveal_type(both)
# sizes: N=4
