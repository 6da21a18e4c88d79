"""Errors and exceptions in the middle of a plan that overwrites memory: every tensor holds the old value or the new one, or says
that it is lost."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import backend, download, upload
from test_device import lookup, plus, script

import flambeau
import flambeau.nn.functional as F
from flambeau import devices
from flambeau.devices.cpu import listing
from flambeau.devices.cpu.executable import Executable
from flambeau.devices.cpu.uncut import uncut
from flambeau.dtypes import float32, int64
from flambeau.schedule.execution import Interrupted
from flambeau.schedule.plan import Plan, Step, Value

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"), reason="sends signals"
)


class Stop(Exception):
    pass


def update(count: int, n: int) -> Plan:
    """`count` inputs of n numbers, each overwritten with itself plus one."""
    values = (*(Value(float32, n, "input") for _ in range(count)), *(Value(float32, n, "output") for _ in range(count)))
    steps = tuple(Step(plus(n, 1.0), (k, count + k)) for k in range(count))
    each = tuple(range(count))
    return Plan(values, steps, each, (), tuple(count + k for k in each), {count + k: k for k in each})


class Team:
    """A team whose calls are interrupted: before or after the call of that number."""

    def __init__(self, team: Any, call: int, after: bool) -> None:
        self.team, self.call, self.after, self.calls = team, call, after, 0

    def run(self, *arguments: Any) -> None:
        self._interrupted(self.team.run, *arguments)

    def run_alone(self, *arguments: Any) -> None:
        self._interrupted(self.team.run_alone, *arguments)

    def _interrupted(self, run: Any, *arguments: Any) -> None:
        stops = self.calls == self.call
        self.calls += 1
        if stops and not self.after:
            raise Stop
        run(*arguments)
        if stops:
            raise Stop

    def run_long(self, *arguments: Any) -> None:
        self.run(*arguments, False)

    def finish(self, *arguments: Any) -> Any:
        stops = self.calls == self.call
        self.calls += 1
        self.team.finish(*arguments)
        return Stop() if stops else None


def prepared(plan: Plan, donated: frozenset[int]) -> Executable:
    cpu = backend(512)
    return Executable(plan, donated, False, cpu.compiler, cpu.pool, cpu.team)


def test_steps_that_overwrite_are_one_call_where_they_are_short() -> None:
    plan = update(3, 1000)
    assert [p.overwrites for p in prepared(plan, frozenset((0, 1, 2))).stretches] == [True]
    assert [p.overwrites for p in prepared(plan, frozenset()).stretches] == [False]


@pytest.mark.parametrize("after", [False, True])
def test_what_was_finished_is_handed_out(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    """Four updates, each a call of its own because what lies between them takes long."""
    monkeypatch.setattr(listing, "_NEAR", -1.0)
    monkeypatch.setattr(listing, "_STRETCH", -1.0)
    cpu = backend(512)
    x = np.arange(1000, dtype=np.float32)
    plan = update(2, 1000)
    between = Plan(
        (*plan.values, Value(float32, 1000, "output")),
        (plan.steps[0], Step(plus(1000, 5.0), (2, 4)), plan.steps[1]),
        plan.inputs,
        (),
        (2, 3, 4),
        plan.aliases,
    )
    donated = frozenset((0, 1))
    ready = prepared(between, donated)
    assert [p.overwrites for p in ready.stretches] == [True, False, True]
    for call in range(3):
        given = [upload(cpu, x), upload(cpu, x)]
        with pytest.raises(Interrupted) as stop:
            ready.run(Team(cpu.team, call, after), given, (), cpu._arena)  # type: ignore[arg-type]
        assert isinstance(stop.value.cause, Stop)
        assert stop.value.overwritten == (frozenset((0,)), frozenset((0,)), donated)[call]
        first, second, third = stop.value.outputs
        np.testing.assert_array_equal(download(cpu, first, x), x + 1)
        assert (third is None) is (call < 2)
        if call == 2:
            np.testing.assert_array_equal(download(cpu, second, x), x + 1)
        else:
            assert second is None
            np.testing.assert_array_equal(download(cpu, given[1], x), x)
    given = [upload(cpu, x), upload(cpu, x)]
    outputs = ready.run(cpu.team, given, (), cpu._arena)
    np.testing.assert_array_equal(download(cpu, outputs[2], x), x + 6)


def test_errors_are_found_before_anything_is_overwritten() -> None:
    cpu = backend(512)
    n = 2000
    values = (
        Value(float32, 9, "input"),
        Value(int64, 50, "input"),
        Value(float32, n, "input"),
        Value(float32, 50, "output"),
        Value(float32, n, "output"),
    )
    plan = Plan(values, (Step(lookup(9, 1, 50), (0, 1, 3)), Step(plus(n, 1.0), (2, 4))), (0, 1, 2), (), (3, 4), {4: 2})
    ready = prepared(plan, frozenset((2,)))
    table, x = np.arange(9, dtype=np.float32), np.arange(n, dtype=np.float32)
    index = np.arange(50) % 9
    index[7] = 9
    held = upload(cpu, x)
    with pytest.raises(IndexError, match="index 9"):
        ready.run(cpu.team, [upload(cpu, table), upload(cpu, index), held], (), cpu._arena)
    np.testing.assert_array_equal(download(cpu, held, x), x)
    index[7] = 8
    _, out = ready.run(cpu.team, [upload(cpu, table), upload(cpu, index), held], (), cpu._arena)
    assert out is held
    np.testing.assert_array_equal(download(cpu, out, x), x + 1)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_wrong_label_changes_no_parameter(compiled: bool) -> None:
    flambeau.manual_seed(0)
    model = flambeau.nn.Sequential(flambeau.nn.Linear(64, 64), flambeau.nn.ReLU(), flambeau.nn.Linear(64, 64))
    optimizer = flambeau.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    train = flambeau.compile(step) if compiled else step
    x, y = flambeau.randn(16, 64), flambeau.arange(16)
    for _ in range(4):
        train(x, y).item()
    before = [p.detach().clone().numpy().copy() for p in model.parameters()]
    wrong = y.clone()
    wrong[3] = 64
    wrong.numpy()
    with pytest.raises(IndexError):
        train(x, wrong).item()
    if compiled:
        for p, old in zip(model.parameters(), before, strict=True):
            np.testing.assert_array_equal(p.detach().numpy(), old)
        assert np.isfinite(train(x, y).item())


def test_updates_take_over_memory_beside_a_checked_gather() -> None:
    """A training step with cross entropy keeps its parameters where they are."""
    flambeau.manual_seed(0)
    model = flambeau.nn.Linear(64, 64, bias=False)
    optimizer = flambeau.optim.SGD(model.parameters(), lr=0.1)
    x, y = flambeau.randn(16, 64), flambeau.arange(16)
    seen = set()
    for _ in range(6):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        flambeau.synchronize()
        seen.add(model.weight.data_ptr())
    assert len(seen) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # where the signal finds a buffer's end
def test_interrupted_updates_leave_old_or_new_values() -> None:
    """Signals at random moments of in-place updates: no element is ever behind another."""
    x = flambeau.zeros(3, 200_000)
    x.numpy()
    expected = 0.0
    rng = np.random.default_rng(0)

    def handler(*_: Any) -> None:
        raise Stop

    before = signal.signal(signal.SIGALRM, handler)
    stopped = lost = 0
    try:
        for _ in range(150):
            try:
                signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(2e-5, 3e-3)))
                for _ in range(50):
                    x.add_(1)
                    flambeau.synchronize()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Stop:
                stopped += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            try:
                found = x.numpy().copy()
            except RuntimeError as error:
                assert "interrupted" in str(error)
                lost += 1
                x = flambeau.full((3, 200_000), expected)
                continue
            assert found.min() == found.max() >= expected
            expected = found.max()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stopped > 20 and lost <= stopped // 4
    assert devices.backend("cpu").memory_stats()["live_bytes"] > 0


def test_interrupted_compiling_and_starting(tmp_path: Path) -> None:
    """Signals at random moments of first runs: LLVM's objects are given back in order, and no helper is there twice."""
    process = script(
        """
        import flambeau, gc
        class Stop(Exception):
            pass
        def handler(*_):
            raise Stop
        signal.signal(signal.SIGALRM, handler)
        sys.unraisablehook = lambda _: None  # where the signal finds a buffer's end
        cpu = flambeau.devices.backend("cpu")
        rng = np.random.default_rng(0)
        x = flambeau.arange(300_000.0) / 300_000
        x.numpy()
        functions = [getattr(flambeau, name) for name in "sin cos tanh exp erf sqrt log1p sigmoid square neg abs atan".split()]
        stopped = 0
        for k in range(120):
            first, second = functions[k % 12], functions[k // 12]
            cpu.set_num_threads(1)
            cpu.set_num_threads(3)
            try:
                signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(2e-5, 3e-2)))
                for _ in range(20):
                    second(first(x)).numpy()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Stop:
                stopped += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            gc.collect()
            whole = second(first(x)).numpy()
            for part in range(0, 300_000, 100_000):
                assert np.array_equal(whole[part : part + 1000], second(first(x[part : part + 1000].clone())).numpy(), True), k
        print("right", stopped > 30)
        """,
        FLAMBEAU_CACHE_DIR=str(tmp_path),
    )
    out, error = process.communicate(timeout=300)
    assert out == "right True\n" and process.returncode == 0, (out, error)


