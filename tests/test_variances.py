"""The ways to a variance that the chapter on half precision compares: right, and rounded."""

import pytest
import torch

from course_lib.lab import variances

WAYS = [
    variances.one_pass,
    variances.two_pass,
    variances.corrected_two_pass,
    variances.shifted,
    variances.welford,
    variances.pairwise,
]
SUMS = [variances.running_sum, variances.pairwise_sum]
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
every_sum = pytest.mark.parametrize("add", SUMS, ids=lambda add: add.__name__)


def draw(*shape, mean=0.0):
    generator = torch.Generator().manual_seed(0)
    return mean + torch.randn(*shape, generator=generator, dtype=torch.float64)


@every_way
@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (64,), (32, 3, 2)])
def test_way_gives_the_biased_variance_of_each_column(way, shape):
    x = draw(*shape, mean=2.0)
    torch.testing.assert_close(way(x), x.var(0, correction=0), rtol=1e-12, atol=1e-14)


@every_way
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_way_stays_in_the_precision_of_its_values(way, dtype):
    x = draw(16, 3).to(dtype)
    before = x.clone()
    assert way(x).dtype == dtype
    assert torch.equal(x, before)


def test_one_pass_cancels_where_the_others_do_not():
    x = draw(1024, 5, mean=200.0).half()
    exact = x.double().var(0, correction=0)
    off = {way: (way(x) / exact - 1).abs().max() for way in WAYS}
    assert off.pop(variances.one_pass) > 1
    assert off.pop(variances.welford) > 0.02  # its sum holds 11 bits, for 1,024 terms
    assert max(off.values()) < 0.05


def test_second_centring_takes_out_the_rounding_of_the_mean():
    x = draw(1024, 5, mean=1e6).float()
    exact = x.double().var(0, correction=0)
    # A mean of 10⁶ is rounded to 1/16, by up to 1/32 of the spread: 10⁻³ of the variance.
    assert (variances.two_pass(x) / exact - 1).abs().max() > 1e-5
    assert (variances.corrected_two_pass(x) / exact - 1).abs().max() < 1e-6


def test_welford_in_half_precision_stops_where_merging_does_not():
    x = draw(4096, 3).bfloat16()
    exact = x.double().var(0, correction=0)
    assert (variances.welford(x) / exact - 1).abs().min() > 0.2
    assert (variances.pairwise(x) / exact - 1).abs().max() < 0.05


def test_merging_asks_for_a_power_of_two():
    for n in (0, 3, 12):
        with pytest.raises(ValueError, match=f"power of two of values, got {n}; .*merge_moments"):
            variances.pairwise(draw(n, 2))


@every_sum
@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 65])
def test_sum_is_the_sum(add, n):
    x = draw(n, 3)
    torch.testing.assert_close(add(x), x.sum(0), rtol=1e-12, atol=1e-13)


@every_sum
def test_sum_stays_in_the_precision_of_its_terms(add):
    assert add(draw(9, 2).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(("dtype", "stop"), [(torch.float16, 2048), (torch.bfloat16, 256)])
def test_running_sum_of_ones_stops_at_the_inverse_of_u(dtype, stop):
    ones = torch.ones(4096, 1, dtype=dtype)
    assert variances.running_sum(ones).item() == stop
    assert variances.pairwise_sum(ones).item() == 4096
