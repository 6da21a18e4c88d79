"""Distributions against PyTorch's: densities, moments, entropies, divergences, gradients; samples against their own densities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import flambeau
from flambeau import distributions as mine

theirs = torch.distributions
POSITIVE = [0.3, 1.0, 2.7]
MATRICES = [[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 3.0]]]

# name, parameters, values where the density is compared
CASES = [
    ("Bernoulli", {"probs": [0.2, 0.5, 0.9]}, [0.0, 1.0, 1.0]),
    ("Bernoulli", {"logits": [-2.0, 0.1, 30.0]}, [0.0, 1.0, 1.0]),
    ("Beta", {"concentration1": POSITIVE, "concentration0": [2.0, 0.5, 1.5]}, [0.1, 0.5, 0.8]),
    ("Binomial", {"total_count": 5, "probs": [0.2, 0.5, 0.9]}, [0.0, 3.0, 5.0]),
    ("Binomial", {"total_count": 5, "logits": [-1.0, 0.0, 2.0]}, [0.0, 3.0, 5.0]),
    ("Categorical", {"probs": [[0.2, 0.3, 0.5], [1.0, 2.0, 1.0]]}, [2, 0]),
    ("Categorical", {"logits": [[0.2, 0.3, -0.5], [1.0, 2.0, 1.0]]}, [2, 0]),
    ("Cauchy", {"loc": [0.0, 1.0, -1.0], "scale": POSITIVE}, [0.3, 2.0, -3.0]),
    ("Chi2", {"df": [1.0, 2.0, 5.5]}, [0.3, 2.0, 3.0]),
    ("ContinuousBernoulli", {"probs": [0.2, 0.5, 0.9]}, [0.1, 0.5, 0.8]),
    ("ContinuousBernoulli", {"logits": [-2.0, 0.001, 3.0]}, [0.1, 0.5, 0.8]),
    ("Dirichlet", {"concentration": [[0.5, 1.0, 2.0], [3.0, 1.0, 0.7]]}, [[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]]),
    ("Exponential", {"rate": POSITIVE}, [0.1, 1.0, 3.0]),
    ("FisherSnedecor", {"df1": [1.0, 3.0, 6.0], "df2": [5.0, 7.0, 9.0]}, [0.1, 1.0, 3.0]),
    ("Gamma", {"concentration": POSITIVE, "rate": [1.0, 0.5, 2.0]}, [0.1, 1.0, 3.0]),
    ("GeneralizedPareto", {"loc": [0.0, 1.0, -1.0], "scale": POSITIVE, "concentration": [0.0, 0.3, -0.5]}, [0.1, 1.5, 2.0]),
    ("Geometric", {"probs": [0.2, 0.5, 0.9]}, [0.0, 3.0, 1.0]),
    ("Gumbel", {"loc": [0.0, 1.0, -1.0], "scale": POSITIVE}, [0.3, 2.0, -1.0]),
    ("HalfCauchy", {"scale": POSITIVE}, [0.1, 1.0, 3.0]),
    ("HalfNormal", {"scale": POSITIVE}, [0.1, 1.0, 3.0]),
    ("InverseGamma", {"concentration": [1.5, 3.0, 4.0], "rate": POSITIVE}, [0.1, 1.0, 3.0]),
    ("Kumaraswamy", {"concentration1": [1.3, 2.0, 3.0], "concentration0": [2.0, 1.5, 1.1]}, [0.1, 0.5, 0.8]),
    ("Laplace", {"loc": [0.0, 1.0, -1.0], "scale": POSITIVE}, [0.3, 2.0, -3.0]),
    ("LogNormal", {"loc": [0.0, 1.0, -1.0], "scale": POSITIVE}, [0.3, 2.0, 3.0]),
    ("LogisticNormal", {"loc": [0.0, 1.0], "scale": [0.5, 2.0]}, [0.2, 0.3, 0.5]),
    ("LKJCholesky", {"dim": 3, "concentration": [0.7, 1.0, 3.0]}, [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]]),
    (
        "LowRankMultivariateNormal",
        {"loc": [0.0, 1.0], "cov_factor": [[[1.0], [0.5]], [[0.3], [2.0]]], "cov_diag": [[0.5, 2.0], [1.0, 0.7]]},
        [0.2, -0.3],
    ),
    ("Multinomial", {"total_count": 4, "probs": [[0.2, 0.3, 0.5], [1.0, 2.0, 1.0]]}, [[1.0, 1.0, 2.0], [0.0, 4.0, 0.0]]),
    ("NegativeBinomial", {"total_count": 3.0, "probs": [0.2, 0.5, 0.7]}, [0.0, 3.0, 5.0]),
    ("Normal", {"loc": [0.0, 1.0, -1.0], "scale": POSITIVE}, [0.3, 2.0, -3.0]),
    ("OneHotCategorical", {"probs": [[0.2, 0.3, 0.5], [1.0, 2.0, 1.0]]}, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    ("Pareto", {"scale": [1.0, 0.5, 2.0], "alpha": [2.5, 3.0, 4.0]}, [1.5, 0.6, 3.0]),
    ("Poisson", {"rate": POSITIVE}, [0.0, 1.0, 4.0]),
    ("RelaxedBernoulli", {"temperature": [0.7], "probs": [0.2, 0.5, 0.9]}, [0.1, 0.5, 0.8]),
    ("RelaxedOneHotCategorical", {"temperature": [0.7], "probs": [0.2, 0.3, 0.5]}, [0.2, 0.3, 0.5]),
    ("StudentT", {"df": [1.5, 3.0, 8.0], "loc": [0.0, 1.0, -1.0], "scale": POSITIVE}, [0.3, 2.0, -3.0]),
    ("Uniform", {"low": [0.0, -1.0, 2.0], "high": [1.0, 1.0, 5.0]}, [0.5, 0.3, 2.5]),
    ("VonMises", {"loc": [0.0, 1.0, -1.0], "concentration": POSITIVE}, [0.3, 2.0, -1.0]),
    (
        "Wishart",
        {"df": [3.0, 4.5], "covariance_matrix": MATRICES},
        MATRICES,
    ),
    (
        "Wishart",
        {"df": [3.0, 4.5], "scale_tril": [[[2.0, 0.0], [0.5, 1.0]], [[1.0, 0.0], [-0.3, 3.0]]]},
        MATRICES,
    ),
    ("Weibull", {"scale": POSITIVE, "concentration": [1.5, 0.7, 2.0]}, [0.3, 2.0, 3.0]),
]
IDS = [f"{name}-{'-'.join(parameters)}" for name, parameters, _ in CASES]


def build(library, name, parameters, requires_grad=False):
    module = torch if library is theirs else flambeau
    dtype = module.float32 if name == "GeneralizedPareto" else module.float64  # PyTorch's takes nothing else
    made = {
        k: module.tensor(v, dtype=dtype, requires_grad=requires_grad) if isinstance(v, list) else v for k, v in parameters.items()
    }
    return getattr(library, name)(**made), [v for v in made.values() if isinstance(v, module.Tensor)]


def values(module, given):
    is_index = np.asarray(given).dtype.kind == "i"
    return module.tensor(given) if is_index else module.tensor(given, dtype=module.float64)


def close(a, b, rtol=1e-6):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=rtol, atol=1e-9)


@pytest.mark.parametrize(("name", "parameters", "given"), CASES, ids=IDS)
def test_density(name, parameters, given):
    """log_prob and its gradients to the parameters and the value."""
    results = []
    for library, module in ((theirs, torch), (mine, flambeau)):
        d, leaves = build(library, name, parameters, True)
        x = values(module, given)
        is_real = not d.support.is_discrete and x.dtype == module.float64
        if is_real:
            x.requires_grad_()
        found = d.log_prob(x)
        wanted = [*leaves, *([x] if is_real else [])]
        gradients = module.autograd.grad(found.sum(), wanted, allow_unused=True)
        results.append([found, *(g if g is not None else t * 0 for g, t in zip(gradients, wanted, strict=True))])
        assert tuple(d.batch_shape) == tuple(found.shape) or name.startswith("Relaxed")  # their temperature is [1]
    for a, b in zip(*results, strict=True):
        close(a, b)


@pytest.mark.parametrize(("name", "parameters", "given"), CASES, ids=IDS)
@pytest.mark.parametrize("what", ["mean", "variance", "stddev", "mode", "entropy", "cdf", "icdf", "enumerate_support"])
def test_properties(name, parameters, given, what):
    def get(library, module):
        d, _ = build(library, name, parameters)
        if what in ("cdf", "icdf"):
            x = values(module, given) if what == "cdf" else module.tensor([0.2, 0.5, 0.9], dtype=module.float64)
            return getattr(d, what)(x)
        found = getattr(d, what)
        return found() if callable(found) else found

    try:
        expected = get(theirs, torch)
    except (NotImplementedError, AttributeError):
        pytest.skip("PyTorch has none")
    close(get(mine, flambeau), expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "parameters", "given"), CASES, ids=IDS)
def test_samples(name, parameters, given):
    """The moments of samples are those of the distribution, within five standard errors; shapes are PyTorch's."""
    flambeau.manual_seed(3)
    d, _ = build(mine, name, parameters)
    reference, _ = build(theirs, name, parameters)
    n = 4000
    drawn = d.sample((n,))
    assert tuple(drawn.shape) == (n, *reference.batch_shape, *reference.event_shape)
    assert tuple(d.sample().shape) == tuple(reference.sample().shape)
    assert bool(d.support.check(drawn).all())
    try:
        mean, variance = reference.mean, reference.variance
    except NotImplementedError:
        return
    if name in ("VonMises", "Categorical"):  # PyTorch's variance is not that of the angle; a category has no mean
        return
    found = drawn.double().mean(0).numpy()
    error = 5 * np.sqrt(variance.numpy() / n)
    judged = np.isfinite(mean.numpy()) & np.isfinite(variance.numpy()) & (variance.numpy() < 50)
    assert (np.abs(found - mean.numpy())[judged] <= error[judged] + 1e-12).all()


