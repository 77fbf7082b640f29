"""Right and wrong answers to the exercise on small, odd and drifting batches, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers
from course_lib.numpy_layers.batch_renorm import BatchRenormCache

# The right answers come from the package's own layer where it has one.


def spread_of_mean(class_means, class_stds, size, classes):
    count = len(class_means)
    within = (class_stds**2).mean() / size
    between = class_means.var() / classes * (count - classes) / (count - 1)
    return np.sqrt(within + between)


def limits(step, start, r_end, d_end, r_max, d_max):
    return tuple(numpy_layers.renorm_limits(step, r_max, d_max, start, r_end, d_end))


def renorm(x, running_mean, running_std, weight, bias, momentum, eps, r_max, d_max):
    memory = running_mean, running_std
    affine = {"weight": weight, "bias": bias, "training": True}
    options = {"momentum": momentum, "eps": eps, "r_max": r_max, "d_max": d_max}
    return numpy_layers.batch_renorm(x, *memory, **affine, **options)[0]


def backward(dy, x_hat, r, d, inv_std, weight):
    parts = (value[None] for value in (r, d, inv_std))
    cache = BatchRenormCache(x_hat, *parts, weight, np.zeros_like(weight), training=True)
    return tuple(numpy_layers.batch_renorm_backward(dy, cache))


def merge(counts, means, variances):
    total = counts.sum()
    mean = (counts[:, None] * means).sum(0) / total
    squares = counts[:, None] * (variances + (means - mean) ** 2)
    return mean, squares.sum(0) / (total - 1)


def leaks(layer, x):
    before = layer(x)
    for changed in range(len(x)):
        other = x.copy()
        other[changed] = 3 * other[changed][::-1] + 1
        kept = np.arange(len(x)) != changed
        if not np.allclose(layer(other)[kept], before[kept]):
            return True
    return False


def best_momentum(speed, size):
    return min(1.0, (4 * size * speed**2) ** (1 / 3))


# The wrong answers change one thing.


def wrong_spread(class_means, class_stds, size, classes, *, within=1, between=1, rest=True, ddof=0):
    count = len(class_means)
    finite = (count - classes) / (count - 1) if rest else 1
    outer = class_means.var(ddof=ddof) / classes * finite
    return np.sqrt(within * (class_stds**2).mean() / size + between * outer)


def wrong_limits(step, start, r_end, d_end, r_max, d_max, *, floor=1.0, low=0.0, high=1.0):
    r_part, d_part = (np.clip((step - start) / (end - start), low, high) for end in (r_end, d_end))
    return floor + r_part * (r_max - floor), d_part * d_max


def _plain(x, mean, std):
    return (x - mean) / std


def wrong_renorm(
    x, running_mean, running_std, weight, bias, momentum, eps, r_max, d_max, *,
    clip_r=lambda r, limit: np.clip(r, 1 / limit, limit),
    clip_d=lambda d, limit: np.clip(d, -limit, limit),
    invert=False, unit=None, join=lambda x_hat, r, d: x_hat * r + d,
    root=lambda var, eps: np.sqrt(var + eps), ddof=0, first=False, affine=lambda y, w, b: y * w + b,
):  # fmt: skip
    """Compute Algorithm 1 with one step exchanged; the memory moves before use with `first`."""
    mean, std = x.mean(0), root(x.var(0, ddof=ddof), eps)
    if first:
        move(running_mean, running_std, mean, std, momentum)
    r = running_std / std if invert else std / running_std
    d = (mean - running_mean) / (running_std if unit is None else unit(std, running_std))
    y = join(_plain(x, mean, std), clip_r(r, r_max), clip_d(d, d_max))
    if not first:
        move(running_mean, running_std, mean, std, momentum)
    return affine(y, weight, bias)


def move(running_mean, running_std, mean, std, momentum):
    running_mean += momentum * (mean - running_mean)
    running_std += momentum * (std - running_std)


def averaged_variances(x, running_mean, running_std, *rest):
    """Move the memory's square towards the variance, and take the root."""
    momentum, eps = rest[2:4]
    variance = running_std**2
    y = renorm(x, running_mean, running_std, *rest)
    running_std[:] = np.sqrt(variance + momentum * (x.var(0) + eps - variance))
    return y


def other_convention(x, running_mean, running_std, weight, bias, momentum, *rest):
    return renorm(x, running_mean, running_std, weight, bias, 1 - momentum, *rest)


def forgotten_memory(x, running_mean, running_std, *rest):
    return renorm(x, running_mean.copy(), running_std.copy(), *rest)


def wrong_backward(dy, x_hat, r, d, inv_std, weight, *, scale=1, mean=1, along=1, gain=1, full=1):
    """Leave a factor or a term out where its number is 0."""
    g = dy * (weight if gain else 1) * (r if scale else 1)
    dx = inv_std * (g - mean * g.mean(0) - along * x_hat * (g * x_hat).mean(0))
    return dx, (dy * (x_hat * r + d if full else x_hat)).sum(0), dy.sum(0)


