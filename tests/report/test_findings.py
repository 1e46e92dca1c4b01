import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appnas.loop import Record
from appnas.methods import METHODS
from appnas.report import Story, findings
from appnas.report.story import Trace
from appnas.retrain import Row
from appnas.spaces import Bench201
from appnas.support import Failure
from appnas.task import Metric

ARCH = (3, 3, 3, 3, 3, 3)
SKIPS = (1, 1, 1, 1, 3, 3)
CONFIG = {
    "method": "reinforce", "config": {}, "seed": 0, "seeds": 1, "rank_epochs": 0, "control": False,
    "space": {"name": "bench201", "fields": {}}, "domain": {"name": "digits", "options": {}},
    "versions": {"appnas": "0.1.0"},
}  # fmt: skip


def row(name, *accuracies, metric="accuracy"):
    return Row(name, ARCH, 1000, 2000, [{metric: accuracy} for accuracy in accuracies])


def told(rows=(), best=ARCH, result=None, cubes=(), method="reinforce", space=True, shown=None, **config):
    records = [Record(i, best, v, {"accuracy": v}) for i, v in enumerate([10.0, 40.0, 30.0])]
    result = {"best": list(best), "value": 40.0} | (result or {})
    trace = Trace(0, records, [1.0, 2.0, 3.0], list(range(len(cubes[0]) if cubes else 0)), list(cubes), result, None)
    config = {**CONFIG, "method": method, **config}
    space = Bench201() if space else None
    return Story(Path("runs/a b"), config, METHODS[method], space, [trace], result, list(rows), 5, shown or {})


def check(story, title):
    (found,) = [item for item in findings.checks(story) if title in item.title]
    return found


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("rows", "ending"),
    [
        ([row("found", 90, 92), row("random", 80, 82)],
         "91.0 ± 1.4 %; the best control, random, 81.0 ± 1.4 %. It is ahead by 10 points, more than the spread of the"
         " seeds."),
        ([row("found", 90, 92), row("random", 80, 82), row("all skip", 95, 96)],
         "the best control, all skip, 95.50 ± 0.71 %. It falls behind by 4.5 points, more than the spread of the"
         " seeds."),
        ([row("found", 90, 92), row("random", 89, 92)], "within the spread of the seeds: no effect of the search is"
         " shown."),
        ([row("found", 90), row("random", 80)], "With one training each, the difference may be chance."),
        ([row("found", 90, 92)], "Without a control trained alike, that says little about the search."),
        ([row("found", 0.2, 0.3, metric="mse"), row("random", 0.8, 0.9, metric="mse")],
         "It is ahead by 0.6, more than the spread of the seeds."),
    ],
)  # fmt: skip
def test_the_verdict_says_what_was_measured(rows, ending):
    text = plain(findings.verdict(told(rows)))
    assert text.startswith("Trained from scratch for 5 epochs, the found architecture reaches a test ")
    assert text.endswith(ending)


def test_an_mlp_that_is_as_good_and_networks_together():
    rows = [row("found", 80, 82), row("mlp", 81, 83), replace(row("best 3 by voting", 84, 85), members=3)]
    text = plain(findings.verdict(told(rows)))
    assert "the best control, mlp" in text and "edges may not help" in text
    assert text.endswith("The best 3 by voting, 3 networks together, reach 84.50 ± 0.71 %.")
    assert "mlp." in check(told(rows), "Controls trained alike").text
    assert "edges" not in findings.verdict(told([row("found", 90), row("mlp", 81)]))
    together = [rows[0], rows[2]]
    assert "Without a control trained alike" in findings.verdict(told(together))


def test_the_verdict_without_a_test():
    assert findings.verdict(told()) == (
        "The search found an architecture with a value (validation accuracy, %) of 40, the best of 3 scores."
        " It is not tested."
    )


def test_metrics_and_their_direction():
    assert findings.primary([Row("found", ARCH, 1, 1, [{"loss": 1.0, "accuracy": 2.0}])]) == "accuracy"
    assert findings.primary([Row("found", ARCH, 1, 1, [{"loss": 1.0, "auc": 2.0}])]) == "loss"
    names, one = ("loss", "mse", "accuracy", "value"), [row("found", 1.0)]
    assert [findings.falls(one, name) for name in names] == [True, True, False, False]
    assert findings.unit([row("found", 0.9)], "accuracy") == ""
    assert plain(findings.unit([row("found", 90.0)], "accuracy")) == " %"
    told = Metric("lag", "ms", higher=False)  # what a domain says goes before what a name suggests
    rows = [Row(n, ARCH, 1, 1, [{"accuracy": 0.5, "lag": x}], metric=told) for n, x in (("found", 2.0), ("a", 3.0))]
    assert findings.primary(rows) == "lag" and findings.falls(rows, "lag") and not findings.falls(rows, "accuracy")
    assert plain(findings.unit(rows, "lag")) == " ms" and findings.unit(rows, "accuracy") == ""


