"""Our layers under DistributedDataParallel: two processes over gloo, one model."""

import copy
from datetime import timedelta

import torch
from torch import distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from course_lib import torch_layers

PROCESSES = 2


def model() -> nn.Module:
    """Build the same small network in every process."""
    torch.manual_seed(0)
    norms = torch_layers.BatchNorm2d(4), nn.Flatten(), torch_layers.LayerNorm(4 * 3 * 3)
    return nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), *norms).double()


def shard(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the batch of one process and the gradient from above."""
    generator = torch.Generator().manual_seed(10 + rank)
    x = torch.randn(6, 2, 5, 5, generator=generator, dtype=torch.float64)
    return rank + x, torch.randn(6, 36, generator=generator, dtype=torch.float64)


def train(rank: int, meeting: str, results) -> None:
    """Run one step in a process and hand over its gradients and its state."""
    torch.set_num_threads(1)
    minute = timedelta(seconds=60)  # after which a process that waits in vain gives up
    distributed.init_process_group("gloo", meeting, minute, PROCESSES, rank)
    try:
        replica = DistributedDataParallel(model())
        x, dy = shard(rank)
        replica(x).backward(dy)
        gradients = [parameter.grad.tolist() for parameter in replica.parameters()]
        state = [value.tolist() for value in replica.module.state_dict().values()]
        results.put((rank, gradients, state))
        distributed.barrier()  # no process may leave while another still exchanges
    finally:
        distributed.destroy_process_group()


def test_step_of_two_processes_is_the_mean_of_both(tmp_path):
    single = [copy.deepcopy(model()) for _ in range(PROCESSES)]
    for rank, network in enumerate(single):
        x, dy = shard(rank)
        network(x).backward(dy)
    each = [[parameter.grad for parameter in network.parameters()] for network in single]
    wanted = [sum(gradients) / PROCESSES for gradients in zip(*each, strict=True)]

    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    multiprocessing.spawn(train, (f"file://{tmp_path}/meeting", results), nprocs=PROCESSES)
    for rank, gradients, state in sorted(results.get() for _ in range(PROCESSES)):
        # Each process keeps the running statistics of its own batch: this is not SyncBatchNorm.
        own = single[rank].state_dict().values()
        for got, right in zip([*gradients, *state], [*wanted, *own], strict=True):
            got = torch.tensor(got, dtype=torch.float64)
            torch.testing.assert_close(got, right.double(), rtol=1e-12, atol=1e-12)
