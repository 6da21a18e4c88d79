"""Parametrizations and normalised weights beside PyTorch's; calls with other tensors; averages of weights."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import flambeau

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def pair(make):
    """A module of each library, with PyTorch's weights in both."""
    torch.manual_seed(0)
    theirs, ours = make(torch), make(flambeau)
    ours.load_state_dict({k: flambeau.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


NORMS = {
    "weight norm": lambda lib: lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(4, 3)),
    "weight norm dim": lambda lib: lib.nn.utils.parametrizations.weight_norm(lib.nn.Conv1d(4, 3, 2), dim=1),
    "weight norm all": lambda lib: lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(4, 3), dim=None),
    "spectral norm": lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(4, 3)),
    "spectral norm transposed": lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.ConvTranspose1d(4, 3, 2)),
    "spectral norm bias": lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(4, 3), "bias"),
    "old weight norm": lambda lib: lib.nn.utils.weight_norm(lib.nn.Linear(4, 3)),
    "old spectral norm": lambda lib: lib.nn.utils.spectral_norm(lib.nn.Conv1d(4, 3, 2), n_power_iterations=2),
}


@pytest.mark.filterwarnings("ignore:.*is deprecated")
@pytest.mark.parametrize("name", NORMS)
def test_normalised_weights(name):
    ours, theirs = pair(NORMS[name])
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    x = np.random.default_rng(0).standard_normal((5, 4, 6) if "Conv" in repr(theirs) else (5, 4)).astype("float32")
    for _ in range(3):
        found = []
        for lib, module in ((flambeau, ours), (torch, theirs)):
            module.zero_grad()
            (module(lib.tensor(x)) ** 2).sum().backward()
            found.append([p.grad for p in module.parameters()])
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4)
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values()):
            np.testing.assert_allclose(a.numpy(), b.numpy(), **CLOSE)
    ours.eval(), theirs.eval()
    np.testing.assert_allclose(ours(flambeau.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), **CLOSE)
    other = copy.deepcopy(ours) if "old" not in name else ours
    assert other(flambeau.tensor(x)).tolist() == ours(flambeau.tensor(x)).tolist()


@pytest.mark.filterwarnings("ignore:.*is deprecated")
def test_removing_norms():
    for lib in (flambeau, torch):
        for add, remove in ((lib.nn.utils.weight_norm, lib.nn.utils.remove_weight_norm),
                            (lib.nn.utils.spectral_norm, lib.nn.utils.remove_spectral_norm)):  # fmt: skip
            module = lib.nn.Linear(4, 3)
            names = list(module.state_dict())
            before = add(module).eval()(lib.ones(1, 4)).detach().numpy()
            with pytest.raises(RuntimeError, match="Cannot register two"):
                add(module)
            remove(module)
            assert sorted(module.state_dict()) == sorted(names)
            np.testing.assert_allclose(module(lib.ones(1, 4)).detach().numpy(), before, **CLOSE)
            with pytest.raises(ValueError, match="not found in"):
                remove(module)


def symmetric(lib):
    class Symmetric(lib.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).t()

        def right_inverse(self, x):
            return x.triu()

    return Symmetric()


def doubled(lib):
    class Doubled(lib.nn.Module):
        def forward(self, x):
            return x * 2

    return Doubled()


