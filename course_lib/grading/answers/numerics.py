"""Right and wrong answers to the exercise on half precision, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers

# The right answers come from the package's own layers, or from float64.


def shifted_variance(x):
    return numpy_layers.moments(np.asarray(x, np.float64), (0,)).var[0]


def welford(x):
    mean, var, _ = numpy_layers.moments(np.asarray(x, np.float64), (0,))
    return mean[0], var[0] * len(x)


def merge(count_a, mean_a, M2_a, count_b, mean_b, M2_b):
    return tuple(
        numpy_layers.merge_moments(
            [count_a, count_b], np.stack([mean_a, mean_b]), np.stack([M2_a, M2_b])
        )
    )


def largest_mean(std, u, error):
    return wrong_largest_mean(std, u, error)


def largest_power(x):
    return wrong_largest_power(x)


def choose_eps(var, loss):
    return rounded_down(wrong_choose_eps)(var, loss)


def layer_norm(x, weight, bias, eps):
    return numpy_layers.layer_norm(x, x.shape[-1:], weight, bias, eps)[0]


# The wrong answers come from the textbook formula with one thing changed.


def wrong_shifted_variance(x, *, by=lambda x: x[0], last=True, ddof=0, axis=0):
    far = x - by(x)
    square, mean = np.square(far).mean(axis), far.mean(axis)
    return (square - last * mean * mean) * len(x) / (len(x) - ddof)


def wrong_welford(x, *, dtype=np.float64, steps=lambda k: k, grow=None, move=None, divide=False):
    grow = grow or (lambda before, after: before * after)
    mean, M2 = np.zeros((2, x.shape[1]), dtype)
    for k, value in enumerate(x, 1):
        before = value - mean
        mean[:] = mean + (move(value, mean) if move else before) / steps(k)
        M2[:] = M2 + grow(before, value - mean)
    return mean, M2 / len(x) if divide else M2


def one_pass_welford(x):
    mean = x.mean(0)
    return mean, np.square(x).sum(0) - len(x) * mean * mean


def between_groups(a, b):
    return a * b / (a + b)


def wrong_merge(a, mean_a, M2_a, b, mean_b, M2_b, *, share=None, between=between_groups):
    n = a + b
    mean = mean_a + (share(a, b) if share else b / n) * (mean_b - mean_a)
    return n, mean, M2_a + M2_b + between(a, b) * np.square(mean_b - mean_a)


def one_pass_merge(a, mean_a, M2_a, b, mean_b, M2_b):
    n, mean, _ = wrong_merge(a, mean_a, M2_a, b, mean_b, M2_b)
    return n, mean, M2_a + a * mean_a**2 + M2_b + b * mean_b**2 - n * mean**2


def merge_by_unit(a, mean_a, M2_a, b, mean_b, M2_b):
    """Merge through the unbiased variances, which an empty group does not have."""
    with np.errstate(all="ignore"):
        own = np.float64(a - 1) * M2_a / np.float64(a - 1) + b * (M2_b / np.float64(b))
    n, mean, M2 = wrong_merge(a, mean_a, M2_a, b, mean_b, M2_b)
    return n, mean, M2 - M2_a - M2_b + own


def wrong_largest_mean(std, u, error, *, one=1, root=np.sqrt, unit=lambda std: std):
    return unit(std) * root(error / u - one)


def wrong_largest_power(x, *, largest=lambda x: abs(x).max(), limit=256.0, up=0):
    exponent = np.frexp(limit / float(largest(x)))
    # limit / largest = m 2**e with 1/2 <= m < 1: at m = 1/2 the product would be the limit itself.
    return 2.0 ** (exponent[1] - 1 - (exponent[0] == 0.5) + up)


def wrong_choose_eps(var, loss, *, over=np.min, kept=lambda var, left: var * (left**-2 - 1)):
    return float(kept(over(var), 1 - loss))


def nearest_eps(var, loss):
    return float(np.float16(wrong_choose_eps(var, loss)))


def rounded_down(wrong):
    """Return a rule for ε that ends in the largest float16 number not above it."""

    def rule(var, loss):
        bound = wrong(var, loss)
        nearest = np.float16(bound)
        above = float(nearest) > bound  # NumPy would round the bound to compare it with a float16
        return float(np.nextafter(nearest, np.float16(0)) if above else nearest)

    return rule


def variance(x, axis):
    return np.square(x - x.mean(axis, keepdims=True)).mean(axis, keepdims=True)


def one_pass_variance(x, axis):
    return np.square(x).mean(axis, keepdims=True) - np.square(x.mean(axis, keepdims=True))


def root(var, eps):
    return np.sqrt(var + eps)


def wrong_layer_norm(
    x, weight, bias, eps, *, wide=np.float64, var=variance, axis=-1, scale=root, at=np.float64
):
    with np.errstate(all="ignore"):
        h = x.astype(wide)
        centered = h - h.mean(axis, keepdims=True)
        return weight * (centered / scale(var(h, axis), wide(at(eps)))) + bias


# Inputs


def draw_columns(mean, dtype, rng: Generator):
    """Draw columns whose means have both signs, so that no one number is near them all."""
    n, c = 16, 5
    centres = np.where(np.arange(c) % 2, -1, 1) * mean * rng.uniform(0.8, 1.2, c)
    return {"x": (centres + rng.uniform(1, 2, c) * rng.normal(size=(n, c))).astype(dtype)}


def draw_integers(rng: Generator):
    return {"x": rng.integers(-20, 50, (30, 4))}


def draw_groups(sizes, offset, rng: Generator):
    groups = {}
    for name, n in zip("ab", sizes, strict=True):
        x = offset + rng.normal(rng.normal(size=4), 1.5, (n, 4))
        mean, M2 = welford(x) if n else np.zeros((2, 4))
        groups |= {f"count_{name}": n, f"mean_{name}": mean, f"M2_{name}": M2}
    return groups


def draw_limit(p, least, most, rng: Generator):
    u = 2.0**-p
    error = u * rng.uniform(least, most)
    return {"std": float(rng.uniform(0.2, 5)), "u": u, "error": float(error)}


def draw_scalable(sign, size, rng: Generator):
    """Draw float16 values of which the largest has the given sign."""
    x = rng.uniform(-0.1, 0.1, 9)
    x[rng.integers(9)] = sign * rng.uniform(0.55, 0.95)
    return {"x": (x * size * 2.0 ** rng.integers(-2, 3)).astype(np.float16)}


def draw_variances(step, loss, rng: Generator):
    """Draw variances whose bound on ε lies 0.7 of the way from one float16 number to the next."""
    steps = rng.integers(1100, 2000) if step > 2**-24 else rng.integers(3, 40)
    least = (steps + 0.7) * step / ((1 - loss) ** -2 - 1)
    return {"var": least * rng.permutation([1, 3.1, 8.3]), "loss": loss}


def draw_rows(mean, spread, eps, rng: Generator):
    d = 16
    x = rng.normal(mean * rng.uniform(0.9, 1.2, (d, 1)), 1, (d, d)) * spread
    weight, bias = rng.uniform(0.5, 2, d), rng.normal(size=d)
    return {"x": x.astype(np.float16), "weight": weight, "bias": bias, "eps": eps}


def draw_constant_row(rng: Generator):
    inputs = draw_rows(2, 1, 1e-8, rng)
    inputs["x"][3] = np.float16(rng.integers(1, 50))
    return inputs
