"""What a report says of a run in words: verdict, big numbers, checklist. Plain statements of what was measured."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterator

from appnas.report.curves import median_window
from appnas.report.page import code, duration, number, spread
from appnas.report.plots import human
from appnas.report.story import Story
from appnas.report.told import aims
from appnas.retrain import Row, best_of, falls, primary, referee, rivals, unit
from appnas.run import table_space


def title(story: Story) -> str:
    """The method and its data."""
    domain = story.config["domain"]
    return f"{story.config['method']} on {domain['name'] or domain['repr']}"


def tested(story: Story, row: Row) -> str:
    """A trained architecture's test result, with its spread."""
    metric = primary(story.rows)
    return spread(row.mean(metric), row.spread(metric), unit(story.rows, metric))


def command(story: Story, verb: str) -> str:
    """How to go on with the run: on the command line, or in Python if it needs objects of the user's own."""
    own = [f"{name}=..." for name in ("space", "domain") if story.config[name]["name"] is None]
    own += ["retry_failed=True"] if own and verb == "retry" else []
    call = f"appnas.resume({str(story.path)!r}{''.join(', ' + item for item in own)})"
    if verb in ("resume", "retry"):
        flag = " --retry-failed" if verb == "retry" else ""
        return code(call if own else f"appnas resume {shlex.quote(str(story.path))}{flag}")
    if own:
        return code(f'{call}.retrain(epochs=20, seeds=3, beside=["random"])')
    return code(f"appnas retrain {shlex.quote(str(story.path))} --epochs 20 --seeds 3 --beside random")


def verdict(story: Story) -> str:
    """What came out, in a few sentences."""
    return " ".join([_single(story), *_beside(story), *aims.missed(story)])


def _beside(story: Story) -> Iterator[str]:
    """What is to be said of an MLP on a graph, and of networks that answer together."""
    if not story.rows:
        return
    metric, found = primary(story.rows), story.rows[0]
    sign = -1 if falls(story.rows, metric) else 1
    for row in rivals(story.rows):
        if row.name == "mlp" and sign * (row.mean(metric) - found.mean(metric)) >= 0:
            yield "The MLP, which looks at no edges, is at least as good: these edges may not help."
    for row in story.rows[1:]:
        if row.members > 1:
            yield f"The {row.name}, {row.members} networks together, reach {tested(story, row)}."


def _single(story: Story) -> str:
    if not story.rows:
        if story.arch is None:
            return "The search has not scored anything yet."
        state = "found an architecture" if story.result else "is unfinished; so far it points to an architecture"
        if story.soft or story.main is None:
            return f"The search {state}. How good that is, only training it from scratch will tell."
        if not story.main.scored:
            return f"{share_failed(story)}: there is no result."
        value, how = story.valued
        return f"The search {state} with a value ({story.value_name}) of {number(value)}, {how}. It is not tested."
    metric, found, said = primary(story.rows), story.rows[0], referee(story.rows)
    text = (
        f"Trained from scratch for {plural(story.epochs, 'epoch')}, the found"
        f" architecture reaches a test {metric.replace('_', ' ')} of {tested(story, found)}"
    )
    if not said:
        return f"{text}. Without a control trained alike, that says little about the search."
    return f"{text}. {' '.join(said)}"


def tiles(story: Story) -> Iterator[tuple[str, str, str]]:
    """The big numbers: what, how much, detail."""
    if story.rows:
        found, best = story.rows[0], best_of(story.rows)
        metric = primary(story.rows).replace("_", " ")
        yield f"Test {metric}", tested(story, found), trainings(story)
        if best:
            yield "Best control", tested(story, best), best.name
        yield "Parameters", human(found.parameters), f"{human(found.macs)} multiply-adds"
    if story.main and story.main.scored:
        if story.soft:
            values = [record.value for record in story.main.scored]
            last = values[-median_window(len(values)) :]
            yield (
                "Value at the end" if story.result else "Value now",
                number(statistics.median(last)),
                f"{story.value_name}, median of {len(last)}",
            )
        else:
            value, how = story.valued
            yield "Value of what was found", number(value), f"{story.value_name}, {how}"
    ranked = (story.result or {}).get("runs")
    if ranked and story.config["rank_epochs"]:
        label = f"Validation after {plural(story.config['rank_epochs'], 'epoch')}"
        yield label, number(max(run["value"] for run in ranked)), "from scratch, best of the seeds"
    scores = sum(len(trace.scored) for trace in story.traces)
    lost = sum(len(trace.failures) for trace in story.traces)
    seconds = sum(trace.seconds[-1] for trace in story.traces if trace.seconds)
    searches = f"in {len(story.traces)} searches" if len(story.traces) > 1 else "in one search"
    yield "Scores", f"{scores:,}", f"{searches}, {duration(seconds)}" + (f"; {lost:,} more failed" if lost else "")


def trainings(story: Story) -> str:
    """How the rows were trained: 3 seeds, 20 epochs each."""
    seeds = len(story.rows[0].tests)
    return f"{plural(seeds, 'seed')}, {plural(story.epochs, 'epoch')}{' each' if seeds > 1 else ''}"


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def of_table(story: Story) -> bool:
    """Whether scores were looked up in a table, so that there is nothing to train."""
    domain = story.config["domain"]
    return domain.get("repr") == "Table" or bool(table_space(domain["name"] or ""))


def share_failed(story: Story) -> str:
    """3 of 40 evaluations failed."""
    lost = sum(len(trace.failures) for trace in story.traces)
    count = sum(len(trace.records) for trace in story.traces)
    return f"{lost:,} of {plural(count, 'evaluation')} failed"
