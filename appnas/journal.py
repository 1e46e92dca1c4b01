"""The plain files of a run: JSON, and journals with one line a score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from appnas.failure import Failure
from appnas.files import whole
from appnas.search import Record


class RunError(ValueError):
    """A run directory that cannot be used as asked."""


def write_json(path: Path, content: Any) -> None:
    """Write a file of a run, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """Read a file of a run.

    Raises:
        RunError: missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        kind = "run" if path.name == "config.json" else "finished run"
        raise RunError(f"{path.parent} is not a {kind}: it has no {path.name}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is damaged: {error}") from None


def read_lines(path: Path, name: str) -> list[dict[str, Any]]:
    """The lines of one of a run's journals; none if it was not kept. A last line torn by a kill is left out.

    Raises:
        RunError: damaged.
    """
    file = path / f"{name}.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    try:
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except json.JSONDecodeError as error:
        raise RunError(f"{file} is damaged: {error}") from None


def read_history(path: Path) -> list[Record]:
    """The scores of a run; of those that failed, why."""
    return [
        Record(x["step"], tuple(x["arch"]), x["value"], x["metrics"], x.get("failure") and _failure(path, x["failure"]))
        for x in read_lines(path, "history")
    ]


def _failure(path: Path, kept: dict[str, Any]) -> Failure:
    trace = path / kept["trace"] if kept["trace"] else None
    text = trace.read_text().partition("\n\n")[2] if trace and trace.exists() else ""
    return Failure(kept["kind"], kept["message"], text)
