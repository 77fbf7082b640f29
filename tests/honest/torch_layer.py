"""The torch layer repaired, in ways of their own."""

ANSWERS = {"layer": {
"a backward pass by hand": """
class BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        mean, var = x.mean(0), x.var(0, correction=0)
        s = torch.rsqrt(var + eps)
        x_hat = (x - mean) * s
        ctx.save_for_backward(x_hat, weight, s)
        return weight * x_hat + bias

    @staticmethod
    def backward(ctx, dy):
        x_hat, weight, s = ctx.saved_tensors
        g = dy * weight
        dx = s * (g - g.mean(0) - x_hat * (g * x_hat).mean(0))
        return dx, (dy * x_hat).sum(0), dy.sum(0), None

def layer(x, running_mean, running_var, weight, bias):
    with torch.no_grad():
        running_mean += 0.1 * (x.mean(0) - running_mean)
        running_var += 0.1 * (x.var(0) - running_var)
    return BatchNorm.apply(x, weight, bias, 1e-5)
""",
"var_mean and lerp_ on what is detached": """
def layer(x, running_mean, running_var, weight, bias):
    m = x.shape[0]
    var, mean = torch.var_mean(x, dim=0, correction=0)
    running_mean.lerp_(mean.detach(), 0.1)
    running_var.lerp_(var.detach() * m / (m - 1), 0.1)
    return torch.addcmul(bias, weight, (x - mean) / torch.sqrt(var + 1e-5))
""",
"einsum and copy_": """
def layer(x, running_mean, running_var, weight, bias):
    m = len(x)
    d = x - torch.einsum("mc->c", x) / m
    v = torch.einsum("mc,mc->c", d, d) / m
    @torch.no_grad()
    def remember(old, new):
        old.copy_(0.9 * old + 0.1 * new)
    remember(running_mean, torch.einsum("mc->c", x) / m)
    remember(running_var, v * m / (m - 1))
    return torch.einsum("c,mc->mc", weight * (v + 1e-5) ** -0.5, d) + bias
""",
"F.linear with a centering matrix": """
import torch.nn.functional as F

def layer(x, running_mean, running_var, weight, bias):
    m, c = x.shape
    center = torch.eye(m, dtype=x.dtype) - 1 / m
    d = F.linear(center, x.T)
    var = d.square().sum(0) / m
    with torch.no_grad():
        running_mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
        running_var.mul_(0.9).add_(d.square().sum(0) / (m - 1), alpha=0.1)
    return F.linear(d, torch.diag(weight / torch.sqrt(var + 1e-5)), bias)
""",
"a module in the place of the function": """
class Layer(torch.nn.Module):
    def __init__(self, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps

    def forward(self, x, running_mean, running_var, weight, bias):
        mean = x.mean(dim=0, keepdim=True)
        var = ((x - mean) ** 2).mean(dim=0, keepdim=True)
        self.remember(running_mean, mean[0])
        self.remember(running_var, var[0] * len(x) / (len(x) - 1))
        return (x - mean) / (var + self.eps).sqrt() * weight + bias

    @torch.no_grad()
    def remember(self, old, new):
        old += self.momentum * (new - old)

layer = Layer().train()
""",
"loops over the columns": """
def layer(x, running_mean, running_var, weight, bias):
    columns = []
    for c in range(x.size(1)):
        v = x[:, c]
        mean = sum(v) / len(v)
        var = sum((e - mean) ** 2 for e in v) / len(v)
        columns.append(weight[c] * (v - mean) / (var + 1e-5) ** 0.5 + bias[c])
        running_mean[c] = 0.9 * running_mean[c] + 0.1 * mean.item()
        running_var[c] = 0.9 * running_var[c] + 0.1 * v.detach().var().item()
    return torch.stack(columns, dim=1)
""",
"the gradient kept off the memory by inference mode": """
def layer(x, running_mean, running_var, weight, bias):
    with torch.inference_mode():
        torch.lerp(running_mean, x.mean(0), 0.1, out=running_mean)
        torch.lerp(running_var, x.var(0), 0.1, out=running_var)
    std, mean = torch.std_mean(x, 0, correction=0)
    return (x - mean) * (weight / torch.hypot(std, torch.full_like(std, 1e-5 ** 0.5))) + bias
""",
"vmap over the channels": """
def layer(x, running_mean, running_var, weight, bias):
    def channel(v, w, b):
        d = v - v.mean()
        return w * d * torch.rsqrt(d.dot(d) / v.numel() + 1e-5) + b
    y = torch.vmap(channel, in_dims=(1, 0, 0), out_dims=1)(x, weight, bias)
    fresh = x.detach()
    running_mean[:] = running_mean * 0.9 + fresh.mean(0) * 0.1
    running_var[:] = running_var * 0.9 + fresh.var(0, unbiased=True) * 0.1
    return y
""",
"recomputed in the backward pass": """
from torch.utils.checkpoint import checkpoint

def standardize(x):
    return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
# %%
def layer(x, running_mean, running_var, weight, bias):
    with torch.no_grad():
        for old, new in [(running_mean, x.mean(0)), (running_var, x.var(0))]:
            old -= 0.1 * (old - new)
    return weight * checkpoint(standardize, x, use_reentrant=False) + bias
""",
}}  # fmt: skip
