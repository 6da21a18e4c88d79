"""A small residual network in bfloat16 under autocast, with a gradient scaler, checkpointed blocks and a saved, resumed run."""

from __future__ import annotations

import io
from importlib import import_module

from tests.programs.weights import fill


def run(torch, rng):
    nn, F = torch.nn, torch.nn.functional
    checkpoint = import_module(f"{torch.__name__}.utils.checkpoint").checkpoint

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(2, channels), nn.ReLU())

        def forward(self, x):
            return x + self.body(x)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.blocks = nn.Conv2d(3, 8, 3, padding=1), nn.ModuleList([Block(8), Block(8)])
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            x = self.stem(x)
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=False)
            return self.head(x.mean(dim=(2, 3)))

    def make():
        model = fill(torch, Net())
        return model, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), torch.amp.GradScaler("cpu", init_scale=256.0)

    x, y = torch.from_numpy(rng.randn(8, 3, 6, 6).astype("float32")), torch.from_numpy(rng.randint(0, 4, 8))

    def train(model, optimizer, scaler, steps):
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
                logits = model(x)
                loss = F.cross_entropy(logits, y)
            assert logits.dtype is torch.bfloat16
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        return losses

    first = make()
    found = train(*first, 2)
    file = io.BytesIO()
    torch.save({name: part.state_dict() for name, part in zip(("model", "optimizer", "scaler"), first)}, file)
    file.seek(0)
    second = make()
    for part, state in zip(second, torch.load(file, weights_only=True).values()):
        part.load_state_dict(state)
    resumed, straight = train(*second, 2), train(*first, 2)
    assert resumed == straight
    return found + resumed
