"""Recurrent layers against PyTorch's on every device: all options, gradients of two orders, packed sequences, vmap, compile."""

import math
import pickle
import threading
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import flambeau
from tests.helpers.oracle import compare, to_flambeau


def pair(name, device, *args, **kwargs):
    """The same module in both libraries."""
    torch.manual_seed(1)
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(flambeau.nn, name)(*args, **kwargs)
    ours.load_state_dict({key: to_flambeau(value.detach(), "cpu") for key, value in theirs.state_dict().items()})
    return ours.to(device), theirs


def flat(value):
    return [t for v in value for t in flat(v)] if isinstance(value, (tuple, list)) else [value]


def check(ours, theirs, device, x, state=None, create_graph=False):
    """Outputs, last states, and gradients to the input, the state and all parameters; of these, gradients again."""
    inputs = [x, *flat(() if state is None else state)]
    copies = [to_flambeau(t, device) for t in inputs]
    found = []
    for module, leaves in ((ours, copies), (theirs, inputs)):
        library = flambeau if module is ours else torch
        first = [] if state is None else [tuple(leaves[1:]) if isinstance(state, tuple) else leaves[1]]
        results = flat(module(leaves[0], *first))
        leaves = [*leaves, *module.parameters()]
        loss = sum((r * r).sum() for r in results)
        gradients = list(library.autograd.grad(loss, leaves, create_graph=create_graph, allow_unused=True))
        if create_graph:
            again = sum((g * g).sum() for g in gradients if g is not None)
            gradients += library.autograd.grad(again, leaves, allow_unused=True)
        found.append([*results, *gradients])
    for number, (a, b) in enumerate(zip(*found, strict=True)):
        compare(a, b, f"value {number}", factor=40.0 if create_graph else 10.0, layout=False)  # gradients too


MODULES = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 2})]


@pytest.mark.parametrize(("name", "options"), MODULES)
@given(
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    bias=st.booleans(),
    steps=st.sampled_from([1, 2, 5]),
    batch=st.sampled_from([None, 1, 3]),
    with_state=st.booleans(),
)
def test_layers(device, name, options, layers, bidirectional, batch_first, bias, steps, batch, with_state):
    ours, theirs = pair(
        name, device, 3, 4, num_layers=layers, bidirectional=bidirectional, batch_first=batch_first, bias=bias, **options
    )
    shape = (steps, 3) if batch is None else (batch, steps, 3) if batch_first else (steps, batch, 3)
    x = torch.randn(shape, requires_grad=True)
    state = None
    if with_state:
        lead = (layers * (1 + bidirectional), *([] if batch is None else [batch]))
        h = torch.randn(*lead, options.get("proj_size", 4), requires_grad=True)
        state = (h, torch.randn(*lead, 4, requires_grad=True)) if name == "LSTM" else h
    check(ours, theirs, device, x, state)


@pytest.mark.parametrize(("name", "options"), MODULES)
def test_gradients_of_gradients(device, name, options):
    ours, theirs = pair(name, device, 3, 4, bidirectional=True, **options)
    check(ours, theirs, device, torch.randn(3, 2, 3, requires_grad=True), create_graph=True)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_numerical_gradients(name):
    module = getattr(flambeau.nn, name)(2, 3, dtype=flambeau.float64)
    x = flambeau.randn(3, 2, 2, dtype=flambeau.float64, requires_grad=True)
    assert flambeau.autograd.gradcheck(lambda x: module(x)[0], (x,))
    assert flambeau.autograd.gradgradcheck(lambda x: module(x)[0], (x,))


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), layers=st.integers(1, 2), bidirectional=st.booleans())
def test_packed(device, name, lengths, layers, bidirectional):
    ours, theirs = pair(name, device, 3, 4, num_layers=layers, bidirectional=bidirectional)
    x = torch.randn(max(lengths), len(lengths), 3, requires_grad=True)
    mine = to_flambeau(x, device)
    found = []
    for library, module, t in ((flambeau, ours, mine), (torch, theirs, x)):
        packed = library.nn.utils.rnn.pack_padded_sequence(t, lengths, enforce_sorted=False)
        output, state = module(packed)
        padded, _ = library.nn.utils.rnn.pad_packed_sequence(output)
        results = [padded, *flat(state)]
        gradients = library.autograd.grad(sum((r * r).sum() for r in results), [t, *module.parameters()])
        found.append([*results, output.data, *gradients])
    for number, (a, b) in enumerate(zip(*found, strict=True)):
        compare(a, b, f"value {number}", factor=10.0, layout=False)  # gradients too


