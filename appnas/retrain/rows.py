"""The table of a retraining: what was found beside its controls."""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from torch import nn

from appnas.run import read_json
from appnas.space import Arch, table
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


@dataclass(frozen=True)
class Retrained:
    """A trained model and the table of what it was compared with.

    Attributes:
        model: the best architecture after training with the first seed, in evaluation mode.
        rows: the found architecture first, then the controls, all trained alike.
        epochs: budget of every training.
        splits: of the data, on each of which all were trained and tested.
    """

    model: nn.Module
    rows: Sequence[Row]
    epochs: int
    splits: int = 1

    @property
    def metric(self) -> Metric | None:
        """What the domain's value stands for."""
        return self.rows[0].metric

    def __rich__(self) -> Table:
        """The table for the terminal."""
        return table(*self._told())

    def _repr_html_(self) -> str:
        """The table for a notebook, with what is to be said of it."""
        from appnas.retrain.differences import referee  # which knows rows

        title, heads, rows = self._told()
        said = "".join(f"<p>{escape(text)}</p>" for text in referee(self.rows))
        head = "".join(f"<th>{escape(name)}</th>" for name in heads)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        lines = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        return f"<div>{said}<table>{lines}</table><small>{escape(title)}</small></div>"

    def _told(self) -> tuple[str, list[str], list[list[str]]]:
        """Title, headings and cells of the table."""
        metrics, seeds = list(self.rows[0].tests[0]), len(self.rows[0].tests)

        def measured(row: Row, metric: str) -> str:
            return f"{row.mean(metric):.4g}" + (f" ± {row.spread(metric):.2g}" if seeds > 1 else "")

        first, best = self.metric, ""
        if first and first.name in metrics:
            metrics.sort(key=lambda name: name != first.name)
            best = f"; {'more' if first.higher else 'less'} {first.name.replace('_', ' ')} is better"

        def headed(metric: str) -> str:
            return f"test {first.words if first and metric == first.name else metric.replace('_', ' ')}"

        of = f"mean ± deviation of {seeds // self.splits} seeds" if seeds > self.splits else "one seed"
        if self.splits > 1:
            of = f"mean ± deviation over {self.splits} splits, {of.removeprefix('mean ± deviation of ')} each"
        return (
            f"trained for {self.epochs} epochs, then tested; {of}{best}",
            ["architecture", "parameters", "MACs", "ms", *map(headed, metrics)],
            [
                [
                    row.name,
                    f"{row.parameters:,}",
                    f"{row.macs:,}",
                    "" if row.latency is None else f"{row.latency:.3g}",
                    *(measured(row, metric) for metric in metrics),
                ]
                for row in self.rows
            ],
        )

    def __str__(self) -> str:
        """The same as plain text."""
        console = Console(file=io.StringIO(), width=120)
        with console.capture() as captured:
            console.print(self)
        return captured.get()


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
