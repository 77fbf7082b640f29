"""Bad input, for every norm of both packages: refused before anything changes, and told how."""

import inspect

import conformance
import numpy as np
import pytest
import torch

from course_lib import numpy_layers, torch_layers

RNG = np.random.default_rng(0)
THREE_PARTS = r"(?s)expected .+, got .+; \w"


def draw(*shape):
    return RNG.normal(1, 2, shape)


# The positional arguments of each function and the names of its learned or remembered arrays.
X, TOKENS, FILTERS = draw(4, 6, 5, 3), draw(4, 5, 6), draw(4, 3, 2, 2)
CHANNELS = {"weight": draw(6), "bias": draw(6)}
MEMORY = {"running_mean": draw(6), "running_var": draw(6) ** 2 + 1}
FEATURES = {"weight": draw(6), "bias": draw(6)}
ONE = np.asarray(0.5)
CALLS = {
    "adaptive_gradient_clipping": ([FILTERS], {"weight": draw(4, 3, 2, 2)}),
    "adaptive_instance_norm": ([X], {"style": draw(4, 6, 2, 2)}),
    "batch_norm": ([X], {**MEMORY, **CHANNELS, "training": True}),
    "batch_renorm": (
        [X],
        {"running_mean": draw(6), "running_std": np.ones(6), **CHANNELS, "training": True},
    ),
    "conditional_instance_norm": (
        [X, np.array([0, 1, 1, 0])], {"weight": draw(2, 6), "bias": draw(2, 6)},
    ),
    "deep_norm": ([TOKENS, draw(4, 5, 6), (6,), 1.5], FEATURES),
    "dynamic_erf": ([TOKENS, ONE, ONE], FEATURES),
    "dynamic_tanh": ([TOKENS, ONE], FEATURES),
    "filter_response_norm": ([X], {**CHANNELS, "tau": draw(6), "learned_eps": draw(6)}),
    "ghost_batch_norm": ([X, 2], {**MEMORY, **CHANNELS, "training": True}),
    "group_norm": ([X, 3], CHANNELS),
    "instance_norm": ([X], {**MEMORY, **CHANNELS}),
    "layer_norm": ([TOKENS, (6,)], FEATURES),
    "layer_scale": ([TOKENS], {"weight": draw(6)}),
    "local_response_norm": ([X, 3], {}),
    "normalize": ([X], {}),
    "partial_rms_norm": ([TOKENS, (6,), 0.5], {"weight": draw(6)}),
    "query_key_norm": ([TOKENS], {"k": draw(4, 2, 6), "g": ONE}),
    "re_zero": ([TOKENS], {"g": draw(4, 5, 6), "weight": ONE}),
    "rms_norm": ([TOKENS, (6,)], {"weight": draw(6)}),
    "scale_norm": ([TOKENS], {"g": ONE}),
    "scaled_weight_standardization": ([FILTERS], {"gain": draw(4)}),
    "spectral_norm": ([FILTERS], {"u": draw(4), "v": draw(12)}),
    "switchable_norm": (
        [X],
        {**MEMORY, "mean_weight": draw(3), "var_weight": draw(3), **CHANNELS, "training": True},
    ),
    "sync_batch_norm": ([X], {**MEMORY, **CHANNELS}),
    "unit_norm": ([draw(4, 6)], {}),
    "weight_norm": ([FILTERS], {"g": draw(4, 1, 1, 1)}),
    "weight_standardization": ([FILTERS], {}),
}  # fmt: skip
IN_PLACE = {"running_mean", "running_var", "running_std", "u", "v"}  # that is what they are for
OF_MODULES = {"spectral_norm", "weight_norm"}  # in torch_layers these take a module
BOTH = [(package, name) for package in (numpy_layers, torch_layers) for name in CALLS
        if package is numpy_layers or name not in OF_MODULES]  # fmt: skip
# torch's own let any eps and any momentum pass, batch norm's negative eps aside.
DROP_INS = {"batch_norm", "group_norm", "instance_norm", "layer_norm", "normalize", "rms_norm",
            "partial_rms_norm", "sync_batch_norm"}  # fmt: skip


def in_all(rows):
    return pytest.mark.parametrize(
        ("package", "name"),
        rows,
        ids=[f"{package.__name__[11:16]}-{name}" for package, name in rows],
    )


def with_option(option):
    signatures = {row: inspect.signature(getattr(*row)).parameters for row in BOTH}
    return in_all([row for row in BOTH if option in signatures[row]])


everywhere = in_all(BOTH)


def arguments(name, copy=np.copy):
    """Return fresh arguments: the positional ones, and those by name."""
    args, options = CALLS[name]

    def fresh(value):
        return copy(value) if isinstance(value, np.ndarray) and value.ndim else value

    return [fresh(value) for value in args], {k: fresh(v) for k, v in options.items()}


def call(package, name, args, options):
    """Call the function of either package with these arrays; one shard, where it takes them."""
    function = getattr(package, name)
    if package is torch_layers:

        def tensor(value):
            return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

        args, options = [*map(tensor, args)], {k: tensor(v) for k, v in options.items()}
    elif name == "sync_batch_norm":
        args = [[args[0]]]
    return function(*args, **options)


def test_every_function_has_a_row():
    takes_arrays = {"moments", "standardize", "merge_moments", "convolution_norm"}  # no norms
    takes_arrays |= {"add_rms_norm"}  # it has two results: see test_rms_norm
    public = {
        name
        for name, function in conformance.functions(numpy_layers).items()
        if name in numpy_layers.__all__ and not name.endswith("_backward")
        and "x_hat" not in name and "ndarray" in str(inspect.signature(function)).split("->")[0]
    }  # fmt: skip
    assert public - takes_arrays == {*CALLS}


