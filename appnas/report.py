"""The report of a run: one HTML page with everything in it, and its figures as PNG files beside it.

The page loads nothing and runs nothing, so it can be mailed, archived and opened anywhere.
"""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from appnas import catalogue, diagram, page, plots
from appnas.page import Check, Plot, code, duration, linked, number, spread
from appnas.plots import human
from appnas.retrain import Row
from appnas.run import RunError
from appnas.search import Record, skip_share
from appnas.space import ZERO, describe, size
from appnas.story import Story, read

SKIPS, MOVED = 0.5, 0.01  # what `appnas.search.Collapse` warns of
COSTS = ("parameters", "params", "macs")  # names of costs in the metrics of scores


def write(path: Path, out: Path | None = None) -> Path:
    """Write the report of a run, finished or not, into its directory.

    A run with a space of the user's own is reported without what only the space knows: names of options over
    time, diagrams, skip share.

    Args:
        path: the run's directory.
        out: another directory for report.html and report-*.png, made if needed.

    Returns:
        The page.

    Raises:
        RunError: no run there, one of another format, or damaged; or `out` is a file.
    """
    path = Path(path)
    story = read(path)
    folder = path if out is None else Path(out)
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: the report needs a directory")
    controls, cells, progress, seen = _trained(story), _cells(story), _progress(story), _distribution(story)
    body = [
        _head(story),
        _missing(story),
        page.section("What to keep in mind", page.checklist(findings.checks(story))),
        page.section("Trained from scratch", _rows_table(story), page.plots(controls)),
        page.section("What was found", page.plots(cells), _named(story)),
        page.section("The search", _progress_text(story), page.plots(progress)),
        page.section("What the search believed", _distribution_text(story), page.plots(seen)),
        page.section("All seeds", _seeds_table(story)),
        page.section("Settings and versions", page.settings(_settings(story))),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for plot in [*controls, *cells, *progress, *seen]:
        (folder / f"report-{plot.name}.png").write_bytes(plot.image.png)
    file = folder / "report.html"
    file.write_text(page.page(_title(story), body), encoding="utf-8")
    return file


def _title(story: Story) -> str:
    return f"{story.config['method']} on {findings.domain(story)}"


def _space(story: Story) -> str:
    return str(story.config["space"]["name"] or "a space of its own")


def _head(story: Story) -> str:
    config = story.config
    seeds = f"seed {config['seed']}" if config["seeds"] == 1 else f"{config['seeds']} seeds from {config['seed']}"
    about = f" of about {size(story.space):.1e} architectures" if story.space else ""
    where = f"Space {page.escape(_space(story))}{about}; domain {page.escape(findings.domain(story))}; {seeds}."
    return (
        f"<p class=over>Report of an architecture search · appnas {page.escape(config['versions']['appnas'])}</p>"
        f"<h1>{page.escape(_title(story))}</h1><p class=over>{linked(story.method.paper)}<br>{where}</p>"
        f"<p class=lede>{page.escape(findings.verdict(story))}</p>{page.tiles(findings.tiles(story))}"
    )


def _missing(story: Story) -> str:
    parts = []
    if story.result is None:
        parts.append(page.note(f"<b>The search is unfinished.</b> Go on with {findings.command(story, 'resume')}"))
    elif not story.rows and story.config["domain"].get("repr") == "Table":
        parts.append(page.note("<b>Scores come from a table.</b> Its withheld columns say how good the found"
                               f" architecture is: {code('table.test(result.best)')}"))  # fmt: skip
    elif not story.rows:
        parts.append(page.note(f"<b>Nothing was retrained.</b> The search's own value is no test result. Train what"
                               f" was found, beside a control, with {findings.command(story, 'retrain')}"))  # fmt: skip
    if story.space is None:
        parts.append(page.note("<b>The run used a space of its own</b>, which this report cannot rebuild: options go"
                               " by number, and there are no diagrams and no skip share."))  # fmt: skip
    return "".join(parts)
