"""The output in training, in ways of their own."""

ANSWERS = {"normalize": {
"loops over every element": """
def normalize(x, weight, bias, eps):
    out = np.zeros(x.shape)
    mean, var = channel_statistics(x)
    for index in np.ndindex(*x.shape):
        c = index[1]
        out[index] = weight[c] * (x[index] - mean[c]) / math.sqrt(var[c] + eps) + bias[c]
    return out
""",
"channels last, and back": """
def normalize(x, weight, bias, eps):
    last = np.moveaxis(x, 1, -1)
    axes = tuple(range(last.ndim - 1))
    z = (last - last.mean(axes)) * (last.var(axes) + eps) ** -0.5
    return np.moveaxis(weight * z + bias, -1, 1)
""",
"einsum over positions made one axis": """
def normalize(x, weight, bias, eps):
    \"\"\"γ x̂ + β\"\"\"
    flat = x.reshape(*x.shape[:2], -1)
    m = x.size / x.shape[1]
    d = flat - np.einsum("nci->c", flat)[:, None] / m
    gain = weight / np.sqrt(np.einsum("nci,nci->c", d, d) / m + eps)
    y = np.einsum("nci,c->nci", d, gain)
    y += bias[:, None]
    return y.reshape(x.shape)
""",
"in place on a copy": """
def normalize(x, weight, bias, eps):
    like = [1] * x.ndim
    like[1] = len(weight)
    axes = tuple(set(range(x.ndim)) - {1})
    y = x.copy()
    y -= y.mean(axis=axes, keepdims=True)
    y /= np.sqrt((y ** 2).mean(axis=axes, keepdims=True) + eps)
    y *= weight.reshape(like)
    y += bias.reshape(like)
    return y
""",
"a class with a call": """
class Normalizer:
    def __init__(self, eps):
        self.eps = eps

    def __call__(self, channel, γ, β):
        σ = np.sqrt(np.var(channel) + self.eps)
        return γ * (channel - np.mean(channel)) / σ + β

def normalize(x, weight, bias, eps):
    one = Normalizer(eps)
    return np.stack([one(x[:, c], weight[c], bias[c]) for c in range(x.shape[1])], axis=1)
""",
"scale and shift as one affine map": """
def normalize(x, weight, bias, eps):
    from functools import partial
    over = (0, *range(2, x.ndim))
    mean, std = np.mean(x, over), np.sqrt(np.var(x, over) + eps)
    wide = partial(np.expand_dims, axis=tuple(range(1, x.ndim - 1)))
    scale, shift = map(wide, (weight / std, bias - mean * weight / std))
    return np.add(np.multiply(x, scale), shift)
""",
"a diagonal matrix": """
def normalize(x, weight, bias, eps):
    flat = x.reshape(*x.shape[:2], -1)
    mean, var = flat.mean((0, 2)), flat.var((0, 2))
    D = np.diag(weight / np.sqrt(var + eps))
    y = D @ (flat - mean[:, None]) + bias[:, None]
    return y.reshape(x.shape)
""",
"np.apply_along_axis on a transposed view": """
def normalize(x, weight, bias, eps):
    order = (1, 0, *range(2, x.ndim))
    flat = x.transpose(order).reshape(x.shape[1], -1)
    def z(v):
        return (v - v.mean()) / np.sqrt(v.var() + eps)
    y = weight[:, np.newaxis] * np.apply_along_axis(z, 1, flat) + bias[:, np.newaxis]
    return y.reshape(x.transpose(order).shape).transpose(order)
""",
"a decorator that brings any layout to two dimensions": """
import functools

def on_columns(function):
    @functools.wraps(function)
    def wrapped(x, *args, **kwargs):
        columns = np.moveaxis(x, 1, -1)
        y = function(columns.reshape(-1, x.shape[1]), *args, **kwargs)
        return np.moveaxis(y.reshape(columns.shape), -1, 1)
    return wrapped
# %%
@on_columns
def normalize(x, weight, bias, eps):
    return weight * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + bias
""",
"validation, prints and asserts": """
def normalize(x, weight, bias, eps):
    if x.ndim < 2:
        raise ValueError(f"expected (n, c, ...), got {x.shape}")
    assert weight.shape == bias.shape == (x.shape[1],), "one weight and one bias a channel"
    mean, var = channel_statistics(x)
    print("mean", mean, "var", var)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    y = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    y = y * weight.reshape(shape) + bias.reshape(shape)
    assert np.isfinite(y).all() and y.shape == x.shape
    return y
""",
"everything imported by star": """
from numpy import *
# %%
def normalize(x, weight, bias, eps):
    axes = tuple(i for i in range(x.ndim) if i != 1)
    s = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    d = x - mean(x, axis=axes, keepdims=True)
    return reshape(weight, s) * d / sqrt(mean(d ** 2, axis=axes, keepdims=True) + eps) \\
        + reshape(bias, s)
""",
"Fortran order, read-only": """
def normalize(x, weight, bias, eps):
    y = np.asfortranarray(x)
    mean, var = channel_statistics(x)
    with np.nditer([y, None], flags=["multi_index"], op_flags=[["readonly"], ["writeonly",
                   "allocate"]], order="F") as walk:
        for value, out in walk:
            c = walk.multi_index[1]
            out[...] = (value - mean[c]) / np.sqrt(var[c] + eps) * weight[c] + bias[c]
        y = walk.operands[1]
        y.flags.writeable = False
    return y
""",
}}  # fmt: skip