@everywhere
def test_arguments_never_change(package, name):
    for how in (np.copy, np.asfortranarray, strided):
        args, options = arguments(name, how)
        before = arguments(name)
        call(package, name, args, options)
        for old, new in zip(before[0], args, strict=True):
            np.testing.assert_array_equal(old, new)
        for key in options.keys() - IN_PLACE:
            np.testing.assert_array_equal(before[1][key], options[key])


def strided(value):
    """Return the array as every second value of another."""
    return np.repeat(value, 2, -1)[..., ::2]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_read_only_arrays_are_taken_forward_and_back(name, dtype):
    def sealed(value):
        value = value.astype(dtype) if value.dtype.kind == "f" else value.copy()
        value.flags.writeable = False
        return value

    args, options = arguments(name, sealed)
    options |= {key: options[key].copy() for key in IN_PLACE & options.keys()}
    result = call(numpy_layers, name, args, options)
    if backward := getattr(numpy_layers, f"{name}_backward", None):
        y, cache = result
        dy = [sealed(part) for part in y] if isinstance(y, list) else sealed(y)
        assert backward(dy, cache)[0] is not None


@everywhere
@pytest.mark.parametrize("dtype", [np.int64, bool, np.complex64])
def test_other_dtypes_are_refused_in_every_place(package, name, dtype):
    args, options = arguments(name)
    with pytest.raises(TypeError, match=r"expected .+dtype .+; \w"):
        call(package, name, [args[0].astype(dtype), *args[1:]], options)
    for key in [k for k, value in options.items() if isinstance(value, np.ndarray)]:
        args, options = arguments(name)
        before = {k: np.copy(v) for k, v in options.items()}
        with pytest.raises(TypeError, match=r"expected .+dtype .+; \w"):
            call(package, name, args, options | {key: options[key].astype(dtype)})
        assert all(np.array_equal(before[k], options[k]) for k in before)  # the memory too


def as_array(name, key):
    """Tell whether NumPy's function takes this argument as a list too, as it does with x."""
    return key in {"style", "k", "g"} or name == "adaptive_gradient_clipping"


@everywhere
@pytest.mark.parametrize("wrong", [None, [[0.0, 1.0]], "x"], ids=["None", "list", "str"])
def test_what_is_no_array_is_refused(package, name, wrong):
    args, options = arguments(name)
    if package is torch_layers:  # NumPy's functions take lists, as NumPy does
        with pytest.raises(TypeError, match=THREE_PARTS):
            call(package, name, [wrong, *args[1:]], options)
    elif not isinstance(wrong, list):
        with pytest.raises((TypeError, ValueError), match=THREE_PARTS):
            call(package, name, [wrong, *args[1:]], options)
    for key in [k for k, value in options.items() if np.ndim(value) and wrong is not None]:
        error = ValueError if isinstance(wrong, list) and as_array(name, key) else TypeError
        error = TypeError if package is torch_layers else error
        with pytest.raises(error, match=rf"(?s)expected .*\b{key}\b.*, got .+; \w"):
            call(package, name, args, options | {key: wrong})


@with_option("eps")
@pytest.mark.parametrize("eps", [-1e-5, np.inf, np.nan])
def test_eps_out_of_range_is_refused_but_where_torch_takes_it(package, name, eps):
    args, options = arguments(name)
    if package is torch_layers and name in DROP_INS and not (eps < 0 and "batch" in name):
        assert call(package, name, args, options | {"eps": eps}).shape == args[0].shape
    else:
        with pytest.raises(ValueError, match=r"expected .*eps.*, got .+; \w"):
            call(package, name, args, options | {"eps": eps})


@with_option("momentum")
@pytest.mark.parametrize("momentum", [-0.1, 1.5, np.nan, np.inf])
def test_momentum_out_of_range_is_refused_but_where_torch_takes_it(package, name, momentum):
    args, options = arguments(name)
    if package is torch_layers and name in DROP_INS:
        call(package, name, args, options | {"momentum": momentum})
    else:
        with pytest.raises(ValueError, match=r"expected momentum from 0 to 1, got .+; \w"):
            call(package, name, args, options | {"momentum": momentum})
        assert np.array_equal(options["running_mean"], CALLS[name][1]["running_mean"])


REFUSES_EMPTY = {"switchable_norm", "sync_batch_norm"}  # layer norm's part; no shard has a value


@everywhere
def test_empty_batch_gives_an_empty_batch(package, name):
    args, options = arguments(name)
    empty = [value[:0] if isinstance(value, np.ndarray) and value.ndim else value for value in args]
    options |= {k: v[:0] for k, v in options.items() if np.ndim(v) == args[0].ndim}
    options |= {k: v[:0] for k, v in options.items() if k == "gain"}
    if name == "spectral_norm":
        pytest.skip("its vectors have a value for each row")
    if name in REFUSES_EMPTY and not (package is torch_layers and name == "sync_batch_norm"):
        with pytest.raises(ValueError, match=r"expected at least one value .+; drop empty batches"):
            call(package, name, empty, options)
        return
    result = call(package, name, empty, options)
    y = result[0] if isinstance(result, tuple) else result
    assert 0 in y.shape
    for key in IN_PLACE & options.keys():
        np.testing.assert_array_equal(options[key], CALLS[name][1][key])
    if package is numpy_layers and (backward := getattr(package, f"{name}_backward", None)):
        gradients = backward(y, result[1])
        assert all(np.isfinite(g).all() for g in gradients if g is not None)
