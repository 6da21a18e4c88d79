"""An MLP-Mixer block, squeeze-and-excitation, depthwise-separable convolution, ConvNeXt block."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(64)
        self.tokens = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        #~ self.tokens = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 64))  -> tok
        self.norm2 = nn.LayerNorm(64)
        self.channels = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 16, 64]"]) -> Shaped[Tensor[float32, cpu], "[N, 16, 64]"]:
        y = self.norm1(x).transpose(1, 2)
        #~ y = self.norm1(x)  -> tok
        #~ y = self.norm1(x.transpose(1, 2))
        y = self.tokens(y).transpose(1, 2)  #@tok
        #~ y = self.tokens(y)  -> mix
        h = x + y  #@mix
        return h + self.channels(self.norm2(h))


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(32, 8)
        self.fc2 = nn.Linear(8, 32)

    @shape_vars("N, H, W")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 32, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 32, H, W]"]:
        s = F.adaptive_avg_pool2d(x, 1).flatten(1)
        #~ s = F.adaptive_avg_pool2d(x, 2).flatten(1)  -> se
        #~ s = F.adaptive_avg_pool2d(x, 1)  -> se
        reveal_type(s)
        s = torch.sigmoid(self.fc2(F.relu(self.fc1(s))))  #@se
        return x * s.view(-1, 32, 1, 1)  #@scale
        #~ return x * s.view(-1, 1, 32, 1)
        #~ return x * s.view(-1, 16, 1, 1)


class Separable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.depth = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        #~ self.depth = nn.Conv2d(32, 32, 3, padding=1, groups=5)
        #~ self.depth = nn.Conv2d(16, 16, 3, padding=1, groups=16)  -> depth
        self.point = nn.Conv2d(32, 48, 1)

    @shape_vars("N, H, W")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 32, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 48, H, W]"]:
        return self.point(self.depth(x))  #@depth
        #~ return self.depth(self.point(x))


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dw = nn.Conv2d(32, 32, 7, padding=3, groups=32)
        #~ self.dw = nn.Conv2d(32, 32, 7, padding=2, groups=32)  -> skip
        self.norm = nn.LayerNorm(32)
        self.up = nn.Linear(32, 128)
        self.down = nn.Linear(128, 32)
        self.gamma = nn.Parameter(torch.full((32,), 1e-6))
        #~ self.gamma = nn.Parameter(torch.full((64,), 1e-6))  -> gamma

    @shape_vars("N, H, W")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 32, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 32, H, W]"]:
        h = self.dw(x).permute(0, 2, 3, 1)
        #~ h = self.dw(x)  -> norm
        reveal_type(h)
        h = self.down(F.gelu(self.up(self.norm(h))))  #@norm
        h = self.gamma * h  #@gamma
        return x + h.permute(0, 3, 1, 2)  #@skip
        #~ return x + h


m = Mixer()(torch.randn(2, 16, 64))
#~ m = Mixer()(torch.randn(2, 64, 16))
reveal_type(m)
image = torch.randn(2, 32, 14, 14)
e = ConvNeXt()(SqueezeExcite()(image))
reveal_type(e)
p = Separable()(e)
reveal_type(p)
#~ p = Separable()(Separable()(e))
# sizes: N=2, H=14, W=14
