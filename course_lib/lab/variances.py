"""Ways to compute a variance, each result rounded to the precision of the values."""

from itertools import count

import torch
from torch import Tensor


def one_pass(x: Tensor) -> Tensor:
    """Return the biased variance of each column as mean of squares minus square of mean.

    Parameters
    ----------
    x : (n, *c) floats
        Every elementwise result is rounded to this dtype. A mean is summed in float32 or better
        and rounded once, as torch does; the same holds for `two_pass`, `corrected_two_pass` and
        `shifted`.

    Returns
    -------
    (*c) floats of the same dtype
        Possibly negative: two large numbers are subtracted.
    """
    return (x * x).mean(0) - x.mean(0) * x.mean(0)


def two_pass(x: Tensor) -> Tensor:
    """Return the biased variance of each column (n, *c): the mean first, then the distances."""
    centered = x - x.mean(0)
    return (centered * centered).mean(0)


def corrected_two_pass(x: Tensor) -> Tensor:
    """Return the biased variance of each column (n, *c), the distances centred a second time.

    References
    ----------
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance".
    """
    centered = x - x.mean(0)
    centered = centered - centered.mean(0)
    return (centered * centered).mean(0)


def shifted(x: Tensor) -> Tensor:
    """Return the biased variance of each column (n, *c) in one pass, less its first value."""
    return one_pass(x - x[0])


def welford(x: Tensor) -> Tensor:
    """Return the biased variance of each column (n, *c), one value at a time.

    Mean and sum of squares are held in the dtype of `x`: two numbers a column, one pass.

    References
    ----------
    Welford (1962), "Note on a method for calculating corrected sums of squares and products".
    """
    mean, M2 = torch.zeros_like(x[0]), torch.zeros_like(x[0])
    for k, value in zip(count(1), x, strict=False):
        delta = value - mean
        mean = mean + delta / k
        M2 = M2 + delta * (value - mean)
    return M2 / len(x)


def pairwise(x: Tensor) -> Tensor:
    """Return the biased variance of each column (n, *c), halves merged until one is left.

    Parameters
    ----------
    x : (n, *c) floats
        n is a power of two, so that the parts merged are of equal size. All numbers held are of
        this dtype; variances are averaged in place of sums, which would overflow float16.

    Raises
    ------
    ValueError
        If n is no power of two.

    References
    ----------
    Chan, Golub & LeVeque (1982), "Updating formulae and a pairwise algorithm for computing sample
    variances".
    """
    if len(x) < 1 or len(x) & (len(x) - 1):
        raise ValueError(
            f"expected a power of two of values, got {len(x)}; drop some, or merge parts of "
            "different size by numpy_layers.merge_moments"
        )
    mean, var = x, torch.zeros_like(x)
    while len(mean) > 1:
        half = (mean[1::2] - mean[::2]) / 2
        mean = mean[::2] + half
        var = (var[::2] / 2 + var[1::2] / 2) + half * half
    return var[0]


def running_sum(x: Tensor) -> Tensor:
    """Return the sum along axis 0, one addition after the other, each rounded to x's dtype."""
    total = torch.zeros_like(x[0])
    for value in x:
        total = total + value
    return total


def pairwise_sum(x: Tensor) -> Tensor:
    """Return the sum along axis 0 of neighbours, then of sums, each rounded to x's dtype."""
    while len(x) > 1:
        odd = x[-1:] if len(x) % 2 else x[:0]
        x = torch.cat([x[: len(x) - len(odd) : 2] + x[1::2], odd])
    return x[0]
