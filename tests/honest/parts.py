"""A gradient split into erased directions and the rest, in ways of their own."""

ANSWERS = {"split": {
"column by column": """
def split(g, x_hat):
    ones, hats = np.zeros(g.shape), np.zeros(g.shape)
    for c in range(g.shape[1]):
        u, h = g[:, c], x_hat[:, c]
        ones[:, c] = u.mean()
        if h.any():
            hats[:, c] = (u @ h) / (h @ h) * h
    return ones, hats, g - ones - hats
""",
"broadcast, with safe division": """
def split(g, x_hat):
    mean = np.broadcast_to(g.mean(0), g.shape)
    squares = np.einsum("mc,mc->c", x_hat, x_hat)
    dots = np.einsum("mc,mc->c", g, x_hat)
    share = np.divide(dots, squares, out=np.zeros_like(dots), where=squares != 0)
    along = x_hat * share
    return mean, along, g - (mean + along)
""",
"projection matrices by the pseudoinverse": """
def projected(v, u):
    return np.outer(u, np.linalg.pinv(u[:, None])) @ v

def split(g, x_hat):
    one = np.ones(len(g))
    a = np.column_stack([projected(v, one) for v in g.T])
    b = np.column_stack([projected(v, h) for v, h in zip(g.T, x_hat.T)])
    return a, b, g - a - b
""",
"a warning silenced and NaN replaced": """
def split(g, x_hat):
    with np.errstate(invalid="ignore"):
        share = np.nan_to_num((g * x_hat).sum(0) / (x_hat ** 2).sum(0))
    a = np.tile(g.mean(axis=0), (g.shape[0], 1))
    b = share[None] * x_hat
    return tuple([a, b, g - a - b])
""",
"the warning left to the reader": """
old = np.seterr(divide="warn", invalid="warn")
# %%
def split(g, x_hat):
    unit = x_hat / np.linalg.norm(x_hat, axis=0)
    unit[np.isnan(unit)] = 0
    b = unit * (unit * g).sum(0)
    a = np.repeat(g.mean(0, keepdims=True), len(g), axis=0)
    return a, b, g - a - b
""",
"rows of a transposed array, in a NamedTuple": """
import typing

class Parts(typing.NamedTuple):
    along_ones: np.ndarray
    along_x_hat: np.ndarray
    rest: np.ndarray

def split(g, x_hat):
    a, b, r = np.empty((3, *g.T.shape))
    for row, (u, h) in enumerate(zip(g.T, x_hat.T)):
        a[row] = sum(u) / len(u)
        b[row] = h * (np.dot(u, h) / (np.dot(h, h) or 1.0))
        r[row] = u - a[row] - b[row]
    return Parts(a.T, b.T, rest=r.T)
""",
"least squares": """
def split(g, x_hat):
    along = np.hstack([h[:, None] @ np.linalg.lstsq(h[:, None], u[:, None], rcond=None)[0]
                       for u, h in zip(g.T, x_hat.T)])
    means = np.ones_like(g) * np.add.reduce(g, axis=0, keepdims=True) / len(g)
    return means, along, g - means - along
""",
}}  # fmt: skip
