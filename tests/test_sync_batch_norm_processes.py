"""Synchronized batch norm between two real processes, over gloo: equal to one big batch."""

# ruff: noqa: E501 (one error a line: a table)

import functools
import importlib
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from mutants import assert_rejected, plant, planted
from outcomes import assert_near
from torch import distributed, multiprocessing, nn

LAYER = "torch_layers.sync_batch_norm"
SPLITS = {"even": (4, 4), "uneven": (2, 6), "one empty": (0, 8), "one example": (1, 7)}
MEANS = {"float64": 0.0, "float32": 0.0, "float32 at mean 1e6": 1e6}
SHAPES = {"images": (3, 2, 2), "vectors": (3,)}
# A few dozen roundings of float64; the goal of PERFORMANCE.md for float32.
TOLERANCE = {"float64": 1e-12, "float32": 1e-6, "float32 at mean 1e6": 1e-6}
STEPS, SECONDS = 2, 60  # seconds until a process that waits for the other is given up

# (name, right, wrong, the claim that must see it): each is planted in both processes at once.
ERRORS = [
    ("mean of the means", "weight / count * means", "means / len(means)", "y"),
    ("spread between the shards left out", " + weight * (means - mean).square()", "", "y"),
    ("statistics not exchanged", "all_gather(received, packed, group=group)", "get_rank(); [value.copy_(packed) for value in received]", "y"),
    ("only the mean exchanged", "torch.rsqrt(M2 / count + eps)", "torch.rsqrt(own[2] / own[0].clamp(min=1) + eps)", "y"),
    ("unbiased variance normalizes", "torch.rsqrt(M2 / count + eps)", "torch.rsqrt(M2 / (count - 1) + eps)", "y"),
    ("eps outside the root", "torch.rsqrt(M2 / count + eps)", "1 / ((M2 / count).sqrt() + eps)", "y"),
    ("eps missing", "torch.rsqrt(M2 / count + eps)", "torch.rsqrt(M2 / count)", "y"),
    ("centred on the own mean", "(centered + offset) * inv_std", "centered * inv_std", "y"),
    ("weight ignored", "(y, weight, bias)", "(y, None, bias)", "y"),
    ("bias ignored", "(y, weight, bias)", "(y, weight, None)", "y"),
    ("mean exchanged in float32", "exact_mean = shift.double() + mean", "exact_mean = (shift + mean).double()", "far y"),
    ("gradient sums not exchanged", "distributed.all_reduce(sums, group=ctx.group)", "pass", "dx"),
    ("gradient sums over the own count", "for value in sums / count)", "for value in sums / max(1, g.numel() // g.shape[1]))", "dx"),
    ("gradient without the mean term", "g - along_ones - x_hat", "g - x_hat", "dx"),
    ("gradient without the x_hat term", " - x_hat * along_x_hat", "", "dx"),
    ("biased running variance", "unbiased_var = M2 / (count - 1)", "unbiased_var = M2 / count", "running_var"),
    ("own unbiased factor", "unbiased_var = M2 / (count - 1)", "unbiased_var = M2 / count * own[0] / (own[0] - 1)", "running_var"),
    ("running mean forgotten", "_update_running(running_mean, mean, momentum)", "pass", "running_mean"),
    ("second derivative silently wrong", "    @once_differentiable\n", "", "twice"),
    ("one value accepted", "if count < 2", "if False", "one value"),
    ("synchronized in evaluation", "if not (self.training and _has_company(self.process_group))", "if not _has_company(self.process_group)", "evaluation"),
]  # fmt: skip
SEEN_BY = [("uneven", "float64", "images"), ("uneven", "float32 at mean 1e6", "images")]
CASES = [(split, kind, shape) for split in SPLITS for kind in MEANS for shape in SHAPES]


def whole_batches(case):
    """Draw the batches of all processes together, upstream gradients and parameters."""
    split, kind, shape = case
    rng = np.random.default_rng(len(split))
    size = (STEPS, sum(SPLITS[split]), *SHAPES[shape])
    x = (
        MEANS[kind]
        + rng.normal(size=(1, size[1], 1, *(1,) * (len(size) - 3)))
        + rng.normal(size=size)
    )
    drawn, dtype = (x, rng.normal(size=size), *rng.normal(size=(2, 3))), kind.partition(" ")[0]
    return [torch.from_numpy(value).to(getattr(torch, dtype)) for value in drawn]


def steps(layer, x, dy, weight, bias):
    """Train the layer for some steps; return outputs, gradients and the state it ends in."""
    layer.to(x.dtype)
    layer.weight.data.copy_(weight), layer.bias.data.copy_(bias)
    found = {"y": [], "dx": []}
    for batch, upstream in zip(x, dy, strict=True):
        leaf = batch.clone().requires_grad_()
        y = layer(leaf)
        y.backward(upstream)
        found["y"].append(y.detach()), found["dx"].append(leaf.grad)
    found = {name: torch.stack(value) for name, value in found.items()}
    for name, parameter in layer.named_parameters():  # one that is not used has no gradient
        found[f"d{name}"] = torch.zeros(3) if parameter.grad is None else parameter.grad
    return found | layer.state_dict()


