"""Norms on the CPU, block by block in the cache; plain functions as in `triton_kernels`."""