def test_uncut_calls_end_once() -> None:
    """What a handler raises comes after the result is there."""
    done: list[int] = []

    def work() -> int:
        time.sleep(0.02)
        done.append(1)
        return len(done)

    def handler(*_: Any) -> None:
        raise Stop

    assert uncut(work) == 1
    with pytest.raises(ZeroDivisionError):
        uncut(lambda: 1 // 0)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        for k in range(20):
            done.clear()
            with pytest.raises(Stop):
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + 5e-4 * k)
                uncut(work)
            assert done in ([], [1]), "the signal came before the call, or the call ended"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c_stops_one_long_kernel() -> None:
    """A kernel that would take many seconds, stopped half-way; the next computation is whole."""
    process = script(
        """
        import flambeau, os, time
        n = 20_000
        a, b = flambeau.randn(n, 1), flambeau.randn(1, n)
        a.numpy(), b.numpy()
        slow = lambda: (a * b).lgamma().sin().exp().tan().sum(1)
        interrupter = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
        try:
            begin = time.process_time()
            interrupter.start()
            for _ in range(200):
                flambeau.cat([slow(), slow().flip(0)]).numpy()
            print("finished")
        except KeyboardInterrupt:
            found = (flambeau.arange(1_000_000.0) * 2).numpy()
            print("stopped", (found == np.arange(1_000_000) * 2).all())
        """
    )
    out, error = process.communicate(timeout=300)
    assert out == "stopped True\n", (out, error)


def test_a_handler_of_the_program_stops_nothing() -> None:
    """Programs that note Ctrl-C and go on get whole results."""
    process = script(
        """
        import flambeau, os
        seen = []
        signal.signal(signal.SIGINT, lambda *_: seen.append(1))
        x = flambeau.arange(30_000_000.0) / 3e7
        x.numpy()
        expected = x.sin().exp().sum().item()
        for k in range(10):
            threading.Timer(0.002 * k, os.kill, (os.getpid(), signal.SIGINT)).start()
            assert x.sin().exp().sum().item() == expected
        time.sleep(0.1)
        print("right", len(seen))
        """
    )
    out, error = process.communicate(timeout=300)
    assert out == "right 10\n", (out, error)
