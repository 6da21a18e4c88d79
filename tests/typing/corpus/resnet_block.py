"""A residual block whose shortcut changes stride and channels."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Down(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(128)
        #~ self.bn1 = nn.BatchNorm2d(64)  -> bn1
        self.conv2 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        #~ self.conv2 = nn.Conv2d(64, 128, 3, padding=1, bias=False)  -> conv2
        self.bn2 = nn.BatchNorm2d(128)
        self.shortcut = nn.Sequential(nn.Conv2d(64, 128, 1, stride=2, bias=False), nn.BatchNorm2d(128))
        #~ self.shortcut = nn.Sequential(nn.Conv2d(64, 256, 1, stride=2, bias=False), nn.BatchNorm2d(256))  -> add
        #~ self.shortcut = nn.Sequential(nn.Conv2d(64, 128, 1, stride=2, bias=False), nn.BatchNorm2d(64))  -> shortcut
        self.relu = nn.ReLU(inplace=True)

    @shape_vars("N, H, W")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 64, H, W]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 128, (H - 1) // 2 + 1, (W - 1) // 2 + 1]"]:
        out = self.conv1(x)
        out = self.relu(self.bn1(out))  #@bn1
        out = self.conv2(out)  #@conv2
        out = self.bn2(out)
        identity = self.shortcut(x)  #@shortcut
        reveal_type(identity)
        out = out + identity  #@add
        reveal_type(out)
        return self.relu(out)


y = Down()(torch.randn(2, 64, 56, 56))
#~ y = Down()(torch.randn(2, 3, 56, 56))
#~ y = Down()(torch.randn(64, 56, 56))
reveal_type(y)
# sizes: N=2, H=56, W=56
