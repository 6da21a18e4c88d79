"""The device as programs see it: memory that stays flat, limits that are told, the profiler, the knobs."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.devices.webgpu import OutOfMemoryError
from flambeau.devices.webgpu.host import DeviceLostError


def small_net() -> Any:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).to("webgpu")


def train(steps: int) -> list[float]:
    flambeau.manual_seed(0)
    net = small_net()
    optimizer = flambeau.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    x = flambeau.randn(8, 1, 6, 6, device="webgpu")
    y = flambeau.randint(0, 3, (8,), device="webgpu")
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        if step % 20 == 0 or step == steps - 1:
            losses.append(loss.item())
    return losses


def test_memory_stays_flat_over_a_thousand_steps(backend: Any) -> None:
    losses = train(100)
    flambeau.webgpu.synchronize()
    reserved, held = flambeau.webgpu.memory_reserved(), flambeau.webgpu.memory_allocated()
    losses = train(1000)
    flambeau.webgpu.synchronize()
    assert losses[-1] < 0.1 * losses[0]
    assert flambeau.webgpu.memory_reserved() <= 1.5 * reserved + (1 << 20)
    assert flambeau.webgpu.memory_allocated() <= held + (1 << 16)


def test_a_tensor_too_large_is_an_error_and_the_process_goes_on(backend: Any) -> None:
    limit = backend.target.max_buffer_bytes
    with pytest.raises(OutOfMemoryError, match="largest buffer"):
        backend.pool.allocate(limit + 4096)
    assert flambeau.ones(3, device="webgpu").sum().item() == 3


def test_a_binding_in_pieces_computes_right(adapter: Any) -> None:
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    buffer = adapter.upload(x.view(np.uint8), x.nbytes)
    assert bytes(adapter.download(buffer, x.nbytes)) == x.tobytes()


def test_upload_does_not_overtake_commands_that_wait(backend: Any) -> None:
    """A block that is freed and written again while commands that read it have not been submitted."""
    results = []
    for i in range(20):
        x = flambeau.full((5000,), float(i)).to("webgpu")
        results.append((x * 2).sum())
        del x
    assert [r.item() for r in results] == [2.0 * i * 5000 for i in range(20)]


def test_an_index_out_of_bounds_is_an_error_and_told_once(backend: Any) -> None:
    x = flambeau.arange(6, device="webgpu")
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        x[flambeau.tensor([1, 9], device="webgpu")].tolist()
    assert x[flambeau.tensor([1, -1], device="webgpu")].tolist() == [1, 5]


def test_knobs(backend: Any) -> None:
    assert flambeau.webgpu.is_available() and flambeau.webgpu.device_count() >= 1
    assert flambeau.webgpu.get_device_name() == backend.host.name
    before = flambeau.webgpu.get_batch_threshold()
    with pytest.raises(ValueError, match="positive integer"):
        flambeau.webgpu.set_batch_threshold(0)
    flambeau.webgpu.set_batch_threshold(1)
    try:
        submissions = backend.submissions
        with flambeau.webgpu.batch():
            tensors = [flambeau.ones(4, device="webgpu") * i for i in range(3, 6)]
            for t in tensors:
                flambeau.storage.realize([t._value()])
            assert backend.submissions == submissions
        assert backend.submissions == submissions + 1
    finally:
        flambeau.webgpu.set_batch_threshold(before)
    stats = flambeau.webgpu.memory_stats()
    assert stats["reserved_bytes.all.current"] >= stats["allocated_bytes.all.current"] >= 0
    assert "Allocated memory" in flambeau.webgpu.memory_summary()
    flambeau.webgpu.synchronize()
    flambeau.webgpu.empty_cache()
    assert flambeau.webgpu.memory_stats()["reserved_bytes.all.current"] <= stats["reserved_bytes.all.current"]


def test_float64_without_native_support_says_what_to_do() -> None:
    from tests.webgpu.conftest import described
    from tests.webgpu.test_graphs import Uploading, graphs

    device = described({"has_float64": False})
    assert not device.supports(flambeau.float64)
    from flambeau.schedule import realize

    node = graphs.make("exp", (graphs.leaf(np.ones(3)),))
    with pytest.raises(RuntimeError, match="no float64: convert to float32"):
        realize(Uploading(device, donate=False), [node])


def test_profile_names_kernels_by_their_operators(backend: Any, tmp_path: Path) -> None:
    x = flambeau.randn(64, 64, device="webgpu")
    flambeau.webgpu.synchronize()
    with flambeau.profiler.profile() as p, flambeau.profiler.record_function("forward"):
        y = (x @ x).softmax(-1)
        y.sum().item()
    averages = p.key_averages()
    kernels = [a for a in averages if a.category == "kernel"]
    assert any(a.key == "forward" and a.cpu_time_total > 0 for a in averages)
    assert {"matmul", "softmax", "sum"} <= {name for a in kernels for name in a.key.split("+")}, [a.key for a in kernels]
    if backend.host.has_timestamps:
        assert sum(a.device_time_total for a in kernels) > 0
    table = averages.table(sort_by="self_device_time_total", row_limit=5)
    assert "# of Calls" in table
    path = tmp_path / "trace.json"
    p.export_chrome_trace(str(path))
    names = {e["name"] for e in json.loads(path.read_text())["traceEvents"]}
    assert "forward" in names and {a.key for a in kernels} <= names
    with pytest.raises(AttributeError, match="sort_by"):
        averages.table(sort_by="nonsense")


def test_host_routines_are_visible(backend: Any) -> None:
    a = flambeau.eye(4, device="webgpu") * 4
    with flambeau.profiler.profile() as p:
        flambeau.linalg.cholesky(a).sum().item()
    assert any(e.category == "routine" and "cholesky" in e.name for e in p.events())


def test_out_of_memory_gives_idle_blocks_back_and_then_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.webgpu.conftest import described

    device = described({})
    create, left = device.host.create_buffer, 1 << 20

    def limited(nbytes: int) -> Any:
        if device.pool.reserved + nbytes > left:
            raise OutOfMemoryError("no room")
        return create(nbytes)

    monkeypatch.setattr(device.host, "create_buffer", limited)
    first = device.upload(bytes(600_000), 600_000)
    with pytest.raises(OutOfMemoryError, match=r"tried to allocate 700000 bytes on .* with \d+ bytes in use"):
        device.upload(bytes(700_000), 700_000)
    assert bytes(device.download(first, 600_000)) == bytes(600_000)
    del first  # idle now, and given back when the next doesn't fit beside it
    kept = device.upload(b"\x07" * 700_000, 700_000)
    assert bytes(device.download(kept, 700_000)) == b"\x07" * 700_000
    assert device.pool.failures == 1 and device.pool.reserved <= left


def test_a_lost_device_raises_and_the_process_goes_on() -> None:
    from tests.webgpu.conftest import described

    device = described({})
    buffer = device.upload(bytes(64), 64)
    device.host.device.destroy()
    with pytest.raises(DeviceLostError, match="device was lost"):
        device.download(buffer, 64)
    with pytest.raises(DeviceLostError, match="device was lost"):
        device.upload(bytes(1 << 20), 1 << 20)
    assert flambeau.ones(3, device="webgpu").sum().item() == 3


def test_caches_of_kernels_are_bounded(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from flambeau.devices.webgpu import backend as module

    monkeypatch.setattr(module, "_PIPELINES", 6)
    monkeypatch.setattr(module, "_PROGRAMS", 6)
    monkeypatch.setattr(module, "_BIND_GROUPS", 6)
    for _ in range(2):
        for n in range(3, 23):
            x = flambeau.arange(n, device="webgpu")
            assert (x * n + 1).sum().item() == n * n * (n - 1) // 2 + n
    assert len(backend._pipelines) <= 6 and len(backend._programs) <= 7
    assert len(backend._bind_groups) <= 12  # they are dropped between plans only


def test_bind_groups_are_dropped_without_losing_commands(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that wait in one batch while the cache of bind groups overflows, by plans of several steps, again and again."""
    from flambeau.devices.webgpu import backend as module

    monkeypatch.setattr(module, "_BIND_GROUPS", 5)
    a = flambeau.rand(9, 9, generator=flambeau.Generator().manual_seed(0))
    expected = [(((a * i) @ a).cumsum(0) @ a).tolist() for i in range(30)]
    there = a.to("webgpu")
    with flambeau.webgpu.batch():
        results = []
        for i in range(30):
            results.append(((there * i) @ there).cumsum(0) @ there)
            flambeau.storage.realize([results[-1]._value()])
    for mine, theirs in zip(results, expected, strict=True):
        np.testing.assert_allclose(mine.tolist(), theirs, rtol=1e-5)


