"""What the kernels ask of tensors beyond their shapes: a precision and a device they run on."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import triton
from torch import Tensor

PRECISIONS = (torch.float32, torch.float16, torch.bfloat16)


def launches(function: Callable) -> Callable:
    """Let a function launch where its tensors are: Triton takes the device that is current."""

    @wraps(function)
    def there(*args: Any, **options: Any) -> Any:
        tensors = (value for value in (*args, *options.values()) if isinstance(value, Tensor))
        index = next((x.get_device() for x in tensors if x.is_cuda), -1)  # -1 changes nothing
        with torch.cuda.device(index):
            return function(*args, **options)

    return there


def require_kernel_inputs(kernel: triton.KernelInterface, x: Tensor, *others: Any) -> None:
    """Refuse float64, several devices, and the CPU unless Triton's interpreter runs the kernel.

    Of `others` only tensors are looked at.
    """
    for tensor in (x, *(value for value in others if isinstance(value, Tensor))):
        if tensor.dtype not in PRECISIONS:
            raise TypeError(
                f"expected float32, float16 or bfloat16, got {tensor.dtype}; the kernels compute "
                "in float32, for more use course_lib.torch_layers"
            )
        if tensor.device != x.device:
            raise RuntimeError(
                f"expected all tensors on the device of x, {x.device}, got one on {tensor.device}; "
                "move it with .to(x.device)"
            )
        if tensor.device.type == "cpu" and isinstance(kernel, triton.JITFunction):
            raise RuntimeError(
                "expected a tensor on a GPU, got one on the CPU; move it with .to('cuda'), or set "
                "TRITON_INTERPRET=1 before triton is imported"
            )
