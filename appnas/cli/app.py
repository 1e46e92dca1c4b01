"""The commands that need torch: `appnas search | resume | retrain | report | watch | compare | export | bench | eda`.

Every command is a frozen dataclass whose fields are its flags (tyro). `appnas search METHOD` has the fields of
three further dataclasses, see `appnas.cli.flags`. A mistake gives one line and exit code 2, Ctrl-C exit code 130;
with APPNAS_DEBUG=1 both show their traceback.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from appnas.api import SearchOptions, computing, front
from appnas.cli import after, before, eda, flags, show
from appnas.cli.reports import Report, Watch
from appnas.compute import Precision
from appnas.loop import CollapseWarning
from appnas.methods import METHODS
from appnas.run import KEYS, catalogue, load_config
from appnas.support import FailuresError, explained, out_of_memory


@dataclass(frozen=True)
class Search:
    """Search for an architecture; `appnas search METHOD --help` shows all settings of METHOD."""

    method: Annotated[Positional[str], tyro.conf.arg(help=f"One of {', '.join(METHODS)}; then its flags.")]

    def run(self) -> None:
        """With the default settings."""
        search(self.method, [])


@dataclass(frozen=True)
class Resume:
    """Go on with an interrupted search and the retraining it was asked for, or show what a finished one found."""

    path: Positional[Path]
    """Directory of the run."""
    threads: int = 0
    """Torch threads; 0: as many as the run began with, which alone gives the same bits."""
    device: str | None = None
    """What trains networks from here on; by default what the search was asked for. Another gives other last bits."""
    retry_failed: bool = False
    """Try evaluations that failed again: go back to before the first of them, and remember what did not fail."""
    processes: int = 0
    """Processes that train every network together, started by torchrun; 0: as many as were started."""

    def run(self) -> None:
        """Search on."""
        before.threads(self.threads or load_config(self.path, KEYS).get("threads", 1))
        with after.resumable(self.path, f"appnas resume {before.quoted(self.path)}"):
            after.quietened(
                computing.again(load_config(self.path, KEYS), self.path, self.device, self.processes or None)
            )
            result = front.resume(
                self.path, retry_failed=self.retry_failed, device=self.device, processes=self.processes or None,
                progress=True,
            )  # fmt: skip
        after.show_and_retrain(result, self.path)


@dataclass(frozen=True)
class Retrain:
    """Train what a search found from scratch, beside controls, and test it. Interrupted, it goes on when repeated."""

    path: Positional[Path]
    """Directory of a finished search."""
    epochs: int | None = None
    """Epochs (or environment steps) of every training; by default those that the search was asked to retrain for, else
    as many as the domain says."""
    seeds: int = 1
    """Trainings of every architecture."""
    beside: tuple[str, ...] = ()
    """Controls: "random", or an operation that is then taken everywhere; by default those that the search was asked
    for. What random search at equal budget found is one too, after a search with --control."""
    device: str | None = None
    """What trains networks: a device of torch such as cuda:0, or auto; by default what the search was asked for."""
    threads: int = 1
    """Torch threads."""
    precision: Precision | None = None
    """32, tf32, bf16 or 16; by default as the search."""
    compile: bool = False
    """Let torch compile the networks; by default as the search."""
    processes: int = 0
    """Processes that train every network together, started by torchrun; 0: as many as were started."""
    splits: Literal["own", "all"] = "own"
    """All: train and test on every official split that the data hold."""
    ensemble: int = 0
    """If above 1, a row of so many of the search's best that answer together."""
    ensemble_by: Literal["voting", "stacking"] = "voting"
    """Voting: all alike; stacking: weighed by validation data."""

    def run(self) -> None:
        """Train."""
        before.threads(self.threads)
        how: dict[str, Any] = {"precision": self.precision, "compile": self.compile or None, "splits": self.splits}
        how |= {"ensemble": self.ensemble, "ensemble_by": self.ensemble_by}
        found = after.finished(self.path, self.device, self.processes)
        after.retrain(found, self.path, self.epochs, self.seeds, self.beside, **how)


@dataclass(frozen=True)
class Compare:
    """Put finished and retrained runs on one domain beside one another: tests, costs, difference to the first."""

    paths: Positional[tuple[Path, ...]]
    """Directories of the runs. One whose seeds were all retrained by themselves counts as so many searches."""
    metric: str = ""
    """Test metric; by default the one that the report speaks of."""
    json: bool = False
    """As JSON, for machines."""

    def run(self) -> None:
        """Compare."""
        from appnas.cli.compare import compare

        show.compared(*compare(self.paths, self.metric), as_json=self.json)


@dataclass(frozen=True)
class Export:
    """Write what a retrained run found: safetensors weights, arch.json, and ONNX, plain source or the hub's folder."""

    path: Positional[Path]
    """Directory of the run."""
    out: Path
    """Folder, empty or new."""
    to: tuple[Literal["onnx", "source", "hub"], ...] = ("onnx",)
    """Onnx: checked against torch at two batch sizes; source: one file of plain torch; hub: source and a model card."""
    onnx: bool = True
    """--no-onnx leaves ONNX out."""

    def run(self) -> None:
        """Write them."""
        from appnas.retrain import export

        for name, path in export(self.path, self.out, to=self.to, onnx=self.onnx).items():
            show.line(f"{name}: {path}")
        show.line("load it with: appnas.retrain.load(folder)")


