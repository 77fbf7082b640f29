"""What the kernels ask of tensors beyond their shapes: a precision and a device they run on."""

import torch
import triton
from torch import Tensor

PRECISIONS = (torch.float32, torch.float16, torch.bfloat16)


def require_kernel_inputs(kernel: triton.KernelInterface, *tensors: Tensor | None) -> None:
    """Refuse float64, and CPU tensors unless Triton's interpreter runs the kernel."""
    for tensor in tensors:
        if tensor is None:
            continue
        if tensor.dtype not in PRECISIONS:
            raise TypeError(
                f"expected float32, float16 or bfloat16, got {tensor.dtype}; the kernels compute "
                "in float32, for more use course_lib.torch_layers"
            )
        if tensor.device.type == "cpu" and isinstance(kernel, triton.JITFunction):
            raise RuntimeError(
                "expected a tensor on a GPU, got one on the CPU; move it with .to('cuda'), or set "
                "TRITON_INTERPRET=1 before triton is imported"
            )
