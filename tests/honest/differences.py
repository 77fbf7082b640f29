"""Numeric gradients and the best step, in ways of their own."""

ANSWERS = {"numeric_gradient": {
"one copy moved to and fro": """
def numeric_gradient(f, x, dy, step):
    point = x.astype(float)
    dx = np.zeros(x.shape)
    for i in range(point.size):
        old = point.flat[i]
        point.flat[i] = old + step
        up = np.sum(dy * f(point))
        point.flat[i] = old - step
        down = np.sum(dy * f(point))
        point.flat[i] = old
        dx.flat[i] = (up - down) / (2 * step)
    return dx
""",
"directions from the identity": """
def numeric_gradient(f, x, dy, step):
    loss = lambda z: float(np.vdot(dy, f(z)))
    basis = np.eye(x.size).reshape(-1, *x.shape)
    return np.array([(loss(x + step * e) - loss(x - step * e)) / (2 * step) for e in basis]
                    ).reshape(x.shape)
""",
"np.nditer over Fortran order": """
def numeric_gradient(f, x, dy, step):
    out = np.empty(x.shape, order="F")
    walk = np.nditer(out, flags=["multi_index"], op_flags=["writeonly"], order="F")
    while not walk.finished:
        shift = np.zeros(x.shape)
        shift[walk.multi_index] = step
        walk[0] = np.tensordot(dy, f(x + shift) - f(x - shift), axes=dy.ndim) / (step + step)
        walk.iternext()
    return out
""",
"recursion over the positions": """
def numeric_gradient(f, x, dy, step):
    x = np.array(x, dtype=np.float64)
    def derivative(index):
        def at(sign):
            moved = x.copy()
            moved[index] += sign * step
            return (dy * f(moved)).sum()
        return (at(+1) - at(-1)) / 2 / step
    def walk(prefix):
        if len(prefix) == x.ndim:
            return derivative(prefix)
        return [walk((*prefix, i)) for i in range(x.shape[len(prefix)])]
    return np.asarray(walk(()))
""",
"the Jacobian first, a keyword for the function": """
from functools import partial

def moved(x, index, by):
    copy = np.asarray(x, dtype=np.float64).copy()
    copy.ravel()[index] += by
    return copy
# %%
def numeric_gradient(f, x, dy, step):
    shifted = partial(moved, x)
    J = np.stack([(f(x=shifted(i, step)) - f(x=shifted(i, -step))).ravel() for i in range(x.size)])
    return ((J / (2 * step)) @ dy.ravel()).reshape(x.shape)
""",
"float32 throughout": """
def numeric_gradient(f, x, dy, step):
    x, dx = x.astype(np.float32), np.zeros(x.shape, np.float32)
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            ends.append(f(moved).astype(np.float32))
        dx[index] = (dy * (ends[0] - ends[1])).sum() / np.float32(2 * step)
    return dx
""",
"a generator under tqdm's stand-in": """
def tqdm(iterable, desc=""):
    for k, item in enumerate(iterable):
        print(f"\\r{desc} {k}", end="", flush=True)
        yield item

def numeric_gradient(f, x, dy, step):
    dx = {}
    for index in tqdm(list(np.ndindex(*x.shape)), desc="differences"):
        delta = np.where([i == index for i in np.ndindex(*x.shape)], step, 0.0).reshape(x.shape)
        dx[index] = ((f(x + delta) - f(x - delta)) * dy).sum() / (2 * step)
    return np.array([dx[i] for i in sorted(dx)]).reshape(x.shape)
""",
}, "best_step": {
"np.cbrt": """
def best_step(value, third, precision):
    return np.cbrt(3 * precision * np.abs(value / third))
""",
"golden section on the logarithm": """
def best_step(value, third, precision):
    def slope(h):
        return -precision * abs(value) / h ** 2 + abs(third) * h / 3
    low, high = 1e-12, 1e3
    for _ in range(200):
        middle = (low * high) ** 0.5
        if slope(middle) < 0:
            low = middle
        else:
            high = middle
    return low
""",
"Newton's method": """
def best_step(value, third, precision):
    a, b = precision * abs(value), abs(third) / 3
    h = 1.0
    while abs(b * h ** 3 - a) > 1e-12 * a:
        h -= (b * h ** 3 - a) / (3 * b * h ** 2)
    return h
""",
"logarithms, a 0-d array": """
def best_step(value, third, precision):
    logs = np.log(np.abs([3.0, precision, value, third]))
    return np.asarray(np.exp(logs @ [1, 1, 1, -1] / 3))
""",
"roots of a polynomial": """
def best_step(value: float, third: float, precision: float) -> float:
    roots = np.roots([abs(third) / 3, 0, 0, -precision * abs(value)])
    (real,) = [r.real for r in roots if abs(r.imag) < 1e-6 * abs(r)]
    return real
""",
"math.pow, a Python float": """
import math
best_step = lambda value, third, precision: math.pow(
    3.0 * math.fabs(value) * precision / math.fabs(third), 1.0 / 3.0)
""",
}}  # fmt: skip
