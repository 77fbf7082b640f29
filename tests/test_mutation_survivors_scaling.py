"""What mutmut changed in the scalers of data and in the placements without any test noticing.

Mutants that compute the same, so that no test can see them:

- None for float64 and for False, where NumPy reads it so; `- 0.0` for `+ 0.0`.
- adaptive_gradient_clipping: of a gradient as long as allowed, the factor is 1 either way; another
  stand-in for a length that is not read.
- unit_norm: 2 for 1 divides only rows of zeros; the sum to the power 1 / inf is 1.
- whitening: `take_along_axis` along the last of two axes; division by a sign.
- StandardScaler: another power in n var 2^-52, which is next to nothing beside var itself.
"""

import warnings

import numpy as np
import pytest
from outcomes import assert_near
from sklearn import preprocessing
from wrong_calls import assert_says

from course_lib import numpy_layers
from course_lib.numpy_layers import data_scaling, deep_norm_constants, whitening
from course_lib.numpy_layers.layer_scale import layer_scale_start

ROBUST = "RobustScaler"


@pytest.mark.parametrize("percents", [(0.0, 100.0), (50.0, 50.0), (25.0, 100.0)])
def test_ends_of_the_percentages_are_allowed(percents):
    x = np.random.default_rng(0).normal(size=(20, 2))
    ours, wanted = (
        getattr(package, ROBUST)(quantile_range=percents).fit(x)
        for package in (data_scaling, preprocessing)
    )
    np.testing.assert_allclose(ours.scale_, wanted.scale_, rtol=1e-12)


def test_beyond_the_ends_they_are_not():
    with pytest.raises(ValueError, match="expected rising percentages"):
        data_scaling.RobustScaler(quantile_range=(25.0, 100.5))
    with pytest.raises(ValueError, match="expected rising feature_range"):
        data_scaling.MinMaxScaler((1.0, 1.0))


@pytest.mark.parametrize(
    ("name", "options"),
    [("MinMaxScaler", {}), ("MaxAbsScaler", {}), (ROBUST, {"quantile_range": (0.0, 100.0)})],
)
def test_narrowest_column_that_is_scaled_is_sklearns(name, options):
    x = np.array([[0.0], [data_scaling.TINY]])
    ours, wanted = (
        getattr(package, name)(**options).fit_transform(x)
        if package is preprocessing
        else getattr(package, name)(**options).fit(x).transform(x)
        for package in (data_scaling, preprocessing)
    )
    np.testing.assert_allclose(ours, wanted, rtol=1e-12)


def test_unit_norms_default_is_sklearns():
    x = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(numpy_layers.unit_norm(x), preprocessing.normalize(x), rtol=1e-12)


def test_no_variance_is_negative():
    for seed in range(20):  # three rows span two directions; the others round to either side of 0
        x = np.random.default_rng(seed).normal(size=(3, 5))
        assert (whitening.PCAWhitening(eps=0.1).fit(x).explained_variance_ >= 0).all()


@pytest.mark.parametrize("layers", [(-1, 2), (2, -1), (-1, -1), (0, 0)])
def test_layers_are_counted_from_one(layers):
    with pytest.raises(ValueError, match=r"expected layers .+, got -?\d and -?\d; count from 1"):
        deep_norm_constants(*layers)


def test_stacks_of_the_same_height_have_constants():
    encoder, decoder = deep_norm_constants(4, 4)
    assert encoder.alpha == pytest.approx(0.81 * 4 ** (5 / 16))
    assert decoder.alpha == pytest.approx(12**0.25)


@pytest.mark.parametrize(("depth", "start"), [(18, 0.1), (19, 1e-5), (24, 1e-5), (25, 1e-6)])
def test_start_of_layer_scale_changes_after_the_papers_depths(depth, start):
    assert layer_scale_start(depth) == start


def test_count_of_the_scalers_that_merge_extremes_is_of_the_values():
    x = np.array([[1.0, 2.0], [3.0, np.nan], [4.0, 5.0]])
    for name in ("MinMaxScaler", "MaxAbsScaler", ROBUST):
        np.testing.assert_array_equal(getattr(data_scaling, name)().fit(x).n_samples_seen_, [3, 2])


