import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn

queries, keys = torch.randn(8, 20, 64), torch.randn(8, 30, 64)
torch.einsum("bqd,bdk->bqk", queries, keys)
torch.randn(8, 64) @ torch.randn(10, 64)
scores = nn.Linear(64, 10)(torch.randn(8, 64))  # ?
labels = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])
F.mse_loss(scores, labels)
loss = F.cross_entropy(scores, labels)  # ?
torch.randn(3, device="webgpu") + torch.randn(3)
patches = torch.rearrange(torch.randn(8, 3, 32, 32), "n c (h p) (w q) -> n (h w) (p q c)", p=4, q=4)  # ?
