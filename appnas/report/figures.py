"""The pictures of a report: from what a run says to drawn figures with captions and alternative texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

import networkx as nx
import numpy as np
import torch

from appnas.agent import masses
from appnas.loop import Record, furthest, offers_skips, worth
from appnas.report import diagram, layers, plots, showcase
from appnas.report.curves import Curve, thinned
from appnas.report.findings import tested
from appnas.report.page import Plot, number, percent
from appnas.report.plots import human
from appnas.report.story import Story, Trace
from appnas.report.told.aims import COSTS, aims
from appnas.retrain import primary, unit
from appnas.space import ZERO, Arch, Choice, Space, describe, words

Edges = list[diagram.Edge | None]
PARTS = 4
"""Decisions from which on a choice of keeping or leaving out is drawn as a mask."""


def trained(story: Story) -> list[Plot]:
    """What the trained architectures reach against what they cost."""
    rows = story.rows
    if not rows:
        return []
    metric = primary(rows)
    measured = unit(rows, metric).strip()
    label = f"test {metric.replace('_', ' ')}{measured and ', ' + measured}"
    means, spreads = [row.mean(metric) for row in rows], [row.spread(metric) for row in rows]
    costs = [row.parameters for row in rows]
    image = plots.rivals([row.name for row in rows], costs, means, spreads, "parameters", label)
    each = "; ".join(f"{row.name}: {human(row.parameters)} parameters, {tested(story, row)}" for row in rows)
    caption = "What the found architecture and the controls reach, and what they cost."
    caption += " Bars: standard deviation." if len(rows[0].tests) > 1 else ""
    return [Plot("controls", image, f"{label} against parameters. {each}", caption)]


def shown(story: Story) -> list[Plot]:
    """What the found network makes of held-out examples, beside the truth."""
    if not story.shown:
        return []
    names = ", ".join(next(iter(story.shown.values())))
    alt = f"Maps of the held-out examples {', '.join(story.shown)}: {names}"
    caption = "Held-out examples, as the found network sees them. Every map has its own scale, dark is low."
    return [Plot("showcase", showcase.picture(story.shown), alt, caption, wide=True)]


def _trade(story: Story) -> list[Plot]:
    """All scores that tell their cost."""
    cost, records = traded(story)
    if cost is None:
        return []
    arch = story.arch
    same = [i for i, r in enumerate(records) if r.arch == arch]
    found = max(same, key=lambda i: records[i].value, default=None)
    words, name = COSTS[cost], worth_name(story)
    costs, values = [r.metrics[cost] for r in records], [worth(r) for r in records]
    bound = next((aim.bound for aim in aims(story) if aim.name == cost), None)
    image = plots.trade(costs, values, found, words, name, bound)
    alt = f"{name} against {words} of {len(records):,} evaluations, with the Pareto front"
    drawn, count = len(thinned(costs, values)), sum(len(trace.records) for trace in story.traces)
    which = "Every evaluation" if drawn == count else f"{drawn:,} of {count:,} evaluations"
    caption = f"{which}. On the line, nothing cheaper is as good in {words}."
    caption += f" Dashed: the target, {number(bound)}." if bound is not None else ""
    return [Plot("trade", image, alt, caption + (" It is made of all." if drawn < len(records) else ""))]


def traded(story: Story) -> tuple[str | None, list[Record]]:
    """The cost that all scores tell, and those of them that are numbers; None if there is nothing to trade."""
    records = furthest([record for trace in story.traces for record in trace.scored])
    settings = story.config["config"]
    own = [settings.get("cost"), *(text.rpartition(":")[0] for text in settings.get("objectives", ()))]
    names = [*(name for name in own if name in COSTS), *COSTS]
    cost = next((name for name in names if records and all(name in r.metrics for r in records)), None)
    if cost is None or story.soft:
        return None, []
    numbers = [r for r in records if math.isfinite(worth(r)) and math.isfinite(r.metrics[cost])]
    return (cost, numbers) if numbers else (None, [])


def worth_name(story: Story) -> str:
    """What was validated, where the value is a reward made of it."""
    rewarded = story.main is not None and any("value" in record.metrics for record in story.main.scored)
    return "validated value" if rewarded else story.value_name


def cells(story: Story, edges: Edges) -> list[Plot]:
    """The found architecture as diagrams."""
    return [] if story.arch is None or story.space is None else architecture(story.space, story.arch, edges)


def architecture(space: Space, arch: Arch, edges: Edges | None = None) -> list[Plot]:
    """An architecture drawn: cells as graphs, rows of layers in their order, masks part by part; none without words.

    Args:
        space: of which `graph` and the choices are asked.
        arch: of it.
        edges: of the decisions (`diagram.edges_of`); by default they are found out.
    """
    draw = getattr(space, "graph", None)
    graphs: dict[str, nx.MultiDiGraph] = {} if draw is None else draw(arch)
    drawn = [op for graph in graphs.values() for _, op in graph.nodes(data="op") if op]
    drawn += [op for graph in graphs.values() for *_, op in graph.edges(data="op") if op]
    kinds = dict.fromkeys(words(op)[0] for op in drawn)  # one colour in all pictures
    offered = list(dict.fromkeys(name for choice in space.choices for name in choice.options))
    ops = [*(offered if kinds.keys() & set(offered) else ()), *kinds]
    edges = (diagram.edges_of(space) if graphs else []) if edges is None else edges
    figures = []
    for name, graph in graphs.items():
        own = [op for _, op in graph.nodes(data="op") if op]
        row = all(degree <= 1 for _, degree in (*graph.in_degree, *graph.out_degree))
        if row and any(not isinstance(op, str) for op in own):
            rows = [layers.layer(op) for op in own]
            listed = "; ".join(f"{i}: {each}" for i, each in enumerate(rows, 1))
            caption = f"<b>{escape(name)}</b>: {len(rows)} layers in order, the input at the top."
            image = layers.stack(rows, ops)
            figures.append(
                Plot(f"cell-{_slug(name)}", image, f"The layers of {name} in order. {listed}", caption, True)
            )
        else:
            figures.append(_cell(name, graph, ops, edges))
    if not any(isinstance(op, str) for graph in graphs.values() for *_, op in graph.nodes(data="op")):
        figures += _mask(space, arch)
    return figures


def _cell(name: str, graph: nx.MultiDiGraph, ops: list[str], edges: Edges) -> Plot:
    idle = diagram.idle(graph, [edge[1:] for edge in edges if edge and edge[0] == name])
    wires = [f"{u} to {v}" + (f": {op}" if op else "") for u, v, op in graph.edges(data="op") if op != diagram.JOIN]
    own = [f"{node}: {' '.join(words(op))}" for node, op in graph.nodes(data="op") if op]
    faded = f". Faded parts carry nothing to the output: {', '.join(map(str, graph.nodes & idle))}." if idle else ""
    caption, listed = f"<b>{escape(name)}</b>{escape(faded)}", ", ".join([*own, *wires])
    image = diagram.cell(graph, ops, idle)
    return Plot(f"cell-{_slug(name)}", image, f"The cell {name}. {listed}", caption, wide=True)


def _mask(space: Space, arch: Arch) -> list[Plot]:
    """The parts of a mask: decisions of two options, one of which is to leave the part out."""
    binary = [c for c in space.choices if len(c.options) == 2 and len(set(c.options) & ZERO) == 1 and c.count >= PARTS]
    if not binary or len(binary) < len(space.choices):
        return []
    kept = {name: [option not in ZERO for option in taken] for name, taken in describe(space.choices, arch).items()}
    share = sum(map(sum, kept.values())) / sum(map(len, kept.values()))
    told = "; ".join(f"{name}: {sum(parts)} of {len(parts)}" for name, parts in kept.items())
    caption = f"<b>mask</b>: {percent(share)} of the parts are kept, filled squares."
    return [Plot("mask", layers.mask(kept), f"The mask, parts kept. {told}", caption, wide=True)]


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)[:80]


def progress(story: Story) -> list[Plot]:
    """The values over evaluations and over time, and against what they cost."""
    traces = [trace for trace in story.traces if trace.scored]
    name, figures = story.value_name, []
    budgets = any(record.budget for trace in traces for record in trace.records)
    for x, curves in (
        ("steps" if story.soft else "evaluations", [([r.step + 1 for r in t.records], t.values) for t in traces]),
        ("seconds", [(t.seconds, t.values) for t in traces if t.seconds]),
    ):
        if curves:
            image = plots.progress(curves, x, name, story.soft)
            alt = f"{name} against {x}: best so far {number(max(trace.best for trace in traces))}"
            caption = f"Value against {x}." if x != "seconds" else "The same against wall-clock time."
            figures.append(Plot(f"progress-{x}", image, alt, caption + _left_out(curves, budgets)))
    return figures + _trade(story)


def _left_out(curves: Sequence[Curve], budgets: bool) -> str:
    """How many points of a cloud are drawn, if not all: the curves are made of all in any case."""
    if len(curves) > 1:
        return ""
    ((x, values),) = curves
    drawn, count = len(thinned(x, values)), sum(map(math.isfinite, values))
    smaller = " had a smaller budget," if budgets else ""
    text = (
        f" {len(values) - count:,} of {len(values):,}{smaller} failed or gave no number, and are not drawn."
        if count < len(values)
        else ""
    )
    if drawn < count:
        text += f" {drawn:,} of {count:,} scores are dots, the highest of every stretch among them; lines are of all."
    return text


def distribution(story: Story, edges: Edges) -> list[Plot]:
    """The probabilities of the options over time, and how decided they are."""
    trace = story.main
    if trace is None or not trace.cubes:
        return []
    skips = trace.skips(story.space) if story.space and offers_skips(story.space) else []
    entropy = trace.entropies()
    ended = f"entropy {percent(entropy[-1])} of its maximum" + (f", {percent(skips[-1])} skips" if skips else "")
    caption = "How decided the search is, and the share of skips in what it would derive." if skips else "Entropy."
    decided = Plot("collapse", plots.collapse(trace.steps, skips, entropy), f"At the end: {ended}", caption)
    return [*heat_maps(story, edges), decided, _masses(story.choices, trace)]


def _masses(choices: tuple[Choice, ...], trace: Trace) -> Plot:
    """How much of everything there is: the mean probability of every option, over all decisions that offer it."""
    at = [masses(choices, tuple(torch.from_numpy(cube[t]) for cube in trace.cubes)) for t in range(len(trace.steps))]
    image = plots.masses(trace.steps, {option: [shares[option] for shares in at] for option in at[-1]})
    ended = ", ".join(f"{option} {percent(share)}" for option, share in at[-1].items())
    return Plot(
        "masses", image, f"Mean probability of every option. At the end: {ended}", "Mean probability of options."
    )


def panels(choices: tuple[Choice, ...]) -> Iterator[list[int]]:
    """The choices of every heat map: those of one decision join neighbours with the same options."""
    group: list[int] = []
    for i, choice in enumerate(choices):
        alike = group and choice.count == choices[group[-1]].count == 1 and choice.options == choices[group[-1]].options
        if group and not alike:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def heat_maps(story: Story, edges: Edges) -> list[Plot]:
    """The probabilities over the steps: one figure a choice, one panel a decision."""
    trace, choices, figures = story.main, story.choices, []
    assert trace is not None
    start = 0
    for group in panels(choices):
        names, options = [choices[i].name for i in group], choices[group[0]].options
        cube = np.concatenate([trace.cubes[i] for i in group], axis=1)
        shown = range(min(cube.shape[1], plots.DECISIONS))
        labels = names if len(group) > 1 else [_label(edges, start + i) or f"decision {i + 1}" for i in shown]
        chosen = [story.arch[start + i] for i in shown] if story.arch else None
        cut = f" The first {len(shown)} of {cube.shape[1]} decisions." if cube.shape[1] > len(shown) else ""
        name = names[0] if len(group) == 1 else f"{names[0]} to {names[-1]}"
        image = plots.heat(labels[: len(shown)], options, trace.steps, cube[:, : len(shown)], chosen)
        alt = f"Heat map of the probabilities of {', '.join(options)} in {name}, over the steps"
        caption = f"<b>{escape(name)}</b>, one panel a decision.{cut}"
        figures.append(Plot(f"alphas-{_slug(name)}", image, alt, caption, wide=len(shown) > plots.FEW))
        start += cube.shape[1]
    return figures


def _label(edges: Edges, decision: int) -> str:
    """The edge that a decision is about; empty if it is about none."""
    edge = edges[decision] if edges else None
    return f"{edge[1]} \N{RIGHTWARDS ARROW} {edge[2]}" if edge else ""
