"""What the command line prints: tables and drawings on standard output, notes on standard error."""

from __future__ import annotations

import inspect
import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from appnas import catalogue, evaluate
from appnas.cost import MIB
from appnas.methods import METHODS
from appnas.retrain import Retrained
from appnas.search import Result
from appnas.space import size
from appnas.text import table

console = Console()
errors = Console(stderr=True)


def line(text: str) -> None:
    """One line on standard output, as it is."""
    console.print(Text(text), soft_wrap=True)


def note(text: str, style: str = "dim") -> None:
    """One line on standard error."""
    errors.print(Text(" ".join(text.split()), style), soft_wrap=True)


def entries() -> dict[str, dict[str, dict[str, Any]]]:
    """Methods, spaces and domains with what describes them."""
    return {
        "methods": {
            name: {field: getattr(method, field) for field in ("paper", "strategy", "estimation", "needs")}
            for name, method in METHODS.items()
        },
        "spaces": {
            name: {"about": (inspect.getdoc(kind) or "").split("\n")[0], "log10_size": math.log10(size(kind()))}
            for name, kind in catalogue.spaces().items()
        },
        "domains": {name: {"about": source.about} for name, source in catalogue.domains().items()},
    }


def catalogue_json() -> None:
    """The catalogue for machines."""
    print(json.dumps(entries(), indent=1))


def catalogue_tables() -> None:
    """The catalogue for people."""
    known = entries()
    for space in known["spaces"].values():
        space["architectures"] = f"10^{space.pop('log10_size'):.1f}"
    for kind, rows in known.items():
        columns = ["name", *next(iter(rows.values()))]
        console.print(table(kind, columns, [[name, *row.values()] for name, row in rows.items()], left=len(columns)))


def found(result: Result, path: Path) -> None:
    """What a search found, where it lies, and what to do next."""
    assert result.space is not None
    line(str(result))
    runs = result.info.get("runs", ())
    value = result.info.get("ranked_by", "value")
    for run in runs:
        line(f"seed {run['seed']}: {value} {run['value']:.6g}")
    if len(runs) > 1:
        line(f"mean {result.info['mean']:.6g}, deviation {result.info['spread']:.6g}")
    if control := result.info.get("control"):
        line(f"random search at equal budget, {control['evaluations']} evaluations: {value} {control['value']:.6g}")
    at = shlex.quote(str(path))
    line(f"run: {path}")
    if isinstance(result.domain, evaluate.Table):
        withheld = result.domain.test(result.best)
        line(f"withheld until now: {', '.join(f'{name} {value:.6g}' for name, value in withheld.items())}")
    else:
        line(f"next: appnas retrain {at} --epochs 20 --beside random")
    line(f"      appnas report {at}")


def trained(result: Retrained, path: Path) -> None:
    """The found architecture beside its controls."""
    console.print(result)
    at = shlex.quote(str(path))
    line(f"next: appnas report {at}")
    line(f"      appnas export {at} --out FOLDER")


def steps(measured: Mapping[str, Any], peak: float) -> None:
    """Costs of search steps, and the convolution peak in GFLOP/s, see `appnas.cli.bench`."""
    rows = [
        [
            name,
            f"{step.parameters:,}",
            f"{step.seconds:.3f} ({step.low:.3f} to {step.high:.3f})",
            f"{step.seconds / step.plain_seconds:.2f}",
            f"{step.peak / MIB:,.1f}",
            f"{step.peak / step.plain_peak:.2f}",
            f"{100 * step.rate / peak:.1f} %",
        ]
        for name, step in measured.items()
    ]
    heads = ["space", "weights", "time", "of plain", "MiB", "of plain", "of peak"]
    console.print(table("one first-order search step", heads, rows))
    line(
        "time: CPU seconds, median and range; MiB: most bytes of tensors at once; each as a part of the plain form too;"
    )
    line(f"of peak: arithmetic of the step as a part of this machine's convolutions, {peak:.0f} GFLOP/s")
