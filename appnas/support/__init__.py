"""What everything stands on: checked settings, errors with remedies, files written whole, generators that resume.

Here belongs what every room may need. What knows choices, networks or data has a room of its own.
"""

from typing import TYPE_CHECKING

from appnas.support.lazy import Catalogue, lazily, member

if TYPE_CHECKING:
    from appnas.support.contract import ExhaustedError, lacking, listed, number, offers, ruled, shaped, validated
    from appnas.support.dotted import AbsentError
    from appnas.support.failure import (
        IN_A_ROW, SHARE, TRIES, DataError, Failure, FailuresError, Tolerance, died, failure_of, is_number, late,
    )  # fmt: skip
    from appnas.support.files import RunError, check_state, digest, load_state, reading, room, whole
    from appnas.support.memory import LESS, MIB, explained, out_of_memory, told
    from appnas.support.saved import Saved
    from appnas.support.seeding import device_random, forked, rng_state, seeded, set_device_random, set_rng
    from appnas.support.settings import check, checked, held, typed, within

__all__ = [
    "IN_A_ROW", "LESS", "MIB", "SHARE", "TRIES", "AbsentError", "Catalogue", "DataError", "ExhaustedError", "Failure",
    "FailuresError", "RunError", "Saved", "Tolerance", "check", "check_state", "checked", "device_random", "died",
    "digest", "explained", "failure_of", "forked", "held", "is_number", "lacking", "late", "lazily", "listed",
    "load_state", "member", "number", "offers", "out_of_memory", "reading", "rng_state", "room", "ruled", "seeded",
    "set_device_random", "set_rng", "shaped", "told", "typed", "validated", "whole", "within",
]  # fmt: skip
__getattr__, __dir__ = lazily(__name__)
