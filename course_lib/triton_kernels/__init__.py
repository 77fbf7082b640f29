"""Triton kernels of the layers where one fused kernel pays; plain functions without autograd."""
