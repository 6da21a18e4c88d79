"""The profiler on the CPU: kernels by the operators that they came from, spans, schedules, tables and traces."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import flambeau
import flambeau.graph.node as graph
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.profiler import ProfilerActivity, profile, record_function, schedule
from flambeau.profiler import recorder as hook


def step() -> Any:
    flambeau.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5))
    optimizer = flambeau.optim.SGD(model.parameters(), lr=0.1)
    x, y = flambeau.randn(4, 3, 8, 8), flambeau.arange(4)
    flambeau.synchronize()

    def run() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def kernels(p: profile) -> list[Any]:
    return [e for e in p.events() if e.category == "kernel"]


def test_kernels_are_named_by_their_operators() -> None:
    run = step()
    run()  # plans made before the profile know no operators; the profile's own do
    with profile() as p, record_function("training step"):
        run()
    found = kernels(p)
    operators = {name for e in found for name in e.name.split("+")}
    assert {"conv2d", "relu", "linear", "cross_entropy", "ConvolutionBackward0", "SGD.step"} <= operators, operators
    assert any("conv2d" in e.name and "relu" in e.name for e in found)  # fused into one
    assert all(e.duration > 0 and not e.is_on_device for e in found)
    (outer,) = (e for e in p.events() if e.name == "training step")
    assert outer.category == "user"
    assert all(outer.start <= e.start and e.start + e.duration <= outer.start + outer.duration + 1e-3 for e in found)
    assert outer.self_duration < outer.duration
    table = p.key_averages().table(sort_by="self_cpu_time_total")
    assert "training step" in table and "conv2d" in table and "Self CPU time total" in table


def test_host_routines_and_compiling_appear() -> None:
    with profile() as p:
        a = flambeau.arange(49.0).reshape(7, 7) + 7 * flambeau.eye(7)
        (flambeau.linalg.inv(a) @ a).sum().item()
        flambeau.rand(1, 31, 77).sort(-1)[0].sum().item()
    names = {e.name for e in p.events()}
    assert any("inv" in n for n in names) and any("sort" in n for n in names)


def test_nothing_is_kept_when_no_profile_is_taken() -> None:
    assert hook.active is None and graph.naming is None
    with profile():
        assert graph.naming is not None
        x = flambeau.ones(3) + 1
        assert x._value().origin is not None
    assert hook.active is None and graph.naming is None
    assert (flambeau.ones(3) + 1)._value().origin is None


def test_a_profile_in_a_profile_is_an_error() -> None:
    with profile(), pytest.raises(RuntimeError, match="already"):
        profile().start()
    with profile() as p:
        flambeau.ones(5).exp().sum().item()
    assert kernels(p)


def test_only_what_was_asked_for() -> None:
    with profile(activities=[ProfilerActivity.CUDA]) as p:
        flambeau.ones(5).exp().sum().item()
    assert not p.events()


def test_a_schedule_keeps_active_steps() -> None:
    ready: list[int] = []
    with profile(
        schedule=schedule(wait=1, warmup=1, active=2, repeat=1), on_trace_ready=lambda p: ready.append(len(p.events()))
    ) as p:
        for k in range(6):
            with record_function(f"step {k}"):
                (flambeau.ones(9) * k).sum().item()
            p.step()
    assert {e.name for e in p.events() if e.category == "user"} == {"step 2", "step 3"}
    assert len(ready) == 1


def test_the_trace_is_a_file_that_chrome_reads(tmp_path: Path) -> None:
    with profile() as p, record_function("outside"):
        flambeau.ones(50).sin().sum().item()
    p.export_chrome_trace(str(tmp_path / "trace.json"))
    trace = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = [e for e in trace if e["ph"] == "X"]
    assert {"outside"} <= {e["name"] for e in spans}
    assert all(e["dur"] >= 0 and {"ts", "pid", "tid", "cat"} <= set(e) for e in spans)


def test_a_recorded_call_shows_its_kernels() -> None:
    @flambeau.compile
    def f(x: Any) -> Any:
        return (x.exp() + 1).sum(-1)

    x = flambeau.ones(300, 300)
    f(x).sum().item()
    with profile() as p:
        begin = time.perf_counter()
        f(x).sum().item()
        wall = time.perf_counter() - begin
    assert 0 < sum(e.duration for e in kernels(p)) <= wall * 1e6
