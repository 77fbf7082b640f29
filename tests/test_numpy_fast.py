"""The fast NumPy layers compute what the textbook's do, for any shape, dtype, mean and layout."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near

from course_lib import numpy_fast, numpy_layers

NORMS = ["batch_norm", "group_norm", "layer_norm", "rms_norm"]
all_norms = pytest.mark.parametrize("norm", NORMS)
# Both round every value a few times; sums of up to 10^5 values in another order lose some more.
ULPS = {np.float16: 2**-10, np.float32: 32 * 2**-23, np.float64: 32 * 2**-52}
LARGE = (48, 24, 30, 30)  # several blocks, the last of which is shorter
many = settings(deadline=None, derandomize=True, max_examples=40)


class Case(NamedTuple):
    """What a call takes; weight and bias may be None."""

    x: np.ndarray
    dy: np.ndarray
    weight: np.ndarray | None
    bias: np.ndarray | None
    running: tuple[np.ndarray, np.ndarray]


def parameters_shape(norm, shape):
    return shape[1:] if norm in ("layer_norm", "rms_norm") else shape[1:2]


def draw(norm, shape, dtype=np.float32, mean=0.0, seed=0, affine=True):
    """Draw a case in which no two channels have the same mean or spread."""
    rng = np.random.default_rng(seed)
    own = (*shape[:2], *(1,) * (len(shape) - 2))
    x = mean + rng.normal(size=own) + rng.uniform(0.5, 2, own) * rng.normal(size=shape)
    weight, bias = rng.normal(size=(2, *parameters_shape(norm, shape)))
    running = rng.normal(size=shape[1]), rng.uniform(0.5, 2, shape[1])
    floats = [value.astype(dtype) for value in (x, rng.normal(size=shape), weight, bias)]
    return Case(*(floats if affine else [*floats[:2], None, None]), running)


def forward(library, norm, case, training=True):
    """Run a norm of `numpy_fast` or of `numpy_layers`."""
    x, _, weight, bias, running = case
    function = getattr(library, norm)
    if norm == "rms_norm":
        return function(x, x.shape[1:], weight, 0.1)
    if norm == "layer_norm":
        return function(x, x.shape[1:], weight, bias, 0.1)
    if norm == "group_norm":
        return function(x, 2 - case.dy.shape[1] % 2, weight, bias, 0.1)
    return function(x, *running, weight, bias, training, 0.3, 0.1)


def outcome(library, norm, case, training=True):
    """Return output and gradients, and the running statistics afterwards."""
    case = case._replace(running=tuple(value.copy() for value in case.running))
    y, cache = forward(library, norm, case, training)
    gradients = getattr(library, f"{norm}_backward")(case.dy, cache)
    return [y, *gradients], case.running


def assert_same(norm, case, rtol, training=True):
    (got, memory), (wanted, moved) = (
        outcome(library, norm, case, training) for library in (numpy_fast, numpy_layers)
    )
    for ours, textbooks in zip([*got, *memory], [*wanted, *moved], strict=True):
        assert getattr(ours, "dtype", None) == getattr(textbooks, "dtype", None)
        if textbooks is not None:
            # Of one value alone x_hat is 0, and what stands there is the rounding of 1.
            largest = max(1.0, np.abs(textbooks).max(initial=0))
            np.testing.assert_allclose(ours, textbooks, rtol=0, atol=rtol * largest)


@all_norms
@many
@given(
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=4).map(lambda s: (s[0] + 1, *s[1:])),
    dtype=st.sampled_from([*ULPS]),
    mean=st.sampled_from([0.0, 0.7, 3.0]),
    affine=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_results_are_the_textbooks(norm, shape, dtype, mean, affine, seed):
    assert_same(norm, draw(norm, shape, dtype, mean, seed, affine), ULPS[dtype])


@all_norms
@pytest.mark.parametrize("dtype", ULPS)
@pytest.mark.parametrize("mean", [0.0, 0.7, 30.0])
def test_results_are_the_textbooks_in_many_blocks(norm, dtype, mean):
    assert_same(norm, draw(norm, LARGE, dtype, mean), ULPS[dtype])


@all_norms
def test_one_row_longer_than_a_block(norm):
    shape = (2, 2, 600, 600)
    assert_same(norm, draw(norm, shape), 4 * ULPS[np.float32])  # sums of 720,000 values


@pytest.mark.parametrize("norm", ["batch_norm", "group_norm", "layer_norm"])
@pytest.mark.parametrize("mean", [0.0, 1.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("shape", [(16, 4, 64), (12, 4, 100, 10)])
def test_float32_is_accurate_at_every_mean(norm, mean, shape):
    case = draw(norm, shape, np.float32, mean)
    exact = Case(*(value.astype(np.float64) for value in case[:4]), case.running)
    got, _ = outcome(numpy_fast, norm, case)
    wanted, _ = outcome(numpy_layers, norm, exact)
    for ours, exactly in zip(got, wanted, strict=True):
        assert_near(ours, exactly, 1e-6)  # float32 keeps 6e-8


@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_long_rows_are_accurate(mean):
    x = (mean + np.random.default_rng(0).normal(size=(4, 65_536))).astype(np.float32)
    exact, _ = numpy_layers.layer_norm(x.astype(np.float64), x.shape[1:])
    got, _ = numpy_fast.layer_norm(x, x.shape[1:])
    assert abs(got - exact).max() <= 5e-7 * abs(exact).max()  # one long sum loses 1e-6


@all_norms
@pytest.mark.parametrize("level", [0.0, 1.0, 3e7, 1e12])
def test_equal_values_have_no_spread(norm, level):
    case = draw(norm, (6, 4, 50), np.float32)._replace(x=np.full((6, 4, 50), level, np.float32))
    assert_same(norm, case, ULPS[np.float32])


@all_norms
@pytest.mark.parametrize("seed", range(3))
def test_row_far_from_zero_does_not_disturb_the_others(norm, seed):
    case = draw(norm, (8, 4, 40), np.float32, seed=seed)
    case.x[1] += 1e4
    assert_same(norm, case, ULPS[np.float32])


@all_norms
def test_any_layout_of_the_memory_is_taken(norm):
    case = draw(norm, (6, 4, 5, 7), np.float64)
    x, dy = (np.ascontiguousarray(v.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for v in case[:2])
    assert_same(norm, case._replace(x=x, dy=dy), ULPS[np.float64])
    doubled = [np.repeat(value, 2, axis=-1)[..., ::2] for value in case[:2]]
    assert_same(norm, case._replace(x=doubled[0], dy=doubled[1]), ULPS[np.float64])


@all_norms
@pytest.mark.parametrize("dtype", ULPS)
def test_arguments_keep_their_values(norm, dtype):
    case = draw(norm, (6, 4, 50), dtype, mean=5.0)
    before = [value.copy() for value in case[:4]]
    outcome(numpy_fast, norm, case)
    for got, wanted in zip(case[:4], before, strict=True):
        np.testing.assert_array_equal(got, wanted)


@all_norms
def test_output_is_an_array_of_its_own(norm):
    case = draw(norm, (6, 4, 50))
    y, cache = forward(numpy_fast, norm, case)
    dx = getattr(numpy_fast, f"{norm}_backward")(case.dy, cache).dx
    assert not any(np.shares_memory(a, b) for a in (y, dx) for b in (case.x, case.dy))


@all_norms
@pytest.mark.parametrize("shape", [(0, 4, 3), (0, 4)])
def test_empty_batch_comes_out_empty(norm, shape):
    assert_same(norm, draw(norm, shape), 0)


def test_evaluation_uses_the_running_statistics():
    assert_same("batch_norm", draw("batch_norm", (6, 4, 50)), 0, training=False)


@all_norms
def test_backward_takes_the_textbooks_cache_too(norm):
    case = draw(norm, (6, 4, 50))
    _, cache = forward(numpy_layers, norm, case)
    got, wanted = (
        getattr(library, f"{norm}_backward")(case.dy, cache)
        for library in (numpy_fast, numpy_layers)
    )
    for ours, textbooks in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(ours, textbooks)


@all_norms
def test_settings_of_numpy_are_as_before(norm):
    before = np.getbufsize(), np.geterr()
    outcome(numpy_fast, norm, draw(norm, (6, 4, 50)))
    assert (np.getbufsize(), np.geterr()) == before


X = np.ones((4, 6, 5))
WRONG = {
    "integers": lambda norm: draw(norm, X.shape)._replace(x=X.astype(int)),
    "no axis": lambda norm: draw(norm, X.shape)._replace(x=np.float64(1)),
    "other weight": lambda norm: draw(norm, X.shape)._replace(weight=np.ones(3)),
    "weight of integers": lambda norm: draw(norm, (4, 6))._replace(weight=np.ones(6, int)),
    "complex numbers": lambda norm: draw(norm, X.shape)._replace(x=X.astype(complex)),
}


@all_norms
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_call_is_refused_in_the_textbooks_words(norm, wrong):
    case, said = WRONG[wrong](norm), []
    for library in (numpy_fast, numpy_layers):
        with pytest.raises((TypeError, ValueError), match="expected") as error:
            forward(library, norm, case)
        said.append((error.type, str(error.value)))
    assert said[0] == said[1]


OPTIONS = {
    "negative eps": ("layer_norm", partial(lambda f, x: f(x, (5,), eps=-1.0), x=X)),
    "negative eps of a root": ("rms_norm", partial(lambda f, x: f(x, (5,), eps=-1.0), x=X)),
    "groups that do not divide": ("group_norm", partial(lambda f, x: f(x, 4), x=X)),
    "one value a group": ("group_norm", lambda f: f(np.ones((1, 2)), 2)),
    "momentum": ("batch_norm", lambda f: f(X, None, None, training=True, momentum=2.0)),
    "one value a channel": ("batch_norm", lambda f: f(np.ones((1, 2)), None, None, training=True)),
    "no memory": ("batch_norm", lambda f: f(X, None, None)),
}


@pytest.mark.parametrize("wrong", OPTIONS)
def test_wrong_option_is_refused_in_the_textbooks_words(wrong):
    norm, call = OPTIONS[wrong]
    said = []
    for library in (numpy_fast, numpy_layers):
        with pytest.raises(ValueError, match="expected") as error:
            call(getattr(library, norm))
        said.append(str(error.value))
    assert said[0] == said[1]
