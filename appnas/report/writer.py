"""The report of a run: one HTML page with everything in it, and its figures as PNG files beside it.

The page loads nothing and runs nothing, so it can be mailed, archived and opened anywhere.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from appnas.compute import by_one
from appnas.report import diagram, figures, findings, page
from appnas.report.page import Plot, code, linked
from appnas.report.story import Story, read
from appnas.report.told import checks, tables, usage
from appnas.run import gaps, ran
from appnas.space import size
from appnas.support import RunError, whole


@by_one
def write(path: Path, out: Path | None = None) -> Path:
    """Write the report of a run, finished or not, into its directory. Of several processes, the first does.

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
    text, pictures = render(story)
    folder.mkdir(parents=True, exist_ok=True)
    for plot in pictures:
        with whole(folder / f"report-{plot.name}.png") as partial:
            partial.write_bytes(plot.image.png)
    file = folder / "report.html"
    with whole(file) as partial:
        partial.write_text(text, encoding="utf-8")
    return file


def render(story: Story) -> tuple[str, list[Plot]]:
    """The page of a run and its pictures; nothing is written."""
    drawn = story.space and getattr(story.space, "graph", None)
    edges = diagram.edges_of(story.space) if story.space and drawn else []
    controls, cells, progress = figures.trained(story), figures.cells(story, edges), figures.progress(story)
    seen, shown = figures.distribution(story, edges), figures.shown(story)
    body = [
        _head(story),
        _missing(story),
        page.section("What to keep in mind", page.checklist(checks.checks(story))),
        page.section("Trained from scratch", page.beside(tables.trained(story), page.plots(controls))),
        page.section("What it predicts", page.plots(shown)),
        page.section("What was found", _cells_text(cells), page.plots(cells), tables.named(story, bool(cells))),
        page.section("Use it", usage.block(story) if story.arch is not None else ""),
        page.section("The search", _progress_text(story), page.plots(progress), tables.budgets(story)),
        page.section("The Pareto front", tables.pareto(story)),
        page.section("What the search believed", _distribution_text(story), page.plots(seen)),
        page.section("All seeds", tables.seeds(story)),
        page.section("Settings and versions", page.settings(_settings(story))),
    ]
    return page.page(findings.title(story), body), [*controls, *shown, *cells, *progress, *seen]


def _space(story: Story) -> str:
    return str(story.config["space"]["name"] or "a space of its own")


def _head(story: Story) -> str:
    config = story.config
    seeds = f"seed {config['seed']}" if config["seeds"] == 1 else f"{config['seeds']} seeds from {config['seed']}"
    about = f" of {page.count(size(story.space))} architectures" if story.space else ""
    where = f"Space {escape(_space(story))}{about}; {seeds}."
    return (
        f"<p class=over>Report of an architecture search · appnas {escape(config['versions']['appnas'])}</p>"
        f"<h1>{escape(findings.title(story))}</h1><p class=over>{linked(story.method.paper)}<br>{where}</p>"
        f"<p class=lede>{escape(findings.verdict(story))}</p>{page.tiles(findings.tiles(story))}"
    )


def _missing(story: Story) -> str:
    parts = []
    if story.result is None:
        parts.append(page.note(f"<b>The search is unfinished.</b> Go on with {findings.command(story, 'resume')}"))
    elif not story.rows and findings.of_table(story):
        parts.append(page.note("<b>Scores come from a table.</b> Its withheld columns say how good the found"
                               f" architecture is: {code('table.test(result.best)')}"))  # fmt: skip
    elif not story.rows:
        parts.append(page.note(f"<b>Nothing was retrained.</b> The search's own value is no test result. Train what"
                               f" was found, beside a control, with {findings.command(story, 'retrain')}"))  # fmt: skip
    for trace in story.traces:
        if ended := (trace.result or {}).get("ended"):
            which = f" (seed {trace.seed})" if len(story.traces) > 1 else ""
            parts.append(page.note(f"<b>The search ended early{which}</b>: {escape(ended)}."))
    if story.space is None:
        parts.append(page.note("<b>The run used a space of its own</b>, which this report cannot rebuild: options go"
                               " by number, and there are no diagrams and no skip share."))  # fmt: skip
    parts += [page.note(f"<b>Something is missing.</b> {escape(gap)}") for gap in gaps(story.path)]
    return "".join(parts)


def _cells_text(cells: list[Plot]) -> str:
    graphs = any("in order" not in plot.caption and plot.name != "mask" for plot in cells)
    text = "<p>Rounded boxes are states, coloured ones operations; data flows from left to right.</p>"
    return text if graphs else ""


def _progress_text(story: Story) -> str:
    if not any(trace.scored for trace in story.traces):
        return ""
    text = f"What is maximised: {escape(story.value_name)}."
    if story.soft:
        text += (" It is measured on one batch, or the last episodes, of a slowly changing mixture: its median shows"
                 " the trend, its best only luck.")  # fmt: skip
    many = sum(bool(trace.scored) for trace in story.traces)
    text += f" Bands go from the smallest to the largest of {many} searches." if many > 1 else ""
    where = "".join(f"<p>It ran: {escape(line)}.</p>" for line in ran(story.path))
    return f"<p>{text}</p>{where}"


def _distribution_text(story: Story) -> str:
    if story.main is None or not story.main.cubes:
        return ""
    which = f" Shown is seed {story.main.seed}." if len(story.traces) > 1 else ""
    return (
        "<p>The probability of every option over the steps. Triangles mark what the found architecture takes. Entropy"
        f" falls from 100 % (nothing is preferred) to 0 % (all is decided).{which}</p>"
    )


def _settings(story: Story) -> dict[str, Any]:
    config = story.config
    run = {name: config[name] for name in ("method", "seed", "seeds", "rank_epochs", "control", "format")}
    return {
        "Run": run,
        f"Method {config['method']}": config["config"],
        "Space": config["space"],
        "Domain": config["domain"],
        "Versions": config["versions"],
    }
