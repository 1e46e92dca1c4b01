"""What a history is made of, and what its values are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from appnas.space import Arch
from appnas.support import Failure


class Record(NamedTuple):
    """One scored draw.

    Attributes:
        step: from 0.
        arch: what was scored; for soft gates, the architecture they point to.
        value: what was maximised.
        metrics: everything else that the evaluator said.
        failure: why the evaluation failed, if it did.
        budget: how far it was to be trained, where the draw said so.
    """

    step: int
    arch: Arch
    value: float
    metrics: Mapping[str, float]
    failure: Failure | None = None
    budget: int | None = None


def furthest(records: Sequence[Record]) -> list[Record]:
    """The records that did not fail and have a value, at the largest budget that any of these has.

    Values of different budgets are not of one kind. Where draws have no budget, these are all that did not fail.
    """
    told = [record for record in records if not record.failure and record.value == record.value]
    most = max((record.budget or 0 for record in told), default=0)
    return [record for record in told if (record.budget or 0) == most]


def value_name(records: Sequence[Record], units: Mapping[str, str] | None = None) -> str:
    """What the value is: the metric that it equals or is the negative of, or a reward of the metric `value`.

    Args:
        records: some, with the same metrics.
        units: of the domain's metric, by its name; by default accuracies are taken to be in percent.
    """
    records, units = [record for record in records if not record.failure], units or {"accuracy": "%"}
    for name in sorted(records[0].metrics, key=lambda name: name not in units) if records else ():
        words = name.replace("_", " ").replace("valid ", "validation ")
        if name in units:
            words = f"validation {words}{units[name] and ', ' + units[name]}"
        for sign, text in ((1.0, words), (-1.0, f"minus {words}")):
            if all(math.isclose(sign * r.metrics.get(name, math.nan), r.value, rel_tol=1e-5) for r in records):
                return text
    return "reward" if records and "value" in records[0].metrics else "value"
