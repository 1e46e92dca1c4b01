"""What a run's directory says, read and checked: what a report is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from appnas.loop import Record, furthest, relative_entropy, skip_share, value_name
from appnas.methods import Method
from appnas.report.curves import even
from appnas.retrain import Row, load_rows
from appnas.run import KEYS, Maps, catalogue, each_line, load_config, load_showcase, read_history, read_json, read_lines
from appnas.run.provenance import load_space, remembered
from appnas.space import Arch, Choice, Space, decisions
from appnas.support import AbsentError, RunError, reading

SNAPSHOTS = 200
"""Snapshots of a distribution that are looked at, evenly spaced; a run keeps a hundred unless told otherwise."""


def failed(record: Record) -> bool:
    """Whether an evaluation failed: its value is none that the search measured."""
    return record.failure is not None or bool(record.metrics.get("failed"))


@dataclass(frozen=True)
class Trace:
    """One search of a run.

    Attributes:
        seed: of the search.
        records: its scores.
        seconds: when each was scored, since the start; empty if not kept.
        steps: of the snapshots.
        cubes: probabilities at the snapshots, for each choice [T, count, K]; empty if the method has none.
        result: what it found; None while it is unfinished.
        sizes: number of options of every decision; None if neither a space nor a distribution tells.
    """

    seed: int
    records: list[Record]
    seconds: list[float]
    steps: list[int]
    cubes: list[np.ndarray]
    result: dict[str, Any] | None
    sizes: list[int] | None

    @cached_property
    def values(self) -> list[float]:
        """Of all records, NaN of those that failed, or were not trained as far as others."""
        shown = {record.step for record in self.furthest}
        return [record.value if record.step in shown else math.nan for record in self.records]

    @cached_property
    def furthest(self) -> list[Record]:
        """The records at the largest budget that was reached; all that did not fail, where there are no budgets."""
        return furthest(self.scored)

    @cached_property
    def scored(self) -> list[Record]:
        """The records that did not fail."""
        return [record for record in self.records if not failed(record)]

    @cached_property
    def failures(self) -> list[Record]:
        """Those that did."""
        return [record for record in self.records if failed(record)]

    @cached_property
    def best(self) -> float:
        """The largest value of a score at the largest budget, NaN left out."""
        return max((record.value for record in self.furthest), default=math.nan)

    def entropies(self) -> list[float]:
        """Relative entropy at every snapshot."""
        at = ([torch.from_numpy(cube[t]) for cube in self.cubes] for t in range(len(self.steps)))
        return [relative_entropy(tuple(matrices)) for matrices in at]

    def skips(self, space: Space) -> list[float]:
        """Share of skips in what the distribution points to, at every snapshot."""
        at = ([torch.from_numpy(cube[t]) for cube in self.cubes] for t in range(len(self.steps)))
        return [skip_share(space, space.discretise(tuple(matrices))) for matrices in at]

    def moved(self) -> float:
        """Largest change of a probability from the first snapshot to the last."""
        return max(float(np.abs(cube[-1] - cube[0]).max()) for cube in self.cubes)


@dataclass(frozen=True)
class Story:
    """A run.

    Attributes:
        path: its directory.
        config: what was asked for.
        method: of the catalogue.
        space: None if it was the user's own.
        traces: one a search that was started.
        result: what was found; None while the run is unfinished.
        rows: the retrained architectures, the found one first; none before.
        epochs: of the retraining.
        shown: maps of held-out examples, with what the found network predicts; empty if the domain shows none.
        places: where the retraining ran, device and machine; empty if that was not kept.
        split: what it trained on: "all" for training and validation data, or "train".
    """

    path: Path
    config: dict[str, Any]
    method: Method
    space: Space | None
    traces: list[Trace]
    result: dict[str, Any] | None
    rows: list[Row]
    epochs: int
    shown: Maps
    places: list[dict[str, str]] = field(default_factory=list)
    split: str = "all"

    @property
    def soft(self) -> bool:
        """Whether scores are those of a mixture, not of an architecture."""
        return self.method.needs in ("gates", "agent")

    @cached_property
    def main(self) -> Trace | None:
        """The search whose architecture was taken, or of an unfinished run the one furthest on."""
        if self.result is not None and len(self.traces) > 1:
            return next((trace for trace in self.traces if trace.seed == self.result["seed"]), None)
        return max(self.traces, key=lambda trace: len(trace.records), default=None)

    @cached_property
    def arch(self) -> Arch | None:
        """What was found, so far if the run is unfinished; None before the first score."""
        if self.result is not None:
            return tuple(self.result["best"])
        if self.main is None or not self.main.scored:
            return None
        records = self.main.furthest or self.main.scored
        return records[-1].arch if self.soft else max(records, key=lambda record: record.value).arch

    @property
    def valued(self) -> tuple[float, str]:
        """The value of what was found, so far if the run is unfinished, and how it came about: one for a page."""
        assert self.main is not None
        best, count = self.main.best, len(self.main.scored)
        value = float(self.result["value"]) if self.result else best
        largest = f"the largest of {count:,} score{'s' * (count > 1)}"
        return value, largest if value == best or value != value else "the mean of its trainings in the last stage"

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The space's, or as much of them as a run with a space of the user's own has kept."""
        if self.space is not None:
            return self.space.choices
        named = list((self.result or {}).get("named") or {})
        shapes = [cube.shape[1:] for cube in self.main.cubes] if self.main else []
        names = named if len(named) == len(shapes) else [f"choice {i + 1}" for i in range(len(shapes))]
        return tuple(
            Choice(name, tuple(f"option {k}" for k in range(width)), count)
            for name, (count, width) in zip(names, shapes, strict=True)
        )

    @property
    def value_name(self) -> str:
        """What the value is: the metric that it equals or is the negative of, or a reward of the metric `value`."""
        metric = self.config["domain"].get("metric")
        return value_name(self.main.scored[:100] if self.main else [], metric and {metric["name"]: metric["unit"]})


