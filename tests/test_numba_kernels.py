"""The compiled loops where the layers' own tests do not look: many rows, long ones, threads."""

import multiprocessing
import sys
import warnings
from importlib import import_module

import pytest
import test_torch_fast as fast
import torch
from torch.nn import functional as F

from course_lib import torch_layers
from course_lib.numba_kernels import batch_norm, group_norm, layer_norm, rms_norm

small_tensors_are_fused, plain = fast.small_tensors_are_fused, fast.plain
fusing = import_module("course_lib.torch_layers.fused")


def draw(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def gradients(norm, x, *parameters):
    """Return what the norm gives, and all gradients."""
    leaves = [value.detach().requires_grad_() for value in (x, *parameters)]
    y = norm(*leaves)
    return [y.detach(), *torch.autograd.grad(y, leaves, fast.upstream(y))]


def test_sums_over_many_rows_are_torchs():
    x, weight, bias = draw(500, 7), draw(7, seed=1), draw(7, seed=2)

    def norms(f):
        return [
            gradients(lambda x, w, b: f.layer_norm(x, (7,), w, b, 0.1), x, weight, bias),
            gradients(lambda x, w: f.rms_norm(x, (7,), w, 0.1), x, weight),
        ]

    torch.testing.assert_close(norms(torch_layers), norms(F), **fast.FLOAT64)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_sums_over_many_positions_are_torchs(layout):
    x, weight, bias = draw(2, 16, 40, 60), draw(16, seed=1), draw(16, seed=2)
    x = 3 + x.contiguous(memory_format=layout)

    def norms(f, x):
        return [
            gradients(lambda x, w, b: f.group_norm(x, 4, w, b, 0.1), x, weight, bias),
            gradients(
                lambda x, w, b: f.batch_norm(x, None, None, w, b, True, 0.1, 0.1), x, weight, bias
            ),
        ]

    torch.testing.assert_close(
        norms(torch_layers, x), norms(F, x.contiguous()), check_stride=False, **fast.FLOAT64
    )


@pytest.mark.parametrize("norm", ["group_norm, channels last", "batch_norm, channels last"])
def test_channels_stay_last(norm):
    x, *parameters = fast.draw(norm)
    y = fast.call(norm, [x, *parameters])
    (dx,) = torch.autograd.grad(y, x, fast.upstream(y))
    assert y.stride() == dx.stride() == x.stride()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(40,), (5, 8)], ids=str)
def test_fused_addition_is_the_plain_one(plain, dtype, shape):
    x, residual = draw(9, 5, 8, dtype=dtype), draw(9, 5, 8, dtype=dtype, seed=1)
    weight = draw(*shape, dtype=dtype, seed=2) if shape == (5, 8) else None

    def outcome():
        leaves = [v.detach().requires_grad_() for v in (x, residual, weight) if v is not None]
        y, added = torch_layers.add_rms_norm(*leaves, *([None] if weight is None else []), 0.1)
        upstreams = fast.upstream(y), fast.upstream(added).flip(0)
        return [y, added, *torch.autograd.grad((y, added), leaves, upstreams)]

    assert fast.is_fused(torch_layers.add_rms_norm(x.clone().requires_grad_(), residual)[0])
    torch.testing.assert_close(outcome(), plain(outcome))


def test_each_thread_takes_rows_of_its_own():
    x = draw(7, 40)
    y, saved = layer_norm.layer_norm(x, (40,))
    torch.testing.assert_close(y, F.layer_norm(x, (40,)), **fast.FLOAT64)
    assert torch.isfinite(saved.inv_std).all()


def test_a_forked_process_has_threads_of_its_own():
    x = draw(30, 40)
    layer_norm.layer_norm(x, (40,))  # threads now wait in this process, and in no fork of it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where threads are
        child = multiprocessing.get_context("fork").Process(
            target=layer_norm.layer_norm, args=(x, (40,))
        )
        child.start()
    child.join(60)
    assert child.exitcode == 0


def test_without_numba_the_plain_operations_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "course_lib.numba_kernels.layer_norm", None)
    fusing._imported.cache_clear()
    leaves = fast.draw("layer_norm")
    assert not fast.is_fused(fast.call("layer_norm", leaves))
    monkeypatch.undo()
    fusing._imported.cache_clear()
    monkeypatch.setattr(fusing, "SMALLEST", 1)
    assert fast.is_fused(fast.call("layer_norm", leaves))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: layer_norm.layer_norm(draw(2, 3).to("meta"), (3,)), RuntimeError, "one on meta"),
        (lambda: rms_norm.rms_norm(draw(2, 3).to("meta"), (3,)), RuntimeError, "one on meta"),
        (lambda: layer_norm.layer_norm(draw(2, 3), (4,)), ValueError, "expected"),
        (lambda: group_norm.group_norm(draw(2, 3), 2), ValueError, "expected"),
        (lambda: layer_norm.layer_norm(draw(2, 3), (3,), draw(4)), ValueError, "expected"),
        (lambda: batch_norm.batch_norm(draw(2, 3), draw(4), None), ValueError, "expected"),
        (lambda: layer_norm.layer_norm(draw(2, 3), (3,), eps=-1.0), ValueError, "eps"),
        (lambda: layer_norm.layer_norm(draw(0, 3), (3,)), ValueError, "at least one value"),
        (lambda: group_norm.group_norm(draw(0, 4, 5), 2), ValueError, "at least one value"),
    ],
)  # fmt: skip
def test_what_a_loop_cannot_read_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
