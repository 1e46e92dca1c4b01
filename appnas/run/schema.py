"""What the files of a run hold: one table, and the check of every file when it is opened.

Keys that are not in a table are let be: later versions may write more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from appnas.space import Space, decisions
from appnas.support import RunError, reading
from appnas.support.kinds import (
    ANY_NUMBER,
    COUNT,
    FLAG,
    OBJECT,
    SEED,
    TEXT,
    Kind,
    Unfit,
    anything,
    integer,
    mapping,
    maybe,
    named,
    number,
    random_state,
    record,
    several,
)

if TYPE_CHECKING:
    from appnas.loop import Record

ARCH, METRICS = several(integer(0)), mapping(ANY_NUMBER)
PLACE = record({"device": TEXT, "machine": TEXT})
METRIC = record({"name": TEXT, "unit": TEXT, "higher": FLAG})
FOUND = {"best": ARCH, "value": ANY_NUMBER}
ROW = record(
    {"name": TEXT, "arch": ARCH, "parameters": COUNT, "macs": COUNT, "tests": several(METRICS, 1)},
    {"latency": maybe(number(0)), "members": integer(1)},
)
SEARCH = record(
    {
        "method": TEXT, "config": OBJECT, "space": named("fields"), "domain": named("options"), "seed": SEED,
        "versions": record({"appnas": TEXT}),
    },
    {
        "seeds": integer(1, 10**6), "rank_epochs": COUNT, "control": FLAG, "retrain_epochs": COUNT,
        "beside": several(TEXT), "workers": COUNT, "asks": COUNT, "cluster": FLAG, "threads": integer(1, 10**6),
        "device": TEXT, "precision": TEXT, "compile": FLAG, "float32": OBJECT, "processes": integer(1, 10**6),
        "norms": TEXT, "timeout": number(0), "max_failures": COUNT, "max_failure_share": number(0),
    },
)  # fmt: skip
"""config.json of a search."""
FILES: dict[str, Kind] = {
    "config.json": OBJECT,  # a run made by hand may tell anything
    "result.json": record(
        {**FOUND, "steps": COUNT},
        {
            "ended": TEXT,
            "named": maybe(mapping(several(TEXT))), "seed": SEED, "mean": ANY_NUMBER, "spread": ANY_NUMBER,
            "runs": several(record({"seed": SEED, **FOUND}), 1), "control": record(FOUND, {"evaluations": COUNT}),
        },
    ),
    "retrain.json": record(
        {"epochs": integer(1), "rows": several(ROW, 1)},
        {
            "io": OBJECT, "preprocessing": OBJECT, "precision": TEXT, "places": several(PLACE), "metric": METRIC,
            "split": TEXT, "weights": TEXT,
        },
    ),
    "places.jsonl": record({"step": COUNT, "epochs": COUNT, "on": PLACE}),
    "arch.json": record({"space": named("fields"), "arch": ARCH, "io": OBJECT, "weights": TEXT}),
    "history.jsonl": record(
        {"step": COUNT, "arch": ARCH, "value": ANY_NUMBER, "metrics": METRICS},
        {"failure": maybe(record({"kind": TEXT, "message": TEXT}, {"trace": maybe(TEXT)})), "budget": integer(1)},
    ),
    "clock.jsonl": record({"step": COUNT, "seconds": number(0)}, {"on": PLACE}),
    "alphas.jsonl": record({"step": COUNT, "distribution": several(several(several(ANY_NUMBER)))}),
    "checkpoint.pt": record(
        {"step": COUNT, "seconds": number(0), "strategy": OBJECT, "evaluator": OBJECT, "rng": random_state},
        {"of": TEXT, "ended": TEXT, "states": COUNT, "spent": mapping(number(0))},
    ),
}  # fmt: skip
"""What is in every file of a run; the trainings' own, train-*.pt, are `appnas.task.checkpoint`'s."""


def parse(text: str) -> Any:
    """JSON in which every key stands once.

    Raises:
        ValueError: other text.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} stands there twice")
    return made


