"""A run is a directory: config, history, checkpoint, result. What was interrupted goes on, bit for bit.

config.json      what was asked for
history.jsonl    one line a score: step, arch, value, metrics; if it failed, why
clock.jsonl      one line a score: step, seconds since the start (apart, because it never repeats), and where it ran, if
                 that is elsewhere than the line before
alphas.jsonl     the strategy's distribution over options, now and then
checkpoint.pt    everything needed to go on, written to another file first, then renamed
failures/        the traceback of every evaluation that failed
trainings/       of a search in rungs, the trainings that may go on, until it is finished
result.json      the architecture found; of a search in an agent encoder.json has it at any moment
events.*         the value for TensorBoard
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import torch

from appnas.estimate import in_turn, keep_in, recall
from appnas.loop import Count, Loop, Observer, Record, begin, spent
from appnas.run import lock, schema
from appnas.run.interrupted import ENDING, Underway
from appnas.run.journal import each_line, keep_lines, places, read_history, read_json, row
from appnas.run.retrying import CHECKPOINT, TRACES, keep_earlier, keep_trace, memories
from appnas.run.tensorboard import Events
from appnas.space import Space
from appnas.support import IN_A_ROW, SHARE, RunError, check_state, digest, load_state, reading, room, whole
from appnas.support.files import still_there

FORMAT = 1
KEYS = ("method", "config", "space", "domain", "seed", "versions")
"""What the config of a search tells; a run made by hand (`appnas.run.create`) may tell anything."""
LATER = {
    "seeds": 1, "rank_epochs": 0, "control": False, "retrain_epochs": 0, "beside": [], "workers": 0, "asks": 0,
    "cluster": False, "timeout": 0.0, "max_failures": IN_A_ROW, "max_failure_share": SHARE, "device": "auto",
    "processes": 1, "norms": "synchronised",
    "precision": "32", "compile": False,
}  # fmt: skip
"""What it tells since later versions, and what its absence means."""


TRAININGS = "trainings"
SHARE_OF_TIME = 20
"""One that remembers a million architectures takes seconds: this many times as long lies between two checkpoints."""
STATES = 2
"""Number of the way in which checkpoints hold states."""
AGAIN = "delete it to start this run again from its config"


class InterruptedSearchError(KeyboardInterrupt):
    """Ctrl-C: the state is saved."""


def load_config(path: Path, keys: Iterable[str] = ()) -> dict[str, Any]:
    """The config of a run; of a search (with keys), settings that came later have their defaults.

    Raises:
        RunError: no run there, one of another format, or without one of the keys.
    """
    config: dict[str, Any] = read_json(path / "config.json")
    if config.get("format") != FORMAT:
        raise RunError(f"{path} was written in format {config.get('format')}, this version reads format {FORMAT}")
    if keys:
        with reading(path / "config.json"):
            schema.SEARCH(config, "")
    return {**LATER, **config} if keys else config


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint of a run.

    Raises:
        RunError: damaged, or of a version that keeps states otherwise.
    """
    state = check_state(path, load_state(path, AGAIN, RunError), schema.FILES["checkpoint.pt"], AGAIN)
    if state.get("states") != STATES:
        raise RunError(f"{path} holds states as another version keeps them: go on with that version, or {AGAIN}")
    return state


def identity(config: Mapping[str, Any]) -> str:
    """What a checkpoint is of: of a run with other parts it is no use."""
    parts = {key: config.get(key) for key in ("method", "space", "domain", "seed")}
    return digest(json.dumps(parts, sort_keys=True))


