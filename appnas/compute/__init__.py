"""What networks are computed on: devices, numbers of fewer bits, compilation, several processes.

Here belongs what knows torch's devices and processes, and where their time goes, and nothing of networks or data.
Strategies stay on the CPU.
"""

from appnas.compute.compiling import CompileError
from appnas.compute.placement import (
    CPU, Compute, compute_of, derived, device_of, devices, fetched, gates_on, home, moved, read,
    remembering, same_kind,
)  # fmt: skip
from appnas.compute.distributed import (
    PeerError, Share, alike, anyone, by_one, copied, gathered, joined, led, mean_over, parted, started, sum_gradients,
    synchronised_by, synchronising, total,
)  # fmt: skip
from appnas.compute.lightly import SGD, Adam
from appnas.compute.precision import Precision, check_precision, exact, float32_flags, float32_products
from appnas.compute.spent import spent, within

__all__ = [
    "CPU", "SGD", "Adam", "CompileError", "Compute", "PeerError", "Precision", "Share", "alike", "anyone", "by_one",
    "check_precision", "compute_of", "copied", "derived", "device_of", "devices", "exact", "fetched", "float32_flags",
    "float32_products", "gates_on", "gathered", "home", "joined", "led", "mean_over", "moved", "parted", "read",
    "remembering", "same_kind", "spent", "started", "sum_gradients", "synchronised_by", "synchronising", "total",
    "within",
]  # fmt: skip
