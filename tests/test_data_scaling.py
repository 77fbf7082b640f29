"""The scalers are scikit-learn's, in NumPy and on tensors: values, attributes, NaNs, chunks."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from sklearn import preprocessing

from course_lib.numpy_layers import data_scaling as arrays
from course_lib.torch_layers import data_scaling as tensors

SCALERS = {
    "StandardScaler": ("mean_", "var_", "scale_"),
    "MinMaxScaler": ("data_min_", "data_max_", "data_range_"),
    "MaxAbsScaler": ("max_abs_",),
    "RobustScaler": ("center_", "scale_"),
}
MERGING = [name for name in SCALERS if name != "RobustScaler"]
OPTIONS = [
    ("StandardScaler", {"with_mean": False}),
    ("StandardScaler", {"with_std": False}),
    ("MinMaxScaler", {"feature_range": (-2.0, 3.0)}),
    ("MinMaxScaler", {"clip": True}),
    ("RobustScaler", {"with_centering": False}),
    ("RobustScaler", {"with_scaling": False}),
    ("RobustScaler", {"quantile_range": (10.0, 60.0)}),
]
CASES = [*((name, {}) for name in SCALERS), *OPTIONS]
both = pytest.mark.parametrize("package", [arrays, tensors], ids=["numpy", "torch"])
all_scalers = pytest.mark.parametrize("name", SCALERS)
# float64 keeps 16 digits; the columns lie up to 1e6 spreads away from 0.
FLOAT64 = 1e-9


def table(seed=0, rows=40):
    """Draw columns of unlike means and spreads: far, tiny, constant, zero, and with gaps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6)) * [1, 1, 1e-3, 0, 0, 5] + [0, 1e6, 3, 0.1, 0, -7]
    x[rng.random(rows) < 0.3, 5] = np.nan
    return x


def run(package, name, method, scaler, x):
    """Call a method with an array or, for the twin, a tensor; return an array."""
    x = torch.from_numpy(x.copy()) if package is tensors else x.copy()
    y = getattr(scaler, method)(x)
    return y.numpy() if isinstance(y, torch.Tensor) else y


def fitted(package, name, x, **options):
    scaler = getattr(package, name)(**options)
    run(package, name, "fit", scaler, x)
    return scaler


@both
@pytest.mark.parametrize(("name", "options"), CASES)
def test_transform_and_its_inverse_are_sklearns(package, name, options):
    x, new = table(), table(1, 7)
    ours = fitted(package, name, x, **options)
    theirs = getattr(preprocessing, name)(**options).fit(x)
    for data in (x, new):
        got, wanted = run(package, name, "transform", ours, data), theirs.transform(data)
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-8)
        got = run(package, name, "inverse_transform", ours, wanted)
        np.testing.assert_allclose(got, theirs.inverse_transform(wanted), rtol=FLOAT64, atol=1e-9)


@both
@all_scalers
def test_attributes_are_sklearns(package, name):
    x = table()
    ours, theirs = fitted(package, name, x), getattr(preprocessing, name)().fit(x)
    for attribute in SCALERS[name]:
        got, wanted = (np.asarray(getattr(scaler, attribute)) for scaler in (ours, theirs))
        np.testing.assert_allclose(got, wanted, rtol=FLOAT64, atol=1e-15)


@both
@pytest.mark.parametrize("name", MERGING)
@settings(deadline=None, derandomize=True, max_examples=15)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(1, 39), max_size=4, unique=True))
def test_chunks_give_what_the_whole_gives(package, name, seed, cuts):
    x = table(seed)
    whole, chunked = fitted(package, name, x), getattr(package, name)()
    for chunk in np.split(x, sorted(cuts)):
        run(package, name, "partial_fit", chunked, chunk)
    for attribute in (*SCALERS[name], "n_samples_seen_"):
        got, wanted = (np.asarray(getattr(scaler, attribute)) for scaler in (chunked, whole))
        np.testing.assert_allclose(got, wanted, rtol=FLOAT64, atol=1e-15)


@both
@pytest.mark.parametrize("name", MERGING)
def test_chunk_without_a_value_changes_nothing(package, name):
    scaler = getattr(package, name)()
    for chunk in (np.full((3, 6), np.nan), table(), np.full((2, 6), np.nan)):
        run(package, name, "partial_fit", scaler, chunk)
    wanted = fitted(package, name, table())
    for attribute in (*SCALERS[name], "n_samples_seen_"):
        got, value = (np.asarray(getattr(each, attribute)) for each in (scaler, wanted))
        np.testing.assert_allclose(got, value, rtol=FLOAT64, atol=1e-15)


