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

records = js.page.digits.to_bytes()
count = len(records) // 65
raw = torch.tensor(list(records)).reshape(count, 65)
images = (raw[:, :64].float() / 16).reshape(count, 1, 8, 8)
labels = raw[:, 64]
train_images, train_labels = images[TEST:], labels[TEST:]
test_images, test_labels = images[:TEST], labels[:TEST]


def breathe() -> None:
    """Lets the page draw, and its buttons be heard."""
    run_sync(js.Promise.new(lambda resolve, reject: js.setTimeout(resolve, 0)))


def evaluate(net: nn.Module) -> tuple[float, list[int]]:
    with torch.no_grad():
        read = net(test_images).argmax(1)
    return (read == test_labels).float().mean().item(), read[:SHOWN].tolist()


def train() -> float:
    torch.manual_seed(0)
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
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    truth = test_labels[:SHOWN].tolist()
    step, accuracy = 0, 0.0
    per_epoch = len(train_labels) // BATCH
    for _ in range(EPOCHS):
        order = torch.randperm(len(train_labels))
        for b in range(per_epoch):
            began = time.perf_counter()
            chosen = order[b * BATCH : (b + 1) * BATCH]
            optimizer.zero_grad()
            loss = F.cross_entropy(net(train_images[chosen]), train_labels[chosen])
            loss.backward()
            optimizer.step()
            value = loss.item()
            speed = BATCH / (time.perf_counter() - began)
            step += 1
            report = {"step": step, "loss": [value], "accuracy": None, "samples": None, "speed": speed}
            if step % 10 == 0 or b == per_epoch - 1:
                accuracy, read = evaluate(net)
                report["accuracy"] = accuracy
                report["samples"] = [
                    {"pixels": list(records[65 * i : 65 * i + 64]), "read": read[i], "truth": truth[i]} for i in range(SHOWN)
                ]
            js.page.report(json.dumps(report))
            breathe()
            if js.page.stopped:
                return accuracy
    return accuracy