def test_tiny_columns_keep_their_digits():
    x = 1e-20 * np.random.default_rng(0).normal(1, 1, (9, 2))
    scaler = data_scaling.StandardScaler().fit(x)
    np.testing.assert_allclose(scaler.mean_, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(scaler.var_, x.var(0), rtol=1e-12)


@pytest.mark.parametrize(("roundings", "constant"), [(3, True), (8, False)])
def test_column_is_constant_within_the_rounding_of_its_mean(roundings, constant):
    # Two values k roundings apart have the variance k²/4 ulp²; the bound is (2 · mean ulp)².
    scaler = data_scaling.StandardScaler().fit(np.array([[1.0], [1.0 + roundings * 2.0**-52]]))
    assert (scaler.scale_ == 1) == constant


def test_float64_data_are_not_copied():
    x = np.ones((2, 3))
    assert data_scaling.as_rows(x, 3) is x


SPREAD, ALONG = np.array([2.0, -2, 0, 0]), np.array([1.0, 1, -1, -1])  # variances 2 and 1


@pytest.mark.parametrize("narrow", [2.0**-25, 2.0**-25.3])  # 2 d ulp; a little less
def test_direction_within_the_rounding_of_the_widest_is_flat(narrow):
    with pytest.raises(ValueError, match=r"in all 2 directions, got 1; pass eps"):
        whitening.PCAWhitening().fit(np.stack([SPREAD, narrow * ALONG], 1))


def test_two_rows_are_enough_to_whiten():
    fitted = whitening.PCAWhitening(eps=0.1).fit(np.array([[0.0, 1.0], [2.0, 3.0]]))
    np.testing.assert_allclose(fitted.explained_variance_, [2, 0], atol=1e-12)


MESSAGES = {
    "scaler of no rows": (
        lambda: data_scaling.StandardScaler().fit(np.ones((0, 2))),
        "expected at least one row and no infinity, got x of shape (0, 2); "
        "drop what has no value, or make it NaN",
    ),
    "fresh whitening": (
        lambda: whitening.PCAWhitening().transform(np.eye(2)),
        "expected a fitted PCAWhitening, got a fresh one; call fit(x) first",
    ),
    "whitening of one row": (
        lambda: whitening.PCAWhitening().fit(np.eye(2)[:1]),
        "expected at least two rows of finite values, got x of shape (1, 2); "
        "drop or fill in what is missing",
    ),
}


@pytest.mark.parametrize("wrong", MESSAGES)
def test_message_reads_as_written(wrong):
    assert_says(*MESSAGES[wrong])


@pytest.mark.parametrize(("clipping", "eps"), [(np.inf, 1e-3), (0.1, np.inf)])
def test_limit_without_an_end_is_refused(clipping, eps):
    with pytest.raises(ValueError, match="clipping and eps above 0, got"):
        numpy_layers.adaptive_gradient_clipping(np.ones(3), np.ones(3), clipping, eps)


TABLE, WHOLE = np.ones((1, 3)), np.ones((1, 3), int)


@pytest.mark.parametrize(
    ("layer", "name", "arguments"),
    [
        ("adaptive_gradient_clipping", "weight", [np.ones((2, 3), int)]),
        ("layer_scale", "weight", [WHOLE[0]]),
        ("re_zero", "weight", [np.ones((2, 3)), np.array(1)]),
        ("deep_norm", "g", [np.ones((2, 3), int), (3,), 2.0]),
        ("weight_norm", "g", [np.ones((2, 1), int)]),
        ("spectral_norm", "u", [np.ones(2, int), np.ones(3)]),
        ("spectral_norm", "v", [np.ones(2), np.ones(3, int)]),
        ("adaptive_instance_norm", "style", [np.ones((2, 3, 2), int)]),
        ("conditional_instance_norm", "weight", [np.zeros(2, int), WHOLE, TABLE]),
        ("conditional_instance_norm", "bias", [np.zeros(2, int), TABLE, WHOLE]),
    ],
)
def test_message_names_the_argument_of_whole_numbers(layer, name, arguments):
    x = np.ones((2, 3, 2) if layer.endswith("instance_norm") else (2, 3))
    with pytest.raises(TypeError, match=f"floating-point {name}, got dtype int64"):
        getattr(numpy_layers, layer)(x, *arguments)


def test_message_about_the_shape_names_deep_norm():
    with pytest.raises(ValueError, match="; deep_norm reduces the trailing axes"):
        numpy_layers.deep_norm(np.ones((2, 3)), np.ones((2, 3)), (4,), 2.0)


def test_deep_norm_of_one_vector_is_layer_norm_of_the_sum():
    x, g = np.random.default_rng(0).normal(size=(2, 5))
    wanted, _ = numpy_layers.layer_norm(2 * x + g, (5,))
    assert_near(numpy_layers.deep_norm(x, g, (5,), 2.0)[0], wanted, 1e-12)


def test_filter_without_a_direction_is_divided_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, _ = numpy_layers.weight_norm(np.zeros((1, 3)), np.ones((1, 1)))
    assert np.isnan(y).all()
