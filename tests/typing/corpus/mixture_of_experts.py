"""Routing tokens to experts; a graph convolution; a bag of embeddings."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
tokens = torch.randn(20, 32)
gate = nn.Linear(32, 4)
weights, experts = gate(tokens).softmax(dim=-1).topk(2, dim=-1)
reveal_type(weights)
weights = weights / weights.sum(dim=-1, keepdim=True)
#~ weights = weights / weights.sum(dim=-1)
w1, w2 = torch.randn(4, 32, 64), torch.randn(4, 64, 32)
hidden = torch.einsum("nd,edh->neh", tokens, w1).relu()
everything = torch.einsum("neh,ehd->ned", hidden, w2)
#~ everything = torch.einsum("neh,edh->ned", hidden, w2)
reveal_type(everything)
chosen = everything.gather(1, experts.unsqueeze(-1).expand(-1, -1, 32))
reveal_type(chosen)
mixed = (weights.unsqueeze(-1) * chosen).sum(dim=1)
#~ mixed = (weights.unsqueeze(1) * chosen).sum(dim=1)
reveal_type(mixed)
adjacency = torch.rand(20, 20)
degree = adjacency.sum(1)
normalized = torch.diag(degree.pow(-0.5)) @ adjacency @ torch.diag(degree.pow(-0.5))
reveal_type(normalized)
messages = normalized @ nn.Linear(32, 16)(mixed)
#~ messages = nn.Linear(32, 16)(mixed) @ normalized
reveal_type(messages)
edges = torch.randint(0, 20, (2, 50))
source, destination = edges
reveal_type(source)
gathered = messages[source]
reveal_type(gathered)
pooled = torch.zeros(20, 16).index_add_(0, destination, gathered)
reveal_type(pooled)
spread = torch.zeros(20, 16).scatter_add(0, destination[:, None].expand(-1, 16), gathered)
reveal_type(spread)
bag = nn.EmbeddingBag(100, 8, mode="mean")(torch.randint(0, 100, (6, 3)))
reveal_type(bag)
bilinear = nn.Bilinear(32, 16, 5)(mixed, messages)
#~ bilinear = nn.Bilinear(16, 32, 5)(mixed, messages)
reveal_type(bilinear)
