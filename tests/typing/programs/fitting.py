"""What fits, in every spelling: no line may be reported by any checker."""

from typing import Any

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, float64, int64, nn
from flambeau.typing import Shaped, checked, cpu, shape_vars

x = torch.randn(2, 3, 8, 8)
weight = torch.zeros((6, 3, 3, 3))
y = F.conv2d(x, weight, padding="same")
y = F.conv2d(x, weight, None, (2, 2), (1, 1))
y = F.conv2d(x, weight, stride=[2, 2], padding=[1, 1])
y = F.conv2d(x, torch.randn(6, 1, 3, 3), groups=3)
y = F.conv_transpose2d(x, torch.randn(3, 6, 2, 2), stride=2)
pooled = F.max_pool2d(F.avg_pool2d(x, 2), kernel_size=2, stride=1, padding=1, ceil_mode=True)
small = F.adaptive_avg_pool2d(x, (1, None))
h = nn.Conv2d(3, 8, 3, padding="same")(x)
h1 = nn.Conv2d(3, 8, (3, 1), stride=(1, 2), padding=1, dilation=1, bias=False)(x)

sums = x.sum()
over = x.sum(dim=(2, 3), keepdim=True) + x.mean(dim=[2, 3], keepdim=True)
top = x.flatten(1).topk(3)
values, indices = x.max(dim=1)
order = torch.argsort(x, dim=-1, descending=True)
std = x.std(dim=0, unbiased=False)
half = x.to(float64) + x
mixed = x + torch.ones(3, 1, 8, dtype=int64)
scaled = 2 * x - 1.5 + x**2 / 3
scaled += 1
flags = (x > 0) & (x < 1)
chosen = torch.where(x > 0, x, 0.0) + torch.where(x > 0, x, -x)
one = x[0]
window = x[:, 1:, ::2, None, ...]
by_mask = x[x > 0]
by_index = x[torch.tensor([0, 1])]
x[0] = 1.0
row = x.at(0, (1, 3), ...)
parts = x.chunk(2, dim=0)
first, second = x.split((1, 2), dim=1)
joined = torch.cat((first, second), dim=1) + x
stacked = torch.stack([x, x], dim=1).unbind(1)
matrix = torch.randn(4, 5)
product = matrix @ torch.randn(5) + (matrix.T @ matrix).sum(0)[:4].mean() + torch.randn(4)
batched = torch.randn(7, 1, 4, 5) @ torch.randn(3, 5, 6)
traced = torch.einsum("ij,jk->ik", matrix, matrix.T)
grouped = torch.rearrange(x, "n c (h p) (w q) -> n (h w) (p q c)", p=2, q=2)
viewed = x.view(x.size(0), -1).reshape(x.shape[0], 3, 64).unflatten(2, (8, 8)).squeeze().unsqueeze(0)
padded = F.pad(F.interpolate(x, scale_factor=2), (1, 1))
resized = F.interpolate(x, size=(4, 4), mode="bilinear")
likes = torch.zeros_like(x) + torch.full_like(x, 2.0) + torch.empty_like(x)
labels = torch.tensor([1, 0])
loss = F.cross_entropy(nn.Linear(192, 10)(x.flatten(1)), labels) + F.mse_loss(x, x, reduction="sum")
embedded = nn.Embedding(10, 4)(labels) + F.one_hot(labels, 4)
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
out = model(x)
eye = torch.eye(3) @ torch.arange(3).to(float32)
nothing: Tensor | None = None


def anything(a: Any, b: Tensor, n: int, sizes: list[int]) -> Tensor:
    a = F.conv2d(a, b)
    c = torch.randn(n, 3) @ torch.randn(3, n)
    d = nn.Linear(n, 10)(b) + b.view(n, -1) + b.reshape(sizes) + torch.zeros(*sizes)
    e = b.permute(*range(n)) + torch.cat([b for _ in range(n)]) + b[n:]
    return a + c + d + e


@checked
@shape_vars("N, C, H, W, *Rest")
def symbolic(
    image: Shaped[Tensor[float32, cpu], "[N, C, H, W]"], rest: Shaped[Tensor[float32, cpu], "[*Rest, C]"]
) -> Shaped[Tensor[float32, cpu], "[N, C * H * W]"]:
    print(rest.shape)
    return image.flatten(1)


flat = symbolic(x, torch.randn(5, 4, 3))

# what real programs do with tensors whose shapes nobody wrote down
largest = -x.abs().max(dim=1).values + x.topk(2, dim=1).indices.sum()
rows = torch.stack([row for row in matrix])
counters = torch.zeros(2, 3, dtype=torch.long).fill_(3)
counters[counters > 1] = 0
broad = x[:, None].expand(-1, 5, -1, -1, -1).permute(1, 0, 2, 3, 4).contiguous()


class Untyped(nn.Module):
    """No annotation anywhere."""

    def __init__(self, hidden=32):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(10, 32), nn.Linear(32, hidden)])
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x * self.scale


untyped = Untyped().to("cpu")
answer = untyped(torch.randn(5, 10))
total = sum(p.numel() for p in untyped.parameters())
