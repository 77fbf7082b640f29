"""The ONNX package's own cases of each normalization, one node each, on the NumPy layers."""

import importlib
import warnings

import conformance
import numpy as np
import onnx
import pytest

from course_lib import numpy_layers

LAYERS = conformance.functions(numpy_layers)
# Operator: the file of its cases, how many it has, the layer that runs them. Cases of more than
# one node (`..._expanded`) spell the same operator out in others and are not of a normalization.
OPERATORS = {
    "BatchNormalization": ("batch_normalization", 4, "batch_norm"),
    "GroupNormalization": ("groupnormalization", 2, "group_norm"),
    "InstanceNormalization": ("instance_normalization", 2, "instance_norm"),
    "LRN": ("lrn", 2, "local_response_norm"),
    "LayerNormalization": ("layernormalization", 19, "layer_norm"),
    "LpNormalization": ("lpnormalization", 6, "normalize"),
    "MeanVarianceNormalization": ("meanvariancenormalization", 1, "standardize"),
    "RMSNormalization": ("rmsnormalization", 19, "rms_norm"),
}


def load():
    """Return ONNX's cases by name; its files compute them in float32 when they are imported."""
    from onnx.backend.test.case import node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a case divides 0 by 0 on its way
        for file, _, _ in OPERATORS.values():
            importlib.import_module(f"{node.__name__}.{file}")
    single = [case for case in node._NodeTestCases if len(case.model.graph.node) == 1]
    return {case.name: case for case in single if operator(case) in OPERATORS}


def operator(case):
    return case.model.graph.node[0].op_type


CASES = load()


def attributes(case):
    """Return the node's attributes; those it leaves out have the operator's default."""
    node = case.model.graph.node[0]
    version = case.model.opset_import[0].version
    schema = onnx.defs.get_schema(node.op_type, max_inclusive_version=version)
    defaults = {
        name: onnx.helper.get_attribute_value(attribute.default_value)
        for name, attribute in schema.attributes.items()
        if attribute.default_value.type
    }
    return defaults | {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def batch_norm(x, scale, bias, mean, var, *, epsilon, momentum, training_mode):
    """ONNX weighs the old statistics by `momentum` and remembers the biased variance."""
    if not training_mode:
        return [LAYERS["batch_norm"](x, mean, var, scale, bias, eps=epsilon)[0]]
    new_mean, new_var = np.zeros_like(mean), np.zeros_like(var)
    y, _ = LAYERS["batch_norm"](x, new_mean, new_var, scale, bias, True, 1.0, epsilon)
    m = x.size // x.shape[1]
    biased = new_var * (m - 1) / m
    old_and_new = (mean, new_mean), (var, biased)
    return [y, *(momentum * old + (1 - momentum) * new for old, new in old_and_new)]


def layer_norm(x, weight, bias, *, axis, epsilon, stash_type):
    """ONNX names the first axis and also asks for the mean and the inverse deviation."""
    axis %= x.ndim
    y, cache = LAYERS["layer_norm"](x, x.shape[axis:], weight, bias, epsilon)
    mean = numpy_layers.moments(x, tuple(range(axis, x.ndim))).mean
    return [y, mean, cache.inv_std]


def rms_norm(x, weight, *, axis, epsilon, stash_type):
    return [LAYERS["rms_norm"](x, x.shape[axis % x.ndim :], weight, epsilon)[0]]


def group_norm(x, scale, bias, *, num_groups, epsilon, stash_type):
    return [LAYERS["group_norm"](x, num_groups, scale, bias, epsilon)[0]]


def instance_norm(x, scale, bias, *, epsilon):
    return [LAYERS["instance_norm"](x, weight=scale, bias=bias, eps=epsilon)[0]]


def local_response_norm(x, *, size, alpha, beta, bias):
    return [LAYERS["local_response_norm"](x, size, alpha, beta, bias)[0]]


def normalize(x, *, axis, p):
    """ONNX gives 0 for a vector of zeros, which is what a floor under the norm gives."""
    return [LAYERS["normalize"](x, p, axis)[0]]


def standardize(x, *, axes):
    return [LAYERS["standardize"](x, tuple(axes), eps=0.0).x_hat]


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if OPERATORS[operator(case)][2] in LAYERS]
)
def test_layer_returns_what_onnx_expects(name):
    case = CASES[name]
    run = globals()[OPERATORS[operator(case)][2]]
    for inputs, wanted in case.data_sets:
        got = run(*(value.copy() for value in inputs), **attributes(case))
        assert len(got) == len(wanted)
        for ours, onnxs in zip(got, wanted, strict=True):
            # The expected values are float32 by the plain formula: a few units in the last place.
            np.testing.assert_allclose(ours, onnxs, rtol=2e-5, atol=2e-6)
            assert ours.dtype == onnxs.dtype


@pytest.mark.parametrize("kind", OPERATORS)
def test_number_of_cases_is_known(kind):
    assert sum(operator(case) == kind for case in CASES.values()) == OPERATORS[kind][1]


@pytest.mark.parametrize("kind", OPERATORS)
def test_operator_has_its_layer(kind):
    assert OPERATORS[kind][2] in LAYERS
