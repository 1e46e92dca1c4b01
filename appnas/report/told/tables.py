"""The tables of a report: what was trained, what was found, budgets, the Pareto front, the seeds."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from html import escape

from appnas.loop import front, furthest, offers_skips, skip_share, worth
from appnas.report import figures, findings, layers, page
from appnas.report.page import code, number, percent, spread
from appnas.report.plots import human
from appnas.report.story import Story, Trace
from appnas.report.told.aims import COSTS, aims
from appnas.retrain import Row, difference, primary, unit
from appnas.run import BITS, spot
from appnas.space import ZERO, Arch, describe

LISTED = 12
"""Points of a front that are named at most."""


def trained(story: Story) -> str:
    """The rows of the retraining, the found architecture's first, with what it is ahead of each."""
    if not story.rows:
        return ""
    metrics, speak = list(story.rows[0].tests[0]), primary(story.rows)
    metrics.sort(key=lambda name: name != speak)
    untimed = any(row.latency is None for row in story.rows)
    units = {metric: unit(story.rows, metric) for metric in metrics}
    lines = [
        [escape(row.name), *(spread(row.mean(m), row.spread(m), units[m]) for m in metrics), _ahead(story, row),
         human(row.parameters), human(row.macs), *([] if untimed else [f"{row.latency:.3g} ms"]), str(len(row.tests))]
        for row in story.rows
    ]  # fmt: skip
    costs = ["parameters", "multiply-adds", *([] if untimed else ["latency"])]
    names = [f"test {m.replace('_', ' ')}" for m in metrics]
    head = ["architecture", *names, f"found is ahead in {speak.replace('_', ' ')}", *costs, "seeds"]
    data = "training and validation data together" if story.split == "all" else "training data"
    text = f"All were trained alike, {findings.trainings(story)}, on {data}."
    if story.places:
        text += f" Trained on {escape(', then on '.join(map(spot, story.places)))}"
        text += f": {BITS}." if len(story.places) > 1 else "."
    if len(story.rows) > 1 and len(story.rows[0].tests) > 1:
        text += " In brackets the interval of 95 %: where it holds 0, there is no winner."
    if not untimed:
        text += " Latency: one example, one thread, networks in turns on the machine of the retraining."
    return page.table(head, lines, top=0, cards=True) + f"<p class=over>{text}</p>"


def _ahead(story: Story, row: Row) -> str:
    """By how much the found architecture is better, with the interval."""
    if row is story.rows[0] or row.members > 1:
        return ""
    ahead, interval, *_ = difference(story.rows, row, primary(story.rows))
    text = f"{ahead:+.3g}" + (f" [{interval[0]:+.3g}, {interval[1]:+.3g}]" if interval else ", no interval")
    return text.replace("-", "\N{MINUS SIGN}")


def named(story: Story, drawn: bool) -> str:
    """The found options by name, in order, and as indices.

    Args:
        story: of the run.
        drawn: whether pictures say so already: then it is folded.
    """
    if story.arch is None:
        return ""
    built = getattr(story.space, "reached", tuple)(story.arch)
    named = describe(story.choices, built) if story.space else (story.result or {}).get("named") or {}
    kept = {choice: runs([option for option in options if option not in ZERO]) for choice, options in named.items()}
    rows = "".join(f"<tr><td>{escape(choice)}</td><td>{escape(text)}</td></tr>" for choice, text in kept.items())
    table = f"<div class=scroll><table><tbody>{rows}</tbody></table></div>" if rows else ""
    inside = f"{table}<p>As indices: {code(str(list(story.arch)))}</p>"
    return page.folded("The same by name, in order, and as indices", inside) if drawn else inside


def runs(options: Sequence[str]) -> str:
    """Options in their order, equal neighbours as one: conv, 2 x pool, conv."""
    groups = ((option, len(list(same))) for option, same in itertools.groupby(options))
    return ", ".join(f"{n} \N{MULTIPLICATION SIGN} {option}" if n > 1 else option for option, n in groups) or "none"


