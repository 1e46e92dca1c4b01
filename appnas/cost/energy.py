"""Energy of a computation: counted by the processor (RAPL) where that can be read, else estimated and called so.

RAPL (running average power limit) counters are files of Linux's powercap in microjoules of a whole processor package:
what else runs is counted too, so the idle machine's share is measured beside and subtracted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")


class Counters:
    """The energy counters of all processor packages.

    Args:
        root: folder of powercap.

    Raises:
        OSError: there are none, or they cannot be read.
    """

    def __init__(self, root: Path = POWERCAP):
        self.zones = sorted(root.glob("intel-rapl:?")) if root.is_dir() else []
        if not self.zones:
            raise OSError(f"this machine shows no RAPL counters under {root}: use estimated_J instead of energy_J")
        self.limits = [int((zone / "max_energy_range_uj").read_text()) for zone in self.zones]
        self.read()

    def read(self) -> list[int]:
        """Microjoules of every package.

        Raises:
            PermissionError: they are root's; the message says what to do.
        """
        try:
            return [int((zone / "energy_uj").read_text()) for zone in self.zones]
        except PermissionError as error:
            raise PermissionError(
                f"{error.filename} is readable by root only: use estimated_J, or chmod o+r it"
            ) from error

    def since(self, before: list[int]) -> float:
        """Joules since a reading; a counter that started again from 0 once is put right."""
        pairs = zip(self.read(), before, self.limits, strict=True)
        return sum((now - then) % (limit + 1) for now, then, limit in pairs) / 1e6


def joules(run: Callable[[], Any], repeats: int = 50, idle: float = 0.2, root: Path = POWERCAP) -> float:
    """Joules of one call, above what the machine takes when it waits.

    Args:
        run: what to measure; called `repeats` times in a row, after one call to warm up.
        repeats: calls; together they should last longer than the counters' millisecond.
        idle: seconds of waiting beforehand, whose power is subtracted.
        root: folder of powercap.

    Raises:
        OSError: no counters, or they are root's.
    """
    counters = Counters(root)
    run()
    began, before = time.perf_counter(), counters.read()
    time.sleep(idle)
    power = counters.since(before) / (time.perf_counter() - began)
    began, before = time.perf_counter(), counters.read()
    for _ in range(repeats):
        run()
    spent = counters.since(before) - power * (time.perf_counter() - began)
    return spent / repeats


def estimate(run: Callable[[], Any], repeats: int = 50, watts: float = 10.0) -> float:
    """CPU seconds of one call times the nominal power of a busy core: an estimate, not energy.

    Args:
        run: what to measure, called once to warm up.
        repeats: calls.
        watts: of one busy core.
    """
    run()
    start = time.process_time()
    for _ in range(repeats):
        run()
    return watts * (time.process_time() - start) / repeats
