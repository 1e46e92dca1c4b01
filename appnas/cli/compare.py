"""Runs beside one another: what was found in each, trained from scratch, and the difference to the first run.

A value is one training of the found architecture; or one search, as the mean of its trainings, of a run with several
seeds that were all retrained by themselves. A difference is one of means, with Welch's interval of 95 % (variances
may be unequal, the degrees of freedom are Satterthwaite's).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appnas.report import Story, read
from appnas.retrain import Interval, falls, primary, unit, welch
from appnas.run import nearest
from appnas.support import RunError


@dataclass(frozen=True)
class Compared:
    """One run.

    Attributes:
        run: its directory.
        values: test metric of every training, or of every search.
        of: "trainings" or "searches": what the values, and their deviation, are of.
        deviation: standard deviation of the values; None for one.
        trainings: number of trainings that were tested.
        epochs: (or environment steps) of each.
        scores: of all searches of the run.
        seconds: of all its searches; 0 if not kept.
        difference: of the means, to the first run; None for the first run itself.
        interval: of the difference; None where there are too few values.
        unit: of the metric.
        higher: whether more of it is better.
    """

    run: str
    values: list[float]
    of: str
    deviation: float | None
    trainings: int
    epochs: int
    scores: int
    seconds: float
    difference: float | None
    interval: Interval | None
    unit: str = ""
    higher: bool = True


def compare(paths: Sequence[Path], metric: str = "") -> tuple[str, list[Compared]]:
    """The test metric that is compared, and the runs.

    Args:
        paths: directories of finished and retrained runs on one domain.
        metric: of the tests; by default the one that the report speaks of.

    Raises:
        RunError: a run is damaged or not retrained, or its domain is not that of the first.
        ValueError: no run, or a metric that the tests do not have.
    """
    if not paths:
        raise ValueError("compare takes the directories of finished and retrained runs, got none")
    made: list[Compared] = []
    for path in paths:  # one after another: a history may be long
        story = read(path)
        parts = _parts(story)
        if not made:
            domain, named, tests = _data(story), _named(story), parts[0].rows[0].tests[0]
            metric = nearest("test metric", metric, tests) if metric else primary(parts[0].rows)
        if _data(story) != domain:
            raise RunError(
                f"only runs on the same domain can be compared: {paths[0]} was on {named}, {path} on {_named(story)}"
            )
        made.append(_compared(story, parts, metric, made[0].values if made else None))
    return metric, made


def _parts(story: Story) -> list[Story]:
    """The retrained runs of all seeds without their histories, or else the run itself."""
    folders = sorted(story.path.glob("seed-*/retrain.json"))
    parts = (
        [replace(read(file.parent), traces=[]) for file in folders]
        if len(folders) == len(story.traces) > 1
        else [story]
    )
    if not parts[0].rows:
        raise RunError(f"{story.path} is not retrained: compare takes tests, which appnas retrain makes")
    if len(epochs := {part.epochs for part in parts}) > 1:
        raise RunError(f"the seeds of {story.path} were retrained for {sorted(epochs)} epochs: retrain them alike")
    return parts


def _data(story: Story) -> Any:
    domain = story.config["domain"]
    return domain.get("fingerprint") or domain


def _named(story: Story) -> str:
    domain = story.config["domain"]
    return f"{domain['name'] or domain['repr']} ({str(domain.get('fingerprint', 'no fingerprint'))[:12]})"


def _compared(story: Story, parts: list[Story], metric: str, base: list[float] | None) -> Compared:
    tests = [[float(test[metric]) for test in part.rows[0].tests] for part in parts]
    values = tests[0] if len(parts) == 1 else [statistics.fmean(of) for of in tests]
    return Compared(
        str(story.path),
        values,
        "trainings" if len(parts) == 1 else "searches",
        statistics.stdev(values) if len(values) > 1 else None,
        sum(map(len, tests)),
        parts[0].epochs,
        sum(len(trace.records) for trace in story.traces),
        sum(trace.seconds[-1] for trace in story.traces if trace.seconds),
        None if base is None else statistics.fmean(values) - statistics.fmean(base),
        None if base is None else welch(base, values),
        unit(parts[0].rows, metric).strip(),
        not falls(parts[0].rows, metric),
    )
