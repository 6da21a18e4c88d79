"""A variational autoencoder whose posterior and prior are distributions, on a data loader, with an averaged copy of the model."""

from __future__ import annotations

import copy
from importlib import import_module

from tests.programs.weights import fill


def run(torch, rng):
    nn, F = torch.nn, torch.nn.functional
    distributions = import_module(f"{torch.__name__}.distributions")
    data = import_module(f"{torch.__name__}.utils.data")

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 8))
            self.decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 36), nn.Unflatten(1, (1, 6, 6)))

        def posterior(self, x):
            mean, log_scale = self.encoder(x).chunk(2, dim=-1)
            return distributions.Normal(mean, log_scale.exp())

        def forward(self, x, noise):
            q = self.posterior(x)
            z = q.loc + q.scale * noise
            assert q.rsample().shape == z.shape
            return self.decoder(z), distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(-1)

    model = fill(torch, VAE())
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    images = torch.from_numpy((rng.rand(20, 1, 6, 6) < 0.5).astype("float32"))
    loader = data.DataLoader(data.TensorDataset(images), batch_size=8, shuffle=False, drop_last=True)
    found = []
    for _ in range(2):
        for (x,) in loader:
            logits, divergence = model(x, torch.from_numpy(rng.randn(8, 4).astype("float32")))
            reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
            loss = (reconstruction + divergence).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for mine, theirs in zip(average.parameters(), model.parameters()):
                    mine.lerp_(theirs, 0.1)
            found.append(loss.item())
    return found, average.posterior(images).mean
