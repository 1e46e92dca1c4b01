"""What everything stands on: checked settings, errors with remedies, files written whole, generators that resume.

Here belongs what every room may need. What knows choices, networks or data has a room of its own.
"""

from appnas.support.compiling import CompileError
from appnas.support.compute import (
    CPU, Compute, compute_of, derived, device_of, devices, fetched, gates_on, home, moved, read, same_kind,
)  # fmt: skip
from appnas.support.contract import ExhaustedError, lacking, listed, number, offers, ruled, shaped, validated
from appnas.support.distributed import (
    PeerError, Share, alike, anyone, by_one, copied, gathered, joined, led, mean_over, parted, started, sum_gradients,
    synchronised_by, synchronising, total,
)  # fmt: skip
from appnas.support.failure import (
    IN_A_ROW, SHARE, TRIES, DataError, Failure, FailuresError, Tolerance, died, failure_of, is_number, late,
)  # fmt: skip
from appnas.support.files import RunError, check_state, digest, load_state, reading, room, whole
from appnas.support.memory import LESS, MIB, explained, out_of_memory, told
from appnas.support.precision import Precision, check_precision, exact, float32_flags, float32_products
from appnas.support.saved import Saved
from appnas.support.seeding import device_random, forked, rng_state, seeded, set_device_random, set_rng
from appnas.support.settings import check, checked, held, typed, within

__all__ = [
    "CPU", "IN_A_ROW", "LESS", "MIB", "SHARE", "TRIES", "CompileError", "Compute", "DataError", "ExhaustedError",
    "Failure", "FailuresError", "PeerError", "Precision", "RunError", "Saved", "Share", "Tolerance", "alike", "anyone",
    "by_one", "check", "check_precision", "check_state", "checked", "compute_of", "copied", "derived", "device_of",
    "device_random", "devices", "died", "digest", "exact", "explained", "failure_of", "fetched", "float32_flags",
    "float32_products", "forked", "gates_on", "gathered", "held", "home", "is_number", "joined", "lacking", "late",
    "led", "listed", "load_state", "mean_over", "moved", "number", "offers", "out_of_memory", "parted", "read",
    "reading", "rng_state", "room", "ruled", "same_kind", "seeded", "set_device_random", "set_rng", "shaped", "started",
    "sum_gradients", "synchronised_by", "synchronising", "told", "total", "typed", "validated", "whole", "within",
]  # fmt: skip