def test_commands_fit_the_run():
    story = told()
    assert findings.command(story, "resume") == "<code>appnas resume &#x27;runs/a b&#x27;</code>"
    assert "--epochs 20 --seeds 3 --beside random" in findings.command(story, "retrain")
    own = told(domain={"name": None, "repr": "Mine"})
    assert "appnas.resume(&#x27;runs/a b&#x27;, domain=...)" in findings.command(own, "resume")
    assert ".retrain(epochs=20" in findings.command(own, "retrain")


def test_tiles():
    rows = [row("found", 90, 92), row("random", 80, 82)]
    tiles = {what: (plain(number), detail) for what, number, detail in findings.tiles(told(rows))}
    assert tiles["Test accuracy"] == ("91.0 ± 1.4 %", "2 seeds, 5 epochs each")
    assert tiles["Best control"] == ("81.0 ± 1.4 %", "random")
    assert tiles["Parameters"] == ("1 k", "2 k multiply-adds")
    assert tiles["Best value in the search"] == ("40", "validation accuracy, %")
    assert tiles["Scores"] == ("3", "in one search, 3 s")


def test_tiles_of_soft_gates_show_the_end_not_the_luckiest_batch():
    tiles = {what: (number, detail) for what, number, detail in findings.tiles(told(method="darts"))}
    assert tiles["Value at the end"] == ("30", "validation accuracy, %, median of 3")
    assert "Best value in the search" not in tiles


def fail(story, *at, failure=None, value=-math.inf):
    """Let scores of a story fail."""
    for i in at:
        old = story.main.records[i]
        story.main.records[i] = Record(old.step, old.arch, value, {"failed": 1.0}, failure)
    return story


def test_failed_evaluations_are_said_with_their_reasons():
    story = fail(told(), 0, failure=Failure("RuntimeError", "shapes <3> do not fit", "Traceback"))
    found = check(fail(story, 2), "2 of 3 evaluations failed")
    assert found.state == "warn"
    assert found.text == (
        "RuntimeError: shapes &lt;3&gt; do not fit (1), reason not kept (1)."
        " Tracebacks lie in the run's folder <code>failures</code>; to try again:"
        " <code>appnas resume &#x27;runs/a b&#x27; --retry-failed</code>."
    )
    tiles = {what: (number, detail) for what, number, detail in findings.tiles(story)}
    assert tiles["Scores"] == ("1", "in one search, 3 s; 2 more failed")
    assert tiles["Best value in the search"][0] == "40"
    assert findings.verdict(story).endswith("the best of 1 score. It is not tested.")
    assert not [item for item in findings.checks(told()) if "failed" in item.title]


def test_the_most_frequent_reasons_are_named():
    story = told()
    story.main.records[:] = [
        Record(i, ARCH, -math.inf, {"failed": 1.0}, Failure(f"Error{min(i // 2, 5)}", "x" * 400)) for i in range(14)
    ]
    text = check(story, "14 of 14 evaluations failed").text
    assert text.startswith("Error5: ... (4), Error0: ... (2), ") and text.split(". Tracebacks")[0].endswith(
        "; 3 further reasons"
    )
    assert findings.verdict(story) == "14 of 14 evaluations failed: there is no result."


def test_a_failed_evaluation_with_a_value_is_no_best():
    """A domain's chance, say."""
    story = fail(told(), 1, value=99.0)
    assert story.main.best == 30.0 and story.value_name == "validation accuracy, %"
    soft = fail(told(method="darts"), 0, 1, 2)
    assert "Value at the end" not in {what for what, *_ in findings.tiles(soft)}


def test_searches_that_are_not_finished_are_counted():
    assert check(told(seeds=3), "Finished searches: 1 of 3").state == "todo"


def test_checks_of_seeds_controls_and_test_data():
    story = told([row("found", 90), row("random", 80)])
    assert check(story, "One search, one seed").state == "warn"
    assert check(story, "Trained from scratch with 1 seed").state == "warn"
    assert check(story, "Controls trained alike") == ("ok", "Controls trained alike", "random.")
    assert check(story, "Test data read").text.startswith("2 times: once for each trained network.")
    assert check(story, "No random search").state == "todo"
    bare = told()
    assert check(bare, "No test result").state == "todo"
    assert check(bare, "Test data not read").state == "ok"


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


def test_checks_of_collapse():
    still = np.full((2, 6, 5), 0.2)
    moved = still.copy()
    moved[1, :, 0] = 0.5
    assert check(told(cubes=[still]), "hardly moved").state == "warn"
    assert check(told(cubes=[moved]), "The probabilities moved").text.startswith("By up to 0.30;")
    assert check(told(cubes=[still], best=SKIPS), "67\N{NO-BREAK SPACE}% skip connections").state == "warn"
    assert check(told(cubes=[still]), "0\N{NO-BREAK SPACE}% skip connections").state == "ok"
    assert check(told(), "No collapse to watch for").state == "ok"
