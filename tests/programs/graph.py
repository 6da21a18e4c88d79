"""Graph convolution and graph attention on a random graph: messages by gathering, sums by index_add and scatter."""

from __future__ import annotations

from tests.programs.weights import fill

NODES, EDGES, CLASSES = 20, 60, 3


def run(torch, rng):
    nn, F = torch.nn, torch.nn.functional

    class Convolution(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.linear = nn.Linear(inputs, outputs)

        def forward(self, x, edges):
            source, target = edges
            degree = torch.zeros(x.size(0)).scatter_add_(0, target, torch.ones(target.size(0)))
            scale = degree.pow(-0.5)
            scale[scale == float("inf")] = 0
            messages = (scale[source] * scale[target]).view(-1, 1) * self.linear(x)[source]
            return torch.zeros(x.size(0), messages.size(1)).index_add_(0, target, messages)

    class Attention(nn.Module):
        def __init__(self, inputs, outputs, heads):
            super().__init__()
            self.heads, self.outputs = heads, outputs
            self.linear = nn.Linear(inputs, heads * outputs, bias=False)
            self.from_source, self.from_target = (nn.Parameter(torch.zeros(1, heads, outputs)) for _ in range(2))

        def forward(self, x, edges):
            source, target = edges
            h = self.linear(x).view(-1, self.heads, self.outputs)
            scores = F.leaky_relu((h * self.from_source).sum(-1)[source] + (h * self.from_target).sum(-1)[target], 0.2)
            index = target.view(-1, 1).expand_as(scores)
            largest = torch.full((x.size(0), self.heads), -1e9).scatter_reduce(0, index, scores, reduce="amax")
            weights = (scores - largest[target]).exp()
            total = torch.zeros(x.size(0), self.heads).index_add(0, target, weights)
            weights = weights / (total[target] + 1e-16)
            messages = h[source] * weights.unsqueeze(-1)
            place = target.view(-1, 1, 1).expand_as(messages)
            return torch.zeros(x.size(0), self.heads, self.outputs).scatter_add(0, place, messages).flatten(1)

    edges = torch.from_numpy(rng.randint(0, NODES, (2, EDGES)))
    edges = torch.cat([edges, torch.arange(NODES).repeat(2, 1)], dim=1)
    x, labels = torch.from_numpy(rng.randn(NODES, 8).astype("float32")), torch.from_numpy(rng.randint(0, CLASSES, NODES))
    known = torch.from_numpy(rng.rand(NODES) < 0.6)
    layers = fill(torch, nn.ModuleList([Convolution(8, 8), Attention(8, 4, 2), Convolution(8, CLASSES)]))
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.02, weight_decay=5e-4)
    found = []
    for _ in range(4):
        h = F.elu(layers[1](F.relu(layers[0](x, edges)), edges))
        scores = F.log_softmax(layers[2](h, edges), dim=1)
        loss = F.nll_loss(scores[known], labels[known])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    batch = torch.from_numpy(rng.randint(0, 4, NODES)).sort().values
    pooled = torch.zeros(4, 8).scatter_reduce(0, batch[:, None].expand(-1, 8), x, reduce="mean", include_self=False)
    return found, pooled, torch.bincount(batch, minlength=4), torch.unique(edges[1], return_counts=True)[1]
