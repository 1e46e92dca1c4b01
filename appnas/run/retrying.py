"""A run whose failed evaluations are tried again goes on from before the first of them."""

from __future__ import annotations

import shutil
from pathlib import Path

from appnas.loop import Record
from appnas.run.interrupted import FILE as UNDERWAY
from appnas.run.journal import read_history

CHECKPOINT, EARLIER, MEMORY = "checkpoint.pt", "before-failure.pt", "memory.pt"
"""The state to go on from, the last one before a failure, and the one whose evaluations are still known."""
TRACES = "failures"
"""Folder of the tracebacks, one file an evaluation that failed."""
OUTDATED = ("result.json", "retrain.json", "found.safetensors", "showcase.npz", "train-*.pt", "report*")
"""What may be otherwise once an evaluation has not failed."""


def keep_earlier(path: Path) -> None:
    """Before the first failure is written: keep the state to go back to. Without one, the search begins anew."""
    if (path / CHECKPOINT).exists() and not (path / EARLIER).exists() and not (path / TRACES).exists():
        shutil.copy2(path / CHECKPOINT, path / EARLIER)


def keep_trace(path: Path, record: Record) -> str:
    """Write the whole traceback of a failed evaluation. Returns the file, from the run's directory."""
    assert record.failure is not None
    (path / TRACES).mkdir(exist_ok=True)
    name = f"{TRACES}/{record.step:06}.txt"
    head = f"step {record.step}, architecture {list(record.arch)}\n{record.failure}\n\n"
    (path / name).write_text(head + record.failure.trace, encoding="utf-8")
    return name


def retry(path: Path) -> int:
    """Put a run, or all seeds of one, back to before its first failure: the searches go on from there.

    What was found since lies in a folder before-retry-N; what was evaluated since and did not fail is remembered.

    Returns:
        How many evaluations had failed.
    """
    failed = 0
    for folder in [path, *sorted(path.glob("seed-*"))]:
        records = [record for record in read_history(folder) if record.failure]
        if records:
            _aside(folder)
            _back(folder)
        failed += len(records)
    if failed and any(any(path.glob(name)) for name in OUTDATED):  # of several seeds together
        _aside(path)
    return failed


def _aside(path: Path) -> None:
    kept = path / f"before-retry-{1 + len(list(path.glob('before-retry-*')))}"
    kept.mkdir()
    for pattern in (*OUTDATED, TRACES):
        for file in path.glob(pattern):
            file.rename(kept / file.name)
    if (path / "history.jsonl").exists():
        shutil.copy2(path / "history.jsonl", kept)


def memories(path: Path) -> list[Path]:
    """The states whose evaluations are still known: several, if one that was tried again was so once more."""
    return sorted(path.glob(f"{MEMORY}*"))


def _unused(path: Path) -> Path:
    """Where the next of them goes."""
    return path / (MEMORY if not (known := memories(path)) else f"{MEMORY}.{len(known) + 1}")


def _back(path: Path) -> None:
    (path / UNDERWAY).unlink(missing_ok=True)
    if (path / CHECKPOINT).exists():
        (path / CHECKPOINT).replace(_unused(path))
    if (path / EARLIER).exists():
        (path / EARLIER).replace(path / CHECKPOINT)
