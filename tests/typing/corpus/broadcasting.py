"""Broadcasting between tensors, with in-place operators and comparisons."""

from typing import reveal_type

import flambeau as torch
a = torch.randn(8, 1, 6, 1)
b = torch.randn(7, 1, 5)
c = a + b
reveal_type(c)
d = c * torch.rand(5)
#~ d = c * torch.rand(6, 1, 1)
reveal_type(d)
e = d / d.sum(dim=(1, 3), keepdim=True)
#~ e = d / d.sum(dim=(1, 3))
reveal_type(e)
f = torch.where(e > 0.5, e, torch.zeros(5))
#~ f = torch.where(e > 0.5, e, torch.zeros(4))
reveal_type(f)
g = torch.maximum(f, torch.tensor(0.0))
reveal_type(g)
g += torch.ones(6, 5)
#~ g += torch.ones(6, 4)
h = torch.zeros(3)
h.add_(torch.ones(3))
#~ h.add_(torch.ones(2, 3))
left, right = torch.broadcast_tensors(torch.zeros(3, 1), torch.zeros(4))
reveal_type(left)  # open: pyrefly
points, centers = torch.randn(100, 3), torch.randn(10, 3)
distances = ((points[:, None] - centers[None]) ** 2).sum(-1)
#~ distances = ((points[:, None] - centers[:, None]) ** 2).sum(-1)
reveal_type(distances)
nearest = distances.argmin(dim=1)
reveal_type(nearest)
scaled = points * 2 + 1.0 - points / 3
reveal_type(scaled)
both = (points > 0) & (points < 1)
#~ both = (points > 0) & (centers < 1)
reveal_type(both)
means = torch.lerp(points, torch.zeros(3), 0.5)
reveal_type(means)
clamped = points.clamp(min=0).pow(2)
reveal_type(clamped)
