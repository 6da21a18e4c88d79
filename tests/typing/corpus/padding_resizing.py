"""pad, interpolate, pixel_shuffle, unfold and fold."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
x = torch.randn(2, 4, 10, 12)
p = F.pad(x, (1, 2, 3, 4))
#~ p = F.pad(x, (1, 2, 3))
reveal_type(p)
reveal_type(F.pad(x, (2, 2, 2, 2), mode="reflect"))
reveal_type(nn.ReflectionPad2d(3)(x))
reveal_type(nn.ZeroPad2d((1, 0, 2, 0))(x))
u = F.interpolate(x, scale_factor=2, mode="nearest")
reveal_type(u)
reveal_type(F.interpolate(x, size=(20, 30), mode="bilinear", align_corners=False))
reveal_type(nn.Upsample(scale_factor=2)(x))
reveal_type(nn.Upsample(size=(5, 6), mode="bilinear")(x))
reveal_type(F.interpolate(x, scale_factor=0.5))  # open: pyrefly, mypy
joined = torch.cat([u, torch.randn(2, 1, 20, 24)], dim=1)
#~ joined = torch.cat([u, torch.randn(2, 1, 20, 25)], dim=1)
s = F.pixel_shuffle(x, 2)
#~ s = F.pixel_shuffle(x, 3)
reveal_type(s)
reveal_type(nn.PixelShuffle(2)(x))
reveal_type(nn.PixelUnshuffle(2)(x))
columns = F.unfold(x, kernel_size=3, padding=1)
reveal_type(columns)
w = torch.randn(8, 36)
y = (w @ columns).view(2, 8, 10, 12)
#~ y = (torch.randn(8, 32) @ columns).view(2, 8, 10, 12)
reveal_type(y)
back = F.fold(columns, output_size=(10, 12), kernel_size=3, padding=1)
reveal_type(back)
reveal_type(nn.Unfold(2, stride=2)(x))
grid = F.affine_grid(torch.randn(2, 2, 3), [2, 4, 5, 5])
reveal_type(grid)
sampled = F.grid_sample(x, grid)
reveal_type(sampled)
shuffled = nn.ChannelShuffle(2)(x)
reveal_type(shuffled)
