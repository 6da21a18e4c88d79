"""Trains a small convolutional network on the digits, in the page. `train()` is called by the page's button."""

import json
import time

import js
from pyodide.ffi import run_sync

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn

EPOCHS, BATCH, TEST, SHOWN = 8, 64, 297, 32
torch.set_default_device("webgpu")
js.page.adapter(torch.webgpu.get_device_name())

records = js.page.digits.to_bytes()  # 64 brightnesses of 0 to 16 and a label, each
count = len(records) // 65
raw = torch.tensor(list(records)).reshape(count, 65)
images = (raw[:, :64].float() / 16).reshape(count, 1, 8, 8)
labels = raw[:, 64]
train_images, train_labels = images[TEST:], labels[TEST:]
test_images, test_labels = images[:TEST], labels[:TEST]
per_epoch = len(train_labels) // BATCH
js.page.steps(EPOCHS * per_epoch)

net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 16, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)


def train() -> float:
    """Trains from the beginning until the page says stop; the share of the test digits that it reads then."""
    torch.manual_seed(0)
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.reset_parameters()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    step = 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(train_labels))
        for b in range(per_epoch):
            began = time.perf_counter()
            chosen = order[b * BATCH : (b + 1) * BATCH]
            optimizer.zero_grad()
            loss = F.cross_entropy(net(train_images[chosen]), train_labels[chosen])
            loss.backward()
            optimizer.step()
            report = {"step": step + 1, "loss": loss.item(), "accuracy": None}
            report["speed"] = BATCH / (time.perf_counter() - began)
            step += 1
            if step % 10 == 0 or step == EPOCHS * per_epoch:
                report |= evaluate()
            js.page.report(json.dumps(report))
            breathe()
            if js.page.stopped:
                return evaluate()["accuracy"]
    return evaluate()["accuracy"]


def evaluate() -> dict:
    """The accuracy on the test digits, and what the page draws."""
    with torch.no_grad():
        sure, read = F.softmax(net(test_images), dim=1).max(1)
    shown = zip(sure[:SHOWN].tolist(), read[:SHOWN].tolist(), test_labels[:SHOWN].tolist(), strict=True)
    return {
        "accuracy": (read == test_labels).float().mean().item(),
        "samples": [
            {"pixels": list(records[65 * i : 65 * i + 64]), "read": r, "truth": t, "sure": s} for i, (s, r, t) in enumerate(shown)
        ],
        "filters": net[0].weight.reshape(16, 9).tolist(),
        "guesses": json.loads(read_drawing()) if len(js.page.drawing) else None,
    }


def read_drawing() -> str:
    """The probabilities of the ten digits for what was drawn in the page, as JSON."""
    pixels = torch.tensor(list(js.page.drawing)).float().reshape(1, 1, 8, 8) / 16
    with torch.no_grad():
        return json.dumps(F.softmax(net(pixels), dim=1)[0].tolist())


def breathe() -> None:
    """Lets the page draw, and its buttons be heard."""
    run_sync(js.Promise.new(lambda resolve, reject: js.setTimeout(resolve, 0)))
