"""Whitening, in NumPy and on tensors: the identity as covariance, and ZCA closest to the data."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from sklearn.decomposition import PCA

from course_lib.numpy_layers import whitening as arrays
from course_lib.torch_layers import whitening as tensors

both = pytest.mark.parametrize("package", [arrays, tensors], ids=["numpy", "torch"])
names = pytest.mark.parametrize("name", ["PCAWhitening", "ZCAWhitening"])
# The covariance squares the spread of the axes: 16 digits less twice the two they lie apart.
COVARIANCE = 1e-11


def table(rows=50, columns=4, seed=0):
    """Draw correlated columns with unlike means and spreads."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(columns, columns)) + 3 * np.eye(columns)
    return rng.normal(size=(rows, columns)) @ mix + rng.normal(0, 100, columns)


def flat(rows=50):
    """Return a table whose last two columns follow from the first two."""
    x = table(rows)
    x[:, 2], x[:, 3] = x[:, 0] - x[:, 1], 7
    return x


def fit(package, name, x, **options):
    return getattr(package, name)(**options).fit(give(package, x))


def give(package, x):
    return torch.from_numpy(x.copy()) if package is tensors else x.copy()


def whiten(package, name, x, **options):
    whitening = fit(package, name, x, **options)
    return np.asarray(whitening.transform(give(package, x)))


def covariance(x):
    return np.cov(x.T, bias=True)


@both
@names
@settings(deadline=None, derandomize=True, max_examples=15)
@given(columns=st.integers(2, 6), seed=st.integers(0, 1000))
def test_covariance_of_the_result_is_the_identity(package, name, columns, seed):
    y = whiten(package, name, table(40, columns, seed))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-10)
    np.testing.assert_allclose(covariance(y), np.eye(columns), atol=1e-9)


@both
@names
@pytest.mark.parametrize("eps", [0.0, 0.5])
def test_inverse_returns_the_data(package, name, eps):
    x, new = table(), table(5, seed=1)
    whitening = fit(package, name, x, eps=eps)
    for data in (x, new):
        back = whitening.inverse_transform(whitening.transform(give(package, data)))
        assert_near(np.asarray(back), data, 1e-12)


@both
def test_principal_axes_are_sklearns(package):
    x = table()
    theirs = PCA(whiten=True).fit(x)
    ours = fit(package, "PCAWhitening", x)
    biased = (len(x) - 1) / len(x)  # scikit-learn divides by n - 1
    assert_near(np.asarray(ours.components_), theirs.components_, COVARIANCE)
    assert_near(
        np.asarray(ours.explained_variance_), biased * theirs.explained_variance_, COVARIANCE
    )
    wanted = theirs.transform(x) / np.sqrt(biased)
    # scikit-learn subtracts the mean, here 100 times the spread, after the product.
    assert_near(whiten(package, "PCAWhitening", x), wanted, 1e-9)


@both
def test_zca_is_the_whitening_closest_to_the_data(package):
    x = table()
    y = whiten(package, "ZCAWhitening", x)
    centered, rng = x - x.mean(0), np.random.default_rng(1)
    nearest = np.sum((y - centered) ** 2)
    pca = whiten(package, "PCAWhitening", x)
    turns = [np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(50)]
    # Every whitening is another one turned; small turns test that this is a minimum.
    near = [np.linalg.qr(np.eye(4) + 0.01 * rng.normal(size=(4, 4))) for _ in range(50)]
    turns += [q * np.sign(np.diag(r)) for q, r in near]
    others = [y @ turn for turn in turns] + [pca]
    assert min(np.sum((other - centered) ** 2) for other in others) > nearest


@both
def test_zca_map_is_symmetric(package):
    x = table()
    whitening = fit(package, "ZCAWhitening", x)
    unit = np.asarray(whitening.transform(give(package, np.eye(4) + np.asarray(whitening.mean_))))
    assert_near(unit, unit.T, COVARIANCE)


@both
@names
def test_eps_shrinks_each_variance_in_its_own_measure(package, name):
    x = table()
    variances = np.linalg.eigvalsh(covariance(x))
    got = np.linalg.eigvalsh(covariance(whiten(package, name, x, eps=0.5)))
    assert_near(got, variances / (variances + 0.5), 1e-10)


@both
@names
@pytest.mark.parametrize("rows", [3, 50])  # three examples span two directions
def test_flat_data_pass_with_eps(package, name, rows):
    x = flat(rows)
    y = whiten(package, name, x, eps=1e-5)
    got = np.linalg.eigvalsh(covariance(y))
    np.testing.assert_allclose(got, [0, 0, 1, 1], atol=1e-3)  # at eps of the smallest spread
    back = fit(package, name, x, eps=1e-5).inverse_transform(give(package, y))
    # Directions without spread are divided by the root of eps: rounding grows by 300.
    assert_near(np.asarray(back), x, 1e-10)


@both
@names
@pytest.mark.parametrize("rows", [3, 50])
def test_flat_data_without_eps_are_refused(package, name, rows):
    with pytest.raises(ValueError, match=r"expected .* all 4 directions, got 2; pass eps"):
        fit(package, name, flat(rows))


@both
@names
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtype_is_the_inputs_and_only_the_result_is_rounded(package, name, dtype):
    x = table().astype(dtype)
    got = whiten(package, name, x)
    assert got.dtype == dtype
    wanted = whiten(package, name, x.astype(np.float64))
    assert_near(got, wanted, np.finfo(dtype).eps)  # a rounding of the result, no more


@both
@names
def test_data_keep_their_values(package, name):
    x = give(package, table())
    whitening = getattr(package, name)().fit(x)
    whitening.inverse_transform(whitening.transform(x))
    np.testing.assert_array_equal(np.asarray(x), table())


@names
def test_twin_equals_the_numpy_one(name):
    x = table()
    assert_near(whiten(tensors, name, x), whiten(arrays, name, x), COVARIANCE)


@names
def test_gradient_of_the_twin_is_that_of_a_fixed_map(name):
    x = torch.from_numpy(table()).requires_grad_()
    whitening = getattr(tensors, name)().fit(x)
    assert torch.autograd.gradcheck(whitening.transform, x, fast_mode=True)


WRONG_CALLS = [
    (lambda w, x: w().transform(x), ValueError, "a fitted .+, got a fresh one; call fit"),
    (lambda w, x: w().fit(x).transform(x[:, :2]), ValueError, r"shape \(n, 4\), got \(50, 2\)"),
    (lambda w, x: w().fit(x[0]), ValueError, r"shape \(n, d\), got \(4,\)"),
    (lambda w, x: w().fit(x[:1]), ValueError, "at least two rows of finite values"),
    (lambda w, x: w().fit(x * np.nan), ValueError, "at least two rows of finite values"),
    (lambda w, x: w().fit(x * np.inf), ValueError, "at least two rows of finite values"),
    (lambda w, x: w(eps=-1.0), ValueError, "eps of at least 0, got -1.0"),
    (lambda w, x: w().fit(x > 0), TypeError, "floating-point"),
]


@both
@names
@pytest.mark.parametrize(("call", "error", "words"), WRONG_CALLS)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_wrong_call_is_told_what_to_do(package, name, call, error, words):
    with pytest.raises(error, match=words) as raised:
        call(getattr(package, name), give(package, table()))
    assert str(raised.value).startswith("expected ")


@both
def test_integers_are_refused(package):
    with pytest.raises(TypeError, match="floating-point"):
        fit(package, "PCAWhitening", table().astype(int))
