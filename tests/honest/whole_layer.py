"""The whole layer in NumPy, in ways of their own."""

ANSWERS = {"batch_norm": {
"from scratch, without the other tasks": """
EPS, MOMENTUM = 1e-5, 0.1

def batch_norm(x, running_mean, running_var, weight, bias, training):
    axes = (0,) + tuple(range(2, x.ndim))
    shape = [1, x.shape[1]] + [1] * (x.ndim - 2)
    if training:
        m = x.size // x.shape[1]
        if m < 2:
            raise ValueError("a variance needs at least two values")
        mean, var = x.mean(axes), x.var(axes)
        running_mean *= 1 - MOMENTUM
        running_mean += MOMENTUM * mean
        running_var *= 1 - MOMENTUM
        running_var += MOMENTUM * m / (m - 1) * var
    else:
        mean, var = running_mean, running_var
    x_hat = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + EPS)
    return weight.reshape(shape) * x_hat + bias.reshape(shape)
""",
"a class with an error of its own": """
class TooFewValues(ValueError):
    def __init__(self, got, wanted):
        super().__init__(f"expected at least {wanted} values a channel, got {got}")

class BatchNorm:
    momentum = 0.1
    eps = 1e-5

    def __init__(self, running_mean, running_var, weight, bias):
        self.memory = running_mean, running_var
        self.affine = weight, bias

    def train(self, x):
        m = x[:, 0].size
        if m < 2:
            raise TooFewValues(m, 2)
        update_running(*self.memory, x, self.momentum)
        return normalize(x, *self.affine, self.eps)

    def eval(self, x):
        return evaluate(x, *self.memory, *self.affine, self.eps)

def batch_norm(x, running_mean, running_var, weight, bias, training):
    module = BatchNorm(running_mean, running_var, weight, bias)
    return module.train(x) if training else module.eval(x)
""",
"one expression for each mode, chosen from a table": """
def _train(x, m, v, w, b):
    return update_running(m, v, x, 0.1) or normalize(x, w, b, 1e-5)

def _serve(x, m, v, w, b):
    return evaluate(x, m, v, w, b, 1e-5)

def batch_norm(x, running_mean, running_var, weight, bias, training):
    if training and np.prod(x.shape) == x.shape[1]:
        raise ValueError("no variance of one value")
    return {True: _train, False: _serve}[bool(training)](x, running_mean, running_var, weight, bias)
""",
"the error of a helper": """
def values_per_channel(x):
    n, _, *positions = x.shape
    return n * math.prod(positions)

def require_some(x):
    try:
        1 / (values_per_channel(x) - 1)
    except ZeroDivisionError as error:
        raise ValueError("one value a channel") from error

def batch_norm(x, running_mean, running_var, weight, bias, training):
    if training:
        require_some(x)
        out = normalize(x, weight, bias, eps=1e-5)
        update_running(running_mean, running_var, x, momentum=0.1)
    else:
        out = evaluate(x, running_mean, running_var, weight, bias, eps=1e-5)
    return out
""",
"keyword-only helpers and a match": """
def batch_norm(x, running_mean, running_var, weight, bias, training):
    def apply(*, mu, var):
        like = np.s_[None, :, *[None] * (x.ndim - 2)]
        return (x - mu[like]) * (weight * (var + 1e-5) ** -0.5)[like] + bias[like]
    match bool(training), x.size // x.shape[1]:
        case False, _:
            return apply(mu=running_mean, var=running_var)
        case True, 1:
            raise ValueError("cannot train on one value a channel")
    mu, var = channel_statistics(x)
    update_running(running_mean, running_var, x, 0.1)
    return apply(mu=mu, var=var)
""",
}}  # fmt: skip
