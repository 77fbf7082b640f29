"""Right and wrong answers to the exercise on what batch norm buys, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers
from course_lib.lab import deep_nets

# The right answers come from the package where it computes the same.


def partial_norm(x, subtract, divide, eps):
    _, var, centered = numpy_layers.moments(x, (0,))
    y = centered if subtract else x
    return y / np.sqrt(var + eps) if divide else y


def spread_only_backward(dy, x, eps):
    _, var, centered = numpy_layers.moments(x, (0,))
    inv_std = 1 / np.sqrt(var + eps)
    return inv_std * dy - inv_std**3 * centered * (dy * x).mean(0)


def fold_affine(gain, shift, weight, bias):
    return weight * gain, bias + weight @ shift


def standard_errors(values, batch_size):
    f = left_out(len(values), batch_size)
    square = (values - values.mean()) ** 2
    return np.sqrt(values.var() * f / batch_size), np.sqrt(square.var() * f / batch_size)


def injected_noise(z, batch_size):
    f = left_out(len(z), batch_size)
    return f * (kurtosis(z) + 3) / (4 * batch_size)


def saturated_share(z, activation):
    return (slope(z, activation) < 0.1 * slope(0.0, activation)).mean(0)


def rate_range(rates, accuracies, level):
    return deep_nets.rate_range(rates, accuracies, level)


def left_out(n, batch_size):
    return (n - batch_size) / (n - 1)


def kurtosis(z):
    return (((z - z.mean(0)) / z.std(0)) ** 4).mean(0)


def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def slope(z, activation):
    return 1 - np.tanh(z) ** 2 if activation == "tanh" else sigmoid(z) * sigmoid(-z)


# The wrong answers change one thing.


def std(var, eps):
    return np.sqrt(var + eps)


def wrong_norm(x, subtract, divide, eps, *, axis=0, ddof=0, root=std, raw=False, swap=False):
    if swap:
        subtract, divide = divide, subtract
    var = (x * x).mean(axis) if raw else x.var(axis, ddof=ddof)
    mean, var = (np.expand_dims(value, axis) for value in (x.mean(axis), var))
    y = x - mean if subtract else x
    return y / root(var, eps) if divide else y


def wrong_backward(
    dy, x, eps, *, root=std, through=1, inner=lambda x: x, outer=lambda x: x - x.mean(0), mean=0
):
    s = root(x.var(0), eps)
    through = through * outer(x) * (dy * inner(x)).mean(0) / s**3
    return (dy - mean * dy.mean(0)) / s - through


def wrong_errors(values, batch_size, *, f=left_out, root=np.sqrt, ddof=0, square=None):
    f = f(len(values), batch_size)
    centred = values - values.mean()
    var = (centred**2).var(ddof=ddof) if square is None else square(centred)
    return root(values.var(ddof=ddof) * f / batch_size), root(var * f / batch_size)


def wrong_noise(z, batch_size, *, f=left_out, mean=1, spread=0.25, excess=0):
    return f(len(z), batch_size) * (mean + spread * (kurtosis(z) - excess - 1)) / batch_size


def wrong_range(rates, accuracies, level, *, axis=np.log, back=np.exp, ends=None, at=None):
    """Return the range with another axis, other ends, or without interpolation (``at``)."""
    best = int(np.argmax(accuracies))
    if accuracies[best] < level:
        return 0.0
    places, found = axis(rates), []
    above = [i for i in range(len(rates)) if accuracies[i] >= level]
    for step in (-1, 1):
        i = best
        while 0 <= i + step < len(rates) and accuracies[i + step] >= level:
            i += step
        if ends:
            i = ends(above, step)
        end, j = places[i], i + step
        if 0 <= j < len(rates):
            share = (accuracies[i] - level) / (accuracies[i] - accuracies[j])
            share = share if at is None else at(share)
            end = end + share * (places[j] - places[i])
        found.append(end)
    return float(back(found[1]) / back(found[0]))


# Inputs.


def draw_x(subtract, divide, rng: Generator, shape=(7, 7)):
    x = rng.normal(rng.normal(0, 2, shape[1]), rng.uniform(0.3, 2, shape[1]), shape)
    return {"x": x, "subtract": subtract, "divide": divide, "eps": rng.uniform(0.05, 0.3)}


def draw_constant(rng: Generator):
    inputs = draw_x(False, True, rng)
    inputs["x"][:, 2] = rng.uniform(1, 2)
    return inputs


def draw_backward(rng: Generator):
    inputs = draw_x(False, True, rng, (9, 4))
    return {"dy": rng.normal(size=(9, 4)), "x": inputs["x"], "eps": inputs["eps"]}


def draw_affine(out, rng: Generator):
    return {
        "gain": rng.uniform(0.5, 2, 5),
        "shift": rng.normal(size=5),
        "weight": rng.normal(size=(out, 5)),
        "bias": rng.normal(size=out),
    }


def draw_values(size, rng: Generator):
    return {"values": 2 + rng.gamma(rng.uniform(1, 3), size=60), "batch_size": size}


def draw_units(size, rng: Generator):
    return {"z": rng.normal(size=(60, 5)) ** np.array([1, 2, 3, 1, 2]), "batch_size": size}


def draw_signals(activation, rng: Generator):
    width = 2 if activation == "tanh" else 4
    return {"z": rng.normal(rng.normal(0, 1, 30), width, (30, 30)), "activation": activation}


def draw_tables(kind, rng: Generator):
    """Draw a table with both ends inside the rates, at the rates' ends, or with an island."""
    rates = 0.01 * 3.0 ** np.arange(7)
    low, high = rng.uniform(20, 70, (3, 7)), rng.uniform(82, 95, (3, 7))
    good = {"inside": [2, 3, 4], "ends": [3, 4, 5, 6], "island": [0, 3, 4]}[kind]
    rows = low
    rows[:2, good] = high[:2, good]
    rows[:2, 3] = rng.uniform(96, 99, 2)  # the third row never reaches the level
    return {"rates": rates, "tables": rows, "level": 80.0}


def of_each(function, inputs):
    return np.array([function(inputs["rates"], row, inputs["level"]) for row in inputs["tables"]])
