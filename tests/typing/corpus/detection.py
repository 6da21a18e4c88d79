"""Boxes: areas, intersection over union, anchors, a feature pyramid."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

@shape_vars("N, M")
def box_iou(
    a: Shaped[Tensor[float32, cpu], "[N, 4]"], b: Shaped[Tensor[float32, cpu], "[M, 4]"]
) -> Shaped[Tensor[float32, cpu], "[N, M]"]:
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    reveal_type(area_a)
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    lt = torch.max(a[:, None, :2], b[:, :2])
    #~s lt = torch.max(a[:, :2], b[:, :2])
    reveal_type(lt)
    rb = torch.min(a[:, None, 2:], b[:, 2:])
    wh = (rb - lt).clamp(min=0)
    inter = wh[:, :, 0] * wh[:, :, 1]
    reveal_type(inter)
    return inter / (area_a[:, None] + area_b - inter)
    #~s return inter / (area_a + area_b - inter)


iou = box_iou(torch.rand(10, 4), torch.rand(3, 4))
#~ iou = box_iou(torch.rand(10, 4), torch.rand(3, 5))
reveal_type(iou)
best, which = iou.max(dim=1)
reveal_type(which)
ys, xs = torch.meshgrid(torch.arange(8), torch.arange(6), indexing="ij")
centers = torch.stack((xs, ys), dim=-1).reshape(-1, 2)
reveal_type(centers)
c3, c4, c5 = torch.randn(1, 64, 32, 32), torch.randn(1, 128, 16, 16), torch.randn(1, 256, 8, 8)
p5 = nn.Conv2d(256, 32, 1)(c5)
p4 = nn.Conv2d(128, 32, 1)(c4) + F.interpolate(p5, scale_factor=2)
#~ p4 = nn.Conv2d(128, 32, 1)(c4) + F.interpolate(p5, scale_factor=4)
p3 = nn.Conv2d(64, 32, 1)(c3) + F.interpolate(p4, size=c3.shape[-2:])
reveal_type(p3)
levels = [p3, p4, p5]
head = nn.Conv2d(32, 9 * 4, 3, padding=1)
boxes = torch.cat([head(level).permute(0, 2, 3, 1).reshape(1, -1, 4) for level in levels], dim=1)
kept = best[best > 0.5]
# sizes: N=10, M=3
