"""What a run was to reach, and whether it did: targets and limits of costs, and what guessing is worth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from appnas.loop import Record, worth
from appnas.report.page import number
from appnas.report.story import Story
from appnas.retrain import primary, unit

COSTS = {
    "latency_ms": "latency, ms", "energy_J": "energy, J", "estimated_J": "estimated energy, J",
    "parameters": "parameters", "params": "parameters", "macs": "multiply-adds", "peak_bytes": "peak memory, bytes",
}  # fmt: skip
"""Costs in the metrics of scores, in words; the method's own, or the first one that all scores tell, is drawn."""
NEAR = 0.1
"""Share of the way from guessing to perfect below which a value counts as near chance."""


class Aim(NamedTuple):
    """A bound on a metric of the scores.

    Attributes:
        name: of the metric.
        bound: the last number that is allowed.
        most: whether it is at most that; else at least.
    """

    name: str
    bound: float
    most: bool

    def kept(self, value: float) -> bool:
        """Whether a number is within it."""
        return value <= self.bound if self.most else value >= self.bound

    @property
    def words(self) -> str:
        """What is bounded, and how."""
        name = COSTS.get(self.name, self.name.replace("_", " "))
        return f"{name} of at {'most' if self.most else 'least'} {number(self.bound)}"


def aims(story: Story) -> list[Aim]:
    """Targets and limits that the method was given."""
    settings = story.config["config"]
    found = [Aim(*parts) for text in settings.get("limits") or () if (parts := _limit(str(text)))]
    cost, target = settings.get("cost"), settings.get("target")
    if isinstance(cost, str) and isinstance(target, int | float) and not isinstance(target, bool) and target > 0:
        found.append(Aim(cost, float(target), True))
    if isinstance(cost, str) and settings.get("reward") == "cost_limit":
        found.append(Aim(cost, float(settings["reference"]), True))
    return found


def _limit(text: str) -> tuple[str, float, bool] | None:
    parts = re.fullmatch(r"\s*(\w+)\s*(<=|>=)\s*(\S+)\s*", text)
    return (parts[1], float(parts[3]), parts[2] == "<=") if parts else None


def measured(story: Story, aim: Aim) -> list[tuple[str, float]]:
    """What the found architecture costs, in the search and in the retraining, as far as it was measured."""
    traced = [record for trace in story.traces for record in trace.scored if record.arch == story.arch]
    told = [record.metrics[aim.name] for record in traced if aim.name in record.metrics]
    found = [("in the search", told[-1])] if told and not story.soft else []
    row = story.rows[0] if story.rows else None
    costs = {"latency_ms": row.latency, "parameters": row.parameters, "macs": row.macs} if row else {}
    again = costs.get(aim.name)
    return [*found, ("after the retraining", float(again))] if again is not None else found


def missed(story: Story) -> Iterator[str]:
    """A sentence for every aim that the found architecture missed."""
    for aim in aims(story):
        told = measured(story, aim)
        if told and not all(aim.kept(value) for _, value in told):
            listed = " and ".join(f"{number(value)} {when}" for when, value in told)
            yield f"It missed its target, {aim.words}: {listed}."


def guessing(story: Story) -> float | None:
    """What guessing is worth, in the unit of the value; None if the run does not tell."""
    chance = story.config["domain"].get("chance")
    return None if chance is None else float(chance)


def near(value: float, chance: float, percent: bool) -> bool:
    """Whether a value is within a tenth of the way from guessing to perfect; of shares it is less than twice, too.

    Perfect is 100 for percent, 0 for values below 0 (losses), else 1.
    """
    top = 100.0 if percent else 0.0 if chance < 0 and value < 0.5 else 1.0
    limit = chance + NEAR * max(top - chance, 0.0)
    return value <= (min(limit, 2 * chance) if percent and chance > 0 else limit)


def guessed(story: Story) -> tuple[list[Record], list[Record]]:
    """The candidates that were validated, and those of them that did about as well as guessing."""
    chance, metric = guessing(story), story.config["domain"].get("metric") or {}
    if chance is None or story.soft:
        return [], []
    records = [record for trace in story.traces for record in trace.furthest]
    return records, [record for record in records if near(worth(record), chance, metric.get("unit") == "%")]


def untaught(story: Story) -> bool:
    """Whether no trained network is better than guessing."""
    chance, rows = guessing(story), story.rows
    metric = rows[0].metric if rows else None
    if chance is None or metric is None or not metric.higher or primary(rows) != metric.name:
        return False
    return all(near(row.mean(metric.name), chance, unit(rows, metric.name).strip() == "%") for row in rows)
