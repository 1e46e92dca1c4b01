"""What a failed evaluation leaves in a history."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """Why an evaluation failed.

    Attributes:
        kind: the exception's name, or what else happened, in a few words.
        message: its last line.
        trace: name of the file with the whole traceback, in the run's folder `failures`; None if there is none.
    """

    kind: str
    message: str
    trace: str | None = None
