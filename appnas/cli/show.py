"""What the command line prints: tables and drawings on standard output, notes on standard error."""

from __future__ import annotations

import json
import shlex
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appnas.cli.quick import output
from appnas.compute import CPU, device_of
from appnas.cost import placing
from appnas.estimate import Table
from appnas.loop import SearchResult, advice, listed_parts
from appnas.retrain import Retrained
from appnas.run import ran, spot
from appnas.space import table
from appnas.support import MIB

if TYPE_CHECKING:
    from appnas.cli.compare import Compared

console, line, lines, note, told = output.console, output.line, output.lines, output.note, output.told


def found(result: SearchResult, path: Path) -> None:
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
    for text in ran(path):
        line(f"ran: {text}")
    if kinds := Counter(record.failure.kind for record in result.failures if record.failure):
        listed = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common())
        line(f"failed: {listed}; why is in failures/. Try them again: appnas resume {at} --retry-failed")
    if isinstance(result.domain, Table):
        withheld = result.domain.test(result.best)
        line(f"withheld until now: {', '.join(f'{name} {value:.6g}' for name, value in withheld.items())}")
    elif "retrain" not in result.info:
        line(f"next: appnas retrain {at} --epochs 20 --beside random")
        line(f"      appnas report {at}")
        return
    elif not (path / "retrain.json").exists():
        return  # that is next, and tells how to go on
    line(f"next: appnas report {at}")


def trained(result: Retrained, path: Path) -> None:
    """The found architecture beside its controls."""
    console.print(result)
    at = shlex.quote(str(path))
    line(f"next: appnas report {at}")
    line(f"      appnas export {at} --out FOLDER")


def compared(metric: str, runs: Sequence[Compared], as_json: bool = False) -> None:
    """Runs beside one another, see `appnas.cli.compare`."""
    if as_json:
        print(json.dumps({"metric": metric, "runs": [asdict(run) for run in runs]}, indent=1))
        return
    rows = []
    for run in runs:
        mean = f"{statistics.fmean(run.values):.4g}" + ("" if run.deviation is None else f" ± {run.deviation:.2g}")
        ahead = "" if run.difference is None else f"{run.difference:+.3g}"
        ahead += f" [{run.interval[0]:+.3g}, {run.interval[1]:+.3g}]" if run.interval else ""
        of = f"{len(run.values)} {run.of}" if len(run.values) > 1 else ""
        counts = [str(run.trainings), str(run.epochs), f"{run.scores:,}", f"{run.seconds:.3g}"]
        rows.append([run.run, mean, of, *counts, ahead])
    measured = f"test {metric}{runs[0].unit and ', ' + runs[0].unit}"
    better = "" if runs[0].higher else "; less is better"
    heads = ["run", measured, "± over", "trainings", "epochs", "search scores", "search s", "difference [95 %]"]
    console.print(table(f"what was found, trained from scratch; difference to {runs[0].run}{better}", heads, rows))
    if len({run.epochs for run in runs}) > 1:
        note("the trainings are not of one length: retrain for the same epochs before you compare", "yellow")
    if any(run.difference is not None and run.interval is None for run in runs):
        note("no interval without two values that differ on both sides: retrain with more --seeds", "yellow")


def steps(measured: Mapping[str, Any], peak: float, device: str = "cpu") -> None:
    """Costs of search steps on a device, and the convolution peak in GFLOP/s, see `appnas.cli.bench`."""
    there = device_of(device)
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
    console.print(table(f"one first-order search step on {spot(placing(there))}", heads, rows))
    kind = "CPU seconds" if there == CPU else "seconds"
    line(f"time: {kind}, median and range; MiB: most bytes of tensors at once; each as a part of the plain form too;")
    line(f"of peak: arithmetic of the step as a part of this machine's convolutions, {peak:.0f} GFLOP/s")


def profile(seconds: Mapping[str, float], steps: int, config: Mapping[str, Any]) -> None:
    """Where the time of a run went, and what to change; see `appnas.loop.profile`."""
    rows = [[what, f"{spent:,.2f}", f"{share:.1%}"] for what, spent, share in listed_parts(seconds)]
    whole = sum(seconds.values())
    rows.append(["all", f"{whole:,.2f}", "100.0%"])
    console.print(table("where the time went", ["part", "seconds", "share"], rows))
    line(f"{steps:,} steps, {whole / max(steps, 1):.4g} s each, by the clock, up to the last checkpoint")
    for said in advice(seconds, config) or ["nothing stands out that a setting would change"]:
        line(said)