@pytest.mark.parametrize("concentration", [0.02, 0.3, 0.99, 1.0, 3.0, 30.0, 800.0])
def test_gamma_gradient(concentration):
    """The gradient of a gamma number by its concentration is that of the inverse of the distribution function."""
    from flambeau.ops.draws import gamma_derivative

    a = np.full(5, concentration)
    z = torch.distributions.Gamma(torch.tensor(concentration, dtype=torch.float64), 1.0).sample((5,)).numpy()
    z = np.maximum(z, 1e-290)
    found = gamma_derivative(flambeau.tensor(a), flambeau.tensor(z)).numpy()
    step = concentration * 1e-5
    at = [torch.special.gammainc(torch.tensor(a + s), torch.tensor(z)).numpy() for s in (-step, step)]
    density = np.exp((concentration - 1) * np.log(z) - z - math.lgamma(concentration))
    expected = -(at[1] - at[0]) / (2 * step) / density
    judged = (density > 0) & (np.minimum(at[0], 1 - at[0]) > 1e-5)  # less, and rounding shows in the difference
    np.testing.assert_allclose(found[judged], expected[judged], rtol=2e-4)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet", "StudentT", "Normal", "Laplace", "Gumbel", "Weibull"])
def test_samples_have_gradients(name):
    """E[x] = mean, so the mean of the gradients of samples is the gradient of the mean."""
    parameters = next(p for n, p, _ in CASES if n == name)
    if name == "StudentT":
        parameters = {"df": [5.0, 8.0], "loc": [0.0, 1.0], "scale": [1.0, 2.0]}
    flambeau.manual_seed(1)
    d, leaves = build(mine, name, parameters, True)
    drawn = flambeau.autograd.grad(d.rsample((20000,)).mean(0).sum() * 1.0, leaves, retain_graph=True)
    weights = flambeau.autograd.grad(d.mean.sum(), leaves, allow_unused=True)
    for g, w in zip(drawn, weights, strict=True):
        expected = np.zeros(g.shape) if w is None else w.numpy()
        np.testing.assert_allclose(g.numpy(), expected, atol=0.12 * (1 + np.abs(expected).max()))


