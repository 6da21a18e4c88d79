"""The CPU device around its kernels: plans, donation, memory, the kernel cache, threads, forks, interruption, errors."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import WIDTHS, add, axis, backend, download, literal, load, mul, run, upload

from flambeau.devices.cpu.backend import CpuBackend  # noqa: F401 - for the scripts
from flambeau.devices.cpu.cache import DiskCache
from flambeau.devices.cpu.compiler import Compiler
from flambeau.devices.cpu.machine import host
from flambeau.devices.cpu.memory import Pool, block_size
from flambeau.dtypes import bool_, float32, int64
from flambeau.graph.numpy import array_type
from flambeau.graph.primitives.indexing import Bounds
from flambeau.kernels.fingerprint import fingerprint
from flambeau.kernels.ir import Expr, LoopKernel, RoutineKernel, Slot, SortKernel, Store
from flambeau.schedule.plan import Plan, Step, Value
from tests.helpers.types import TYPES_OF_KERNELS


def plus(n: int, value: float) -> LoopKernel:
    """out = in + value."""
    body = add(load(0, axis(0), float32), literal(value, float32))
    return LoopKernel((n,), (Slot(float32, n, "in"), Slot(float32, n, "out")), (Store(1, axis(0), body),))


def chain(n: int, length: int) -> Plan:
    """out = in + 1 + 1 + …, each step in its operand's memory."""
    values = [
        Value(float32, n, "input"),
        *(Value(float32, n, "temporary") for _ in range(length - 1)),
        Value(float32, n, "output"),
    ]
    steps = tuple(Step(plus(n, 1.0), (k, k + 1)) for k in range(length))
    return Plan(tuple(values), steps, (0,), (), (length,), {k + 1: k for k in range(length)})


def test_plan_of_many_steps() -> None:
    cpu = backend(512)
    for n in (1, 7, 1000, 100_000):
        x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
        (out,) = cpu.execute(chain(n, 9), [upload(cpu, x)], (), frozenset())
        expected = x
        for _ in range(9):
            expected = expected + np.float32(1)
        np.testing.assert_array_equal(download(cpu, out, x), expected)


def test_donated_input_is_overwritten_and_handed_back() -> None:
    cpu = backend(512)
    x = np.arange(100, dtype=np.float32)
    plan = chain(100, 3)
    given = upload(cpu, x)
    (out,) = cpu.execute(plan, [given], (), frozenset({0}))
    assert out is given
    np.testing.assert_array_equal(download(cpu, out, x), x + 3)
    kept = upload(cpu, x)
    (out,) = cpu.execute(plan, [kept], (), frozenset())
    assert out is not kept
    np.testing.assert_array_equal(download(cpu, kept, x), x)
    np.testing.assert_array_equal(download(cpu, out, x), x + 3)


def test_one_value_twice_among_the_outputs() -> None:
    cpu = backend(512)
    x = np.arange(10, dtype=np.float32)
    plan = Plan((Value(float32, 10, "input"), Value(float32, 10, "output")), (Step(plus(10, 1.0), (0, 1)),), (0,), (), (1, 1, 0))
    given = upload(cpu, x)
    a, b, c = cpu.execute(plan, [given], (), frozenset())
    assert c is given
    np.testing.assert_array_equal(download(cpu, a, x), x + 1)
    np.testing.assert_array_equal(download(cpu, b, x), x + 1)


@pytest.mark.parametrize("type", TYPES_OF_KERNELS, ids=lambda t: t.name)
def test_scalars(type: Any) -> None:
    cpu = backend(512)
    slots = (Slot(type, 1, "in"), Slot(type, 5, "out"))
    kernel = LoopKernel((5,), slots, (Store(1, axis(0), load(0, literal(0), type)),))
    plan = Plan((Value(type, 1, "scalar"), Value(type, 5, "output")), (Step(kernel, (0, 1)),), (), (0,), (1,))
    numbers = [True, False] if type is bool_ else [3, 0, 7] if type.category == 1 else [0.1, 1e30, float("inf"), -2.5, 1e-30]
    for number in numbers:
        (out,) = cpu.execute(plan, (), (number,), frozenset())
        with np.errstate(over="ignore"):
            expected = (
                np.full(5, number).astype(np.float32 if type.name == "bfloat16" else array_type(type)).astype(array_type(type))
            )
        np.testing.assert_array_equal(download(cpu, out, expected), expected)