def read(path: Path) -> Story:
    """Read a run.

    Raises:
        RunError: no run there, one of another format, or damaged.
    """
    if not path.is_dir():
        raise RunError(f"{path} is not a run: there is no such directory")
    with reading(path):
        config = load_config(path, KEYS)
        remembered(config)
        method = catalogue.method(config["method"])
        space = _space(config)
        seeds = range(config["seed"], config["seed"] + config["seeds"])
        folders = {seed: path if len(seeds) == 1 else path / f"seed-{seed}" for seed in seeds}
    traces = [read_trace(folder, seed, space) for seed, folder in folders.items() if folder.is_dir()]
    with reading(path):
        result = read_result(path)
        rows = load_rows(path)
        sizes = traces[0].sizes if traces else None
        for arch in [row.arch for row in rows] + ([result["best"]] if result else []):
            check_arch(arch, sizes)
        tests = {tuple(test) for row in rows for test in row.tests or [{}]}
        if len(tests) > 1 or tests == {()}:
            raise RunError(f"{path} is damaged: its trained architectures were not tested alike")
        kept: dict[str, Any] = read_json(path / "retrain.json") if rows else {"epochs": 0}
        shown, places = load_showcase(path) if rows else {}, kept.get("places", [])
        story = Story(path, config, method, space, traces, result, rows, int(kept["epochs"]), shown, places,
                      str(kept.get("split", "all")))  # fmt: skip
        if result is not None and story.main is None:
            raise RunError(f"{path} is damaged: it has a result, but no search")
        return story


def _space(config: dict[str, Any]) -> Space | None:
    """The space of a run; None if it is the user's own and not here: then figures go without its words."""
    try:
        return load_space(config)
    except AbsentError:
        return None


def read_trace(path: Path, seed: int, space: Space | None) -> Trace:
    """Read one search.

    Raises:
        RunError: damaged.
    """
    with reading(path):
        records = read_history(path)
        seconds = [float(line["seconds"]) for line in islice(each_line(path, "clock"), len(records))]
        snapshots = read_lines(path, "alphas")
        snapshots = [snapshots[i] for i in even(len(snapshots), SNAPSHOTS)]
        steps = [int(line["step"]) for line in snapshots]
        cubes = [np.array(frames, dtype=float) for frames in zip(*(s["distribution"] for s in snapshots), strict=True)]
        expected = space and [(len(steps), choice.count, len(choice.options)) for choice in space.choices]
        if cubes and expected and [cube.shape for cube in cubes] != expected:
            raise RunError(f"{path} is damaged: its distributions do not fit the space")
        seconds = seconds if len(seconds) == len(records) else []
        sizes = [len(options) for options in decisions(space.choices)] if space else None
        if space is None and cubes:
            sizes = [cube.shape[2] for cube in cubes for _ in range(cube.shape[1])]
        result = read_result(path)
        for arch in {record.arch for record in records} | ({tuple(result["best"])} if result else set()):
            check_arch(arch, sizes)
        return Trace(seed, records, seconds, steps, cubes, result, sizes)


def read_result(path: Path) -> dict[str, Any] | None:
    """What a search found; None while it is unfinished."""
    if not (path / "result.json").exists():
        return None
    result: dict[str, Any] = read_json(path / "result.json")
    return result | {"value": float(result["value"]), "best": list(result["best"])}


def check_arch(arch: Sequence[Any], sizes: Sequence[int] | None) -> None:
    """Check that an architecture has an option for every decision; a strategy may score beyond a space's rules.

    Raises:
        ValueError: it has not.
    """
    if sizes is not None and not all(0 <= index < size for index, size in zip(arch, sizes, strict=True)):
        raise ValueError(f"{list(arch)} is no architecture of its space")