def test_packed_made_by_hand():
    """The way back is found from the order; the first two may be a pair; sizes are the CPU's; casts and copies keep the kind."""
    for library in (flambeau, torch):
        kind = library.nn.utils.rnn.PackedSequence
        order = library.tensor([2, 0, 1])
        data, sizes = library.arange(6.0).reshape(6, 1), library.tensor([3, 2, 1])
        packed = kind(data, sizes, order)
        assert packed.unsorted_indices.tolist() == [1, 2, 0]
        padded, lengths = library.nn.utils.rnn.pad_packed_sequence(packed)
        assert padded.squeeze(-1).tolist() == [[1.0, 2.0, 0.0], [4.0, 0.0, 3.0], [0.0, 0.0, 5.0]]
        assert lengths.tolist() == [2, 1, 3]
        pair = kind((data, sizes))
        assert pair.data is data and pair.batch_sizes is sizes and pair.unsorted_indices is None
        for name, dtype in (("short", "int16"), ("char", "int8"), ("byte", "uint8")):
            cast = getattr(packed, name)()
            assert type(cast) is kind and str(cast.data.dtype) == f"torch.{dtype}"
        again = pickle.loads(pickle.dumps(packed))
        assert type(again) is kind and again.sorted_indices.tolist() == [2, 0, 1]
        assert packed.cpu() is packed and packed.cpu(dtype=library.float64).data.dtype is library.float64
        with pytest.raises(ValueError, match="batch_sizes should always be on CPU"):
            kind(data, sizes.to("meta"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtypes(device, dtype):
    """Rows of odd sizes in half precision begin between the words that a GPU copies."""
    if dtype == "float64" and device == "webgpu":
        pytest.skip("WebGPU has no float64")
    for name in ("RNN", "GRU"):
        ours, theirs = pair(name, device, 3, 3)
        ours, theirs = ours.to(getattr(flambeau, dtype)), theirs.to(getattr(torch, dtype))
        x = torch.randn(3, 1, 3, dtype=getattr(torch, dtype))
        y, h = ours(to_flambeau(x, device))
        expected, last = theirs(x)
        compare(y, expected, factor=8.0)
        compare(h, last, factor=8.0)


def test_only_the_last_state_or_some_inputs_are_differentiated(device):
    ours, theirs = pair("LSTM", device, 3, 4)
    x = torch.randn(4, 2, 3, requires_grad=True)
    mine = to_flambeau(x, device)
    for take in (lambda r: r[1][1], lambda r: r[1][0], lambda r: r[0][1:3]):
        compare(
            flambeau.autograd.grad(take(ours(mine)).sum(), mine)[0], torch.autograd.grad(take(theirs(x)).sum(), x)[0], factor=10
        )
    for p in (*ours.parameters(), *theirs.parameters()):
        p.requires_grad_(False)
    compare(
        flambeau.autograd.grad(ours(mine)[0].sum(), mine)[0],
        torch.autograd.grad(theirs(x)[0].sum(), x)[0],
        factor=10,
        layout=False,
    )
    with flambeau.no_grad():
        assert not ours(mine)[0].requires_grad


def test_outputs_may_be_written(device):
    """As PyTorch's: the output isn't what the gradient keeps."""
    ours, theirs = pair("GRU", device, 3, 4)
    x = torch.randn(4, 2, 3, requires_grad=True)
    mine = to_flambeau(x, device)
    found = []
    for module, t in ((ours, mine), (theirs, x)):
        output, _ = module(t)
        output += 1
        output.pow(2).sum().backward()
        found.append((output, t.grad))
    for a, b in zip(*found):
        compare(a, b, factor=10, layout=False)


def test_vmap(device):
    ours, _ = pair("LSTM", device, 3, 4)
    x = flambeau.randn(5, 4, 2, 3, device=device)

    def f(x):
        return ours(x)[0]

    whole, each = flambeau.vmap(f)(x), flambeau.stack([f(t) for t in x])
    assert flambeau.allclose(whole, each, atol=1e-5)
    gradient = flambeau.func.vmap(flambeau.func.grad(lambda t: f(t).pow(2).sum()))(x)
    expected = flambeau.stack([flambeau.func.grad(lambda t: f(t).pow(2).sum())(t) for t in x])
    assert flambeau.allclose(gradient, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_compiled_training(name):
    ours, theirs = pair(name, "cpu", 3, 4)
    optimizers = [flambeau.optim.SGD(ours.parameters(), 0.1), torch.optim.SGD(theirs.parameters(), 0.1)]

    def step(module, optimizer, x):
        optimizer.zero_grad()
        loss = module(x)[0].pow(2).sum()
        loss.backward()
        optimizer.step()
        return loss

    compiled = flambeau.compile(lambda x: step(ours, optimizers[0], x))
    for _ in range(4):
        x = torch.randn(5, 2, 3)
        compare(compiled(to_flambeau(x, "cpu")).detach(), step(theirs, optimizers[1], x).detach(), factor=10)


def test_sizes_at_the_edge(device):
    for name in ("RNN", "GRU", "LSTM"):
        ours, theirs = pair(name, device, 3, 4)
        for shape in ((0, 2, 3), (0, 3)):
            with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0 in RNN"):
                ours(flambeau.zeros(shape, device=device))
        assert tuple(ours(flambeau.zeros(2, 0, 3, device=device))[0].shape) == tuple(theirs(torch.zeros(2, 0, 3))[0].shape)


def test_long_sequences_compile_what_short_ones_do():
    """The length of a sequence is no part of any kernel of a step."""
    compiler = flambeau.devices.backend("cpu").compiler
    module = flambeau.nn.LSTM(5, 7)

    def train(steps):
        before = compiler.compiled + compiler.loaded
        module(flambeau.randn(steps, 3, 5))[0].sum().backward()
        flambeau.synchronize()
        return compiler.compiled + compiler.loaded - before

    train(4)
    start = time.perf_counter()
    assert train(2000) < 30  # those around the recurrence
    assert time.perf_counter() - start < 60


def test_long_sequences_keep_what_the_gradient_reads_and_no_more():
    backend = flambeau.devices.backend("cpu")
    steps, batch, hidden = 500, 4, 32
    module = flambeau.nn.LSTM(8, hidden)
    x = flambeau.randn(steps, batch, 8)
    flambeau.synchronize()
    before = backend.memory_stats()["live_bytes"]
    output = module(x)[0]
    flambeau.synchronize()
    row = 4 * steps * batch * hidden
    assert (
        backend.memory_stats()["live_bytes"] - before < 13 * row
    )  # the input's part 4, gates 4, tanh of the cell, cells, output
    del output
    assert backend.memory_stats()["live_bytes"] - before < row


def test_two_threads():
    module = flambeau.nn.GRU(6, 6)
    x = flambeau.randn(20, 3, 6)
    expected = module(x)[0].detach()
    failures = []

    def work():
        for _ in range(5):
            if not flambeau.allclose(module(x)[0].detach(), expected, atol=1e-6):
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_checks_by_their_names():
    """What programs that subclass PyTorch's layers call: sizes of states, their checks, and other orders of examples."""

    def run(m, name, options):
        layer = getattr(m.nn, name)(3, 4, num_layers=2, bidirectional=True, **options)
        found = []
        for batch_first, sizes in ((False, None), (True, None), (False, m.tensor([3, 1]))):
            layer.batch_first = batch_first
            x = m.ones(4, 3) if sizes is not None else m.ones(2, 5, 3)
            found.append(layer.get_expected_hidden_size(x, sizes))
            if name == "LSTM":
                found.append(layer.get_expected_cell_size(x, sizes))
        layer.batch_first = False
        width = options.get("proj_size", 4)
        for size in ((4, 5, width), (4, 4, width)):
            state = m.arange(float(math.prod(size))).reshape(size)
            hidden = (state, m.ones(4, 5, 4)) if name == "LSTM" else state
            moved = layer.permute_hidden(hidden, m.tensor([1, 0, 2, 3]))
            found.append([t.tolist() for t in moved] if name == "LSTM" else moved.tolist())
            assert layer.permute_hidden(hidden, None) is hidden
            try:
                found.append(layer.check_forward_args(m.ones(2, 5, 3), hidden, None))
            except RuntimeError as error:
                found.append(str(error))
        with pytest.raises(RuntimeError, match=r"sizes \(1, 2\) and \[3\]"):
            layer.check_hidden_size(m.ones(3), (1, 2), "sizes {} and {}")
        return found

    for name, options in (("RNN", {}), ("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 2})):
        assert run(flambeau, name, options) == run(torch, name, options)