def load(file: Path) -> Any:
    """The content of one of the JSON files of a run, checked if there is a table for it.

    Raises:
        FileNotFoundError: missing.
        RunError: damaged.
    """
    with reading(file):
        content = parse(_text(file))
        FILES.get(file.name, anything)(content, "")
    return content


def _text(file: Path) -> str:
    if file.is_dir():
        raise RunError(f"{file} is damaged: it is a directory, not a file")
    return file.read_text("utf-8")


def lines(file: Path, gaps: bool = False, having: str = "") -> Iterator[dict[str, Any]]:
    """The lines of a journal, none if there is no such file; a last line torn by a kill is left out.

    Args:
        file: the journal.
        gaps: steps may be missing: a clock that was cut does not keep a search from going on.
        having: only the lines in which this text stands; the others are not read.

    Raises:
        RunError: damaged, or the steps do not follow one another.
    """
    if file.is_dir():
        raise RunError(f"{file} is damaged: it is a directory, not a file")
    if not file.exists():
        return
    kind, ordered = FILES[file.name], not gaps and file.name != "alphas.jsonl"
    with reading(file), file.open() as stream:
        for index, line in enumerate(stream):
            if not line.endswith("\n"):
                return
            if having in line:
                yield _line(line, index, kind, ordered)


def _line(line: str, index: int, kind: Kind, ordered: bool) -> dict[str, Any]:
    try:
        content: dict[str, Any] = parse(line)
        kind(content, "")
        if ordered and content["step"] != index:
            raise Unfit("step", content["step"], f"{index}")
    except ValueError as error:
        raise ValueError(f"in line {index + 1}, {error}") from None
    return content


def check_archs(file: Path, history: Sequence[Record], space: Space) -> None:
    """Check that every scored architecture has an option for every decision; it may break a space's further rules.

    Raises:
        RunError: one has not.
    """
    sizes = [len(options) for options in decisions(space.choices)]
    for entry in history:
        arch = entry.arch
        if len(arch) != len(sizes) or not all(0 <= index < size for index, size in zip(arch, sizes, strict=True)):
            raise RunError(
                f"{file} is damaged, or of another run: in step {entry.step}, {list(arch)} is no architecture of this"
                f" space, which has {len(sizes)} decisions"
            )


def gaps(run: Path) -> list[str]:
    """Where the files of a run contradict one another, in words: one was cut, or is another run's.

    A search that was killed has lines after its checkpoint, and one line of history more than of the clock.
    """
    told = []
    for path in [run, *sorted(run.glob("seed-*"))]:
        if not (path / "history.jsonl").exists() and path == run and any(run.glob("seed-*")):
            continue
        steps = {name: _lines(path / f"{name}.jsonl") for name in ("history", "clock")}
        has = f"{path.name}/history.jsonl has {steps['history']} steps"
        done, saved = path / "result.json", _saved(path / "checkpoint.pt")
        if done.exists() and (count := load(done)["steps"]) != steps["history"]:
            told.append(f"{has}, but result.json tells of {count}: what is shown is of the former alone.")
        if isinstance(saved, str):
            told.append(saved)
        elif saved > steps["history"]:
            told.append(f"{has}, but checkpoint.pt is of step {saved}: the search cannot go on from it.")
        if (path / "clock.jsonl").exists() and not steps["history"] - 1 <= steps["clock"] <= steps["history"]:
            told.append(f"{has}, but clock.jsonl has {steps['clock']}: times are left out, or may be wrong.")
        if not steps["history"] and not (done.exists() or saved):
            told.append(f"{has}: nothing was scored, or the file was cut.")
    return told


def _lines(file: Path) -> int:
    if not file.exists():
        return 0
    with file.open("rb") as stream:
        return sum(part.count(b"\n") for part in iter(lambda: stream.read(2**20), b""))


def _saved(file: Path) -> int | str:
    """The step of a checkpoint, 0 without one; or what is wrong with it. Its weights are not read."""
    if not file.exists():
        return 0
    try:
        step: int = torch.load(file, weights_only=True, mmap=True)["step"]
        COUNT(step, "step")
    except Exception as error:  # a truncated file fails in many ways inside torch
        return f"{file.parent.name}/checkpoint.pt is damaged ({type(error).__name__}): the search cannot go on from it."
    return step
