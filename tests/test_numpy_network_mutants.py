"""Each error that people make in a hand-written network, planted: a claim must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import test_numpy_network as network_claims
import test_numpy_network_functions as function_claims
import test_numpy_network_optimizers as optimizer_claims
from mutants import assert_seen, planted

LINEAR, CONVOLUTION, ACTIVATIONS, LOSS, OPTIMIZERS, SEQUENTIAL = (
    f"numpy_network.{name}"
    for name in (
        "linear",
        "convolution",
        "activations",
        "cross_entropy",
        "optimizers",
        "sequential",
    )
)


values = partial(partial, function_claims.test_values_and_gradients_are_torchs)
follow = partial(partial, optimizer_claims.test_parameters_follow_torchs)
loss = partial(function_claims.test_cross_entropy_and_its_gradient_are_torchs, 1.0)
kept = network_claims.test_evaluation_leaves_the_running_statistics
bounds = network_claims.test_weights_start_within_torchs_bounds


ERRORS = [
    ("weight not transposed", LINEAR, "as_statistics_dtype(weight).T", "as_statistics_dtype(weight)", values("linear, square")),
    ("bias ignored", LINEAR, "y = y + bias", "pass", values("linear")),
    ("gradient along the transpose", LINEAR, "(wide_dy @ weight)", "(wide_dy @ weight.T)", values("linear, square")),
    ("weight gradient transposed", LINEAR, "rows.T @ x.reshape(-1, weight.shape[1])", "x.reshape(-1, weight.shape[1]).T @ rows", values("linear, square")),
    ("bias gradient averaged", LINEAR, "rows.sum(0)", "rows.mean(0)", values("linear")),
    ("a true convolution", CONVOLUTION, "columns = windows.", "columns = windows[..., ::-1, ::-1].", values("conv2d")),
    ("gradient overwritten", CONVOLUTION, "covered += dwindows", "covered[:] = dwindows", values("conv2d")),
    ("stride forgotten in the gradient", CONVOLUTION, "[:, :, i :: stride[0], j :: stride[1]][", "[:, :, i:, j:][", values("conv2d, stride")),
    ("strides exchanged", CONVOLUTION, "[:, :, :: stride[0], :: stride[1]]", "[:, :, :: stride[1], :: stride[0]]", values("conv2d, pairs")),
    ("padding left on the gradient", CONVOLUTION, "dpadded[:, :, below : below + h, beside : beside + w]", "dpadded[:, :, :h, :w]", values("conv2d, pairs")),
    ("bias ignored", CONVOLUTION, "y = y + bias", "pass", values("conv2d")),
    ("gradient everywhere", ACTIVATIONS, "np.where(y > 0, dy, 0)", "dy", values("relu")),
    ("slope of tanh", ACTIVATIONS, "(dy * (1 - y) * (1 + y))", "(dy * (1 - y))", values("tanh")),
    ("slope of sigmoid", ACTIVATIONS, "(dy * y * (1 - y))", "(dy * (1 - y))", values("sigmoid")),
    ("gradient summed over the batch", LOSS, "dy / len(dx)", "dy", loss),
    ("upstream gradient left out", LOSS, "dy / len(dx)", "1 / len(dx)", loss),
    ("right class not pushed up", LOSS, "-= 1", "-= 0", loss),
    ("loss summed", LOSS, "target]).mean()", "target]).sum()", loss),
    ("logits overflow", LOSS, "wide - wide.max(1, keepdims=True)", "wide", partial(loss.func, 1e4)),
    ("velocity damped from the start", OPTIMIZERS, "velocity += dw", "velocity += (1 - self.momentum) * dw", follow("momentum")),
    ("decay outside the velocity", OPTIMIZERS, "velocity += dw + self.weight_decay * w\n            w -= self.lr * velocity", "velocity += dw\n            w -= self.lr * (velocity + self.weight_decay * w)", follow("SGD, decay")),
    ("start not corrected", OPTIMIZERS, "(1 - beta**self.steps for beta", "(1.0 for beta", follow("Adam")),
    ("eps inside the root", OPTIMIZERS, "(np.sqrt(square / seen_squares) + self.eps)", "np.sqrt(square / seen_squares + self.eps)", follow("Adam, arguments")),
    ("decoupled decay", OPTIMIZERS, "g = dw + self.weight_decay * w", "g = dw; w -= self.lr * self.weight_decay * w", follow("Adam, decay")),
    ("mode of the network ignored", SEQUENTIAL, "*self.parameters, training, self.momentum", "*self.parameters, True, self.momentum", kept),
    ("start too wide", SEQUENTIAL, "bound = 1 / math.sqrt(in_features)", "bound = 1 / math.sqrt(out_features)", bounds),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
