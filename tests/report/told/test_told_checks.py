"""The checklist: what is a tick, and what is not."""

import math

import numpy as np
import pytest
from test_findings import ARCH, SKIPS, fail, row, told

from appnas.loop import Record
from appnas.report.told.checks import checks
from appnas.spaces import GNN, Mnas
from appnas.support import Failure


def check(story, title):
    (found,) = [item for item in checks(story) if title in item.title]
    return found


def test_failed_evaluations_are_said_with_their_reasons():
    story = fail(told(), 0, failure=Failure("RuntimeError", "shapes <3> do not fit", "Traceback"))
    found = check(fail(story, 2), "2 of 3 evaluations failed")
    assert found.state == "warn"
    assert found.text == (
        "RuntimeError: shapes &lt;3&gt; do not fit (1), reason not kept (1)."
        " Tracebacks lie in the run's folder <code>failures</code>; to try again:"
        " <code>appnas resume &#x27;runs/a b&#x27; --retry-failed</code>."
    )
    assert not [item for item in checks(told()) if "failed" in item.title]


def test_the_most_frequent_reasons_are_named():
    story = told()
    story.main.records[:] = [
        Record(i, ARCH, -math.inf, {"failed": 1.0}, Failure(f"Error{min(i // 2, 5)}", "x" * 400)) for i in range(14)
    ]
    text = check(story, "14 of 14 evaluations failed").text
    assert text.startswith("Error5: ... (4), Error0: ... (2), ")
    assert text.split(". Tracebacks")[0].endswith("; 3 further reasons")


def test_searches_that_are_not_finished_are_counted():
    assert check(told(seeds=3), "Finished searches: 1 of 3").state == "todo"


def test_checks_of_seeds_controls_and_test_data():
    story = told([row("found", 90), row("random", 80)])
    assert check(story, "One search, one seed").state == "warn"
    assert check(story, "Trained from scratch with 1 seed").state == "warn"
    assert check(story, "Test data read").text.startswith("2 times: once for each trained network.")
    assert check(story, "No random search").state == "todo"
    bare = told()
    assert check(bare, "No test result").state == "todo"
    assert check(bare, "Test data not read").state == "ok"


@pytest.mark.parametrize(
    ("rows", "state", "text"),
    [
        ([row("found", 90), row("random", 80)], "warn", "It beat random. One training each gives no interval."),
        ([row("found", 51), row("random", 70)], "warn", "It lost to random. One training each gives no interval."),
        ([row("found", 90, 91, 92), row("random", 80, 81, 82)], "ok", "It beat random."),
        ([row("found", 90, 91, 92), row("a", 95, 96, 97), row("random", 89, 91, 92)], "warn",
         "It lost to a. No winner against random."),
    ],
)  # fmt: skip
def test_controls_that_won_are_no_tick(rows, state, text):
    found = check(told(rows), "Controls trained alike")
    assert (found.state, found.text) == (state, text)


@pytest.mark.parametrize(("value", "state"), [(35.0, "ok"), (45.0, "warn")])
def test_check_of_random_search_at_equal_budget(value, state):
    control = {"method": "random", "evaluations": 3, "best": list(ARCH), "value": value}
    found = check(told(result={"control": control}), "Random search over 3")
    assert (found.state, found.text) == (state, f"It reached {value:.4g} in validation, reinforce 40 on average.")


def test_random_search_is_not_compared_with_the_value_of_a_mixture():
    control = {"method": "random", "evaluations": 3, "best": list(ARCH), "value": 1.0}
    assert "not comparable" in check(told(method="darts", result={"control": control}), "Random search").text
    ranked = told(method="darts", rank_epochs=2, result={"control": control, "runs": [{"value": 0.5}, {"value": 3.0}]})
    assert check(ranked, "Random search").text == "It reached 1 in validation, darts 3."


def decided(share):
    """A policy that went from even to so much for one option."""
    cube = np.full((2, 6, 5), 0.2)
    cube[1] = (1 - share) / 4
    cube[1, :, 0] = share
    return cube


def test_a_search_that_decided_nothing_is_no_tick():
    assert check(told(cubes=[decided(0.2)]), "hardly moved").state == "warn"
    moved = check(told(cubes=[decided(0.3)]), "decided next to nothing")
    assert moved.state == "warn" and "by up to 0.10, entropy ended at 98" in moved.text
    assert check(told(cubes=[decided(0.9)]), "came to a decision").state == "ok"
    assert check(told(), "No collapse to watch for").state == "ok"


def test_skips_are_counted_where_there_are_skips():
    cube = decided(0.9)
    assert check(told(cubes=[cube], best=SKIPS), "67\N{NO-BREAK SPACE}% skip connections").state == "warn"
    assert check(told(cubes=[cube]), "0\N{NO-BREAK SPACE}% skip connections").state == "ok"
    for space in (GNN(), Mnas()):  # an activation and a shortcut that are the identity are no skipped operations
        story = told(best=(1,) * sum(choice.count for choice in space.choices), space=space)
        assert not [item for item in checks(story) if "skip" in item.title]
