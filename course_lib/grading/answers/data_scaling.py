"""Right and wrong answers to the exercise on scaling data, and its inputs."""

import math

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers as layers
from course_lib.numpy_layers.data_scaling import merge_columns

# The right answers come from the package's own scalers.


def _there_and_back(scaler, train, test, scores):
    scaler.fit(train)
    return scaler.transform(test), scaler.inverse_transform(scores)


def standardize(train, test, scores):
    return _there_and_back(layers.StandardScaler(), train, test, scores)


def min_max(train, test, scores):
    return _there_and_back(layers.MinMaxScaler(), train, test, scores)


def robust(train, test):
    return layers.RobustScaler().fit(train).transform(test)


def partial_fit(count, mean, var, chunk):
    return merge_columns(count, mean, var, len(chunk), chunk.mean(0), chunk.var(0))


def zca(train, test, scores, eps):
    return _there_and_back(layers.ZCAWhitening(eps), train, test, scores)


def cost(x, share):
    eigenvalues = spectrum(x)
    condition = eigenvalues[-1] / eigenvalues[0]
    steps = math.ceil(condition / 4 * math.log(1 / share))
    return condition, 2 / (eigenvalues[0] + eigenvalues[-1]), steps


# The wrong answers come from the textbook formula with one thing changed.


def spectrum(x, *, ones=True, center=False, divide=True):
    x = x - x.mean(0) if center else x
    design = np.column_stack([np.ones(len(x)), x]) if ones else x
    return np.linalg.eigvalsh(design.T @ design / (len(x) if divide else 1))


def wrong_cost(x, share, *, rate=None, steps=None, root=False, **spectrum_options):
    eigenvalues = spectrum(x, **spectrum_options)
    low, high = eigenvalues[0], eigenvalues[-1]
    condition = math.sqrt(high / low) if root else high / low
    rate = 2 / (low + high) if rate is None else rate(low, high)
    bound = condition / 4 * math.log(1 / share) if steps is None else steps(condition, share)
    return condition, rate, math.ceil(bound)


def wrong_affine(train, test, scores, *, center, unit, fit=None, constant=1.0):
    """Scale by what `center` and `unit` say of the rows that `fit` chooses."""
    rows = train if fit is None else fit(train, test)
    middle, width = center(rows), unit(rows)
    width = np.where(np.ptp(rows, axis=0) == 0, constant, width)
    return (test - middle) / width, scores * width + middle


def wrong_robust(train, test, *, center=np.nanmedian, percents=(25, 75), of=np.nanpercentile):
    low, high = of(train, percents, axis=0)
    return (test - center(train, axis=0)) / np.where(high > low, high - low, 1.0)


def wrong_merge(count, mean, var, chunk, *, apart=True, ddof=0):
    n, m = count, len(chunk)
    delta = (chunk.mean(0) - mean) * apart
    total_mean = (n * mean + m * chunk.mean(0)) / (n + m)
    spread = n * var + m * chunk.var(0, ddof=ddof)
    return n + m, total_mean, spread / (n + m) + n * m / (n + m) ** 2 * delta**2


def one_pass_merge(count, mean, var, chunk):
    n, m = count, len(chunk)
    total_mean = (n * mean + m * chunk.mean(0)) / (n + m)
    square = (n * (var + mean**2) + (chunk**2).sum(0)) / (n + m)
    return n + m, total_mean, square - total_mean**2


def wrong_zca(train, test, scores, eps, *, turn_back=True, ddof=0, root=None, fit=None):
    rows = train if fit is None else fit(train, test)
    mean = rows.mean(0)
    centred = rows - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / (len(rows) - ddof))
    root = np.sqrt(variances + eps) if root is None else root(variances, eps)
    back = axes.T if turn_back else np.eye(len(mean))
    return (test - mean) @ (axes / root) @ back, scores @ back.T @ (axes * root).T + mean


# Inputs


def _table(rng: Generator, n: int, d: int) -> np.ndarray:
    """Draw correlated columns with means and units of their own."""
    mixed = rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d)))
    return rng.normal(0, 5, d) + mixed * np.exp(rng.normal(0, 1, d))


def draw_tables(rng: Generator):
    table = _table(rng, 21, 4)
    return {"train": table[:12], "test": table[12:], "scores": rng.normal(size=(5, 4))}


def draw_constant(rng: Generator):
    inputs = draw_tables(rng)
    inputs["train"][:, 1] = rng.choice([0.1, 0.7, 2.1, 4.7])  # their means of 12 are rounded
    return inputs


def draw_test_of_another_unit(rng: Generator):
    inputs = draw_tables(rng)
    inputs["test"][1] *= 1000
    return inputs


def draw_gaps(rng: Generator):
    tables = draw_tables(rng)
    tables["train"][rng.integers(12, size=4), np.arange(4)] = np.nan
    tables["test"][2, 1] = np.nan
    return {"train": tables["train"], "test": tables["test"]}


def draw_whole(rng: Generator):
    tables = draw_tables(rng)
    return {"train": tables["train"], "test": tables["test"]}


def draw_equal_quartiles(rng: Generator):
    inputs = draw_whole(rng)
    inputs["train"][:10, 2] = inputs["train"][0, 2]
    return inputs


def draw_chunk(rng: Generator):
    seen, chunk = _table(rng, 7, 3), _table(rng, 5, 3)
    return {"count": 7, "mean": seen.mean(0), "var": seen.var(0), "chunk": chunk}


def draw_first_chunk(rng: Generator):
    return {"count": 0, "mean": np.zeros(3), "var": np.zeros(3), "chunk": _table(rng, 5, 3)}


def draw_large_chunk(rng: Generator):
    inputs = draw_chunk(rng)
    inputs["mean"] = 1e8 + inputs["mean"]
    inputs["chunk"] = 1e8 + inputs["chunk"]
    return inputs


def draw_zca(rng: Generator):
    return draw_tables(rng) | {"eps": 0.3}


def draw_few_rows(rng: Generator):
    """Draw fewer training rows than columns: without ε there is no inverse root."""
    inputs = draw_zca(rng)
    return inputs | {"train": inputs["train"][:3]}


def draw_cost(rng: Generator):
    # With a condition number in the millions, 2/λmax and 2/(λmax + λmin) would be one number.
    x = rng.uniform(0.5, 2, 3) + rng.uniform(0.5, 2, 3) * rng.normal(size=(20, 3))
    return {"x": x, "share": rng.uniform(1e-4, 0.1)}


def with_and_without(function, inputs):
    """Call with the whole test set and with one row of it changed; compare what stays.

    Returns the first answer and the rows of the second whose examples did not change.
    """
    first = function(*inputs.values())
    if not isinstance(first, tuple):
        return first
    other = inputs | {"test": inputs["test"].copy()}
    other["test"][0] += 1e3
    return *first, function(*other.values())[0][1:]
