"""DCGAN: the generator's and the discriminator's Sequential are followed layer by layer."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
netG = nn.Sequential(
    nn.ConvTranspose2d(100, 64, 4, 1, 0, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
    nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
    #~ nn.ConvTranspose2d(32, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),  -> generate
    nn.ConvTranspose2d(32, 3, 4, 2, 1, bias=False), nn.Tanh(),
)
netD = nn.Sequential(
    nn.Conv2d(3, 32, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(64, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
)
noise = torch.randn(8, 100, 1, 1)
fake = netG(noise)  #@generate
#~ fake = netG(torch.randn(8, 100))
reveal_type(fake)
score = netD(fake.detach()).view(-1)
reveal_type(score)
label = torch.full((8,), 1.0)
#~ label = torch.full((8, 1), 1.0)  -> loss
loss = F.binary_cross_entropy(score, label)  #@loss
reveal_type(loss)
flat = netD(fake).squeeze()
reveal_type(flat)
penalty = ((fake.flatten(1).norm(dim=1) - 1) ** 2).mean()
reveal_type(penalty)
(loss + penalty).backward()
