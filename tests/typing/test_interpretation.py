"""What interpretation finds in programs without annotations, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.once import once

pytestmark = pytest.mark.slow
HEAD = "import flambeau as torch\nfrom flambeau import nn\nimport flambeau.nn.functional as F\n"


@pytest.fixture(scope="session")
def found(tmp_path_factory) -> dict[str, list[dict]]:
    """What is found in each program of `PROGRAMS`, by one process."""

    def interpreted() -> dict[str, list[dict]]:
        folder = tmp_path_factory.mktemp("programs")
        paths = {}
        for name, text in PROGRAMS.items():
            paths[str((folder / f"{name}.py").resolve())] = name
            (folder / f"{name}.py").write_text(HEAD + text)
        (folder / "beside.py").write_text(HEAD + "def double(x):\n    return torch.cat([x, x], 1)\n")
        command = [sys.executable, "-m", "flambeau.interpretation", *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        result: dict[str, list[dict]] = {name: [] for name in PROGRAMS}
        for line in done.stdout.splitlines():
            one = json.loads(line)
            result[paths[one["path"]]].append(one)
        return result

    return once(tmp_path_factory, "interpretation", interpreted)


def at(name: str, mark: str) -> int:
    """The line of a program that ends in a mark."""
    lines = (HEAD + PROGRAMS[name]).split("\n")
    (line,) = [number for number, text in enumerate(lines, 1) if text.endswith(f"# {mark}")]
    return line


PROGRAMS = {
    "a_net": """
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(2 * width, 10)
    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)  # bad
net = Net(16)
net(torch.randn(4, 16))  # call
""",
    "branches_whose_test_is_not_known": """
import sys
from pathlib import Path
def f(x):
    if len(sys.argv) > 1:
        x = x.sum(0)
    else:
        x = x.mean(0)
    return x @ torch.ones(3, 5)  # bad
f(torch.ones(2, 4))
if len(sys.argv) > 1:
    w = torch.ones(3)
else:
    w = torch.ones(4)
torch.ones(5) + w
def early(x):
    if len(sys.argv) > 1:
        return torch.ones(3)
    return torch.ones(4)
early(1) + torch.ones(5)
""",
    "files_and_other_libraries": """
import os, pandas
table = pandas.read_csv("nowhere.csv")
x = torch.tensor(table.values, dtype=torch.float32)
model = nn.Linear(x.shape[1], 2)
loss = model(x).sum() + torch.ones(3)
state = torch.load("nowhere.pt")
model.load_state_dict(state)
with open("made_by_interpretation", "w") as file:
    file.write("x")
os.mkdir("made_by_interpretation_too")
torch.save(state, "made_by_interpretation_as_well")
torch.ones(2) + torch.ones(3)  # bad
""",
    "a_training_loop": """
from flambeau.utils.data import DataLoader, TensorDataset, random_split
data = TensorDataset(torch.randn(100, 8), torch.randint(0, 3, (100,)))
train, valid = random_split(data, [80, 20])
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters())
best, history = float("inf"), []
for epoch in range(1000):
    for x, y in DataLoader(train, batch_size=10, shuffle=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    if loss.item() < best:
        best = loss.item()
reveal_type(model(x))  # shown
torch.tensor(history) + torch.ones(7)
model(torch.randn(5, 9))  # bad
""",
    "loaders": """
import argparse
from flambeau.utils.data import DataLoader, IterableDataset, TensorDataset
class Stream(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.ones(3)
parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=4)
parser.add_argument("needed")
width = parser.parse_args().width
rows = []
for i, (x, y) in enumerate(DataLoader(TensorDataset(torch.ones(90, 4), torch.ones(90)), 10, num_workers=2)):
    rows.append(x)
    x @ torch.ones(5, 2)  # bad
torch.stack(rows).reshape(9, 40)
batch = next(iter(DataLoader(Stream(), batch_size=6)))
reveal_type(batch)  # shown
torch.set_default_dtype(torch.float64)
""",
    "after_one_that_sets_the_dtype": """
torch.ones(2) @ torch.ones(2, dtype=torch.float32)
""",
    "exceptions": """
try:
    torch.ones(2) @ torch.ones(3)
except RuntimeError as error:
    print(error)
def check(x):
    if x.shape[1] != 4:
        raise ValueError("wrong")
    return x
check(torch.ones(2, 3))
assert torch.ones(2, 3).shape == (3, 2)  # bad
""",
    "exceptions_of_others": """
def main():
    torch.ones(2) + torch.ones(3)  # bad
try:
    main()
except (KeyboardInterrupt, OSError):
    pass
finally:
    torch.ones(1)
""",
    "a_module_beside_this_one": """
from beside import double
double(torch.ones(2, 3)) + torch.ones(2, 5)  # bad
""",
    "numbers_that_are_known": """
lengths = torch.tensor([3, 5, 2])
mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
reveal_type(mask)  # shown
torch.zeros(3, 4)[mask]  # bad
x = torch.randn(6)
x[x > 0] + torch.ones(9)
""",
    "values_that_are_not_known": """
def search(x):
    while True:
        x = x * 2
        if x.sum() > 100:
            break
    return x
search(torch.rand(3)) + torch.ones(4)  # bad
a, b = torch.ones(3)  # unpacked
""",
    "decorated": """
import functools
@torch.no_grad()
@functools.lru_cache
def f(n):
    return torch.ones(n, 3)
@torch.compile
def g(x):
    return x @ torch.ones(4, 4)  # bad
g(f(2))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_found(found, name):
    errors = sorted(one["line"] for one in found[name] if one["is_error"])
    expected = [at(name, mark) for mark in ("bad", "unpacked") if f"# {mark}" in PROGRAMS[name]]
    assert errors == expected, found[name]


def test_where_a_call_was_made(found):
    (one,) = found["a_net"]
    assert one["callers"] == [at("a_net", "call")]
    assert one["column"] == len("        return ") + 1
    assert "[4, 16]" in one["message"] and "expects 32" in one["message"]


def test_types_that_are_shown(found):
    (loop,) = [one for one in found["a_training_loop"] if not one["is_error"]]
    assert (loop["line"], loop["message"]) == (at("a_training_loop", "shown"), "revealed type: Tensor[float32, cpu, [10, 3]]")
    (batch,) = [one for one in found["loaders"] if not one["is_error"]]
    assert batch["message"] == "revealed type: Tensor[float32, cpu, [6, 3]]"
    (mask,) = [one for one in found["numbers_that_are_known"] if not one["is_error"]]
    assert mask["message"] == "revealed type: Tensor[bool, cpu, [3, 5]]"


def test_nothing_is_written(found):
    assert not list(Path().glob("made_by_interpretation*"))