def test_a_training_loop_soon_makes_no_bind_groups(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value finds its block of the call before, so that what was bound to a shader serves again."""
    model = flambeau.nn.Sequential(*[flambeau.nn.Linear(8, 8) for _ in range(4)]).to("webgpu")
    optimizer = flambeau.optim.Adam(model.parameters())
    x = flambeau.ones(3, 8, device="webgpu")

    @flambeau.compile
    def step() -> Any:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    made = []
    create = backend.host.create_bind_group
    monkeypatch.setattr(backend.host, "create_bind_group", lambda *a: made.append(a) or create(*a))
    for _ in range(20):
        loss = step()
    before = len(made)
    for _ in range(5):
        loss = step()
    assert loss.item() >= 0
    assert before > 10 and len(made) == before


def test_numbers_of_a_plan_outlive_a_submission_in_its_middle(backend: Any) -> None:
    """A host routine submits what waits; the plan's later steps still find their scalars, whoever needs some meanwhile."""
    a = flambeau.eye(4, device="webgpu") * 4
    results, rates = [], [float(i) for i in range(1, 20)]
    for rate in rates:
        root = flambeau.linalg.cholesky(a)  # computed on the host, in the middle of the plan
        results.append(flambeau.where(root > 0, root * rate, root) + rate)
        flambeau.storage.realize([results[-1]._value()])
        flambeau.storage.realize([(a + 100 * rate)._value()])
    assert [r[0, 0].item() for r in results] == [3 * rate for rate in rates]


def test_an_interrupt_comes_after_the_submission(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = backend.host.submit

    def interrupted(commands: Any, **how: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return submit(commands, **how)

    x = flambeau.arange(5, device="webgpu")
    y = x * 2 + 1
    monkeypatch.setattr(backend.host, "submit", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            y.tolist()
    finally:
        signal.signal(signal.SIGINT, before)
    monkeypatch.undo()
    assert y.tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("name", ["SGD", "AdamW", "RMSprop"])
def test_training_takes_the_same_course_as_on_the_cpu(backend: Any, name: str) -> None:
    losses = {}
    for device in ("cpu", "webgpu"):
        flambeau.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(2, 6, 3, stride=2, padding=1),
            nn.BatchNorm2d(6),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(6 * 16, 8),
            nn.LayerNorm(8),
        )
        x, y = flambeau.randn(12, 2, 8, 8), flambeau.arange(12) % 8
        net, x, y = net.to(device), x.to(device), y.to(device)
        optimizer = getattr(flambeau.optim, name)(net.parameters(), lr=0.01)
        losses[device] = []
        for _ in range(12):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            losses[device].append(loss.item())
    assert losses["webgpu"][-1] < losses["webgpu"][0]
    np.testing.assert_allclose(losses["webgpu"], losses["cpu"], rtol=2e-3)


def test_the_bits_of_float64_say_what_to_do() -> None:
    """WGSL computes in float64 on some adapters, and has no bitcast of it."""
    x = flambeau.arange(4, device="webgpu")
    if not flambeau.devices.backend("webgpu:0").supports(flambeau.float64):
        pytest.skip("this adapter has no float64")
    with pytest.raises(RuntimeError, match="move the tensor to the cpu"):
        x.view(flambeau.float64).cpu()


def test_a_plan_on_the_same_blocks_lists_its_commands_once(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    listed = backend._listed
    monkeypatch.setattr(backend, "_listed", lambda *a: made.append(a) or listed(*a))
    f = flambeau.compile(lambda x: (x @ x).softmax(-1) @ x)
    for number in range(1, 7):
        if number == 5:
            made.clear()
        x = flambeau.eye(3, device="webgpu") * number
        assert f(x).argmax(-1).tolist() == [0, 1, 2]
    assert not made
