"""The rows of a retraining: what was found, and its controls."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from appnas.run import read_json
from appnas.space import Arch
from appnas.task import Metric


@dataclass(frozen=True)
class Row:
    """One architecture, trained over several seeds.

    Attributes:
        name: "found", or what the control is.
        arch: the architecture.
        parameters: number of weights.
        macs: multiply-adds of one example.
        tests: held-out metrics, one dictionary a seed.
        latency: ms of one example on one thread of this machine, the median of passes in turns with the other rows;
            None in runs of older versions.
        metric: what the domain's value stands for: name, unit and direction; None if it does not say.
        members: networks that answer together; `arch` is the first one's.
    """

    name: str
    arch: Arch
    parameters: int
    macs: int
    tests: Sequence[Mapping[str, float]]
    latency: float | None = None
    metric: Metric | None = None
    members: int = 1

    def mean(self, metric: str) -> float:
        """Mean over the seeds."""
        return statistics.fmean(test[metric] for test in self.tests)

    def spread(self, metric: str) -> float:
        """Standard deviation over the seeds; 0 for one."""
        return statistics.stdev([test[metric] for test in self.tests]) if len(self.tests) > 1 else 0.0


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "arch": list(row.arch),
        "parameters": row.parameters,
        "macs": row.macs,
        "tests": [dict(test) for test in row.tests],
        "latency": row.latency,
        "members": row.members,
    }


def load_rows(path: Path) -> list[Row]:
    """The rows of a run's retraining; none if there was none."""
    file = path / "retrain.json"
    if not file.exists():
        return []
    known = [field.name for field in fields(Row)]
    content = read_json(file)
    rows = [{name: row[name] for name in known if name in row} for row in content["rows"]]
    metric = Metric(**content["metric"]) if content.get("metric") else None
    return [Row(**{**row, "arch": tuple(row["arch"]), "metric": metric}) for row in rows]
