"""`encoder.json` in the run of an agent: what the search points to, at every snapshot and at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appnas.agent.encoder_file import NAME, save_encoder
from appnas.api.plan import Plan
from appnas.loop import Callback, Loop, Observer, Record, SearchResult
from appnas.run import catalogue, describe_domain
from appnas.space import Arch, Space
from appnas.support.plain import plain


class EncoderSnapshots(Observer):
    """Keep the encoder of a search inside an agent in a run's directory, also if the search is interrupted.

    Args:
        folder: the run.
        space: of the search.
        how: what the search is of, for the file.
        snapshots: number of times that it is written over a whole search.
    """

    def __init__(self, folder: Path, space: Space, how: Mapping[str, Any], snapshots: int = 100):
        self.folder, self.space, self.how, self.snapshots = folder, space, how, snapshots
        self.arch: Arch | None = None
        self.written = 0

    def step(self, loop: Loop, record: Record) -> None:
        """Write it now and then."""
        self.arch = loop.strategy.best()  # of the last whole step: after an error, logits may be no numbers
        if loop.step % max(loop.steps // self.snapshots, 1) == 0:
            self._write(loop)

    def end(self, loop: Loop) -> None:
        """Write what is found by now."""
        if self.written != loop.step:
            self._write(loop)

    def _write(self, loop: Loop) -> None:
        if self.arch is not None:
            _save(self.folder, self.space, self.arch, self.how, loop.history, loop.steps)
            self.written = loop.step


def of_run(folder: Path, space: Space, domain: Any, plan: Plan, seed: int) -> list[Callback]:
    """What keeps the encoder of a run, if its method searches inside an agent's own training."""
    inside = catalogue.method(plan.method).needs == "agent"
    return [EncoderSnapshots(folder, space, _how(domain, plan, seed))] if inside else []


def finished(folder: Path, result: SearchResult, domain: Any, plan: Plan) -> None:
    """Write the encoder that a run of an agent found: the best seed's, of whatever method."""
    if hasattr(domain, "host") and result.space and result.history:
        how = _how(domain, plan, result.info["seed"])
        _save(folder, result.space, result.best, how, result.history, len(result.history))


def _how(domain: Any, plan: Plan, seed: int) -> dict[str, Any]:
    return {"by": plan.method, "config": plain(plan.config), "domain": describe_domain(domain), "seed": seed}


def _save(
    folder: Path, space: Space, arch: Arch, how: Mapping[str, Any], history: Sequence[Record], steps: int
) -> None:
    last = {"value": history[-1].value, **history[-1].metrics}
    known = {name: round(value, 6) for name, value in last.items() if math.isfinite(value)}
    save_encoder(folder / NAME, space, arch, {**how, "step": len(history), "of": steps, "last": known})