def test_register_parametrization():
    def make(lib):
        module = lib.nn.Linear(3, 3)
        lib.nn.utils.parametrize.register_parametrization(module, "weight", symmetric(lib))
        return lib.nn.utils.parametrize.register_parametrization(module, "weight", doubled(lib))

    ours, theirs = pair(make)
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), **CLOSE)
    assert flambeau.nn.utils.parametrize.is_parametrized(ours, "weight")
    assert not flambeau.nn.utils.parametrize.is_parametrized(ours, "bias")
    assert flambeau.nn.utils.parametrize.type_before_parametrizations(ours) is flambeau.nn.Linear
    with pytest.raises(RuntimeError, match="does not implement right_inverse"):
        ours.weight = flambeau.eye(3)
    with pytest.raises(RuntimeError, match="Serialization of parametrized modules"):
        pickle.dumps(ours)
    with flambeau.nn.utils.parametrize.cached():
        assert ours.weight is ours.weight
    assert ours.weight is not ours.weight
    value = ours.weight.detach().numpy()
    flambeau.nn.utils.parametrize.remove_parametrizations(ours, "weight")
    assert type(ours) is flambeau.nn.Linear and list(ours.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(ours.weight.detach().numpy(), value)


def test_assigning_a_parametrized_tensor():
    found = []
    for lib in (flambeau, torch):
        module = lib.nn.utils.parametrize.register_parametrization(lib.nn.Linear(2, 2), "weight", symmetric(lib))
        module.weight = lib.tensor([[1.0, 2.0], [3.0, 4.0]])
        found.append((module.weight.tolist(), module.parametrizations.weight.original.tolist()))
    assert found[0] == found[1]


def test_bad_parametrizations():
    def changes(lib, change):
        class Changes(lib.nn.Module):
            def forward(self, x):
                return change(x)

        return Changes()

    for change in (lambda x: x.double(), lambda x: x[:1], lambda x: 3):
        texts = []
        for lib in (flambeau, torch):
            with pytest.raises(ValueError) as caught:
                lib.nn.utils.parametrize.register_parametrization(lib.nn.Linear(2, 2), "weight", changes(lib, change))
            texts.append(str(caught.value))
        assert texts[0] == texts[1]
    with pytest.raises(ValueError, match="does not have a parameter, a buffer"):
        flambeau.nn.utils.parametrize.register_parametrization(flambeau.nn.ReLU(), "weight", doubled(flambeau))


def test_functional_call():
    model = flambeau.nn.Sequential(flambeau.nn.Linear(2, 2), flambeau.nn.BatchNorm1d(2))
    call = flambeau.nn.utils.stateless.functional_call
    weight = flambeau.zeros(2, 2, requires_grad=True)
    x = flambeau.ones(3, 2)
    result = call(model, {"0.weight": weight, "0.bias": flambeau.tensor([1.0, 2.0])}, x)
    assert result.tolist() == [[0.0, 0.0]] * 3
    model.eval()
    call(model, {"0.weight": weight}, (x,)).sum().backward()
    assert weight.grad is not None and model[0].weight.grad is None and model[0].weight is not weight
    with pytest.raises(AttributeError):
        call(model, {"nothing": weight}, x)
    with pytest.raises(RuntimeError, match="Missing key"):
        call(model, {"0.weight": weight}, x, strict=True)
    tied = flambeau.nn.ModuleList([flambeau.nn.Linear(2, 2, bias=False)] * 2)
    tied.forward = lambda x: tied[1](tied[0](x))
    assert call(tied, {"0.weight": flambeau.eye(2) * 3}, x).tolist() == [[9.0, 9.0]] * 3


def test_averaged_models():
    kinds = {
        "mean": lambda swa: {},
        "exponential": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
        "own": lambda swa: {"avg_fn": lambda a, b, n: a + 0.5 * (b - a)},
        "buffers": lambda swa: {"use_buffers": True, "avg_fn": swa.get_ema_avg_fn(0.5)},
    }
    for kind in kinds.values():
        ours, theirs = pair(lambda lib: lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.BatchNorm1d(2)))
        averages = [
            lib.optim.swa_utils.AveragedModel(m, **kind(lib.optim.swa_utils)) for lib, m in ((flambeau, ours), (torch, theirs))
        ]
        for step in range(4):
            for lib, model, average in ((flambeau, ours, averages[0]), (torch, theirs, averages[1])):
                with lib.no_grad():
                    for p in model.parameters():
                        p.add_(step + 0.5)
                model(lib.tensor([[1.0, 2.0, 3.0], [2.0, -1.0, step]]))
                average.update_parameters(model)
        assert repr(averages[0]) == repr(averages[1])
        for (name, a), b in zip(averages[0].state_dict().items(), averages[1].state_dict().values(), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-5, err_msg=name)


def test_update_bn():
    batches = [np.random.default_rng(i).standard_normal((4, 3)).astype("float32") for i in range(3)]
    ours, theirs = pair(lambda lib: lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.BatchNorm1d(2)))
    for lib, model in ((flambeau, ours), (torch, theirs)):
        lib.optim.swa_utils.update_bn([(lib.tensor(b), 0) for b in batches], model.eval())
        assert not model.training
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values()):
        np.testing.assert_allclose(a.numpy(), b.numpy(), **CLOSE)


@pytest.mark.parametrize("options", [{}, {"anneal_strategy": "linear"}, {"anneal_epochs": 0}, {"anneal_epochs": 3}])
def test_swalr(options):
    found = []
    for lib in (flambeau, torch):
        optimizer = lib.optim.SGD([lib.zeros(1).requires_grad_()], lr=0.1)
        scheduler = lib.optim.swa_utils.SWALR(optimizer, swa_lr=0.02, **options)
        rates = []
        for _ in range(14):
            optimizer.step()
            scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
        found.append(rates)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
