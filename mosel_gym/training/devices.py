"""Several processes that train one network, one on each GPU, through accelerate."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from mosel_gym.errors import MissingLibrary, MoselError


class Processes:
    """This process alone, which is what there is without a launcher."""

    index = 0
    """Which of them this is."""
    count = 1

    @property
    def main(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.index == 0

    def parts(self, wanted: int, batch_size: int) -> int:
        """In how many parts a batch is drawn: as many as are wanted, and one a process at least.

        Raises:
            MoselError: They cannot be shared out evenly.
        """
        parts = max(wanted, self.count)
        if parts % self.count or batch_size % parts or wanted < 1:
            raise MoselError(
                f"a batch of {batch_size} in {wanted} parts cannot be shared evenly among "
                f"{self.count} processes. The parts must be a multiple of the processes, and the "
                "batch of the parts: change `--loop.parts` or `--loop.batch-size`."
            )
        return parts

    def own(self, parts: int) -> range:
        """Which parts of each batch are this process's."""
        return range(self.index, parts, self.count)

    def align(self, module: nn.Module) -> None:
        """Give all processes the main one's weights."""

    def average(
        self, parameters: Sequence[nn.Parameter], values: Mapping[str, float], stop: bool
    ) -> tuple[dict[str, float], bool]:
        """Average gradients in place, and numbers; and tell whether any process was told to stop.

        Args:
            parameters: Those that are trained.
            values: Losses by name, the same names in every process.
            stop: Whether this process was told.
        """
        return dict(values), stop


class LaunchedProcesses(Processes):
    """Those that `accelerate launch` or `torchrun` started.

    Gradients are averaged by one all-reduce after the backward pass. Losses here call parts of a
    network (`encode`, `velocity`), which torch's DistributedDataParallel would not see.
    """

    def __init__(self, device: str) -> None:
        """Join the others; on GPUs, "cuda" then means this process's own."""
        self._accelerator: Any = _accelerator(torch.device(device).type == "cpu")
        self.index = int(self._accelerator.process_index)
        self.count = int(self._accelerator.num_processes)

    def align(self, module: nn.Module) -> None:
        """Give all processes the main one's weights."""
        from accelerate.utils import broadcast  # type: ignore[import-untyped]

        with torch.no_grad():
            for tensor in [*module.parameters(), *module.buffers()]:
                tensor.copy_(broadcast(tensor.detach()))

    def average(
        self, parameters: Sequence[nn.Parameter], values: Mapping[str, float], stop: bool
    ) -> tuple[dict[str, float], bool]:
        """Average everything in one message.

        A parameter that no process has a gradient for keeps none: the optimiser leaves it alone.
        """
        device = parameters[0].device
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        used = torch.tensor([p.grad is not None for p in parameters], device=device)
        numbers = torch.tensor([*values.values(), float(stop)], device=device)
        flat = [gradient.flatten().float() for gradient in gradients]
        message = torch.cat([*flat, used.float(), numbers])
        message = self._accelerator.reduce(message, reduction="mean")
        sizes = [len(part) for part in flat]
        *means, used, numbers = message.split([*sizes, len(used), len(numbers)])
        for parameter, mean, share in zip(parameters, means, used.tolist(), strict=True):
            parameter.grad = mean.view_as(parameter).to(parameter.dtype) if share > 0 else None
        *averages, stops = numbers.tolist()
        return dict(zip(values, averages, strict=True)), stops > 0


def launched(device: str) -> Processes:
    """The processes that a launcher started this one with, or this one alone.

    Raises:
        MissingLibrary: There are several, and accelerate is not installed; or "cuda" is asked for,
            and there is none.
    """
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise MissingLibrary(
            f"device {device!r} was asked for, but torch finds no CUDA device here. Use `--device "
            "cpu`, or install a torch built for this machine's GPU driver."
        )
    return LaunchedProcesses(device) if _several() else Processes()


def is_main() -> bool:
    """Whether this process is the one that writes files and prints."""
    return not _several() or int(os.environ.get("RANK", "0")) == 0


def _several() -> bool:
    """Whether a launcher started this process beside others; these two variables are torch's."""
    return "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


@functools.cache
def _accelerator(cpu: bool) -> Any:
    try:
        from accelerate import Accelerator  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingLibrary(
            "training in several processes needs accelerate; `pip install mosel-gym[train]`."
        ) from error
    return Accelerator(cpu=cpu, mixed_precision="no")  # `fit` sets the precision itself
