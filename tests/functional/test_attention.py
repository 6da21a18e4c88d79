"""Fused attention: values and gradients beside PyTorch's for shapes that don't fill blocks, masks, groups of heads, views and
halves; dropped weights; that the matrix of weights is nowhere in memory."""

import pytest
import torch
from hypothesis import given

import flambeau
import flambeau.nn.functional as F
from flambeau.kernels.ir import AttentionKernel
from flambeau.schedule.planning import build
from tests.helpers.attention import cases, check
from tests.helpers.oracle import compare, to_flambeau


@given(case=cases())
def test_values_and_gradients(device, case):
    check(device, case)


def test_a_mask_of_least_numbers(device):
    """Where a row's numbers are all float32's least, which is no infinity, all keys count alike."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 16, 8) for _ in range(3))
    mask = torch.zeros(16, 16)
    mask[3], mask[4, :5] = torch.finfo(torch.float32).min, torch.finfo(torch.float32).min
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask)
    found = F.scaled_dot_product_attention(*(to_flambeau(t, device) for t in (q, k, v, mask)))
    compare(found, expected, "result", 30)


def test_groups_of_heads(device):
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 6, 33, 8), torch.randn(2, 2, 20, 8), torch.randn(2, 2, 20, 8)
    for mask in (None, torch.rand(33, 20) > 0.3, torch.rand(2, 6, 33, 20) > 0.3, torch.rand(2, 1, 33, 20) > 0.3):
        expected = [t.clone().requires_grad_() for t in (q, k, v)]
        found = [to_flambeau(t, device).requires_grad_() for t in (q, k, v)]
        a = torch.nn.functional.scaled_dot_product_attention(*expected, attn_mask=mask, enable_gqa=True)
        b = F.scaled_dot_product_attention(*found, None if mask is None else to_flambeau(mask, device), enable_gqa=True)
        compare(b, a, "result", 30)
        a.square().sum().backward()
        b.square().sum().backward()
        for x, y in zip(found, expected):
            compare(x.grad, y.grad, "gradient", 100, layout=False)


def test_the_result_lies_as_the_query(device):
    """Heads that were split off a linear layer's result: what follows can view them as one again."""
    torch.manual_seed(0)
    whole = torch.randn(2, 10, 96)
    theirs = [t.view(2, 10, 4, 8).transpose(1, 2) for t in whole.split(32, -1)]
    mine = [t.view(2, 10, 4, 8).transpose(1, 2) for t in to_flambeau(whole, device).split(32, -1)]
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs)
    found = F.scaled_dot_product_attention(*mine)
    compare(found, expected, "result", 30)
    compare(found.transpose(1, 2).view(2, 10, 32), expected.transpose(1, 2).view(2, 10, 32), "joined", 30)


def test_dropped_weights(device):
    """At the given rate, the others scaled; the same again in the gradient, whatever computes it; drawn anew each time."""
    flambeau.manual_seed(0)
    rows, columns, p = 40, 64, 0.25
    q, k = (flambeau.zeros(2, n, 8, device=device, requires_grad=True) for n in (rows, columns))
    v = flambeau.eye(columns, device=device).expand(2, columns, columns).clone().requires_grad_()
    found = F.scaled_dot_product_attention(q, k, v, dropout_p=p)  # the weights themselves
    weights = found.detach().tolist()
    flat = [x for matrix in weights for row in matrix for x in row]
    assert abs(sum(x == 0 for x in flat) / len(flat) - p) < 0.03
    assert all(x == 0 or abs(x * columns * (1 - p) - 1) < 1e-5 for x in flat)
    gradient = flambeau.randn(2, rows, columns, device=device)
    found.backward(gradient)
    expected = found.detach().transpose(-2, -1).matmul(gradient)
    flambeau.testing.assert_close(v.grad, expected)
    other = F.scaled_dot_product_attention(q, k, v, dropout_p=p)
    assert other.detach().tolist() != weights
    flambeau.manual_seed(0)
    again = F.scaled_dot_product_attention(q, k, v, dropout_p=p)
    assert again.detach().tolist() == weights


@pytest.mark.parametrize("p", [0.0, 0.4])
def test_second_derivatives(p):
    def attention(*operands):
        flambeau.manual_seed(5)
        return F.scaled_dot_product_attention(*operands, dropout_p=p, is_causal=True)

    flambeau.manual_seed(1)
    operands = [flambeau.randn(9, 3, dtype=flambeau.float64, requires_grad=True) for _ in range(3)]
    assert flambeau.autograd.gradcheck(attention, operands)
    assert flambeau.autograd.gradgradcheck(attention, operands)


def test_for_each_of_a_batch(device):
    flambeau.manual_seed(1)
    q, k, v = (flambeau.randn(3, 9, 4, device=device) for _ in range(3))

    def loss(q, k, v):
        return F.scaled_dot_product_attention(q, k, v).sin().sum()

    found = flambeau.func.vmap(flambeau.func.grad(loss), in_dims=(0, None, 0))(q, k[0], v)
    expected = flambeau.stack([flambeau.func.grad(loss)(q[i], k[0], v[i]) for i in range(3)])
    flambeau.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_lengths_that_vary():
    """One plan serves them all after the first two."""
    for length in (20, 33, 64, 65, 131, 8, 300):
        q, k, v = (torch.randn(2, length, 16) for _ in range(3))
        found = F.scaled_dot_product_attention(*(to_flambeau(t, "cpu") for t in (q, k, v)), is_causal=True)
        expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        compare(found, expected, str(length), 30)


def test_the_weights_are_nowhere_in_memory():
    """Forward and backward are three kernels and the sum of result times gradient; all that they write grows with the length."""
    length = 512
    operands = [flambeau.randn(2, length, 16).requires_grad_() for _ in range(3)]
    flambeau.synchronize()
    F.scaled_dot_product_attention(*operands).sum().backward()
    plan = build([t.grad._storage.node for t in operands])
    kernels = [step.kernel for step in plan.steps if isinstance(step.kernel, AttentionKernel)]
    assert [k.parts for k in kernels] == [("output", "logsumexp"), ("query",), ("key", "value")]
    assert max(value.size for value in plan.values) == 2 * length * 16
