"""A run is a directory: config, history, checkpoint, result. What was interrupted goes on, bit for bit.

config.json      what was asked for
history.jsonl    one line a score: step, arch, value, metrics; if it failed, why
clock.jsonl      one line a score: step, seconds since the start (apart, because it never repeats)
alphas.jsonl     the strategy's distribution over options, now and then
checkpoint.pt    everything needed to go on, written to another file first, then renamed
failures/        the traceback of every evaluation that failed
result.json      the architecture found
events.*         the value for TensorBoard
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import torch

from appnas.evaluate import in_turn, recall
from appnas.failure import IN_A_ROW, SHARE
from appnas.files import load_state, whole
from appnas.journal import RunError, each_line, read_history, read_json, write_json
from appnas.rewind import CHECKPOINT, MEMORY, keep_earlier, keep_trace
from appnas.search import Loop, Observer, Record, Result, versions
from appnas.space import describe
from appnas.underway import Underway

FORMAT = 1
KEYS = ("method", "config", "space", "domain", "seed", "versions")
"""What the config of a search tells; a run made by hand (`create`) may tell anything."""
LATER = {
    "seeds": 1, "rank_epochs": 0, "control": False, "retrain_epochs": 0, "beside": [], "workers": 0, "asks": 0,
    "cluster": False, "timeout": 0.0, "max_failures": IN_A_ROW, "max_failure_share": SHARE,
}  # fmt: skip
"""What it tells since later versions, and what its absence means."""


class InterruptedSearchError(KeyboardInterrupt):
    """Ctrl-C: the state is saved."""


def create(path: Path, config: Mapping[str, Any]) -> Path:
    """Start a run's directory.

    Raises:
        RunError: the directory holds something already, or is a file.
    """
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file: give a directory")
    if path.exists() and any(path.iterdir()):
        raise RunError(f"{path} is not empty: resume it, or give another directory")
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "config.json", {"format": FORMAT, "versions": versions(), **config})
    return path


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
    """A new run's directory for what is done with it; if that fails before its first score, as if it had never been.

    Raises:
        RunError: see `create`.
    """
    missing = not path.exists()
    create(path, config)
    try:
        yield path
    except Exception:
        if not any(file.stat().st_size for file in path.rglob("history.jsonl")):
            shutil.rmtree(path)
            if not missing:
                path.mkdir()
        raise


def load_config(path: Path, keys: Iterable[str] = ()) -> dict[str, Any]:
    """The config of a run; of a search (with keys), settings that came later have their defaults.

    Raises:
        RunError: no run there, one of another format, or without one of the keys.
    """
    config: dict[str, Any] = read_json(path / "config.json")
    if not isinstance(config, dict):
        raise RunError(f"{path / 'config.json'} is damaged: it holds no settings")
    if config.get("format") != FORMAT:
        raise RunError(f"{path} was written in format {config.get('format')}, this version reads format {FORMAT}")
    if lost := [key for key in keys if key not in config]:
        raise RunError(f"{path / 'config.json'} is damaged: it does not tell {', '.join(lost)}")
    return {**LATER, **config} if keys else config


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint of a run.

    Raises:
        RunError: damaged.
    """
    return load_state(path, "delete it to start this run again from its config", RunError)


