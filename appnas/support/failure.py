"""Evaluations that fail: what is kept of them, how many a search bears, and what ends it at once."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from appnas.support.settings import typed

Arch = tuple[int, ...]

IN_A_ROW = 12
"""Different architectures that may fail one after another, by default."""
SHARE = 0.8
"""Share of all evaluations that may fail, by default."""
FEW = 20
"""Evaluations before their share is looked at."""
LINE, TRACE = 500, 50_000
"""Characters of a message and of a traceback that are kept: some errors print whole tensors."""
TRIES = 3
"""Deaths of the process that evaluates an architecture after which the evaluation has failed."""


class DataError(ValueError):
    """The data are at fault, or a table of results is: no other architecture would help, so the search ends.

    Raise it in a domain or an evaluator of your own where that is so; any other exception in the evaluation of one
    architecture makes that evaluation a failed one.
    """


class FailuresError(RuntimeError):
    """More evaluations failed than the search was to bear."""


class Failure(NamedTuple):
    """Why an evaluation failed.

    Attributes:
        kind: the exception's type; "Timeout" or "Died" where the process was ended, or ended by itself.
        message: the last line of its traceback, without the type.
        trace: the traceback from the evaluation downwards; empty if there is none.
    """

    kind: str
    message: str
    trace: str = ""

    def __str__(self) -> str:
        """Both in one line."""
        return f"{self.kind}: {self.message}" if self.message else self.kind


def failure_of(error: BaseException) -> Failure:
    """What is kept of an exception, as caught by the function that called the evaluation."""
    inside = error.__traceback__.tb_next if error.__traceback__ else None
    lines = traceback.format_exception(type(error), error, inside)
    try:
        said = str(error)
    except Exception as fault:  # an error whose own text raises; its traceback says so, too
        said = f"its text cannot be had, that raises {type(fault).__name__}"
    message = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    return Failure(type(error).__name__, _kept(message.strip(), LINE), _kept("".join(lines), TRACE))


def _kept(text: str, limit: int) -> str:
    """Text that any file can hold: the middle of a long one is left out, and what is no Unicode is written out."""
    if len(text) > limit:
        text = f"{text[: limit // 2]} ... {text[-(limit // 2) :]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def late(seconds: float) -> Failure:
    """The failure of an evaluation that was ended at its time limit."""
    return Failure("Timeout", f"no score within {seconds:g} s")


def died() -> Failure:
    """The failure of an evaluation whose process died again and again."""
    return Failure("Died", f"the process that evaluated it died {TRIES} times: killed, out of memory, or crashed")


class Tolerance:
    """Counts failures, and ends a search with too many of them.

    Args:
        in_a_row: different architectures that may fail one after another; 0 for none at all.
        share: of all evaluations that may fail, looked at once there are `FEW`; 1 for any.

    Raises:
        TypeError: something else than a number.
        ValueError: a negative number, or a share above 1.
    """

    def __init__(self, in_a_row: int = IN_A_ROW, share: float = SHARE):
        typed("max_failures", int, in_a_row)
        typed("max_failure_share", float, share)
        if in_a_row < 0 or not 0 <= share <= 1:
            raise ValueError(
                "max_failures is at least 0 and max_failure_share from 0 to 1,"
                f" got max_failures={in_a_row}, max_failure_share={share}"
            )
        self.in_a_row, self.share = in_a_row, share
        self.row: set[Arch] = set()
        self.failed = self.told = 0
        self.last: tuple[Arch, Failure] | None = None

    def count(self, arch: Arch, failure: Failure | None) -> None:
        """One more evaluation."""
        self.told += 1
        if failure is None:
            self.row.clear()
            return
        self.failed += 1
        self.row.add(arch)
        self.last = arch, failure

    @property
    def exceeded(self) -> str:
        """What there was too much of, in words; empty if the search may go on."""
        if len(self.row) > self.in_a_row:
            return f"{len(self.row)} architectures failed one after another"
        if self.told >= FEW and self.failed > self.share * self.told:
            return f"{self.failed} of {self.told} evaluations failed"
        return ""

    def error(self, what: str) -> FailuresError:
        """What to raise, with the last failure whole."""
        assert self.last is not None
        arch, failure = self.last
        bears = f"max_failures={self.in_a_row}, max_failure_share={self.share:g}"
        return FailuresError(
            f"{what}, the last {arch}: {failure}. A run's directory keeps all of them in its folder failures; mend the"
            f" cause and resume with retry_failed (--retry-failed), or bear more ({bears})\n{failure.trace}".rstrip()
        )

    def choice(self, best: Callable[[], Arch], history: Sequence[Any]) -> Arch:
        """A strategy's choice, or the best scored: what failed is worth guessing, which may be ahead.

        Raises:
            FailuresError: all evaluations failed.
        """
        failed = {record.arch for record in history if record.failure}
        scored = [record for record in history if not record.failure]
        if failed and not scored:
            raise self.error(f"all {len(history)} evaluations failed")
        arch = best()
        wrong = arch in failed and all(record.arch != arch for record in scored)
        return max(scored, key=lambda record: record.value).arch if wrong else arch


def is_number(value: float) -> bool:
    """Whether a value can be compared: neither NaN nor plus infinity, which would win; minus infinity is the worst."""
    return not math.isnan(value) and value != math.inf
