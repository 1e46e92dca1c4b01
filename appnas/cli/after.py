"""What the command line does once a search is over: train what it found, and say how to go on after Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appnas.api import Result, computing
from appnas.cli import show
from appnas.compute import Compute, compute_of, led
from appnas.estimate import evaluator_of
from appnas.run import KEYS, InterruptedSearchError, load_config, read_history, read_json
from appnas.run.provenance import check_domain, found_in, load_domain, load_space, remembered
from appnas.space import check
from appnas.strategy import Random
from appnas.support import reading


def quietened(compute: Compute) -> Compute:
    """The same; of several processes, all but the first print nothing but errors."""
    show.console.quiet |= not compute.share.leads
    return compute


def finished(path: Path, device: str | None = None, processes: int | None = None) -> Result:
    """What a finished search found, as far as retraining asks for it: no supernet is built again.

    Args:
        path: directory of the run.
        device: of its domain's networks; None for what the search was asked for.
        processes: that train together; by default as many as were started.

    Raises:
        RunError: no run there, or one that is not finished.
        ValueError: torch has no such device.
    """
    saved = load_config(path, KEYS)
    compute = quietened(computing.again(saved, path, device, processes or None))
    read_json(path / "result.json")
    with reading(path / "config.json"):
        remembered(saved)
        space, domain = load_space(saved), load_domain(saved)
    check_domain(domain, saved, path)
    domain = computing.on(domain, compute, device or saved["device"])
    found = found_in(path, space, range(saved["seed"], saved["seed"] + saved["seeds"]))
    strategy, evaluator = Random(space, random.Random(0)), evaluator_of(space, domain, 1, saved["seed"])
    info = {"seed": found["seed"], "path": str(path), "method": saved["method"]}
    info["retrain"] = {"epochs": saved["retrain_epochs"], "beside": saved["beside"]}
    if "control" in found:
        info["control"] = {**found["control"], "best": check(space, found["control"]["best"])}
    return Result(check(space, found["best"]), read_history(path), strategy, evaluator, space, domain, info)


def retrain(result: Result, path: Path, epochs: int | None, seeds: int, beside: tuple[str, ...], **how: Any) -> None:
    """Train what was found beside its controls, and show it; Ctrl-C says how to go on."""
    more = (f" --epochs {epochs}" if epochs else "") + f" --seeds {seeds}"
    more += f" --beside {' '.join(beside)}" if beside else ""
    more += (f" --precision {how['precision']}" if how.get("precision") else "") + " --compile" * bool(
        how.get("compile")
    )
    more += " --splits all" if how.get("splits") == "all" else ""
    if how.get("ensemble"):
        more += f" --ensemble {how['ensemble']} --ensemble-by {how['ensemble_by']}"
    with resumable(path, f"appnas retrain {shlex.quote(str(path))}{more}"):
        trained = result.retrain(epochs, seeds=seeds, beside=beside or None, progress=True, **how)
    show.trained(trained, path)


def show_and_retrain(result: Result, path: Path) -> None:
    """What a search found; then the retraining that it was asked for, unless that was done before."""
    show.found(result, path)
    done = led(compute_of(result.domain).share, (path / "retrain.json").exists)
    if "retrain" in result.info and not done:
        retrain(result, path, result.info["retrain"]["epochs"], 1, tuple(result.info["retrain"]["beside"]))


@contextlib.contextmanager
def resumable(path: Path, command: str) -> Iterator[None]:
    """Let Ctrl-C say how to go on with a run, if there is something of it to go on with."""
    try:
        yield
    except InterruptedSearchError:
        raise
    except KeyboardInterrupt as stop:
        if not (path / "config.json").exists():
            raise InterruptedSearchError("stopped before the search began; nothing was saved") from stop
        raise InterruptedSearchError(f"stopped; what was saved so far is kept. Go on with: {command}") from stop


@contextlib.contextmanager
def watched(path: Path | None) -> Iterator[None]:
    """Let another process serve the report of a run, until this one is through with it; None for nothing."""
    if path is None:
        yield
        return
    command = [sys.executable, "-m", "appnas.report.shown.watch", str(path), str(os.getpid())]
    serving = subprocess.Popen(command, start_new_session=True)  # Ctrl-C is for the search alone
    try:
        yield
    finally:
        serving.terminate()
        serving.wait()
