"""Compiled loops of the layers for a CPU, as `triton_kernels` for a GPU; without autograd."""
