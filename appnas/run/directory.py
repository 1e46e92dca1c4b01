"""Directories for new runs: found, made, and taken away again if nothing comes of them."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from appnas.loop import versions
from appnas.run.journal import write_json
from appnas.run.lock import OURS, writing
from appnas.run.run import FORMAT
from appnas.support import RunError


def create(path: Path, config: Mapping[str, Any]) -> Path:
    """Start a run's directory.

    Raises:
        RunError: see `check_empty`.
    """
    check_empty(path)
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "config.json", {"format": FORMAT, "versions": versions(), **config})
    return path


def check_empty(path: Path) -> None:
    """Check that a run can be made there.

    Raises:
        RunError: the directory holds something already, or is a file.
    """
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file: give a directory")
    if path.exists() and any(file.name not in OURS for file in path.iterdir()):
        raise RunError(f"{path} is not empty: resume it, or give another directory")


def reserve(stem: Path) -> Path:
    """The first of STEM-1, STEM-2, ... that is free, as an empty directory."""
    for number in itertools.count(1):
        path = stem.with_name(f"{stem.name}-{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise AssertionError


@contextlib.contextmanager
def created(path: Path, config: Mapping[str, Any]) -> Iterator[Path]:
    """A new run's directory for what is done with it, locked; if that fails before its first score, it is as before.

    Raises:
        RunError: see `create`, or somebody else makes a run there at this moment.
    """
    missing = not path.exists()
    check_empty(path)
    path.mkdir(parents=True, exist_ok=True)
    with writing(path):
        check_empty(path)  # again: somebody may have made a run there before the lock was free
        try:
            yield create(path, config)
        except Exception:
            if path.exists() and not any(file.stat().st_size for file in path.rglob("history.jsonl")):
                shutil.rmtree(path)
                if not missing:
                    path.mkdir()
            raise
