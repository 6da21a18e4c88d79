"""A U-Net whose blocks are classes, with symbolic sizes and skips joined."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Double(nn.Module):
    def __init__(self, inp: int, out: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(inp, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor[float32, cpu]) -> Tensor[float32, cpu]:
        return self.net(x)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 8, 3, padding=1)
        self.down2 = nn.Conv2d(8, 16, 3, padding=1)
        self.bottom = nn.Conv2d(16, 32, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        #~ self.up2 = nn.ConvTranspose2d(16, 16, 2, stride=2)  -> cat2
        self.conv2 = nn.Conv2d(32, 16, 3, padding=1)
        #~ self.conv2 = nn.Conv2d(16, 16, 3, padding=1)  -> conv2
        self.conv1 = nn.Conv2d(16 + 8, 8, 3, padding=1)
        self.out = nn.Conv2d(8, 2, 1)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 1, 48, 48]"]) -> Shaped[Tensor[float32, cpu], "[N, 2, 48, 48]"]:
        s1 = F.relu(self.down1(x))
        s2 = F.relu(self.down2(F.max_pool2d(s1, 2)))
        b = F.relu(self.bottom(F.max_pool2d(s2, 2)))
        #~ b = F.relu(self.bottom(F.max_pool2d(s2, 4)))  -> cat2
        reveal_type(b)
        u2 = torch.cat([self.up2(b), s2], 1)  #@cat2
        #~ u2 = torch.cat([self.up2(b), s1], 1)
        #~ u2 = torch.cat([self.up2(b), s2], 0)  -> conv2
        #~ u2 = torch.cat([b, s2], 1)
        u2 = F.relu(self.conv2(u2))  #@conv2
        u1 = F.interpolate(u2, scale_factor=2, mode="bilinear", align_corners=False)
        #~ u1 = F.interpolate(u2, scale_factor=4, mode="bilinear", align_corners=False)  -> cat1
        reveal_type(u1)
        u1 = torch.cat((u1, s1), dim=1)  #@cat1
        reveal_type(u1)
        u1 = F.relu(self.conv1(u1))
        return self.out(u1)
        #~s return self.out(u1).mean(1)


masks = Small()(torch.randn(2, 1, 48, 48))
reveal_type(masks)
wanted = torch.randint(0, 2, (2, 48, 48))
#~ wanted = torch.randint(0, 2, (2, 1, 48, 48))  -> loss
loss = F.cross_entropy(masks, wanted)  #@loss
dice = 1 - 2 * (masks.softmax(1)[:, 1] * wanted).sum() / (masks.softmax(1)[:, 1] + wanted).sum()
#~ dice = 1 - 2 * (masks.softmax(1)[:, 1] * wanted[:, :32]).sum() / (masks.softmax(1)[:, 1] + wanted).sum()
reveal_type(dice)
other = Double(1, 8)(torch.randn(2, 1, 16, 16))
# sizes: N=2
