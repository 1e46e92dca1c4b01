"""The plain files of a run: JSON, and journals with one line a score."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from appnas.loop import Record, SearchResult
from appnas.run import schema
from appnas.space import describe
from appnas.support import Failure, RunError, room, whole


def write_json(path: Path, content: Any) -> None:
    """Write a file of a run, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def read_json(path: Path) -> Any:
    """Read a file of a run.

    Raises:
        RunError: missing or damaged.
    """
    try:
        return schema.load(path)
    except FileNotFoundError:
        kind = "run" if path.name == "config.json" else "finished run"
        found = kind == "finished run" and path.name == "result.json" and (path.parent / "config.json").exists()
        more = f"; finish it first: appnas resume {shlex.quote(str(path.parent))}" if found else ""
        raise RunError(f"{path.parent} is not a {kind}: it has no {path.name}{more}") from None


def read_lines(path: Path, name: str) -> list[dict[str, Any]]:
    """The lines of one of a run's journals, see `each_line`."""
    return list(each_line(path, name))


def each_line(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """The same one at a time: a million take gigabytes. None if not kept, nor a last line torn by a kill.

    Raises:
        RunError: damaged.
    """
    return schema.lines(path / f"{name}.jsonl")


def keep_lines(path: Path, count: int) -> None:
    """Cut a journal behind so many lines, and before a torn last one."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        kept = sum(len(line) for line in islice(stream, count) if line.endswith(b"\n"))
    if path.stat().st_size > kept:
        with room(path, "make room, and repeat the command"):
            os.truncate(path, kept)


def places(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Where the steps of a search ran: the first step of each part, and its device and machine."""
    told = schema.lines(path / "clock.jsonl", gaps=True, having='"on"')
    return [(int(line["step"]), line["on"]) for line in told if "on" in line]


PLACES = "places.jsonl"
"""Where the trainings ran that followed a search, each part of theirs: epochs asked for, device and machine."""


def add_place(path: Path, epochs: int, on: dict[str, str]) -> None:
    """Write down where trainings for so many epochs begin, or go on."""
    lines = list(schema.lines(path / PLACES))
    if told_places(path, epochs)[-1:] != [on]:
        lines.append({"step": len(lines), "epochs": epochs, "on": on})
        with whole(path / PLACES) as partial:
            partial.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def told_places(path: Path, epochs: int) -> list[dict[str, str]]:
    """Where trainings for so many epochs have run until now."""
    return [line["on"] for line in schema.lines(path / PLACES) if line["epochs"] == epochs]


BITS = "results of different devices, processors and numbers of threads differ in their last bits"


def ran(path: Path) -> list[str]:
    """The same in words, one line a search of a run; none for runs of versions that did not keep it."""
    told: dict[str, list[str]] = {}
    for folder in [path, *sorted(path.glob("seed-*"))]:
        if parts := places(folder):
            last = max(line["step"] for line in schema.lines(folder / "clock.jsonl", gaps=True))
            told.setdefault(_parts(parts, last + 1), []).append(folder.name)
    return [text if len(told) == 1 else f"{', '.join(names)}: {text}" for text, names in told.items()]


def _parts(parts: list[tuple[int, dict[str, str]]], steps: int) -> str:
    if len(parts) == 1 and parts[0][0] == 0:
        return f"all steps on {spot(parts[0][1])}"
    ends = [*(start for start, _ in parts[1:]), steps]
    listed = [
        f"{start + 1}{f'-{end}' if end > start + 1 else ''} on {spot(on)}"
        for (start, on), end in zip(parts, ends, strict=True)
    ]
    return f"steps {', '.join(listed)}: {BITS}"


def spot(on: dict[str, str]) -> str:
    """Device and machine."""
    return f"{on['device']} ({on['machine']})"


def read_history(path: Path) -> list[Record]:
    """The scores of a run; of those that failed, why."""
    told = ((x, x.get("failure")) for x in each_line(path, "history"))
    return [
        Record(
            x["step"], tuple(x["arch"]), float(x["value"]), x["metrics"], why and _failure(path, why), x.get("budget")
        )
        for x, why in told
    ]


def _failure(path: Path, kept: dict[str, Any]) -> Failure:
    trace = path / kept["trace"] if kept["trace"] else None
    text = trace.read_text("utf-8").partition("\n\n")[2] if trace and trace.exists() else ""
    return Failure(kept["kind"], kept["message"], text)


def row(record: Record) -> dict[str, Any]:
    """A line of the history, but for why an evaluation failed."""
    told = {"step": record.step, "arch": record.arch, "value": record.value, "metrics": dict(record.metrics)}
    return told if record.budget is None else {**told, "budget": record.budget}


def finish(path: Path, result: SearchResult) -> None:
    """Write a finished run's result."""
    named = describe(result.space.choices, result.best) if result.space else None
    told = ("seed", "runs", "mean", "spread", "ranked_by", "control", "conditions", "ended")
    more = {key: result.info[key] for key in told if key in result.info}
    found = {"best": list(result.best), "named": named, "value": result.value, "steps": len(result.history)}
    write_json(path / "result.json", found | more)
