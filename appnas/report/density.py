"""The report of a transfer: accuracy against density, learned masks beside their controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from appnas.prune import Outcome, Point, curves
from appnas.report import page, plots
from appnas.report.page import Plot


def write(outcomes: Sequence[Outcome], groups: int, folder: Path, metric: str = "accuracy") -> Path:
    """Write report.html and one PNG for each kind of weights and number of shots.

    Args:
        outcomes: what `appnas.prune.compare` returned, of all seeds and shots.
        groups: number of masks a seed.
        folder: made if needed.
        metric: of the tests.

    Returns:
        The page.

    Raises:
        ValueError: no outcome.
    """
    if not outcomes:
        raise ValueError("a report of a transfer needs outcomes, got none")
    sections, pictures = [], []
    for weights in dict.fromkeys(outcome.weights for outcome in outcomes):
        for shots in dict.fromkeys(outcome.shots for outcome in outcomes):
            rows = [outcome for outcome in outcomes if (outcome.weights, outcome.shots) == (weights, shots)]
            found = curves(rows, groups, metric)
            caption = f"{shots} training examples of a class, {weights} weights; mean and deviation over seeds."
            image = plots.density(found, f"test {metric}")
            plot = Plot(f"density-{weights}-{shots}", image, f"{metric} against density: {caption}", escape(caption))
            pictures.append(plot)
            title = f"{weights.capitalize()} weights, {shots} shots"
            sections.append(page.section(title, page.plots([plot]), _table(found, metric)))
    folder.mkdir(parents=True, exist_ok=True)
    for plot in pictures:
        (folder / f"report-{plot.name}.png").write_bytes(plot.image.png)
    intro = page.note(
        "A mask was learned on a source task and moved to a target with few examples. The dense network is the upper"
        " mark; a random mask keeps as many parts of every layer as the learned one, magnitude pruning too, SNIP as"
        " many in all. Where the learned line is not above the random one, the mask carries nothing over."
    )
    file = folder / "report.html"
    heading = f"<h1>Transfer of masks: {escape(metric)} against density</h1>"
    file.write_text(page.page("Pruning that transfers", [heading, intro, *sections]), "utf-8")
    return file


def _table(found: Mapping[str, Sequence[Point]], metric: str) -> str:
    rows = [
        [name, f"{100 * point.density:.1f}", page.spread(point.mean, point.spread), str(point.networks)]
        for name, line in found.items()
        for point in line
    ]
    return page.table(["mask", "density (%)", f"test {metric}", "networks"], rows)