class Run(Observer):
    """Keep a run's directory, and go on from what it holds.

    Args:
        path: the directory, made by `appnas.run.create`.
        every: seconds between two checkpoints, at least; 0 for one after every step.
        snapshots: number of times that the distribution is written over a whole search.
        events: write TensorBoard events.
        root: the directory to resume, if this one is a part of it (one seed of several).
        space: what the history's architectures are of, to check them; None if that is unknown.
        place: where it runs now, "device" and "machine"; None if that is unknown.
    """

    def __init__(
        self, path: Path, every: float = 30.0, snapshots: int = 100, events: bool = True, root: Path | None = None,
        space: Space | None = None, place: Mapping[str, str] | None = None,
    ):  # fmt: skip
        self.path, self.every, self.snapshots, self.events = Path(path), every, snapshots, events
        self.root, self.space, self.place = root or self.path, space, place
        self.stopped = False
        self.files: dict[str, TextIO] = {}
        self.journals: dict[str, Path] = {}
        self.held = contextlib.ExitStack()

    def start(self, loop: Loop) -> None:
        """Lock the directory, restore what is there, cut the journals to it, and listen for Ctrl-C.

        Raises:
            RunError: the directory holds no run, one of another format, damaged files, or somebody else writes to it.
        """
        self.of = identity(load_config(self.path))
        with contextlib.ExitStack() as held:
            held.enter_context(lock.writing(self.path))
            self._start(loop, self._restore(loop))
            keep_in(loop.evaluator, self.path / TRAININGS)
            self.held = held.pop_all()
        self.outer = begin(self.count)

    def _restore(self, loop: Loop) -> float:
        """Check every file before one is changed; then go on from the checkpoint. Returns its seconds."""
        checkpoint, done = self.path / CHECKPOINT, self.path / "result.json"
        state: dict[str, Any] = load_checkpoint(checkpoint) if checkpoint.exists() else {"step": 0, "seconds": 0.0}
        step: int = state["step"]
        if state.get("of", self.of) != self.of:
            raise RunError(f"{checkpoint} is of a run with another method, space, domain or seed: {AGAIN}")
        history = read_history(self.path)[:step]
        if len(history) != step:
            raise RunError(f"{self.path}: the checkpoint is of step {step}, the history has {len(history)}")
        if done.exists() and (told := read_json(done)["steps"]) != step:
            raise RunError(f"{done} is of {told} steps, the checkpoint of step {step}: delete it to search again")
        if self.space:
            schema.check_archs(self.path / "history.jsonl", history, self.space)
        self.count = Count(state.get("spent"))
        for name in ("clock", "alphas"):
            deque(each_line(self.path, name), 0)
        known = {memory: load_checkpoint(memory) for memory in memories(self.path)}
        if step:
            with reading(checkpoint, AGAIN):
                loop.strategy.load_state_dict(state["strategy"])
                loop.evaluator.load_state_dict(state["evaluator"])
                torch.set_rng_state(state["rng"])
        for memory, earlier in known.items():
            with reading(memory, "delete it: what it remembers is then evaluated again"):
                recall(loop.evaluator, earlier["evaluator"])
        loop.ended = state.get("ended", "")
        loop.stopped |= bool(loop.ended) or done.exists()  # finished, perhaps by a callback that is not here now
        loop.step, loop.history[:] = step, history
        return float(state["seconds"])

    def _start(self, loop: Loop, seconds: float) -> None:
        for name in ("history", "clock", "alphas"):
            self._open(name, loop.step)
        self.kept = (loop.step, loop.ended)
        self.told = places(self.path)[-1:]
        self.began = time.monotonic() - seconds
        self.saved, self.took = time.monotonic(), 0.0
        self.gap = max(loop.steps // self.snapshots, 1)
        self.writer = Events(self.path, loop.step) if self.events else None
        if loop.step == 0:
            self._snapshot(loop)
        self.underway = Underway(self.path, loop, self._safe)
        if loop.each is in_turn:
            loop.each = self.underway
        if threading.current_thread() is threading.main_thread():
            self.handlers = {number: signal.signal(number, self._interrupt) for number in ENDING}

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.underway.asked_to_end(number)
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        print("\nstopping after this step or batch; Ctrl-C again stops at once and loses it", file=sys.stderr)

    def _open(self, name: str, steps: int) -> None:
        """Keep the lines before the checkpoint's step: later ones, and a torn last one, will be written again."""
        path = self.path / f"{name}.jsonl"
        if name == "alphas":  # a snapshot carries the number of steps done
            steps = sum(line["step"] < steps + (steps > 0) for line in each_line(self.path, name))
        keep_lines(path, steps)
        with room(path, "make room, and repeat the command"):
            self.files[name], self.journals[name] = path.open("a", buffering=1), path

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        file = self.files[name]
        with room(self.journals[name], self._safe):
            still_there(file)
            file.write(json.dumps(content) + "\n")

    def _safe(self) -> str:
        step, _ = self.kept
        if not step:
            return "nothing was saved before: make room, and start again"
        return f"the checkpoint of step {step} is safe: make room, then go on with: {self._resume()}"

    def _resume(self) -> str:
        return f"appnas resume {shlex.quote(str(self.root))}"

    def _snapshot(self, loop: Loop) -> None:
        if hasattr(loop.strategy, "distribution"):
            rows = [[[round(p, 5) for p in row] for row in m.tolist()] for m in loop.strategy.distribution()]
            self._write("alphas", {"step": loop.step, "distribution": rows})

    def step(self, loop: Loop, record: Record) -> None:
        """Write the score; save now and then, and at once after Ctrl-C.

        Raises:
            InterruptedSearchError: after Ctrl-C, once all is saved.
        """
        self._write("history", row(record) | self._failure(record))
        self._write("clock", {"step": record.step, "seconds": round(time.monotonic() - self.began, 3), **self._moved()})
        if self.writer:
            self.writer.add(record.value, record.step, self._safe)
        if loop.step % self.gap == 0:
            self._snapshot(loop)
        if loop.pending:  # in the middle of a batch: the strategy was asked for more than it was told
            return
        if self.stopped or time.monotonic() - self.saved >= self._pause or loop.step == loop.steps:
            self.save(loop)
        if self.stopped:
            raise InterruptedSearchError(f"stopped at step {loop.step} of {loop.steps}; go on with: {self._resume()}")

    @property
    def _pause(self) -> float:
        """Seconds between two checkpoints: longer where one takes long, so that they take a twentieth at most."""
        return self.every and max(self.every, SHARE_OF_TIME * self.took)

    def _moved(self) -> dict[str, Any]:
        """Where this and the following steps run, once if that is elsewhere than before."""
        if self.place is None or (self.told and self.told[0][1] == self.place):
            return {}
        self.told = [(0, dict(self.place))]
        return {"on": self.told[0][1]}

    def _failure(self, record: Record) -> dict[str, Any]:
        """What the history says of a failure; its traceback lies in a file."""
        if record.failure is None:
            return {}
        with room(self.path / TRACES, self._safe):
            keep_earlier(self.path)
            kept = keep_trace(self.path, record)
        return {"failure": {"kind": record.failure.kind, "message": record.failure.message, "trace": kept}}

    def save(self, loop: Loop) -> None:
        """Write the checkpoint."""
        began = time.monotonic()
        state = {
            "step": loop.step, "seconds": began - self.began, "spent": self.count.told(), "ended": loop.ended,
            "strategy": loop.strategy.state_dict(), "evaluator": loop.evaluator.state_dict(),
            "rng": torch.get_rng_state(), "of": self.of, "states": STATES,
        }  # fmt: skip
        with spent("checkpoint"), whole(self.path / CHECKPOINT, self._safe) as partial:
            torch.save(state, partial)
        self.saved, self.kept = time.monotonic(), (loop.step, loop.ended)
        self.took = self.saved - began

    def end(self, loop: Loop) -> None:
        """Save a search that another callback stopped, and close the files."""
        with self.held:
            try:
                if loop.stopped and self.kept != (loop.step, loop.ended) and not loop.pending:
                    self.save(loop)
                if loop.step == loop.steps or loop.ended or getattr(loop.strategy, "done", False):
                    for memory in memories(self.path):
                        memory.unlink()
                    shutil.rmtree(self.path / TRAININGS, ignore_errors=True)
            finally:
                self._close()
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.handlers.items():
                signal.signal(number, handler)

    def _close(self) -> None:
        begin(self.outer)
        self.underway.close()
        for file in self.files.values():
            with contextlib.suppress(OSError):  # no room for what a full disk has refused before
                file.close()
        if self.writer:
            self.writer.close()