def wrong_merge(counts, means, variances, *, weigh=True, between=1, ddof=1):
    share = (counts if weigh else np.ones_like(counts))[:, None] / (
        counts.sum() if weigh else len(counts)
    )
    mean = (share * means).sum(0)
    var = (share * (variances + between * (means - mean) ** 2)).sum(0)
    return mean, var * counts.sum() / (counts.sum() - ddof)


def one_pass_merge(counts, means, variances):
    share = counts[:, None] / counts.sum()
    mean = (share * means).sum(0)
    var = (share * (variances + means**2)).sum(0) - mean**2
    return mean, var * counts.sum() / (counts.sum() - 1)


def looks_at_all(layer, x):
    other = x.copy()
    other[0] += 1
    return not np.allclose(layer(other), layer(x))


def changes_the_first(layer, x):
    other = x.copy()
    other[0] = 3 * other[0][::-1] + 1
    return not np.allclose(layer(other)[1:], layer(x)[1:])


def permutes(layer, x):
    order = np.arange(len(x))[::-1]
    return not np.allclose(layer(x[order]), layer(x)[order])


def watches_the_mean(layer, x):
    return bool(np.allclose(layer(x).mean(0), 0))


# Inputs


def draw_classes(rng: Generator):
    inputs = {"class_means": rng.normal(size=10), "class_stds": rng.uniform(0.3, 1, 10)}
    classes = int(rng.choice([2, 3, 5]))
    return inputs | {"size": 30, "classes": classes}


def draw_step(low, high, rng: Generator):
    start = int(rng.integers(50, 100))
    ends = {"start": start, "r_end": start + 300, "d_end": start + 200}
    step = start + int(rng.integers(low, high))
    return {"step": step} | ends | {"r_max": rng.uniform(2, 4), "d_max": rng.uniform(3, 6)}


def draw_renorm(wide, rng: Generator):
    """Draw batches far from the memory; with `wide` limits nothing is clipped."""
    x = rng.normal(rng.normal(size=6), np.array([0.2, 0.5, 1, 2, 4, 6]), (12, 6))
    shift = rng.permutation([-3, -1, 0.2, 1, 2, 3])
    memory = {"running_mean": x.mean(0) + shift, "running_std": rng.uniform(0.8, 1.2, 6)}
    affine = {"weight": rng.normal(size=6), "bias": rng.normal(size=6)}
    most = {"r_max": 100.0, "d_max": 100.0} if wide else {"r_max": 1.5, "d_max": 0.5}
    options = {"momentum": rng.uniform(0.05, 0.2), "eps": 0.1}
    return {"x": x} | memory | affine | options | most


def draw_backward(rng: Generator):
    x_hat = rng.normal(size=(8, 3))
    x_hat = 0.95 * (x_hat - x_hat.mean(0)) / x_hat.std(0)  # ε leaves its variance under 1
    parts = {"r": rng.uniform(0.5, 2, 3), "d": rng.normal(size=3)}
    ends = {"inv_std": rng.uniform(0.5, 2, 3), "weight": rng.normal(size=3)}
    return {"dy": rng.normal(size=(8, 3)), "x_hat": x_hat} | parts | ends


def draw_batches(center, rng: Generator):
    batches = [rng.normal(center + rng.normal(0, 2, 3), 1, (n, 3)) for n in (2, 5, 9, 3)]
    stats = [np.stack([f(batch, 0) for batch in batches]) for f in (np.mean, np.var)]
    return {"counts": np.array([len(b) for b in batches]), "means": stats[0], "variances": stats[1]}


def draw_examples(rng: Generator):
    return {"x": rng.normal(1, 2, (6, 4)), "order": rng.permutation(len(LAYERS))}


def _ghost(x):
    return np.concatenate([_plain(part, part.mean(0), part.std(0)) for part in np.split(x, 3)])


LAYERS = {
    "batch norm": lambda x: _plain(x, x.mean(0), x.std(0)),
    "evaluation": lambda x: _plain(x, 0.5, 2.0),
    "layer norm": lambda x: _plain(x, x.mean(1, keepdims=True), x.std(1, keepdims=True)),
    "ghost batch norm": _ghost,
    "only the scale": lambda x: x / x.std(0),
    "minus the last": lambda x: x - x[-1],
    "one column": lambda x: x - np.array([0, 0, 0, 1]) * x.mean(0),
}


def judged(function, inputs):
    """Ask about each layer, in the order of the inputs; 1 stands for a leak."""
    layers = [*LAYERS.values()]
    return np.array([int(bool(function(layers[i], inputs["x"].copy()))) for i in inputs["order"]])


def draw_drift(low, high, rng: Generator):
    return {"speed": rng.uniform(low, high), "size": int(rng.choice([4, 8, 16]))}
