"""What a retraining gives: the trained network, and the table of what it was compared with."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rich.console import Console
from rich.table import Table
from torch import nn

from appnas.retrain.differences import referee
from appnas.retrain.rows import Row
from appnas.space import table
from appnas.task import Metric


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