def of_one_process(rank, cases):
    """Run everything that a process measures."""
    layer = importlib.import_module(f"course_lib.{LAYER}")
    found = {}
    for case in cases:
        split, (x, dy, weight, bias) = SPLITS[case[0]], whole_batches(case)
        own = [value.split(split, 1)[rank] for value in (x, dy)]
        found[case] = steps(layer.SyncBatchNorm(3, eps=0.1), *own, weight, bias)
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(rank))
    module = layer.SyncBatchNorm(3).eval()
    found["evaluation"] = module(x[0]).detach(), x[0]
    groups = [distributed.new_group([member]) for member in (0, 1)]
    alone = layer.SyncBatchNorm(3, process_group=groups[rank])
    found["own group"] = alone(x[0]).detach(), x[0]
    found["twice"] = said(second_derivative, layer, x)
    found["one value"] = said(layer.SyncBatchNorm(3), x[0][: 1 - rank])
    return found


def second_derivative(layer, x):
    leaf = x[0].clone().requires_grad_()
    (dx,) = torch.autograd.grad(layer.SyncBatchNorm(3)(leaf), leaf, x[1], create_graph=True)
    dx.square().sum().backward()


def said(function, *args):
    """Return the words of the error, or nothing."""
    try:
        function(*args)
    except (RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def process(rank, folder):
    """Be one of two processes: measure the layer as it is, then with each error planted."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", f"file://{folder}/meeting", timedelta(seconds=SECONDS), world_size=2, rank=rank
    )
    found = {"as it is": of_one_process(rank, CASES)}
    for name, right, wrong, _ in ERRORS:
        with pytest.MonkeyPatch.context() as monkeypatch:
            plant(monkeypatch, LAYER, right, wrong)
            found[name] = of_one_process(rank, SEEN_BY)
    torch.save(found, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@functools.cache
def measured():
    """Start both processes once and return what each found."""
    with tempfile.TemporaryDirectory() as folder:
        running = multiprocessing.spawn(process, (folder,), nprocs=2, join=False)
        deadline = time.monotonic() + SECONDS
        while not running.join(timeout=1):
            if time.monotonic() > deadline:
                for child in running.processes:
                    child.kill()
                raise TimeoutError(f"expected both processes to end within {SECONDS} s")
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


def joined(variant, case):
    """Put the two processes' shards together, and sum their parameter gradients."""
    first, second = (found[variant][case] for found in measured())
    both = {name: torch.cat([first[name], second[name]], 1) for name in ("y", "dx")}
    return first | both | {name: first[name] + second[name] for name in ("dweight", "dbias")}


def one_big_batch(case):
    """Train torch's batch norm on the whole batches, in float64."""
    layer = nn.BatchNorm2d if case[2] == "images" else nn.BatchNorm1d
    return steps(layer(3, eps=0.1), *(value.double() for value in whole_batches(case)))


def assert_one_big_batch(variant, case, name):
    assert_near(joined(variant, case)[name], one_big_batch(case)[name], TOLERANCE[case[1]])


def assert_evaluation_is_not_synchronized(variant):
    for found in measured():
        y, x = found[variant]["evaluation"]
        torch.testing.assert_close(y, x / (1 + 1e-5) ** 0.5)


def assert_second_derivative_is_refused(variant):
    for found in measured():
        assert found[variant]["twice"].startswith("RuntimeError: trying to differentiate twice")


def assert_one_value_is_refused_in_every_process(variant):
    for found in measured():
        assert found[variant]["one value"].startswith("ValueError: expected more than one value")


@pytest.mark.parametrize("name", ["y", "dx", "dweight", "dbias", "running_mean", "running_var"])
@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_two_processes_are_one_big_batch(case, name):
    assert_one_big_batch("as it is", case, name)


@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_both_processes_remember_the_same(case):
    first, second = (found["as it is"][case] for found in measured())
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)


def test_evaluation_is_not_synchronized():
    assert_evaluation_is_not_synchronized("as it is")


def test_group_of_one_process_is_batch_norm():
    for found in measured():
        y, x = found["as it is"]["own group"]
        torch.testing.assert_close(y, nn.BatchNorm1d(3)(x).detach())


def test_second_derivative_is_refused():
    assert_second_derivative_is_refused("as it is")


def test_one_value_in_all_processes_is_refused_in_each():
    assert_one_value_is_refused_in_every_process("as it is")


CLAIMS = {
    "evaluation": assert_evaluation_is_not_synchronized,
    "twice": assert_second_derivative_is_refused,
    "one value": assert_one_value_is_refused_in_every_process,
    "far y": functools.partial(assert_one_big_batch, case=SEEN_BY[1], name="y"),
}


def claim_of(seen_by):
    """Return the claim about the value of this name; it takes the variant."""
    of_case = functools.partial(assert_one_big_batch, case=SEEN_BY[0], name=seen_by)
    return CLAIMS.get(seen_by, of_case)


@planted(
    (name, LAYER, right, wrong, functools.partial(claim_of(seen_by), name))
    for name, right, wrong, seen_by in ERRORS
)
def test_planted_error_is_seen(where, right, wrong, claim):
    assert_rejected(claim)
