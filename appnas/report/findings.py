"""What a report says of a run in words: verdict, big numbers, checklist. Plain statements of what was measured."""

from __future__ import annotations

import shlex
import statistics
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from appnas.loop import Collapse, skip_share
from appnas.report.curves import median_window
from appnas.report.page import Check, code, duration, number, percent, spread
from appnas.report.plots import human
from appnas.report.story import Story
from appnas.retrain import Row
from appnas.run import table_space
from appnas.support import Failure

SHARES = {"accuracy", "balanced_accuracy", "micro_f1", "macro_f1", "mean_iou"}
"""Test metrics that are shares."""
REASONS = 3
"""Reasons of failed evaluations that are named, the most frequent ones."""


def title(story: Story) -> str:
    """The method and its data."""
    domain = story.config["domain"]
    return f"{story.config['method']} on {domain['name'] or domain['repr']}"


def primary(rows: Sequence[Row]) -> str:
    """The test metric to speak of: the domain's; if it says none, the value, the accuracy, or the first one."""
    names, metric = list(rows[0].tests[0]), rows[0].metric
    if metric and metric.name in names:
        return metric.name
    return next((name for name in ("value", "accuracy") if name in names), names[0])


def unit(rows: Sequence[Row], metric: str) -> str:
    """That of the domain's metric; of others, percent for accuracies and the like that are not between 0 and 1."""
    if (own := rows[0].metric) and own.name == metric:
        return f"\N{NO-BREAK SPACE}{own.unit}" if own.unit else ""
    percent = metric in SHARES and max(test[metric] for row in rows for test in row.tests) > 1
    return "\N{NO-BREAK SPACE}%" if percent else ""


def falls(rows: Sequence[Row], metric: str) -> bool:
    """Whether less is better: what the domain says of its metric; else by the name."""
    if (own := rows[0].metric) and own.name == metric:
        return not own.higher
    return any(word in metric for word in ("loss", "error", "mse", "mae", "perplexity"))


def tested(story: Story, row: Row) -> str:
    """A trained architecture's test result, with its spread."""
    metric = primary(story.rows)
    return spread(row.mean(metric), row.spread(metric), unit(story.rows, metric))


def controls(story: Story) -> list[Row]:
    """The rows of other single networks."""
    return [row for row in story.rows[1:] if row.members == 1]


def best_control(story: Story) -> Row | None:
    """The strongest of the controls."""
    metric = primary(story.rows)
    pick = min if falls(story.rows, metric) else max
    return pick(controls(story), key=lambda row: row.mean(metric), default=None)


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
    return _single(story) + "".join(f" {said}" for said in _beside(story))


def _beside(story: Story) -> Iterator[str]:
    """What is to be said of an MLP on a graph, and of networks that answer together."""
    if not story.rows:
        return
    metric, found = primary(story.rows), story.rows[0]
    sign = -1 if falls(story.rows, metric) else 1
    for row in controls(story):
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
            return f"{_share_failed(story)}: there is no result."
        value, count = number(story.main.best), plural(len(story.main.scored), "score")
        return (
            f"The search {state} with a value ({story.value_name}) of {value}, the best of {count}. It is not tested."
        )
    metric, best = primary(story.rows), best_control(story)
    found = story.rows[0]
    text = (
        f"Trained from scratch for {plural(story.epochs, 'epoch')}, the found"
        f" architecture reaches a test {metric.replace('_', ' ')} of {tested(story, found)}"
    )
    if best is None:
        return f"{text}. Without a control trained alike, that says little about the search."
    gain = (best.mean(metric) - found.mean(metric)) * (1 if falls(story.rows, metric) else -1)
    text += f"; the best control, {best.name}, {tested(story, best)}."
    if abs(gain) <= max(best.spread(metric), found.spread(metric)):
        return f"{text} The difference is within the spread of the seeds: no effect of the search is shown."
    if len(found.tests) == 1:
        return f"{text} With one training each, the difference may be chance."
    ahead = "is ahead" if gain > 0 else "falls behind"
    measured = unit(story.rows, metric)
    points = " points" if measured.strip() == "%" else measured
    return f"{text} It {ahead} by {abs(gain):.3g}{points}, more than the spread of the seeds."


def tiles(story: Story) -> Iterator[tuple[str, str, str]]:
    """The big numbers: what, how much, detail."""
    if story.rows:
        found, best = story.rows[0], best_control(story)
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
            yield "Best value in the search", number(story.main.best), story.value_name
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


