"""Residual blocks with a projection where sizes change."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Keep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        #~ self.conv1 = nn.Conv2d(64, 64, 3, bias=False)  -> keep, kept
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        #~ self.conv2 = nn.Conv2d(64, 128, 3, padding=1, bias=False)  -> bn2
        #~ self.conv2 = nn.Conv2d(64, 64, 3, padding=1, stride=2, bias=False)  -> keep, kept
        self.bn2 = nn.BatchNorm2d(64)

    @shape_vars("N, H, W")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 64, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 64, H, W]"]:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))  #@bn2
        out += x  #@keep
        return F.relu(out)  #@kept


class Halve(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.skip = nn.Conv2d(64, 128, 1, stride=2, bias=False)
        #~ self.skip = nn.Conv2d(64, 128, 1, bias=False)  -> sum, halved
        #~ self.skip = nn.Conv2d(64, 64, 1, stride=2, bias=False)  -> sum

    @shape_vars("N, H, W")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 64, H, W]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 128, (H - 1) // 2 + 1, (W - 1) // 2 + 1]"]:
        h = F.relu(self.conv1(x))
        h = self.conv2(h) + self.skip(x)  #@sum
        reveal_type(h)
        return F.relu(h)  #@halved


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.body = nn.Sequential(Keep(), Keep(), Halve())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(128, 1000)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 3, 64, 64]"]) -> Shaped[Tensor[float32, cpu], "[N, 1000]"]:
        h = self.stem(x)
        reveal_type(h)
        h = self.body(h)
        reveal_type(h)
        h = self.pool(h).flatten(1)
        #~ h = self.pool(h)  -> fc
        reveal_type(h)
        return self.fc(h)  #@fc
        #~ return self.fc(h.unsqueeze(-1))


out = Tower()(torch.randn(2, 3, 64, 64))
reveal_type(out)
top = out.topk(5, dim=1)
reveal_type(top.indices)
#~ top = out.topk(5, dim=2)
#~ top = out.topk(1001, dim=1)
# sizes: N=2, H=16, W=16
