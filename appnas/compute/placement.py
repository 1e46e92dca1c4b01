"""What networks are trained on, and how tensors get there and numbers back.

Strategies, their logits and all drawing of random numbers for data stay on the CPU, whatever trains the networks: a
seed gives the same draws and the same batches everywhere, and what is small is not sent to and fro. Networks, batches
and the gates that they read are on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import torch
from torch import Tensor, nn

from appnas.compute.compiling import compiled
from appnas.compute.distributed import Share
from appnas.compute.precision import Precision, lowered

CPU = torch.device("cpu")
Gates = tuple[Tensor, ...]


@dataclass(frozen=True)
class Compute:
    """What networks are trained on.

    Attributes:
        device: of networks and batches.
        precision: of a network's pass in training, see `appnas.compute.precision`.
        compile: let torch compile networks, see `appnas.compute.compiling`.
        processes: that train one network together, each on its rows of every batch (`appnas.compute.distributed`).
        norms: whether batch norms have the statistics of all processes' rows, or each process's of its own.
        rank: which of the processes this is.
    """

    device: torch.device = CPU
    precision: Precision = "32"
    compile: bool = False
    processes: int = 1
    norms: Literal["own", "synchronised"] = "synchronised"
    rank: int = 0

    @property
    def share(self) -> Share:
        """Which of several processes this is."""
        return Share(self.rank, self.processes)

    @property
    def norms_of(self) -> Share | None:
        """The processes that batch norms have common statistics with, if there are such."""
        return self.share if self.processes > 1 and self.norms == "synchronised" else None

    def prepared(self, network: Callable[..., Any]) -> Callable[..., Any]:
        """A network as it is called in training: a module, or a function that calls one."""
        made = compiled(network) if self.compile else network
        return lowered(made, self.precision, self.device)


def compute_of(domain: Any) -> Compute:
    """What networks are trained on in a domain: its attribute `compute`, by default the CPU."""
    found: Compute = getattr(domain, "compute", Compute())
    return found


def devices() -> list[str]:
    """The devices that torch has here: the CPU, then the accelerators."""
    found = torch.accelerator.current_accelerator()
    if found is None or not torch.accelerator.is_available():
        return ["cpu"]
    return ["cpu", *(f"{found.type}:{i}" for i in range(torch.accelerator.device_count()))]


def same_kind(name: str | torch.device) -> list[torch.device]:
    """The devices that a name may stand for: all of its kind, if it has no number; the first is the one in use.

    Raises:
        ValueError, TypeError: see `device_of`.
    """
    chosen = device_of(name)
    if name != "auto" and torch.device(name).index is not None:
        return [chosen]
    same = [device for device in map(torch.device, devices()) if device.type == chosen.type]
    return [chosen, *(device for device in same if device != chosen)]


def device_of(name: str | torch.device) -> torch.device:
    """A device by its name, with its number; "auto" is the accelerator in use if torch has one, else the CPU.

    Raises:
        ValueError: torch has no such device; the message lists those it has.
        TypeError: neither a name nor a device.
    """
    if not isinstance(name, str | torch.device):
        raise TypeError(f"device is a name such as 'auto', 'cpu' or 'cuda:0', got {name!r}")
    if str(name).partition(":")[0] == "meta":
        raise ValueError(f"the device {str(name)!r} holds no numbers: give one that can train, {', '.join(devices())}")
    if name == "auto":
        here = devices()
        return CPU if len(here) == 1 else torch.device(here[1 + torch.accelerator.current_device_index()])
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"torch has no device {str(name)!r} here, it has {', '.join(devices())}; 'auto' takes the accelerator if"
            " there is one"
        ) from error


def home(module: nn.Module) -> torch.device:
    """Where a network lives: the device of its first weight or buffer; the CPU for one without any."""
    tensors: Iterator[Tensor] = chain(module.parameters(), module.buffers())
    return next((tensor.device for tensor in tensors), CPU)


def moved(value: Any, device: torch.device) -> Any:
    """A batch with all its tensors on a device; what is there already is not copied.

    Args:
        value: a tensor, anything with a method `to` (graphs of torch_geometric, say), or containers of them; other
            values stay as they are.
        device: where to.
    """
    if isinstance(value, Tensor):
        return value if value.device == device else value.to(device, non_blocking=device.type != "cpu")
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(moved(part, device) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(moved(part, device) for part in value)
    if isinstance(value, Mapping):
        return {name: moved(part, device) for name, part in value.items()}
    return value.to(device) if hasattr(value, "to") else value


def gates_on(gates: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
    """Gates on a device, in one transfer there, and one back for their gradients.

    Each of them remembers its values on the CPU as an attribute `host`: which options must be computed is read there.
    """
    if all(matrix.device == device for matrix in gates):
        return gates
    flat = torch.cat([matrix.reshape(-1) for matrix in gates]).to(device, non_blocking=True)
    parts = torch.split(flat, [matrix.numel() for matrix in gates])
    there = tuple(part.view(matrix.shape) for part, matrix in zip(parts, gates, strict=True))
    for matrix, own in zip(there, gates, strict=True):
        remembering(matrix, own).host = own.detach()  # type: ignore[attr-defined]
    return there


def remembering(matrix: Tensor, gates: Tensor) -> Tensor:
    """A matrix that remembers what other gates do: their values on the CPU (`host`), that they are `sampled`."""
    for name in ("host", "sampled"):
        if hasattr(gates, name):
            setattr(matrix, name, getattr(gates, name))
    return matrix


def derived(make: Callable[[Gates], Sequence[Tensor]], gates: Gates) -> tuple[Tensor, ...]:
    """Gates made of others; what those remember of their values on the CPU is made into what these remember.

    Gates made of sampled ones are sampled.
    """
    there = tuple(make(gates))
    if all(getattr(matrix, "sampled", False) for matrix in gates):
        for matrix in there:
            matrix.sampled = True  # type: ignore[attr-defined]
    hosts = tuple(getattr(matrix, "host", None) for matrix in gates)
    if all(isinstance(host, Tensor) for host in hosts):
        with torch.no_grad():
            for matrix, own in zip(there, make(hosts), strict=True):  # type: ignore[arg-type]
                matrix.host = own  # type: ignore[attr-defined]
    return there


def read(gates: Tensor) -> Tensor:
    """The values of a gate matrix: those that it remembers on the CPU, if it does. They carry no gradient."""
    host: Tensor = getattr(gates, "host", gates)
    return host.detach()


def fetched(values: Sequence[Tensor]) -> list[Tensor]:
    """Single numbers on the CPU, attached to where they came from; from a device all of them in one transfer.

    Shapes:
        values, returns: [] each.
    """
    if all(value.device == CPU for value in values):
        return list(values)
    return list(torch.stack([value.reshape(()) for value in values]).to(CPU).unbind())