def test_integer_scalars_wrap() -> None:
    cpu = backend(512)
    slots = (Slot(int64, 1, "in"), Slot(int64, 1, "out"))
    kernel = LoopKernel((), slots, (Store(1, literal(0), load(0, literal(0), int64)),))
    plan = Plan((Value(int64, 1, "scalar"), Value(int64, 1, "output")), (Step(kernel, (0, 1)),), (), (0,), (1,))
    (out,) = cpu.execute(plan, (), (2**64 - 5,), frozenset())
    assert download(cpu, out, np.zeros(1, np.int64))[0] == -5


@pytest.mark.parametrize("descending", [False, True])
def test_sort_is_stable_and_nan_is_largest(descending: bool) -> None:
    x = np.array([[3, 1, np.nan, 1, -np.inf], [2, 2, 2, 2, 2]], np.float32)
    kernel = SortKernel(2, 5, 5, descending, (Slot(float32, 10, "in"), Slot(int64, 10, "out")))
    (order,) = run(backend(512), kernel, [x, np.zeros((2, 5), np.int64)])
    expected = [[2, 0, 1, 3, 4], [0, 1, 2, 3, 4]] if descending else [[4, 1, 3, 0, 2], [0, 1, 2, 3, 4]]
    np.testing.assert_array_equal(order, expected)


def test_routines_run_between_kernels() -> None:
    from flambeau.graph.primitives.routine import ROUTINES

    ROUTINES["test: reversed"] = lambda a: (a[::-1], a.sum(keepdims=True))
    try:
        cpu = backend(512)
        middle = RoutineKernel("test: reversed", (), ((4,), (5,)), (Slot(float32, 4, "in"), Slot(float32, 5, "out")))
        values = (
            Value(float32, 4, "input"),
            Value(float32, 4, "temporary"),
            Value(float32, 5, "temporary"),
            Value(float32, 5, "output"),
        )
        plan = Plan(values, (Step(plus(4, 1.0), (0, 1)), Step(middle, (1, 2)), Step(plus(5, 0.5), (2, 3))), (0,), (), (3,))
        (out,) = cpu.execute(plan, [upload(cpu, np.arange(4, dtype=np.float32))], (), frozenset())
        np.testing.assert_array_equal(download(cpu, out, np.zeros(5, np.float32)), [4.5, 3.5, 2.5, 1.5, 10.5])
    finally:
        del ROUTINES["test: reversed"]


# --- errors


def lookup(rows: int, width: int, count: int) -> LoopKernel:
    """out[i] = table[index[i]], with positions checked."""
    message = "index {value} is out of bounds for dimension 0 with size " + str(rows)
    index = Expr("check", (load(1, axis(0), int64), literal(rows)), int64, Bounds("IndexError", message, True))
    value = load(0, add(mul(index, literal(width)), axis(1)), float32)
    slots = (Slot(float32, rows * width, "in"), Slot(int64, count, "in"), Slot(float32, count * width, "out"))
    return LoopKernel((count, width), slots, (Store(2, add(mul(axis(0), literal(width)), axis(1)), value),))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("width", [1, 5, 40])
def test_lookup(bits: int, width: int) -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((9, width)).astype(np.float32)
    index = rng.integers(-9, 9, 50)
    kernel, out = lookup(9, width, 50), np.zeros((50, width), np.float32)
    np.testing.assert_array_equal(run(backend(bits), kernel, [table, index, out])[0], table[index])
    for wrong in (9, -10, 2**62, -(2**62)):
        bad = index.copy()
        bad[33] = wrong
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for dimension 0 with size 9"):
            run(backend(bits), kernel, [table, bad, out])
    np.testing.assert_array_equal(run(backend(bits), kernel, [table, index, out])[0], table[index])


# --- memory


