"""A feature pyramid: levels are resized and added; a detection head's boxes."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class FPN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c3 = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.c4 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.c5 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.lateral3 = nn.Conv2d(16, 24, 1)
        self.lateral4 = nn.Conv2d(32, 24, 1)
        #~ self.lateral4 = nn.Conv2d(16, 24, 1)  -> p4
        #~ self.lateral4 = nn.Conv2d(32, 32, 1)  -> p4
        self.lateral5 = nn.Conv2d(64, 24, 1)

    @shape_vars("N")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 3, 64, 96]"]
    ) -> tuple[Shaped[Tensor[float32, cpu], "[N, 24, 32, 48]"], Shaped[Tensor[float32, cpu], "[N, 24, 16, 24]"]]:
        c3 = F.relu(self.c3(x))
        c4 = F.relu(self.c4(c3))
        c5 = F.relu(self.c5(c4))
        #~ c5 = F.relu(self.c5(c3))
        reveal_type(c5)
        p5 = self.lateral5(c5)
        p4 = self.lateral4(c4) + F.interpolate(p5, scale_factor=2, mode="nearest")  #@p4
        #~ p4 = self.lateral4(c4) + p5
        #~ p4 = self.lateral4(c4) + F.interpolate(p5, size=(16, 16), mode="nearest")
        p3 = self.lateral3(c3) + F.interpolate(p4, size=c3.shape[-2:], mode="nearest")
        #~ p3 = self.lateral3(c3) + F.interpolate(p4, size=c4.shape[-2:], mode="nearest")
        reveal_type(p3)
        return p3, p4
        #~s return p4, p3


class Head(nn.Module):
    def __init__(self, anchors: int = 9) -> None:
        super().__init__()
        self.boxes = nn.Conv2d(24, 9 * 4, 3, padding=1)
        #~ self.boxes = nn.Conv2d(24, 9 * 5, 3, padding=1)  -> boxes
        self.classes = nn.Conv2d(24, 9 * 20, 3, padding=1)

    @shape_vars("N, H, W")
    def forward(self, p: Shaped[Tensor[float32, cpu], "[N, 24, H, W]"]) -> Tensor[float32, cpu]:
        n, _, h, w = p.shape
        boxes = self.boxes(p).view(n, 9, 4, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, 4)  #@boxes
        #~ boxes = self.boxes(p).view(n, 9, 4, h, w).permute(0, 3, 4, 1).reshape(n, -1, 4)
        return boxes


p3, p4 = FPN()(torch.randn(2, 3, 64, 96))
reveal_type(p3)
reveal_type(p4)
boxes = Head()(p4)
#~ boxes = Head()(torch.cat([p4, p4], 1))
corner, size = torch.rand(100, 4).chunk(2, dim=1)
reveal_type(corner)
corners = torch.cat([corner, corner + size], dim=1)
#~ corners = torch.cat([corner, corner + size[:, 0]], dim=1)
reveal_type(corners)
top_left = torch.max(corners[:, None, :2], corners[None, :, :2])
reveal_type(top_left)
overlap = (torch.min(corners[:, None, 2:], corners[None, :, 2:]) - top_left).clamp(min=0).prod(dim=2)
#~ overlap = (torch.min(corners[:, None, 1:], corners[None, :, 1:]) - top_left).clamp(min=0).prod(dim=2)
reveal_type(overlap)
areas = size.prod(dim=1)
iou = overlap / (areas[:, None] + areas - overlap)
#~ iou = overlap / (areas[:, None] + areas[:50] - overlap)
reveal_type(iou)
# sizes: N=2, H=16, W=24
