"""What everything stands on: checked settings, errors with remedies, files written whole, generators that resume.

Here belongs what every room may need. What knows choices, networks or data has a room of its own.
"""

from appnas.support.compute import (
    CPU, Compute, compute_of, derived, device_of, devices, fetched, gates_on, home, moved, read,
)  # fmt: skip
from appnas.support.contract import ExhaustedError, lacking, listed, number, offers, ruled, shaped, validated
from appnas.support.failure import (
    IN_A_ROW, SHARE, TRIES, DataError, Failure, FailuresError, Tolerance, died, failure_of, is_number, late,
)  # fmt: skip
from appnas.support.files import RunError, check_state, digest, load_state, reading, room, whole
from appnas.support.memory import MIB, explained, out_of_memory, told
from appnas.support.saved import Saved
from appnas.support.seeding import forked, rng_state, seeded, set_rng
from appnas.support.settings import check, checked, held, typed, within

__all__ = [
    "CPU", "IN_A_ROW", "MIB", "SHARE", "TRIES", "Compute", "DataError", "ExhaustedError", "Failure", "FailuresError",
    "RunError", "Saved", "Tolerance", "check", "check_state", "checked", "compute_of", "derived", "device_of",
    "devices", "died", "digest", "explained", "failure_of", "fetched", "forked", "gates_on", "held", "home",
    "is_number", "lacking", "late", "listed", "load_state", "moved", "number", "offers", "out_of_memory", "read",
    "reading", "rng_state", "room", "ruled", "seeded", "set_rng", "shaped", "told", "typed", "validated", "whole",
    "within",
]  # fmt: skip