def test_blocks_waste_little() -> None:
    for n in (1, 63, 64, 65, 1000, 4097, 300_000, 5_000_001):
        assert n <= block_size(n) and block_size(n) % 64 == 0
        assert block_size(n) <= max(64, n + n // 7 + 64) or n > 200_000
        assert block_size(n) <= n + n // 7 + 4096


def test_freed_memory_is_used_again() -> None:
    pool = Pool()
    first = pool.allocate(1_000_000)
    address = first.address
    assert address % 64 == 0
    del first
    assert pool.statistics()["live_bytes"] == 0
    assert pool.allocate(1_000_000).address == address


def test_a_full_pool_lets_go_of_what_has_waited_longest():
    pool = Pool()
    held = [pool.allocate((20 << 20) + (k << 21)) for k in range(3)]
    addresses = [buffer.address for buffer in held]
    while held:
        held.pop(0)
    statistics = pool.statistics()
    assert statistics["live_bytes"] == 0 and statistics["pooled_bytes"] <= 64 << 20
    assert [pool.allocate((20 << 20) + (k << 21)).address for k in (2, 1)] == addresses[:0:-1]


def test_an_array_keeps_its_buffer() -> None:
    pool = Pool()
    array = np.asarray(pool.allocate(100))
    array[:] = 7
    view = memoryview(array)
    del array
    gc.collect()
    assert pool.statistics()["buffers"] == 1
    assert bytes(view[:3]) == b"\x07\x07\x07"
    del view
    gc.collect()
    assert pool.statistics()["buffers"] == 0


def test_nothing_leaks() -> None:
    cpu = backend(512)
    plan = chain(1000, 4)
    x = upload(cpu, np.zeros(1000, np.float32))
    cpu.execute(plan, [x], (), frozenset())
    before = cpu.memory_stats()
    for _ in range(300):
        cpu.execute(plan, [x], (), frozenset())
    assert cpu.memory_stats() == before


def test_empty_tensors() -> None:
    cpu = backend(512)
    assert bytes(cpu.download(cpu.upload(b"", 0), 0)) == b""
    (out,) = run(cpu, plus(0, 1.0), [np.zeros(0, np.float32), np.zeros(0, np.float32)])
    assert out.size == 0


# --- the kernel cache


def fresh(directory: Path, megabytes: int = 64) -> Compiler:
    return Compiler(host(), DiskCache(directory, megabytes))


def test_kernels_come_back_from_disk(tmp_path: Path) -> None:
    kernel = plus(77, 12.5)
    first = fresh(tmp_path)
    first.prepare([kernel], 2)
    assert (first.compiled, first.loaded) == (1, 0)
    again = fresh(tmp_path)
    again.prepare([kernel], 2)
    assert (again.compiled, again.loaded) == (0, 1)
    other = fresh(tmp_path)
    other.prepare([plus(77, 13.5)], 2)
    assert (other.compiled, other.loaded) == (1, 0)


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "other"])
def test_damaged_entries_are_built_again(tmp_path: Path, damage: str) -> None:
    kernel = plus(79, 3.5)
    fresh(tmp_path).prepare([kernel], 2)
    (path,) = tmp_path.glob("*/*")
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    path.write_bytes({"empty": b"", "short": data[: len(data) // 2], "flipped": bytes(flipped), "other": b"x" * 500}[damage])
    compiler = fresh(tmp_path)
    compiler.prepare([kernel], 2)
    assert (compiler.compiled, compiler.loaded) == (1, 0)
    assert path.read_bytes() == data


def test_the_cache_stays_within_its_limit(tmp_path: Path) -> None:
    """However few files each process writes; the longest unused go."""
    keys = [hashlib.sha256(bytes([k % 256, k // 256])).hexdigest() for k in range(3000)]
    for age, key in enumerate(keys):
        DiskCache(tmp_path, 4).put(key, bytes(500))
        os.utime(tmp_path / key[:2] / key, (age, age))
    cache = DiskCache(tmp_path, 4)
    assert 2 << 20 < cache.size() <= 4 << 20
    assert cache.get(keys[-1]) is not None and cache.get(keys[0]) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")
def test_the_cache_reads_what_only_this_user_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DiskCache(tmp_path, 1)
    key, other = "0" * 64, "1" * 64
    cache.put(key, b"code")
    path = tmp_path / key[:2] / key
    assert cache.get(key) == b"code"
    path.chmod(0o622)
    assert cache.get(key) is None
    path.chmod(0o600)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
        assert cache.get(key) is None
    (tmp_path / other[:2]).mkdir()
    path.rename(tmp_path / other[:2] / other)  # a kernel under another's name
    assert cache.get(other) is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    compiler = fresh(tmp_path / "file")
    compiler.prepare([plus(80, 1.0)], 2)
    assert compiler.compiled == 1


def test_fingerprints_tell_kernels_apart() -> None:
    kernels = [plus(10, 1.0), plus(10, 2.0), plus(11, 1.0), plus(10, 0.0), plus(10, -0.0), lookup(3, 2, 4)]
    assert len({fingerprint(k) for k in kernels}) == len(kernels)


def test_a_shared_expression_is_written_once() -> None:
    e = load(0, axis(0), float32)
    for _ in range(200):
        e = add(e, e)
    kernel = LoopKernel((4,), (Slot(float32, 4, "in"), Slot(float32, 4, "out")), (Store(1, axis(0), e),))
    assert len(fingerprint(kernel)) < 20_000


# --- threads, forks, interruption


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_any_number_of_threads(threads: int) -> None:
    cpu = backend(512)
    before = cpu.get_num_threads()
    try:
        cpu.set_num_threads(threads)
        x = np.random.default_rng(0).standard_normal(200_001).astype(np.float32)
        (out,) = cpu.execute(chain(x.size, 3), [upload(cpu, x)], (), frozenset())
        np.testing.assert_array_equal(download(cpu, out, x), x + np.float32(1) + np.float32(1) + np.float32(1))
    finally:
        cpu.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive"):
        cpu.set_num_threads(0)


def test_python_threads_compute_at_once() -> None:
    cpu = backend(512)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for n in (1000, 100_000, 50_001):
            plan = chain(n, 3)
            for _ in range(10):
                x = rng.integers(-1000, 1000, n).astype(np.float32)
                (out,) = cpu.execute(plan, [upload(cpu, x)], (), frozenset())
                if not (download(cpu, out, x) == x + 3).all():
                    wrong.append((seed, n))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


class Script(subprocess.Popen[str]):
    """A Python process whose Ctrl-C raises KeyboardInterrupt, also where a shell that started the tests in the background has it
    ignored; one that doesn't end in time is killed."""

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        try:
            return super().communicate(input, timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def script(body: str, **environment: str) -> Script:
    start = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_device import *
        signal.signal(signal.SIGINT, signal.default_int_handler)
        """
    source = textwrap.dedent(start) + textwrap.dedent(body)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent), **environment}
    return Script([sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_computes_too() -> None:
    process = script(
        """
        cpu = CpuBackend()
        cpu.set_num_threads(2)
        x = np.arange(300_000, dtype=np.float32)
        plan = chain(x.size, 4)
        given = upload(cpu, x)
        def check():
            (out,) = cpu.execute(plan, [given], (), frozenset())
            return (download(cpu, out, x) == x + 4).all()
        assert check()
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                os._exit(0 if check() and check() else 1)
            children.append(child)
        assert check()
        assert all(os.waitpid(c, 0)[1] == 0 for c in children)
        print("right")
        """
    )
    out, error = process.communicate(timeout=300)
    assert out == "right\n" and process.returncode == 0, error


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_stops_a_long_computation() -> None:
    process = script(
        """
        cpu = CpuBackend()
        cpu.set_num_threads(2)
        x = np.zeros(4_000_000, np.float32)
        plan = chain(x.size, 4000)
        given = upload(cpu, x)
        cpu.execute(chain(x.size, 2), [given], (), frozenset())
        print("started", flush=True)
        try:
            cpu.execute(plan, [given], (), frozenset())
            print("finished")
        except KeyboardInterrupt:
            (out,) = cpu.execute(chain(x.size, 2), [given], (), frozenset())
            print("stopped", (download(cpu, out, x) == 2).all())
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.3)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=300)
    assert out == "stopped True\n", (out, error)
    assert time.monotonic() - begin < 20


def test_helpers_end_with_the_process() -> None:
    process = script(
        """
        cpu = CpuBackend()
        cpu.set_num_threads(3)
        x = np.zeros(1_000_000, np.float32)
        cpu.execute(chain(x.size, 3), [upload(cpu, x)], (), frozenset())
        print(threading.active_count())
        """
    )
    out, error = process.communicate(timeout=300)
    assert out == "3\n" and process.returncode == 0 and not error


def test_helpers_wait_in_python_on_systems_without_futexes() -> None:
    process = script(
        """
        from flambeau.devices.cpu.runner import team, walking
        team.has_futex = walking.has_futex = lambda target: False
        cpu = CpuBackend()
        x = np.arange(300_000, dtype=np.float32)
        for threads in (3, 1, 2):
            cpu.set_num_threads(threads)
            for _ in range(20):
                (out,) = cpu.execute(chain(x.size, 4), [upload(cpu, x)], (), frozenset())
                assert (download(cpu, out, x) == x + 4).all()
        print("right", threading.active_count())
        """
    )
    out, error = process.communicate(timeout=300)
    assert out == "right 2\n" and process.returncode == 0, error


@pytest.mark.parametrize("length", [20, 3000])
def test_the_process_ends_while_a_daemon_thread_computes(length: int) -> None:
    process = script(
        f"""
        cpu = CpuBackend()
        cpu.set_num_threads(3)
        x = np.zeros(1_000_000, np.float32)
        plan, given = chain(x.size, {length}), upload(cpu, x)
        started = threading.Event()
        def work():
            while True:
                cpu.execute(chain(x.size, 2), [given], (), frozenset())
                started.set()
                cpu.execute(plan, [given], (), frozenset())
        threading.Thread(target=work, daemon=True).start()
        started.wait()
        time.sleep(0.1)
        print("leaving")
        """
    )
    out, error = process.communicate(timeout=300)
    assert out == "leaving\n" and process.returncode == 0, error


def test_without_llvmlite_the_cpu_is_numpy() -> None:
    process = script(
        """
        import warnings
        for name in [n for n in sys.modules if n.startswith("llvmlite")]:
            del sys.modules[name]
        sys.modules["llvmlite"] = None
        from flambeau.devices.cpu import start
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cpu = start(0)
        assert len(caught) == 1 and "llvmlite" in str(caught[0].message)
        assert "NumPy" in cpu.describe()["compiler"] and cpu.get_num_threads() == 1
        print("right")
        """
    )
    out, error = process.communicate(timeout=300)
    assert out == "right\n", error


def test_describe() -> None:
    found = backend(256).describe()
    assert found["vector_bits"] == 256 and "LLVM" in found["compiler"] and found["threads"] >= 1


def test_packed_operands_are_kept_while_they_stay_as_they_are() -> None:
    """A matrix that is multiplied again and again is packed twice at most; overwritten, it is packed anew."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "schedule"))
    from graphs import leaf, make

    from flambeau.schedule import prepare

    cpu = backend(512)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((33, 100)).astype(np.float32), rng.standard_normal((100, 1000)).astype(np.float32)
    plan, *_ = prepare([make("contract", (leaf(a), leaf(b)), (0, 1), (1, 2), (0, 2))])
    given = [upload(cpu, a), upload(cpu, b)]
    out = np.zeros((33, 1000), np.float32)
    for _ in range(4):
        (found,) = cpu.execute(plan, given, (), frozenset())
        np.testing.assert_allclose(download(cpu, found, out), a @ b, rtol=1e-4, atol=1e-5)
    assert given[1].packed and all(p is not None for p in given[1].packed.values())
    add_one = Plan(
        (Value(float32, b.size, "input"), Value(float32, b.size, "output")),
        (Step(plus(b.size, 1.0), (0, 1)),),
        (0,),
        (),
        (1,),
        {1: 0},
    )
    (given[1],) = cpu.execute(add_one, [given[1]], (), frozenset({0}))
    for _ in range(3):
        (found,) = cpu.execute(plan, given, (), frozenset())
        np.testing.assert_allclose(download(cpu, found, out), a @ (b + 1), rtol=1e-4, atol=1e-4)


def test_profiled_runs_name_each_kernel() -> None:
    from flambeau import profiler

    cpu = backend(512)
    x = np.zeros(1000, np.float32)
    with profiler.profile() as p:
        (out,) = cpu.execute(chain(1000, 3), [upload(cpu, x)], (), frozenset())
    np.testing.assert_array_equal(download(cpu, out, x), x + 3)
    assert sum(e.count for e in p.key_averages() if e.key == "LoopKernel") == 3
