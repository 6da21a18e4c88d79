"""A whole network: a file that PyTorch saved gives the same logits here, and training steps give the same weights."""

from __future__ import annotations

import numpy as np
import torch

import flambeau
from tests.nn.resnet import resnet18


def test_a_saved_resnet_gives_the_same_logits(tmp_path):
    torch.manual_seed(0)
    theirs = resnet18(torch)
    with torch.no_grad():  # running statistics that matter
        for name, buffer in theirs.named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 1.5)
    theirs.eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    ours = resnet18(flambeau).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    result = ours.load_state_dict(flambeau.load(tmp_path / "resnet18.pth", weights_only=True))
    assert str(result) == "<All keys matched successfully>"
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        expected = theirs(x)
    with flambeau.no_grad():
        found = ours(flambeau.tensor(x.numpy()))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-3, atol=1e-4)

    flambeau.save(ours.state_dict(), tmp_path / "back.pth")
    back = resnet18(torch).eval()
    back.load_state_dict(torch.load(tmp_path / "back.pth", weights_only=True))
    with torch.no_grad():
        np.testing.assert_array_equal(back(x).numpy(), expected.numpy())


def small(library):
    nn = library.nn
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False),
        nn.GroupNorm(2, 8),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(8 * 16, 10),
    )


def test_training_steps_give_the_same_weights():
    torch.manual_seed(0)
    theirs, ours = small(torch), small(flambeau)
    ours.load_state_dict({k: flambeau.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    runs = []
    for library, model in ((torch, theirs), (flambeau, ours)):
        runs.append(
            (
                library,
                model,
                library.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3),
                library.nn.CrossEntropyLoss(),
            )
        )
    for _ in range(10):
        x, y = rng.standard_normal((16, 1, 8, 8)).astype("float32"), rng.integers(0, 10, 16)
        losses = []
        for library, model, optimizer, criterion in runs:
            optimizer.zero_grad()
            loss = criterion(model(library.tensor(x)), library.tensor(y))
            loss.backward()
            library.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        assert abs(losses[0] - losses[1]) < 1e-4
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values()):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4, err_msg=name)
