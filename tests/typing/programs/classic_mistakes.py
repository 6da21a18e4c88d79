"""The mistakes that everybody makes. A line that must be reported ends in "# E" (by Pyrefly and the mypy plugin) or "# E: all"."""

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, float64, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars, webgpu

image = torch.randn(8, 3, 32, 32)
labels = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])

# channels
nn.Conv2d(1, 16, 3)(image)  # E: all
F.conv2d(image, torch.randn(16, 4, 3, 3))  # E: all

# the flattened size after pooling
features = nn.MaxPool2d(2)(nn.Conv2d(3, 16, 3)(image))
nn.Linear(16 * 16 * 16, 10)(torch.flatten(features, 1))  # E
scores = nn.Linear(16 * 15 * 15, 10)(torch.flatten(features, 1))

# a transposed matmul
weight = torch.randn(10, 64)
torch.randn(8, 64) @ weight  # E: all
torch.randn(8, 64) @ weight.T

# a forgotten batch dimension
@shape_vars("N, H, W")
def mean_colour(x: Shaped[Tensor[float32, cpu], "[N, 3, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 3]"]:
    return x.mean((2, 3))


mean_colour(torch.randn(3, 32, 32))  # E
mean_colour(image)

# a wrong einsum letter
queries, keys = torch.randn(8, 20, 64), torch.randn(8, 30, 64)
torch.einsum("bqd,bdk->bqk", queries, keys)  # E
torch.einsum("bqd,bkd->bqk", queries, keys)

# integer labels as floats, floats as labels
F.mse_loss(scores, labels)  # E
F.cross_entropy(scores, labels)
F.cross_entropy(scores, torch.tensor([0, 1, 2]))  # E

# tensors on different devices, and of different dtypes
torch.randn(3, device="webgpu") + torch.randn(3)  # E: all
torch.randn(2, 3) @ torch.randn(3, 2, dtype=float64)  # E: all


def on_gpu(x: Tensor[float32, webgpu]) -> Tensor[float32, webgpu]:
    return x * 2


on_gpu(torch.randn(3))  # E: all
on_gpu(torch.randn(3).to("webgpu"))


def classes(x: Tensor[int64, cpu]) -> Tensor[int64, cpu]:
    return x


classes(torch.randn(3))  # E: all

# shapes that do not fit
torch.randn(2, 3) + torch.randn(2)  # E
torch.cat([torch.randn(2, 3), torch.randn(3, 3)], dim=1)  # E
torch.stack([torch.randn(2, 3), torch.randn(3, 3)])  # E
torch.randn(2, 6).reshape(5, -1)  # E
torch.randn(2, 3).view(7)  # E
torch.randn(2, 3, 4).permute(0, 1)  # E
torch.randn(2, 3).transpose(0, 2)  # E
torch.randn(2, 3).sum(dim=2)  # E
torch.randn(2, 3).softmax(dim=2)  # E
torch.randn(2, 3).unflatten(1, (2, 2))  # E
torch.randn(2, 3).expand(4, 3)  # E
torch.bmm(torch.randn(2, 3, 4), torch.randn(2, 5, 6))  # E
nn.Linear(4, 5)(torch.randn(2, 3))  # E: all
nn.BatchNorm2d(4)(image)  # E
nn.LayerNorm(16)(torch.randn(2, 8))  # E
nn.MaxPool2d(64)(image)  # E
nn.ConvTranspose2d(4, 8, 2, 2)(image)  # E
torch.rearrange(image, "n c (h p) (w q) -> n (h w) (p q c)", p=5, q=4)  # E
F.pixel_shuffle(torch.randn(1, 6, 4, 4), 2)  # E
F.scaled_dot_product_attention(queries, torch.randn(8, 30, 32), torch.randn(8, 30, 32))  # E

# layers in a row
trunk = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3600, 10))
trunk(image)
trunk(torch.randn(8, 1, 32, 32))  # E
trunk(torch.randn(8, 3, 28, 28))  # E
