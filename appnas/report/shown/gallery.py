"""Several runs on one page: a table of what each reached, and every verdict with what was found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from appnas.compute import by_one
from appnas.report import figures, findings, page, plots
from appnas.report.page import Plot
from appnas.report.story import Story, read
from appnas.report.writer import write
from appnas.retrain import best_of, difference, primary, unit
from appnas.support import RunError, whole

FILE = "reports.html"


@by_one
def gallery(paths: Sequence[Path], out: Path | None = None) -> Path:
    """Write the report of every run, and a page that leads to them.

    Args:
        paths: directories of runs, finished or not.
        out: folder of the page, and of the reports in a folder each; by default the reports go into the runs, and the
            page into the folder that holds all of them.

    Returns:
        The page, `reports.html`.

    Raises:
        ValueError: no run, or one twice.
        RunError: no run there, damaged, or `out` is a file.
    """
    paths = [Path(path) for path in paths]
    if not paths or len({path.resolve() for path in paths}) < len(paths):
        raise ValueError(f"a page of several reports takes different runs, got {[str(path) for path in paths]}")
    if out is not None and out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file: the reports need a directory")
    stories = [read(path) for path in paths]
    root = Path(os.path.commonpath([path.resolve().parent for path in paths])) if out is None else out
    names = labels(paths)
    files = [write(path, out and out / name) for path, name in zip(paths, names, strict=True)]
    root.mkdir(parents=True, exist_ok=True)
    links = [quote(os.path.relpath(file.resolve(), root.resolve())) for file in files]
    body = [
        f"<p class=over>Reports of architecture searches</p><h1>{len(paths)} runs</h1>",
        page.beside(_table(stories, names, links), page.plots(_rivals(stories, names))),
        f"<div class=gallery>{''.join(map(_card, stories, names, links))}</div>",
    ]
    with whole(root / FILE) as partial:
        partial.write_text(page.page(f"{len(paths)} runs", body), encoding="utf-8")
    return root / FILE


def labels(paths: Sequence[Path]) -> list[str]:
    """A short name of every run: as much of the end of its path as tells it from the others."""
    parts = [path.resolve().parts for path in paths]
    for many in range(1, max(map(len, parts)) + 1):
        found = ["-".join(part.strip("/") for part in each[-many:]) for each in parts]
        if len(set(found)) == len(found):
            return found
    raise ValueError(f"runs need different names, got {[str(path) for path in paths]}")


def _table(stories: Sequence[Story], names: Sequence[str], links: Sequence[str]) -> str:
    rows = []
    for story, name, link in zip(stories, names, links, strict=True):
        found, versus, ahead = "not tested", "", ""
        if story.rows:
            metric, best = primary(story.rows), best_of(story.rows)
            found = f"{metric.replace('_', ' ')} {findings.tested(story, story.rows[0])}"
            versus = f"{best.name} {findings.tested(story, best)}" if best else "none"
            told = difference(story.rows, best, metric) if best else None
            ahead = told.outcome.replace("open", "no winner") if told else ""
            ahead += ", one training each" if told and told.interval is None else ""
        elif story.main and story.main.scored and not story.soft:
            found = f"not tested; value {page.number(story.valued[0])}"
        scores = sum(len(trace.scored) for trace in story.traces)
        seconds = sum(trace.seconds[-1] for trace in story.traces if trace.seconds)
        rows.append([f'<a href="{link}">{escape(name)}</a>', escape(findings.title(story)), escape(found),
                     escape(versus), ahead, f"{scores:,}", page.duration(seconds)])  # fmt: skip
    head = ["run", "search", "found, in the test", "best control", "against it", "scores", "searched"]
    return page.table(head, rows, cards=True)


def _rivals(stories: Sequence[Story], names: Sequence[str]) -> list[Plot]:
    """What the runs found against its size, where all were tested alike."""
    tested = [(name, story) for story, name in zip(stories, names, strict=True) if story.rows]
    alike = {(str(s.config["domain"].get("fingerprint") or s.config["domain"]), primary(s.rows)) for _, s in tested}
    if len(tested) < 2 or len(alike) > 1:
        return []
    ((_, metric),) = alike
    rows = [story.rows[0] for _, story in tested]
    measured = unit(rows, metric).strip()
    label = f"test {metric.replace('_', ' ')}{measured and ', ' + measured}"
    means, spreads = [row.mean(metric) for row in rows], [row.spread(metric) for row in rows]
    costs = [row.parameters for row in rows]
    image = plots.rivals([name for name, _ in tested], costs, means, spreads, "parameters", label)
    alt = "; ".join(f"{name}: {findings.tested(story, story.rows[0])}" for name, story in tested)
    return [
        Plot("runs", image, f"{label} of what every run found. {alt}", "What every run found, and how large it is.")
    ]


def _card(story: Story, name: str, link: str) -> str:
    found = figures.architecture(story.space, story.arch) if story.space and story.arch is not None else []
    verdict = f"<p>{escape(findings.verdict(story))}</p>"
    more = f'<p><a href="{link}">The whole report</a></p>'
    return page.section(f"{name}: {findings.title(story)}", verdict, page.plots(found), more)