@dataclass(frozen=True)
class Bench:
    """Where the time of a run went, or without one: what one first-order search step costs, measured now."""

    path: Positional[Path | None] = None
    """Directory of a run, finished or interrupted; the flags below are for measurements."""
    spaces: tuple[str, ...] = ("cells", "bench201")
    """Names of spaces."""
    domain: str = "digits"
    """Name of the domain whose data is used."""
    channels: int = 4
    """Initial channels of every supernet."""
    cells: int = 5
    """Cells, of spaces that are one stack of cells."""
    stage_cells: int = 1
    """Cells in each stage, of spaces that have stages."""
    batch: int = 16
    """Examples a batch."""
    repeats: int = 5
    """Timed steps, after one that is not."""
    device: str = "auto"
    """What trains networks: a device of torch such as cuda:0, or auto for the accelerator if there is one, else cpu."""
    threads: int = 1
    """Torch threads."""

    def run(self) -> None:
        """Measure."""
        from appnas.cli.bench import convolution_peak, measure, where

        if self.path is not None:
            show.profile(*where(self.path))
            return
        before.threads(self.threads)
        if not self.spaces:
            raise ValueError(f"--spaces takes one or more of {', '.join(sorted(catalogue.spaces()))}, got none")
        sizes = {"channels": self.channels, "cells": self.cells, "repeats": self.stage_cells}
        given = self.domain, self.batch, self.repeats, self.device
        measured = {name: measure(name, sizes, *given) for name in self.spaces}
        show.steps(measured, convolution_peak(device=self.device), self.device)


@dataclass(frozen=True)
class Eda:
    """Chip design: make labelled placements with real tools; `appnas eda --help` shows how."""

    def run(self) -> None:
        """Show it."""
        eda.run([])


COMMANDS: dict[str, Callable[..., Any]] = {
    kind.__name__.lower(): kind for kind in (Search, Resume, Retrain, Report, Watch, Compare, Export, Bench, Eda)
}


def search(method: str, args: Sequence[str]) -> None:
    """`appnas search METHOD FLAGS`, and the retraining that a flag may ask for."""
    asked = flags.parse(method, args)
    options = asked.options
    before.threads(options.threads or 1)
    tune = flags.tuned(options.tune)
    data = catalogue.domain(asked.domain_name, asked.domain)
    space = catalogue.space(asked.space_name, asked.space, sizes=catalogue.sizes_of(data))
    stem = f"{method}-{asked.space_name}-{asked.domain_name}".replace(":", "-")
    if options.threads == 0:
        before.threads(before.worth(space, data))
    how = options.device, options.precision, options.compile
    compute = computing.chosen(*how, processes=options.processes, norms=options.norms)
    share = after.quietened(compute).share
    with (
        before.directory(options.out, stem, share) as path,
        after.resumable(path, f"appnas resume {before.quoted(path)}"),
        after.watched(path if options.watch and share.leads else None),
    ):
        given = {field.name: getattr(options, field.name) for field in fields(SearchOptions)}
        result = front.search(space, data, method, config=asked.config, out=path, progress=True, tune=tune, **given)
    after.show_and_retrain(result, path)


def _run(args: list[str]) -> None:
    if odd := [arg for arg in args if "\0" in arg]:
        raise ValueError(f"no name, number or path holds a NUL character, got {odd[0]!r}")
    if args[:1] == ["search"] and len(args) > 1 and not args[1].startswith("-"):
        search(args[1], args[2:])
        return
    if args[:1] == ["eda"]:
        eda.run(args[1:])
        return
    about = "Neural architecture search. Begin with: appnas list. Mistakes show their traceback with APPNAS_DEBUG=1."
    tyro.extras.subcommand_cli_from_dict(
        COMMANDS, prog="appnas", description=about, args=args or ["--help"], config=flags.MARKERS
    ).run()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 after a mistake, 130 after Ctrl-C."""
    args = list(sys.argv[1:] if argv is None else argv)
    with warnings.catch_warnings():
        warnings.simplefilter("always", CollapseWarning)
        warnings.showwarning = lambda message, *_, **__: show.note(f"warning: {message}", "yellow")
        try:
            _run(args)
            sys.stdout.flush()
        except SystemExit as end:  # tyro: help was printed, or a flag is wrong
            return int(end.code or 0)
        except KeyboardInterrupt as stop:
            return _failed(str(stop) or "stopped", 130)
        except BrokenPipeError:  # the reader of a pipe has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except FailuresError as error:
            text, *trace = str(error).splitlines()
            show.lines(trace)
            return _failed(f"error: {text}", 2)
        except (*before.MISTAKES, RuntimeError) as error:
            if not isinstance(error, before.MISTAKES) and not out_of_memory(error):
                raise
            return _failed(f"error: {explained(error) if out_of_memory(error) else show.told(error)}", 2)
    return 0


def _failed(text: str, code: int) -> int:
    if os.environ.get("APPNAS_DEBUG"):
        raise
    show.note(text, "red")
    return code