@both
def test_variance_is_exact_at_a_large_mean(package):
    x = table()[:, :1]
    wanted = fitted(package, "StandardScaler", x).var_
    scaler = getattr(package, "StandardScaler")()  # noqa: B009 (a name as everywhere here)
    for chunk in np.split(x + 1e8, 4):
        run(package, "StandardScaler", "partial_fit", scaler, chunk)
    # At 1e8 float64 stores steps of 1.5e-8: the data themselves have moved by that.
    np.testing.assert_allclose(np.asarray(scaler.var_), np.asarray(wanted), rtol=1e-7)


@both
@all_scalers
def test_second_fit_forgets_the_first(package, name):
    scaler = fitted(package, name, 100 * table(1))
    run(package, name, "fit", scaler, table())
    for attribute in SCALERS[name]:
        wanted = getattr(fitted(package, name, table()), attribute)
        np.testing.assert_array_equal(np.asarray(getattr(scaler, attribute)), np.asarray(wanted))


@both
@all_scalers
def test_gap_stays_a_gap_and_no_other_appears(package, name):
    x = table()
    y = run(package, name, "transform", fitted(package, name, x), x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))


@both
@all_scalers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_the_inputs_and_only_the_result_is_rounded(package, name, dtype):
    x = table()[:, [0, 5]].astype(dtype)  # half precision ends before the far column
    wide = x.astype(np.float64)
    got = run(package, name, "transform", fitted(package, name, x), x)
    wanted = run(package, name, "transform", fitted(package, name, wide), wide)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, wanted.astype(dtype))


@both
@all_scalers
def test_data_keep_their_values(package, name):
    x = table()
    handed_over = torch.from_numpy(x.copy()) if package is tensors else x.copy()
    scaler = getattr(package, name)().fit(handed_over)
    scaler.inverse_transform(scaler.transform(handed_over))
    np.testing.assert_array_equal(np.asarray(handed_over), x)


@both
@all_scalers
def test_copy_and_pickle_scale_alike(package, name):
    x = table()
    scaler = fitted(package, name, x)
    wanted = run(package, name, "transform", scaler, x)
    for twin in (copy.deepcopy(scaler), pickle.loads(pickle.dumps(scaler))):
        np.testing.assert_array_equal(run(package, name, "transform", twin, x), wanted)


@all_scalers
def test_gradient_of_the_twin_is_that_of_a_fixed_map(name):
    x = torch.from_numpy(table()[:, :3]).requires_grad_()
    scaler = getattr(tensors, name)().fit(x)
    assert torch.autograd.gradcheck(scaler.transform, x, fast_mode=True)


@both
def test_merged_moments_are_those_of_the_whole(package):
    a, b = np.split(table()[:, :3], [11])
    made = [torch.from_numpy(part) if package is tensors else part for part in (a, b)]
    parts = [(len(part), part.mean(0), ((part - part.mean(0)) ** 2).mean(0)) for part in made]
    n, mean, var = arrays.merge_columns(*parts[0], *parts[1])
    assert n == 40
    assert_near(np.asarray(mean), table()[:, :3].mean(0), 1e-12)
    assert_near(np.asarray(var), table()[:, :3].var(0), 1e-12)


WRONG_CALLS = [
    (lambda p, x: p.StandardScaler().transform(x), ValueError, "fitted StandardScaler"),
    (lambda p, x: p.StandardScaler().fit(x[0]), ValueError, r"shape \(n, d\), got \(3,\)"),
    (lambda p, x: p.MinMaxScaler().fit(x).transform(x[:, :2]), ValueError, r"\(n, 3\)"),
    (lambda p, x: p.MaxAbsScaler().fit(x).partial_fit(x[:, :2]), ValueError, r"\(n, 3\)"),
    (lambda p, x: p.StandardScaler().fit(x[:0]), ValueError, "at least one row"),
    (lambda p, x: p.RobustScaler().fit(x * np.inf), ValueError, "no infinity"),
    (lambda p, x: p.MinMaxScaler((1.0, 0.0)), ValueError, "rising feature_range"),
    (lambda p, x: p.RobustScaler(quantile_range=(75.0, 25.0)), ValueError, "rising"),
    (lambda p, x: p.RobustScaler(quantile_range=(-1.0, 25.0)), ValueError, "rising"),
    (lambda p, x: p.StandardScaler().fit(x > 0), TypeError, "floating-point"),
]


@both
@pytest.mark.parametrize(("call", "error", "words"), WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(package, call, error, words):
    x = 1 + np.arange(12.0).reshape(4, 3)
    with pytest.raises(error, match=words) as raised:
        call(package, torch.from_numpy(x) if package is tensors else x)
    assert str(raised.value).startswith("expected ")