def pairs():
    from torch.distributions import kl

    known = {n for n, *_ in CASES} & set(mine.__all__)
    return sorted({(p.__name__, q.__name__) for p, q in kl._KL_REGISTRY if p.__name__ in known and q.__name__ in known})


@pytest.mark.parametrize(("p", "q"), pairs())
def test_divergence(p, q):
    results = []
    for library in (theirs, mine):
        parts = []
        for name, shift in ((p, 0), (q, 1)):
            parameters = next(v for n, v, _ in CASES if n == name)
            moved = {k: v[shift:] + v[:shift] if isinstance(v, list) else v for k, v in parameters.items()}
            parts.append(build(library, name, moved)[0])
        try:
            results.append(library.kl_divergence(*parts))
        except NotImplementedError:
            results.append(None)
    if results[0] is None:
        pytest.skip("PyTorch has none")
    close(results[1], results[0])


@pytest.mark.parametrize("form", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_multivariate_normal(form):
    rng = np.random.RandomState(0)
    a = rng.randn(2, 3, 3)
    matrix = np.linalg.cholesky(a @ a.swapaxes(1, 2) + np.eye(3)) if form == "scale_tril" else a @ a.swapaxes(1, 2) + np.eye(3)
    loc, x = rng.randn(3), rng.randn(4, 2, 3)
    results = []
    for library, module in ((theirs, torch), (mine, flambeau)):
        leaves = [module.tensor(v, requires_grad=True) for v in (loc, matrix, x)]
        d = library.MultivariateNormal(leaves[0], **{form: leaves[1]})
        log_prob = d.log_prob(leaves[2])
        other = library.MultivariateNormal(leaves[0] * 0.5, module.eye(3, dtype=module.float64))
        gradients = module.autograd.grad(log_prob.sum() + d.entropy().sum(), leaves)
        kept = (d.mean, d.variance, d.covariance_matrix, d.precision_matrix, d.scale_tril, d.entropy())
        results.append([log_prob, *kept, library.kl_divergence(d, other), *gradients])
        assert tuple(d.rsample((5,)).shape) == (5, 2, 3)
    for a, b in zip(*results, strict=True):
        close(a, b, rtol=1e-5)


def test_combined():
    """Independent, mixtures, transformed and expanded distributions."""
    results = []
    for library, module in ((theirs, torch), (mine, flambeau)):
        t = module.tensor
        normal = library.Normal(t([[0.0, 1.0, 2.0], [1.0, -1.0, 0.5]]), t([1.0, 2.0, 0.5]))
        x = t([[0.1, 0.2, 0.3], [1.0, 2.0, 0.0]])
        event = library.Independent(normal, 1)
        mixture = library.MixtureSameFamily(library.Categorical(t([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])), normal)
        affine = library.transforms.AffineTransform(1.0, t([2.0, -1.0, 0.5]))
        chain = [library.transforms.TanhTransform(), affine]
        changed = library.TransformedDistribution(normal, chain)
        y = t([[1.5, 0.8, 1.2], [0.9, 1.1, 0.8]])
        wide = library.Normal(t([0.0, 1.0]), t(1.0)).expand((3, 2))
        results.append([
            event.log_prob(x), event.entropy(), event.mean, mixture.log_prob(t([0.5, 1.0])), mixture.mean, mixture.variance,
            mixture.cdf(t([0.5, 1.0])), changed.log_prob(y), changed.cdf(y), wide.log_prob(t([0.5, 0.5])), wide.mean,
        ])  # fmt: skip
        assert tuple(mixture.sample((7,)).shape) == (7, 2)
        assert repr(event.event_shape) == "torch.Size([3])" and tuple(changed.rsample((4,)).shape) == (4, 2, 3)
        assert tuple(wide.sample((2,)).shape) == (2, 3, 2)
    for a, b in zip(*results, strict=True):
        close(a, b, rtol=1e-5)


TRANSFORMS = [
    ("AbsTransform", (), [0.5, -1.0]), ("ExpTransform", (), [0.5, -1.0]), ("PowerTransform", (2.5,), [0.5, 1.3]),
    ("SigmoidTransform", (), [0.5, -1.0]), ("SoftplusTransform", (), [0.5, -1.0]), ("TanhTransform", (), [0.5, -1.0]),
    ("AffineTransform", (1.0, -2.0), [0.5, -1.0]), ("SoftmaxTransform", (), [0.5, -1.0, 2.0]),
    ("StickBreakingTransform", (), [0.5, -1.0, 2.0]), ("LowerCholeskyTransform", (), [[0.5, 7.0], [0.3, -0.2]]),
    ("CorrCholeskyTransform", (), [0.5, -1.0, 0.3]), ("ReshapeTransform", ((4,), (2, 2)), [1.0, 2.0, 3.0, 4.0]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "given"), TRANSFORMS, ids=[n for n, *_ in TRANSFORMS])
def test_transforms(name, arguments, given):
    results = []
    for library, module in ((theirs, torch), (mine, flambeau)):
        if name == "PowerTransform":
            arguments_here = (module.tensor(2.5, dtype=module.float64),)
        else:
            arguments_here = arguments
        f = getattr(library.transforms, name)(*arguments_here)
        x = module.tensor(given, dtype=module.float64)
        y = f(x)
        found = [y, f.inv(y)]
        if name not in ("AbsTransform", "SoftmaxTransform", "LowerCholeskyTransform"):
            found += [f.log_abs_det_jacobian(x, y), f.inv.log_abs_det_jacobian(y, x)]
        assert tuple(f.forward_shape(x.shape)) == tuple(y.shape) and tuple(f.inverse_shape(y.shape)) == tuple(x.shape)
        results.append([*found, module.tensor(float(f.codomain.check(y).all()))])
    for a, b in zip(*results, strict=True):
        close(a, b)


@pytest.mark.parametrize("name", ["real", "positive", "unit_interval", "simplex", "lower_cholesky", "real_vector", "nonnegative"])
def test_registry(name):
    x = flambeau.randn(3, 3, dtype=flambeau.float64)
    for registry in ("biject_to", "transform_to"):
        try:
            expected = getattr(theirs, registry)(getattr(theirs.constraints, name))(torch.tensor(x.numpy()))
        except NotImplementedError:
            continue
        constraint = getattr(mine.constraints, name)
        found = getattr(mine, registry)(constraint)(x)
        close(found, expected)
        assert bool(constraint.check(found).all())


def test_errors():
    t = flambeau.tensor
    with pytest.raises(ValueError, match=r"Expected parameter scale .* to satisfy the constraint"):
        mine.Normal(t(0.0), t([1.0, -1.0]))
    with pytest.raises(ValueError, match="within the support"):
        mine.Bernoulli(t(0.5)).log_prob(t(0.3))
    with pytest.raises(ValueError, match="not broadcastable"):
        mine.Normal(flambeau.zeros(3), 1.0).log_prob(flambeau.zeros(2))
    with pytest.raises(ValueError, match="Either `probs` or `logits`"):
        mine.Categorical()
    with pytest.raises(NotImplementedError, match="No KL"):
        mine.kl_divergence(mine.Normal(0, 1), mine.Poisson(1.0))
    assert mine.Normal(t(0.0), t(-1.0), validate_args=False).scale.item() == -1
    assert repr(mine.Normal(0, 1)) == repr(theirs.Normal(0, 1))


def test_a_family_of_ones_own():
    """Entropy and divergence of a subclass that says its natural parameters only."""

    def rate_of(library, rate):
        class Mine(library.ExponentialFamily):
            _mean_carrier_measure = 0
            arg_constraints: dict = {}

            def __init__(self):
                super().__init__(rate.shape)

            @property
            def _natural_params(self):
                return (-rate,)

            def _log_normalizer(self, x):
                return -(-x).log()

        return Mine

    for rates in ([0.3, 2.0], [1.0, 5.0]):
        t = flambeau.tensor(rates, dtype=flambeau.float64)
        d = rate_of(mine, t)()
        close(d.entropy(), theirs.Exponential(torch.tensor(rates, dtype=torch.float64)).entropy())
        family = type(d)
        other = family()
        close(mine.kl_divergence(d, other), torch.zeros(2, dtype=torch.float64))


def test_an_expand_of_ones_own():
    """A subclass's `expand` fills the instance that `_get_checked_instance` gives."""

    def found(library, tensor):
        class Shifted(library.Normal):
            def __init__(self, loc, shift):
                self.shift = shift
                super().__init__(loc, 1.0)

            def expand(self, batch_shape, _instance=None):
                new = self._get_checked_instance(Shifted, _instance)
                new.shift = self.shift.expand(batch_shape)
                return super().expand(batch_shape, new)

            def log_prob(self, value):
                return super().log_prob(value - self.shift)

        class Named(Shifted):
            def __init__(self):
                super().__init__(tensor([0.5, 1.0]), tensor([0.25, 0.5]))

        with pytest.raises(NotImplementedError, match=r"must also define a custom .expand"):
            Named().expand((3, 2))
        return Shifted(tensor([0.5, 1.0]), tensor([0.25, 0.5])).expand((3, 2)).log_prob(tensor(1.5))

    close(found(mine, flambeau.tensor), found(theirs, torch.tensor))


def test_registered_divergence():
    class Mine(mine.Normal):
        pass

    @mine.register_kl(Mine, mine.Normal)
    def _formula(p, q):
        return p.loc * 0 + 7

    assert mine.kl_divergence(Mine(0, 1), mine.Normal(0, 1)).item() == 7
    assert mine.kl_divergence(mine.Normal(0, 1), Mine(0, 1)).item() == 0


def test_in_a_recording():
    """Nothing is looked at while a call is recorded: the replay has the same density."""

    @flambeau.compile
    def f(x, scale):
        return mine.Normal(0.0, scale).log_prob(x).sum()

    x = flambeau.tensor([0.3, 1.0])
    for scale in (1.0, 2.0, 3.0):
        expected = theirs.Normal(0.0, scale).log_prob(torch.tensor([0.3, 1.0])).sum().item()
        assert f(x, flambeau.tensor(scale)).item() == pytest.approx(expected, rel=1e-5)


def test_how_constraints_print():
    ours, theirs = (m.distributions.constraints for m in (flambeau, torch))
    for show in (
        lambda c: (c.positive, c.nonnegative, c.unit_interval, c.real, c.boolean, c.simplex, c.lower_cholesky),
        lambda c: (c.nonnegative_integer, c.positive_integer, c.integer_interval(0, 3), c.less_than(2.0), c.real_vector),
        lambda c: (c.half_open_interval(0, 1), c.greater_than_eq(3), c.multinomial(4), c.cat([c.real]), c.dependent),
    ):
        assert repr(show(ours)) == repr(show(theirs))


@pytest.mark.parametrize("x", ["1 0; 0 1", "1 1 2; 0.5 -1 1", "0.5 0.5; 0.5 0.5", "-1 0; 0 1.5"])
def test_constraints_by_class(x):
    """Each constraint is of a class of its own, which libraries subclass and ask for; what it says of values, PyTorch says."""
    x = [[float(number) for number in row.split()] for row in x.split(";")]
    ours, expected = mine.constraints, theirs.constraints
    named = [
        name for name in expected.__all__ if isinstance(getattr(expected, name), expected.Constraint) and name != "dependent"
    ]
    assert len(named) > 15
    for name in named:
        constraint, other = getattr(ours, name), getattr(expected, name)
        assert type(constraint).__name__ == type(other).__name__
        assert (constraint.event_dim, constraint.is_discrete) == (other.event_dim, other.is_discrete)
        np.testing.assert_array_equal(constraint.check(flambeau.tensor(x)).numpy(), other.check(torch.tensor(x)).numpy(), name)

    class SoftplusPositive(type(ours.positive)):
        def __init__(self):
            super().__init__(lower_bound=0.0)

    class Cholesky(type(ours.lower_cholesky)):
        pass

    assert bool(SoftplusPositive().check(flambeau.tensor(2.0))) and bool(Cholesky().check(flambeau.eye(2)))
    with pytest.raises(NotImplementedError, match="cannot be determined statically"):
        _ = ours.dependent.event_dim


def test_divergence_of_a_class_with_another_base():
    class Measure:
        pass

    class Point(mine.Normal, Measure):
        pass

    mine.register_kl(Point, Measure)(lambda p, q: flambeau.tensor(7.0))
    p = Point(flambeau.zeros(()), flambeau.ones(()))
    assert mine.kl_divergence(p, p).item() == 7.0
    with pytest.raises(TypeError):
        mine.register_kl("Normal", mine.Normal)


@pytest.mark.parametrize("name", ["HalfNormal", "HalfCauchy"])
def test_quantiles_of_folded_distributions_by_keyword(name):
    found, expected = (getattr(library.distributions, name)(2.0).icdf(prob=library.tensor(0.3)) for library in (flambeau, torch))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_transforms_that_are_modules():
    """Flows' transforms are: what begins the transform begins the module, too."""
    found = []
    for m in (torch, flambeau):

        class Scale(m.distributions.Transform, m.nn.Module):
            domain = codomain = m.distributions.constraints.real
            bijective = True
            __hash__ = object.__hash__

            def __init__(self):
                super().__init__(cache_size=1)
                self.log_scale = m.nn.Parameter(m.tensor(0.5))  # noqa: B023 - called in this round

            def _call(self, x):
                return x * self.log_scale.exp()

            def log_abs_det_jacobian(self, x, y):
                return self.log_scale.expand(x.shape)

        class Several(m.distributions.ComposeTransform, m.nn.ModuleList):
            def __init__(self, parts):
                super().__init__(parts)
                self.extend(parts)

            __hash__ = object.__hash__

        transform = Several([Scale(), Scale()])
        x = m.tensor([1.0, 2.0])
        y = transform(x)
        transform.log_abs_det_jacobian(x, y).sum().backward()
        found.append([y.tolist(), sorted(transform.state_dict()), [p.grad.item() for p in transform.parameters()]])
    assert found[1][1:] == found[0][1:]
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-6)


def test_singular_matrices_are_drawn_again() -> None:
    """As many times as asked for: here none is ever accepted."""
    wishart = flambeau.distributions.Wishart(flambeau.tensor(3.0), flambeau.eye(2))
    drawn = []
    sampling = wishart._bartlett_sampling
    wishart._bartlett_sampling = lambda shape: drawn.append(sampling(shape) * 0) or drawn[-1]
    for tries, expected in ((0, 1), (3, 4), (None, 11)):
        drawn.clear()
        wishart.rsample((2,), tries)
        assert len(drawn) == expected
    wishart._bartlett_sampling = lambda shape: drawn.append(sampling(shape)) or drawn[-1]
    drawn.clear()
    assert wishart.rsample((2,), max_try_correction=5).shape == (2, 2, 2) and len(drawn) == 1
