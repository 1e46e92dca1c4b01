"""A space of a few architectures and an evaluator that does with each what candidates do when they go wrong."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from appnas.estimate import Stateless
from appnas.space import Choice, argmax
from appnas.strategy import Draw, Random, Score

KINDS = ("fine", "raises", "nan", "none", "text", "infinite", "metric", "memory", "dies", "hangs", "dead end")


@dataclass(frozen=True)
class Few:
    """One decision between so many options."""

    options: int = 40
    mask = None

    @property
    def choices(self):
        return (Choice("which", tuple(map(str, range(self.options)))),)

    def valid(self, arch):
        return True

    def discretise(self, gates):
        return argmax(gates)


class Misbehaves(Stateless):
    """The k-th architecture does what `kinds` says of it; all others are worth their index. Every try leaves a line.

    Args:
        log: file of the tries.
        kinds: architecture -> one of KINDS.
    """

    def __init__(self, log: Path, kinds: dict[int, str]):
        self.log, self.kinds = log, kinds

    def tries(self, index: int) -> int:
        return self.log.read_text().split().count(str(index))

    def score(self, draw: Draw) -> Score:
        (index,) = draw.arch
        with self.log.open("a") as file:
            file.write(f"{index}\n")
        return getattr(self, self.kinds.get(index, "fine").replace(" ", "_"))(float(index))

    def fine(self, index):
        return Score(torch.tensor(index))

    def raises(self, index):
        raise RuntimeError(f"sizes of tensors must match\nexpected 4, got {index:.0f}")

    def nan(self, index):
        return Score(torch.tensor(float("nan")))

    def none(self, index):
        return None

    def text(self, index):
        return Score("0.97")

    def infinite(self, index):
        return Score(torch.tensor(float("inf")))

    def metric(self, index):
        return Score(torch.tensor(index), {"accuracy": "high"})

    def memory(self, index):
        raise torch.OutOfMemoryError("tried to allocate 40 GiB")

    def dies(self, index):
        os.kill(os.getpid(), signal.SIGKILL)

    def hangs(self, index):
        time.sleep(600)

    def dead_end(self, index):
        os._exit(3)


SAID = {
    "raises": ("RuntimeError", "expected 4, got 1"),
    "nan": ("ValueError", "the value is nan: it is maximised, so it must be a number"),
    "none": ("TypeError", "an evaluator's score is a Score(value, metrics), got None"),
    "text": ("TypeError", "the value of a score must be a number, got '0.97'"),
    "infinite": ("ValueError", "the value is inf: it is maximised, so it must be a number"),
    "metric": ("TypeError", "the metric 'accuracy' must be a number, got 'high'"),
    "memory": ("OutOfMemoryError", "tried to allocate 40 GiB"),
    "dies": ("Died", "the process that evaluated it died 3 times: killed, out of memory, or crashed"),
    "dead end": ("Died", "the process that evaluated it died 3 times: killed, out of memory, or crashed"),
    "hangs": ("Timeout", "no score within 2 s"),
}
"""What the history says of each."""


class InOrder(Random):
    """Asks the architectures one after another."""

    def __init__(self):
        super().__init__(Few(), None)
        self.asked = 0

    def ask(self):
        self.asked += 1
        return Draw((self.asked - 1,))

    def state_dict(self):
        return {"asked": self.asked, "archive": self.archive.state_dict()}

    def load_state_dict(self, state):
        self.asked = state["asked"]
        self.archive.load_state_dict(state["archive"])
