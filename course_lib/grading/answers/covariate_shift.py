"""Right and wrong answers to the exercise on internal covariate shift, and its inputs."""

import numpy as np
import torch
from numpy.random import Generator

from course_lib.lab import shift

# The right answers come from the package where it measures the same.


def activation_shift(before, after):
    return shift.activation_shift(torch.from_numpy(before), torch.from_numpy(after)).numpy()


def same_moments(before):
    """Give half of the examples one value and the other half another."""
    mean, std = before.mean(), before.std()
    return np.where(np.arange(len(before)) < len(before) / 2, mean - std, mean + std)


def gradients(w1, w2, x, target):
    h = x @ w1.T
    error = 2 * (h @ w2.T - target) / len(x)
    return (error @ w2).T @ x, error.T @ h


def gradient_shift(w1, w2, x, target, learning_rate):
    d1, g = gradients(w1, w2, x, target)
    moved = gradients(w1 - learning_rate * d1, w2, x, target)[1]
    return _compare(g, moved)


def mean_shift(weight, bias_before, bias_after, var, eps):
    return np.abs(bias_after - bias_before) / (np.abs(weight) * np.sqrt(var / (var + eps)))


def push(y, amount):
    return y + amount


def verdict(accuracy_without, accuracy_with, shift_without, shift_with):
    reduced = _direction(shift_without, shift_with)
    better = (accuracy_with > accuracy_without).all()
    return reduced, int(better and reduced != 1)


def _direction(without, with_):
    """Return 1 if every seed went down, −1 if every seed went up, else 0."""
    return int((with_ < without).all()) - int((with_ > without).all())


def _compare(g, moved):
    lengths = np.linalg.norm(g), np.linalg.norm(moved)
    return np.linalg.norm(g - moved) / lengths[0], (g * moved).sum() / np.prod(lengths)


# The wrong answers change one thing.


def wrong_shift(before, after, *, order=lambda h: np.sort(h, axis=0), spread=None):
    distance = np.abs(order(after) - order(before)).mean(0)
    return distance / (before.std(0) if spread is None else spread(before, after))


def squared_shift(before, after):
    moved = np.sort(after, axis=0) - np.sort(before, axis=0)
    return np.sqrt((moved**2).mean(0)) / before.std(0)


def wrong_gradient_shift(w1, w2, x, target, learning_rate, *, first=True, second=False):
    d1, d2 = gradients(w1, w2, x, target)
    moved_w1 = w1 - first * learning_rate * d1
    return _compare(d2, gradients(moved_w1, w2 - second * learning_rate * d2, x, target)[1])


def wrong_verdict(accuracy_without, accuracy_with, shift_without, shift_with):
    """Compare means, whatever the seeds say."""
    reduced = int(np.sign(shift_without.mean() - shift_with.mean()))
    return reduced, int(accuracy_with.mean() > accuracy_without.mean() and reduced != 1)


# Inputs.


def draw_activations(rng: Generator):
    before = rng.normal(rng.normal(size=4), rng.uniform(0.5, 3, 4), (40, 4))
    after = rng.permutation(before) * rng.uniform(0.7, 1.4, 4) + rng.normal(size=4)
    return {"before": before, "after": after}


def draw_untouched(rng: Generator):
    before = draw_activations(rng)["before"]
    before[:, 1] = 2.0
    return {"before": before, "after": rng.permutation(before)}


def draw_skewed(rng: Generator):
    return {"before": 3 + 2 * rng.exponential(size=50)}


def judged(function, inputs):
    """Say what is true of a sample that the learner made."""
    before = inputs["before"]
    after = np.asarray(function(before.copy()), dtype=float)
    if after.shape != before.shape:
        raise ValueError(f"expected {len(before)} values, got shape {after.shape}")
    moved = wrong_shift(before[:, None], after[:, None])[0]
    same = np.isclose([after.mean(), after.std()], [before.mean(), before.std()], rtol=1e-6)
    return int(same[0]), int(same[1]), int(moved > 0.1)


def draw_layers(rng: Generator):
    w1, w2 = rng.normal(size=(5, 4)), rng.normal(size=(3, 5))
    return {"w1": w1, "w2": w2, "x": rng.normal(size=(12, 4)), "target": rng.normal(size=(12, 3))}


def draw_step(rng: Generator):
    return draw_layers(rng) | {"learning_rate": rng.uniform(0.005, 0.02)}


def draw_norm(rng: Generator):
    weight = np.array([1, -1, 1, -1, 1]) * rng.uniform(0.3, 2, 5)
    bias_before = rng.normal(size=5)
    return {
        "weight": weight,
        "bias_before": bias_before,
        "bias_after": bias_before + rng.uniform(0.1, 1, 5),
        "var": rng.uniform(0.01, 0.1, 5),
        "eps": rng.uniform(0.01, 0.1),
    }


def draw_push(rng: Generator):
    return {"y": rng.normal(size=(6, 6)), "amount": rng.normal(size=6)}


def draw_runs(better: bool, change: int, rng: Generator):
    """Draw five seeds in which the shift goes down (1), up (−1), or down in the mean alone (0)."""
    accuracy, moved = rng.uniform(0.8, 0.9, 5), rng.uniform(0.1, 0.2, 5)
    gain = rng.uniform(0.01, 0.05, 5) * (1 if better else -1)
    factor = np.array([0.5, 0.4, 1.2, 0.6, 0.5]) if change == 0 else np.full(5, 0.5 ** (change))
    factor = rng.permutation(factor)
    return {
        "accuracy_without": accuracy,
        "accuracy_with": accuracy + gain,
        "shift_without": moved,
        "shift_with": factor * moved,
    }