def short(story: Story, arch: Arch) -> str:
    """An architecture in words that fit into a table: its layers in order, its options, or how many of each."""
    if story.space is None:
        return ""
    rows = [
        [layers.layer(op) for _, op in graph.nodes(data="op") if op]
        for graph in (story.space.graph(arch).values() if hasattr(story.space, "graph") else ())
        if all(degree <= 1 for _, degree in (*graph.in_degree, *graph.out_degree))
        and any(op and not isinstance(op, str) for _, op in graph.nodes(data="op"))
    ]
    if rows:
        return "; ".join(str(each) for row in rows for each in layers.grouped(row))
    told = []
    for choice, options in describe(story.space.choices, arch).items():
        taken = [option for option in options if option not in ZERO]
        many = [f"{n} {option}" for option, n in Counter(taken).most_common()]
        text = ", ".join(many) if len(options) > LISTED else runs(options)
        told.append(f"{choice}: {text or 'none'}" if len(story.space.choices) > 1 else text)
    return "; ".join(told)


def budgets(story: Story) -> str:
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


def pareto(story: Story) -> str:
    """The scores that no other beats in what was validated and in cost, in words, at most twelve of them."""
    cost, records = figures.traded(story)
    members = front(records, [cost]) if cost else []
    if cost is None or len(members) < 2:
        return ""
    most = LISTED - 1
    shown = [members[round(i * (len(members) - 1) / most)] for i in range(LISTED)] if len(members) > LISTED else members
    name = figures.worth_name(story)
    rewarded = name == "validated value"
    lines = [
        [escape(short(story, r.arch)) + page.folded("as indices", code(str(list(r.arch)))), number(worth(r)),
         *([number(r.value)] if rewarded else []), human(r.metrics[cost]), str(r.step + 1)]
        for r in shown
    ]  # fmt: skip
    cut = f" {len(shown)} of {len(members):,} are shown." if len(shown) < len(members) else ""
    found = next((i for i, r in enumerate(shown) if r.arch == story.arch), -1)
    bold = " The one in bold was taken." if found >= 0 else ""
    kept = [
        f" {sum(aim.kept(r.metrics[cost]) for r in members)} of {len(members)} keep the target, {escape(aim.words)}."
        for aim in aims(story) if aim.name == cost
    ]  # fmt: skip
    text = f"<p>Of {len(records):,} scores, those that nothing cheaper reaches.{cut}{bold}{''.join(kept)}</p>"
    head = ["architecture", name, *(["reward"] if rewarded else []), COSTS[cost], "evaluation"]
    return text + page.table(head, lines, top=found, cards=True)


def seeds(story: Story) -> str:
    """What every search found: the value that the seeds are compared by, and beside it the largest single score."""
    if story.config["seeds"] == 1:
        return ""
    result = story.result or {}
    by, skipping = ranked_by(story), story.space is not None and offers_skips(story.space)
    lines, columns = [], []
    for trace in story.traces:
        if not trace.records:
            continue
        numbers = [judged(story, trace), trace.best]
        best = tuple(trace.result["best"]) if trace.result else None
        share = [percent(skip_share(story.space, best)) if story.space and best else ""] if skipping else []
        state = "finished" if trace.result else f"at score {len(trace.records):,}"
        columns.append(numbers)
        told = ("" if value is None else number(value) for value in numbers)
        lines.append([str(trace.seed), *told, *share, state])
    whole = [[value for value in column if value is not None] for column in zip(*columns, strict=True)]
    summed = len(columns) > 1 and all(len(c) == len(columns) and all(map(math.isfinite, c)) for c in whole)
    if summed:
        sums = [spread(statistics.fmean(c), statistics.stdev(c)) for c in whole]
        lines.append(["mean ± sd", *sums, *[""] * skipping, ""])
    head = ["seed", by, f"largest single score, {story.value_name}", *["skips"] * skipping, "state"]
    taken = [line[0] for line in lines].index(str(story.main.seed)) if result and story.main else -1
    text = f"<p>The one in bold was taken, by its {escape(by)}.</p>"
    return (text if taken >= 0 else "") + page.table(head, lines, top=taken, foot=summed)


def judged(story: Story, trace: Trace) -> float | None:
    """The value by which a search is compared with those of other seeds; None if that is not known yet."""
    values = {run["seed"]: float(run["value"]) for run in (story.result or {}).get("runs", ())}
    own = trace.result["value"] if trace.result and not story.soft and not story.config["rank_epochs"] else None
    return values.get(trace.seed, own)


def ranked_by(story: Story) -> str:
    """What that value is, in words."""
    if told := (story.result or {}).get("ranked_by"):
        return str(told)
    rank = story.config["rank_epochs"]
    return f"validation value after {findings.plural(rank, 'epoch')} from scratch" if rank else "value"
