"""`torch.Stream` and `torch.Event` on the CPU: what they are, answer and refuse is PyTorch's."""

from __future__ import annotations

import pytest
import torch

import flambeau

CALLS = {
    "stream": lambda t: repr(t.Stream()),
    "of a device": lambda t: repr(t.Stream(device="cpu", priority=0)),
    "of meta": lambda t: (repr(t.Stream("meta")), t.Stream("meta") == t.Stream()),
    "event": lambda t: repr(t.Event()),
    "timed": lambda t: repr(t.Event(t.device("cpu"), enable_timing=True)),
    "cuda": lambda t: t.Stream(device="cuda"),
    "event of cuda": lambda t: t.Event(device="cuda"),
    "by number": lambda t: t.Stream(3),
    "equal": lambda t: (t.Stream() == t.Stream("cpu"), len({t.Stream(), t.Stream()}), t.Stream() == 3),
    "names": lambda t: (t.Stream().stream_id, t.Stream().device_index, str(t.Stream().device), t.Event().event_id),
    "context": lambda t: [repr(s) for s in [t.Stream().__enter__()]],
    "asked": lambda t: (t.Stream().query(), t.Stream().synchronize(), t.Stream().is_capturing(), t.Event().query()),
    "wait for a stream": lambda t: t.Stream().wait_stream(t.Stream()),
    "wait for an event": lambda t: (t.Stream().wait_event(t.Event()), t.Event().wait(), t.Event().wait(t.Stream())),
    "record": lambda t: t.Stream().record_event(),
    "record an event": lambda t: t.Event().record(),
    "record in a stream": lambda t: t.Event().record(t.Stream()),
    "past": lambda t: t.Event().synchronize(),
    "untimed": lambda t: t.Event().elapsed_time(t.Event()),
    "unrecorded": lambda t: t.Event(enable_timing=True).elapsed_time(t.Event(enable_timing=True)),
    "options by position": lambda t: t.Event("cpu", True),
}


def outcome(call, module):
    try:
        return call(module)
    except (RuntimeError, ValueError, TypeError) as error:
        return type(error), str(error)[:40]


@pytest.mark.parametrize("name", [n for n in CALLS if n != "options by position"])
def test_as_in_pytorch(name):
    assert outcome(CALLS[name], flambeau) == outcome(CALLS[name], torch)


def test_options_are_keywords():
    for module in (flambeau, torch):
        with pytest.raises(TypeError, match="positional argument"):
            CALLS["options by position"](module)


def test_work_in_a_stream():
    with flambeau.Stream() as stream:
        y = flambeau.ones(3) * 2
    stream.synchronize()
    assert y.tolist() == [2.0, 2.0, 2.0] and isinstance(stream, flambeau.Stream)