def checks(story: Story) -> Iterator[Check]:
    """What makes a result trustworthy, and whether this run did it."""
    count, value = story.config["seeds"], story.value_name
    done = sum(trace.result is not None for trace in story.traces)
    if done < count:
        yield Check("todo", f"Finished searches: {done} of {count}", f"Go on with {command(story, 'resume')}.")
    elif count > 1:
        yield Check("ok", f"{count} searches, one a seed", f"Their values ({value}) are listed below.")
    else:
        yield Check("warn", "One search, one seed", f"Another seed may end elsewhere: repeat with {code('seeds=3')}.")
    if story.rows:
        n = len(story.rows[0].tests)
        text = f"Every architecture was trained {n} times." if n > 1 else "Every architecture was trained once only."
        yield Check("ok" if n > 1 else "warn", f"Trained from scratch with {plural(n, 'seed')}", text)
        names = ", ".join(escape(row.name) for row in controls(story))
        yield (Check("ok", "Controls trained alike", f"{names}.") if names else
               Check("todo", "No control", f"Train one with {command(story, 'retrain')}."))  # fmt: skip
        text = f"{n * len(story.rows)} times: once for each trained network. A strategy cannot reach it."
        yield Check("ok", "Test data read after the search only", text)
    elif of_table(story):
        yield Check("ok", "Scores from a table", "Others trained these networks; a strategy sees no withheld column.")
    else:
        yield Check("todo", "No test result", "What was found was not trained from scratch, nor was a control.")
        yield Check("ok", "Test data not read", "A strategy cannot reach it.")
    yield from _failure_check(story)
    yield _control_check(story)
    yield from _collapse_checks(story)


def of_table(story: Story) -> bool:
    """Whether scores were looked up in a table, so that there is nothing to train."""
    domain = story.config["domain"]
    return domain.get("repr") == "Table" or bool(table_space(domain["name"] or ""))


def _share_failed(story: Story) -> str:
    """3 of 40 evaluations failed."""
    lost = sum(len(trace.failures) for trace in story.traces)
    count = sum(len(trace.records) for trace in story.traces)
    return f"{lost:,} of {plural(count, 'evaluation')} failed"


def _failure_check(story: Story) -> Iterator[Check]:
    """Which evaluations failed, and why: the most frequent reasons first."""
    lost = [record.failure for trace in story.traces for record in trace.failures]
    if not lost:
        return
    reasons = Counter(_reason(failure) for failure in lost)
    named = [f"{escape(reason)} ({count:,})" for reason, count in reasons.most_common(REASONS)]
    more = f"; {len(reasons) - REASONS:,} further reasons" if len(reasons) > REASONS else ""
    where = f" Tracebacks lie in the run's folder {code('failures')}; to try again: {command(story, 'retry')}."
    yield Check("warn", _share_failed(story), f"{', '.join(named)}{more}.{where}")


def _reason(failure: Failure | None) -> str:
    if failure is None:
        return "reason not kept"
    return textwrap.shorten(f"{failure.kind}: {failure.message}".removesuffix(": "), 160, placeholder=" ...")


def _control_check(story: Story) -> Check:
    result = story.result or {}
    control = result.get("control")
    if not control:
        what = "Random search comes after the searches." if story.config["control"] else f"Ask: {code('control=True')}."
        return Check("todo", "No random search at equal budget", what)
    title = f"Random search over {control['evaluations']} architectures beside it"
    reached = f"It reached {number(control['value'])}"
    if story.soft and not story.config["rank_epochs"]:
        return Check("ok", title, f"{reached}, trained from scratch: not comparable with this method's own value.")
    values = [run["value"] for run in result["runs"]] if "runs" in result else [result["value"]]
    ours = max(values) if story.soft else statistics.fmean(values)  # best of n against best of n, or equal searches
    text = f"{reached} in validation, {story.config['method']} {number(ours)}{'' if story.soft else ' on average'}."
    return Check("ok" if ours > control["value"] else "warn", title, text)


def _collapse_checks(story: Story) -> Iterator[Check]:
    trace = story.main
    if trace is None or not trace.cubes:
        yield Check("ok", "No collapse to watch for", "The method holds no distribution over options.")
        return
    moved = trace.moved()
    if moved < Collapse.MOVED:
        yield Check("warn", "The probabilities hardly moved", f"By {moved:.4f} at most: the result is noise. Search"
                    " longer, or raise the learning rate of the architecture.")  # fmt: skip
    else:
        yield Check("ok", "The probabilities moved", f"By up to {moved:.2f}; their entropy ended at"
                    f" {percent(trace.entropies()[-1])} of its maximum.")  # fmt: skip
    if story.space is not None and story.arch is not None:
        share = skip_share(story.space, story.arch)
        if share > Collapse.SKIPS:
            yield Check("warn", f"{percent(share)} skip connections", "A known failure of weight sharing: stop earlier,"
                        " regularise the weights more, or use a method without shared weights.")  # fmt: skip
        else:
            yield Check("ok", f"{percent(share)} skip connections", "No sign that they took over.")
