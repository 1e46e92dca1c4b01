"""The report of a run: one HTML page with everything in it, and its figures as PNG files beside it.

The page loads nothing and runs nothing, so it can be mailed, archived and opened anywhere.
"""

from __future__ import annotations

import math
import statistics
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

from appnas.compute import by_one
from appnas.loop import front, furthest, skip_share, worth
from appnas.report import diagram, figures, findings, page
from appnas.report.page import Plot, code, linked, number, percent, spread
from appnas.report.plots import human
from appnas.report.story import Story, read
from appnas.run import BITS, gaps, ran, spot
from appnas.space import ZERO, describe, size
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
    drawn = story.space and getattr(story.space, "graph", None)
    edges = diagram.edges_of(story.space) if story.space and drawn else []
    controls, cells, progress = figures.trained(story), figures.cells(story, edges), figures.progress(story)
    seen, shown = figures.distribution(story, edges), figures.shown(story)
    body = [
        _head(story),
        _missing(story),
        page.section("What to keep in mind", page.checklist(findings.checks(story))),
        page.section("Trained from scratch", _rows_table(story), page.plots(controls)),
        page.section("What it predicts", page.plots(shown)),
        page.section("What was found", _cells_text(cells), page.plots(cells), _named(story)),
        page.section("The search", _progress_text(story), page.plots(progress), _budgets(story)),
        page.section("The Pareto front", _front(story)),
        page.section("What the search believed", _distribution_text(story), page.plots(seen)),
        page.section("All seeds", _seeds_table(story)),
        page.section("Settings and versions", page.settings(_settings(story))),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for plot in [*controls, *shown, *cells, *progress, *seen]:
        with whole(folder / f"report-{plot.name}.png") as partial:
            partial.write_bytes(plot.image.png)
    file = folder / "report.html"
    with whole(file) as partial:
        partial.write_text(page.page(findings.title(story), body), encoding="utf-8")
    return file


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


def _rows_table(story: Story) -> str:
    if not story.rows:
        return ""
    metrics = list(story.rows[0].tests[0])
    untimed = any(row.latency is None for row in story.rows)
    units = {metric: findings.unit(story.rows, metric) for metric in metrics}
    lines = [
        [escape(row.name), *(spread(row.mean(m), row.spread(m), units[m]) for m in metrics),
         human(row.parameters), human(row.macs), *([] if untimed else [f"{row.latency:.3g} ms"]), str(len(row.tests))]
        for row in story.rows
    ]  # fmt: skip
    costs = ["parameters", "multiply-adds", *([] if untimed else ["latency"])]
    head = ["architecture", *(f"test {m.replace('_', ' ')}" for m in metrics), *costs, "seeds"]
    data = "training and validation data together" if story.split == "all" else "training data"
    text = f"<p>All were trained alike, {findings.trainings(story)}, on {data}.</p>"
    if story.places:
        text += f"<p>Trained on {escape(', then on '.join(map(spot, story.places)))}"
        text += f": {BITS}.</p>" if len(story.places) > 1 else ".</p>"
    if not untimed:
        text += "<p>Latency: one example, one thread, networks in turns on the machine of the retraining.</p>"
    return text + page.table(head, lines, top=0)


def _cells_text(cells: list[Plot]) -> str:
    text = "<p>Rounded boxes are states, coloured ones operations; data flows from left to right.</p>"
    return text if cells else ""


def _named(story: Story) -> str:
    """The found options by name, and how to use them."""
    if story.arch is None:
        return ""
    built = getattr(story.space, "reached", tuple)(story.arch)
    named = describe(story.choices, built) if story.space else (story.result or {}).get("named") or {}
    lines = []
    for choice, options in named.items():
        taken = [option for option in options if option not in ZERO] or options
        counts = {option: taken.count(option) for option in sorted(set(taken), key=lambda o: (-taken.count(o), o))}
        text = ", ".join(f"{n} \N{MULTIPLICATION SIGN} {option}" for option, n in counts.items())
        lines.append(f"<tr><td>{escape(choice)}</td><td>{escape(text)}</td></tr>")
    rows = "".join(lines)
    table = f"<div class=scroll><table><tbody>{rows}</tbody></table></div>" if rows else ""
    return f"{table}<p>As indices: {code(str(list(story.arch)))}</p>"


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


def _budgets(story: Story) -> str:
    """What was trained how far, where draws have budgets: of values at different ones none is better."""
    records = [record for trace in story.traces for record in trace.records if record.budget]
    lines = []
    for budget in sorted({record.budget or 0 for record in records}):
        here = [record for record in records if record.budget == budget]
        spent = sum(record.metrics.get("budget", 0.0) for record in here)
        best = max((record.value for record in furthest(here)), default=math.nan)
        lines.append([f"{budget:,}", f"{len(here):,}", f"{spent:,.0f}", number(best)])
    if not lines:
        return ""
    text = "<p>The result is the best at the largest budget. A training goes on from the budget before.</p>"
    return text + page.table(["budget", "evaluations", "trained for them", f"best {story.value_name}"], lines)


def _front(story: Story) -> str:
    """The scores that no other beats in what was validated and in cost, at most twelve of them."""
    cost, records = figures.traded(story)
    members = front(records, [cost]) if cost else []
    if cost is None or len(members) < 2:
        return ""
    shown = [members[round(i * (len(members) - 1) / 11)] for i in range(12)] if len(members) > 12 else members
    lines = [
        [str(r.step + 1), number(worth(r)), number(r.value), human(r.metrics[cost]), code(str(list(r.arch)))]
        for r in shown
    ]
    name = figures.worth_name(story)
    cut = f" {len(shown)} of {len(members):,} are shown." if len(shown) < len(members) else ""
    text = f"<p>Of {len(records):,} scores, those that nothing cheaper reaches.{cut}</p>"
    head = ["evaluation", name, "reward" if name == "validated value" else "value", figures.COSTS[cost], "architecture"]
    return text + page.table(head, lines)


def _distribution_text(story: Story) -> str:
    if story.main is None or not story.main.cubes:
        return ""
    which = f" Shown is seed {story.main.seed}." if len(story.traces) > 1 else ""
    return (
        "<p>The probability of every option over the steps. Triangles mark what the found architecture takes. Entropy"
        f" falls from 100 % (nothing is preferred) to 0 % (all is decided).{which}</p>"
    )


def _seeds_table(story: Story) -> str:
    if story.config["seeds"] == 1:
        return ""
    ranked = {run["seed"]: run["value"] for run in (story.result or {}).get("runs", [])}
    rank = story.config["rank_epochs"]
    lines, columns = [], []
    for trace in story.traces:
        if not trace.records:
            continue
        numbers = [trace.best] + ([ranked[trace.seed]] if rank and trace.seed in ranked else [])
        best = tuple(trace.result["best"]) if trace.result else None
        share = percent(skip_share(story.space, best)) if story.space and best else ""
        state = "finished" if trace.result else f"at score {len(trace.records):,}"
        columns.append(numbers)
        lines.append([str(trace.seed), *map(number, numbers), *[""] * (bool(rank) + 1 - len(numbers)), share, state])
    summed = len(columns) > 1 and len({len(n) for n in columns}) == 1 and all(map(math.isfinite, chain(*columns)))
    if summed:
        sums = [spread(statistics.fmean(c), statistics.stdev(c)) for c in zip(*columns, strict=True)]
        lines.append(["mean ± sd", *sums, *[""] * (bool(rank) + 1 - len(sums)), "", ""])
    extra = [f"after {findings.plural(rank, 'epoch')} from scratch"] if rank else []
    head = ["seed", f"best {story.value_name}", *extra, "skips", "state"]
    taken = [line[0] for line in lines].index(str(story.main.seed)) if story.result and story.main else -1
    text = f"<p>The one in bold was taken, by {'validation after training from scratch' if rank else 'its value'}.</p>"
    return (text if taken >= 0 else "") + page.table(head, lines, top=taken, foot=summed)


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
