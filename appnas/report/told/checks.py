"""The checklist of a report: what makes a result trustworthy, and whether this run did it."""

from __future__ import annotations

import statistics
import textwrap
from collections import Counter
from collections.abc import Iterator
from html import escape

from appnas.loop import Collapse, offers_skips, skip_share
from appnas.report.findings import command, of_table, plural, share_failed
from appnas.report.page import Check, code, number, percent
from appnas.report.story import Story
from appnas.report.told import aims
from appnas.retrain import difference, primary, rivals
from appnas.support import Failure

REASONS = 3
"""Reasons of failed evaluations that are named, the most frequent ones."""
UNDECIDED = 0.9
"""Relative entropy at the end above which a search has decided nothing."""


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
        yield _rivals_check(story)
        text = f"{n * len(story.rows)} times: once for each trained network. A strategy cannot reach it."
        yield Check("ok", "Test data read after the search only", text)
    elif of_table(story):
        yield Check("ok", "Scores from a table", "Others trained these networks; a strategy sees no withheld column.")
    else:
        yield Check("todo", "No test result", "What was found was not trained from scratch, nor was a control.")
        yield Check("ok", "Test data not read", "A strategy cannot reach it.")
    yield from _aim_checks(story)
    yield from _failure_check(story)
    yield _control_check(story)
    yield from _collapse_checks(story)


def _failure_check(story: Story) -> Iterator[Check]:
    """Which evaluations failed, and why: the most frequent reasons first."""
    lost = [record.failure for trace in story.traces for record in trace.failures]
    if not lost:
        return
    reasons = Counter(_reason(failure) for failure in lost)
    named = [f"{escape(reason)} ({count:,})" for reason, count in reasons.most_common(REASONS)]
    more = f"; {len(reasons) - REASONS:,} further reasons" if len(reasons) > REASONS else ""
    where = f" Tracebacks lie in the run's folder {code('failures')}; to try again: {command(story, 'retry')}."
    yield Check("warn", share_failed(story), f"{', '.join(named)}{more}.{where}")


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


def _rivals_check(story: Story) -> Check:
    """The controls, and which of them won."""
    others, metric = rivals(story.rows), primary(story.rows)
    if not others:
        return Check("todo", "No control", f"Train one with {command(story, 'retrain')}.")
    outcomes = [(row.name, difference(story.rows, row, metric).outcome) for row in others]
    told = {"lost": "It lost to", "open": "No winner against", "won": "It beat"}
    parts = [(words, [name for name, is_ in outcomes if is_ == outcome]) for outcome, words in told.items()]
    text = ". ".join(f"{words} {escape(', '.join(names))}" for words, names in parts if names)
    once = " One training each gives no interval." if len(story.rows[0].tests) == 1 else ""
    won = all(outcome == "won" for _, outcome in outcomes) and not once
    return Check("ok" if won else "warn", "Controls trained alike", f"{text}.{once}")


def _aim_checks(story: Story) -> Iterator[Check]:
    """Targets and limits, and candidates that guess."""
    for aim in aims.aims(story):
        told = aims.measured(story, aim)
        if told:
            kept = all(aim.kept(value) for _, value in told)
            text = ", ".join(f"{number(value)} {when}" for when, value in told)
            yield Check("ok" if kept else "warn", "Target reached" if kept else "Target missed",
                        f"Asked for: {escape(aim.words)}. Found: {text}.")  # fmt: skip
    records, guesses = aims.guessed(story)
    chance = aims.guessing(story)
    if records and chance is not None and 2 * len(guesses) >= len(records):
        text = f"{len(guesses):,} of {plural(len(records), 'candidate')} scored about what guessing does"
        text += f" ({number(chance)}): their order is chance. Train each for longer."
        yield Check("warn", "Budget too small to rank", text)
    if aims.untaught(story):
        yield Check("warn", "Nothing was learnt", "No trained network is better than guessing: train for longer before"
                    " anything is compared.")  # fmt: skip


def _collapse_checks(story: Story) -> Iterator[Check]:
    trace = story.main
    if trace is None or not trace.cubes:
        yield Check("ok", "No collapse to watch for", "The method holds no distribution over options.")
    else:
        yield _decided_check(trace.moved(), trace.entropies()[-1])
    if story.space is None or story.arch is None or not offers_skips(story.space):
        return
    share = skip_share(story.space, story.arch)
    if share > Collapse.SKIPS:
        yield Check("warn", f"{percent(share)} skip connections", "A known failure of weight sharing: stop earlier,"
                    " regularise the weights more, or use a method without shared weights.")  # fmt: skip
    else:
        yield Check("ok", f"{percent(share)} skip connections", "No sign that they took over.")


def _decided_check(moved: float, entropy: float) -> Check:
    """Whether the probabilities moved, and whether that decided anything."""
    ended = f"Probabilities moved by up to {moved:.2f}, entropy ended at {percent(entropy)} of its maximum"
    if moved < Collapse.MOVED:
        return Check("warn", "The probabilities hardly moved", f"By {moved:.4f} at most: the result is noise. Search"
                     " longer, or raise the learning rate of the architecture.")  # fmt: skip
    if entropy > UNDECIDED:
        return Check("warn", "The search decided next to nothing", f"{ended}: what it derives is close to a draw."
                     " Search longer, or raise the learning rate of the architecture.")  # fmt: skip
    return Check("ok", "The search came to a decision", f"{ended}.")