class Run(Observer):
    """Keep a run's directory, and go on from what it holds.

    Args:
        path: the directory, made by `create`.
        every: seconds between two checkpoints; 0 for one after every step.
        snapshots: number of times that the distribution is written over a whole search.
        events: write TensorBoard events.
        root: the directory to resume, if this one is a part of it (one seed of several).
    """

    def __init__(
        self, path: Path, every: float = 30.0, snapshots: int = 100, events: bool = True, root: Path | None = None
    ):
        self.path, self.every, self.snapshots, self.events = Path(path), every, snapshots, events
        self.root = root or self.path
        self.stopped = False
        self.files: dict[str, TextIO] = {}

    def start(self, loop: Loop) -> None:
        """Restore what is there, cut the journals to it, and listen for Ctrl-C.

        Raises:
            RunError: the directory holds no run, one of another format, or damaged files.
        """
        load_config(self.path)
        checkpoint = self.path / CHECKPOINT
        seconds = 0.0
        if checkpoint.exists():
            state = load_checkpoint(checkpoint)
            loop.strategy.load_state_dict(state["strategy"])
            loop.evaluator.load_state_dict(state["evaluator"])
            torch.set_rng_state(state["rng"])
            loop.step, seconds = state["step"], state["seconds"]
            loop.ended = state.get("ended", "")
        if (self.path / MEMORY).exists():
            recall(loop.evaluator, load_checkpoint(self.path / MEMORY)["evaluator"])
        loop.stopped |= bool(loop.ended) or (self.path / "result.json").exists()  # perhaps by a callback not here now
        loop.history[:] = [record for record in read_history(self.path) if record.step < loop.step]
        if len(loop.history) != loop.step:
            raise RunError(f"{self.path}: the checkpoint is of step {loop.step}, the history has {len(loop.history)}")
        for name in ("history", "clock", "alphas"):
            self._open(name, loop.step)
        self.kept = (loop.step, loop.ended)
        self.began = time.monotonic() - seconds
        self.saved = time.monotonic()
        self.gap = max(loop.steps // self.snapshots, 1)
        self.writer: Any = None
        if self.events:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(self.path), purge_step=loop.step)
        if loop.step == 0:
            self._snapshot(loop)
        self.underway = Underway(self.path, loop)
        if loop.each is in_turn:
            loop.each = self.underway
        if threading.current_thread() is threading.main_thread():
            self.handler = signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        print("\nstopping after this step or batch; Ctrl-C again stops at once and loses it", file=sys.stderr)

    def _open(self, name: str, steps: int) -> None:
        """Keep the lines before the checkpoint's step: later ones, and a torn last one, will be written again."""
        path = self.path / f"{name}.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        limit = steps + (name == "alphas" and steps > 0)  # a snapshot carries the number of steps done
        kept = [line for line, x in zip(lines, each_line(self.path, name), strict=False) if x["step"] < limit]
        if len(kept) != len(lines):
            with whole(path) as partial:
                partial.write_text("".join(kept))
        self.files[name] = path.open("a", buffering=1)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        self.files[name].write(json.dumps(content) + "\n")

    def _snapshot(self, loop: Loop) -> None:
        if hasattr(loop.strategy, "distribution"):
            rows = [[[round(p, 5) for p in row] for row in m.tolist()] for m in loop.strategy.distribution()]
            self._write("alphas", {"step": loop.step, "distribution": rows})

    def step(self, loop: Loop, record: Record) -> None:
        """Write the score; save now and then, and at once after Ctrl-C.

        Raises:
            InterruptedSearchError: after Ctrl-C, once all is saved.
        """
        content = {"step": record.step, "arch": record.arch, "value": record.value, "metrics": dict(record.metrics)}
        self._write("history", content | self._failure(record))
        self._write("clock", {"step": record.step, "seconds": round(time.monotonic() - self.began, 3)})
        if self.writer:
            self.writer.add_scalar("value", record.value, record.step)
        if loop.step % self.gap == 0:
            self._snapshot(loop)
        if loop.pending:  # in the middle of a batch: the strategy was asked for more than it was told
            return
        if self.stopped or time.monotonic() - self.saved >= self.every or loop.step == loop.steps:
            self.save(loop)
        if self.stopped:
            raise InterruptedSearchError(
                f"stopped at step {loop.step} of {loop.steps}; go on with: appnas resume {shlex.quote(str(self.root))}"
            )

    def _failure(self, record: Record) -> dict[str, Any]:
        """What the history says of a failure; its traceback lies in a file."""
        if record.failure is None:
            return {}
        keep_earlier(self.path)
        kept = keep_trace(self.path, record)
        return {"failure": {"kind": record.failure.kind, "message": record.failure.message, "trace": kept}}

    def save(self, loop: Loop) -> None:
        """Write the checkpoint."""
        state = {
            "step": loop.step,
            "seconds": time.monotonic() - self.began,
            "ended": loop.ended,
            "strategy": loop.strategy.state_dict(),
            "evaluator": loop.evaluator.state_dict(),
            "rng": torch.get_rng_state(),
        }
        with whole(self.path / CHECKPOINT) as partial:
            torch.save(state, partial)
        self.saved, self.kept = time.monotonic(), (loop.step, loop.ended)

    def end(self, loop: Loop) -> None:
        """Save a search that another callback stopped, and close the files."""
        if loop.stopped and self.kept != (loop.step, loop.ended) and not loop.pending:
            self.save(loop)
        if loop.step == loop.steps or loop.ended:
            (self.path / MEMORY).unlink(missing_ok=True)
        self.underway.close()
        for file in self.files.values():
            file.close()
        if self.writer:
            self.writer.close()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.handler)


def finish(path: Path, result: Result) -> None:
    """Write a finished run's result."""
    named = describe(result.space.choices, result.best) if result.space else None
    told = ("seed", "runs", "mean", "spread", "control", "conditions", "ended")
    more = {key: result.info[key] for key in told if key in result.info}
    found = {"best": list(result.best), "named": named, "value": result.value, "steps": len(result.history)}
    write_json(path / "result.json", found | more)
