"""Embeddings, similarities and a contrastive loss."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten())
        self.head = nn.Linear(32, 16)
        #~ self.head = nn.Linear(8, 16)  -> head

    @shape_vars("N, L")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, L]"]) -> Shaped[Tensor[float32, cpu], "[N, 16]"]:
        h = self.body(x.unsqueeze(1))
        #~ h = self.body(x[:, None, None])
        return F.normalize(self.head(h), dim=-1)  #@head


encoder = Encoder()
za, zb = encoder(torch.randn(12, 50)), encoder(torch.randn(12, 50))
similarity = za @ zb.t() / 0.07
#~ similarity = za @ zb / 0.07
reveal_type(similarity)
labels = torch.arange(12)
loss = (F.cross_entropy(similarity, labels) + F.cross_entropy(similarity.t(), labels)) / 2
reveal_type(loss)
z = torch.cat([za, zb])
sim = z @ z.T
eye = torch.eye(24, dtype=torch.bool)
sim = sim.masked_fill(eye, -1e9)
#~ sim = sim.masked_fill(torch.eye(12, dtype=torch.bool), -1e9)
reveal_type(sim)
targets = torch.cat([torch.arange(12, 24), torch.arange(0, 12)])
nt_xent = F.cross_entropy(sim, targets)
cosine = F.cosine_similarity(za, zb, dim=1)
reveal_type(cosine)
distance = F.pairwise_distance(za, zb)
reveal_type(distance)
contrast = (distance.pow(2) + (1.0 - distance).clamp(min=0).pow(2)).mean()
# sizes: N=12, L=50
