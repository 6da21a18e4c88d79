"""Transposed convolutions: the inverse sizes of convolutions."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
z = torch.randn(2, 16, 7, 9)
a = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1)(z)
#~ a = nn.ConvTranspose2d(8, 16, 4, stride=2, padding=1)(z)
reveal_type(a)
b = nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1)(z)
reveal_type(b)
c = nn.ConvTranspose2d(16, 8, (3, 2), stride=(2, 3), dilation=(2, 1), groups=4)(z)
reveal_type(c)
d = F.conv_transpose2d(z, torch.randn(16, 4, 2, 2), stride=2, groups=2)
#~ d = F.conv_transpose2d(z, torch.randn(4, 16, 2, 2), stride=2)
reveal_type(d)
e = nn.ConvTranspose1d(16, 4, 8, 4)(torch.randn(2, 16, 10))
reveal_type(e)
f = nn.ConvTranspose3d(2, 1, 2, 2)(torch.randn(1, 2, 4, 4, 4))
#~ f = nn.ConvTranspose3d(2, 1, 2, 2)(torch.randn(1, 2, 4, 4))
reveal_type(f)
loss = F.mse_loss(a, torch.randn(2, 8, 14, 18))
#~ loss = F.l1_loss(a, torch.randn(2, 8, 14, 17))
