import math
from dataclasses import replace
from pathlib import Path

import pytest

from appnas.loop import Record
from appnas.methods import METHODS
from appnas.report import Story, findings
from appnas.report.story import Trace
from appnas.retrain import Row, falls, primary, unit
from appnas.spaces import Bench201
from appnas.task import Metric

ARCH = (3, 3, 3, 3, 3, 3)
SKIPS = (1, 1, 1, 1, 3, 3)
CONFIG = {
    "method": "reinforce", "config": {}, "seed": 0, "seeds": 1, "rank_epochs": 0, "control": False,
    "space": {"name": "bench201", "fields": {}}, "domain": {"name": "digits", "options": {}},
    "versions": {"appnas": "0.1.0"},
}  # fmt: skip


def row(name, *accuracies, metric="accuracy", told=None):
    tests = [{metric: accuracy} for accuracy in accuracies]
    return Row(name, ARCH, 1000, 2000, tests, metric=told)


def told(rows=(), best=ARCH, result=None, cubes=(), method="reinforce", space=True, shown=None, **config):
    records = [Record(i, best, v, {"accuracy": v}) for i, v in enumerate([10.0, 40.0, 30.0])]
    result = {"best": list(best), "value": 40.0} | (result or {})
    trace = Trace(0, records, [1.0, 2.0, 3.0], list(range(len(cubes[0]) if cubes else 0)), list(cubes), result, None)
    config = {**CONFIG, "method": method, **config}
    space = Bench201() if space is True else space or None
    return Story(Path("runs/a b"), config, METHODS[method], space, [trace], result, list(rows), 5, shown or {})


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("rows", "ending"),
    [
        ([row("found", 90, 91, 92), row("random", 80, 81, 82)],
         "91.0 ± 1.0 %. The found architecture beat random by 10 points, 95 % interval 7.73 to 12.3."),
        ([row("found", 90, 91, 92), row("random", 80, 81, 82), row("all skip", 95, 96, 97)],
         "The found architecture lost to all skip (the best control) by 5 points, 95 % interval 2.73 to 7.27. The found"
         " architecture beat random by 10 points, 95 % interval 7.73 to 12.3."),
        ([row("found", 90, 92), row("random", 89, 92)], "No winner: the found architecture is 0.5 points ahead of"
         " random, 95 % interval \N{MINUS SIGN}8.47 to 9.47."),
        ([row("found", 51.2), row("random", 72.2)], "The found architecture lost to random by 21 points; one training"
         " each gives no interval, so another seed may say otherwise."),
        ([row("found", 90, 92)], "Without a control trained alike, that says little about the search."),
        ([row("found", 0.2, 0.3, 0.2, metric="mse"), row("random", 0.8, 0.9, 0.8, metric="mse")],
         "The found architecture beat random by 0.6, 95 % interval 0.469 to 0.731."),
    ],
)  # fmt: skip
def test_the_verdict_says_who_won(rows, ending):
    text = plain(findings.verdict(told(rows)))
    assert text.startswith("Trained from scratch for 5 epochs, the found architecture reaches a test ")
    assert text.endswith(ending)


def test_an_mlp_that_is_as_good_and_networks_together():
    rows = [row("found", 80, 82), row("mlp", 81, 83), replace(row("best 3 by voting", 84, 85), members=3)]
    text = plain(findings.verdict(told(rows)))
    assert "mlp" in text and "edges may not help" in text
    assert text.endswith("The best 3 by voting, 3 networks together, reach 84.50 ± 0.71 %.")
    assert "edges" not in findings.verdict(told([row("found", 90), row("mlp", 81)]))
    together = [rows[0], rows[2]]
    assert "Without a control trained alike" in findings.verdict(told(together))


def test_the_verdict_without_a_test():
    assert findings.verdict(told()) == (
        "The search found an architecture with a value (validation accuracy, %) of 40, the largest of 3"
        " scores."
        " It is not tested."
    )


def test_metrics_and_their_direction():
    assert primary([Row("found", ARCH, 1, 1, [{"loss": 1.0, "accuracy": 2.0}])]) == "accuracy"
    assert primary([Row("found", ARCH, 1, 1, [{"loss": 1.0, "auc": 2.0}])]) == "loss"
    names, one = ("loss", "mse", "accuracy", "value"), [row("found", 1.0)]
    assert [falls(one, name) for name in names] == [True, True, False, False]
    assert unit([row("found", 0.9)], "accuracy") == ""
    assert plain(unit([row("found", 90.0)], "accuracy")) == " %"
    told = Metric("lag", "ms", higher=False)  # what a domain says goes before what a name suggests
    rows = [Row(n, ARCH, 1, 1, [{"accuracy": 0.5, "lag": x}], metric=told) for n, x in (("found", 2.0), ("a", 3.0))]
    assert primary(rows) == "lag" and falls(rows, "lag") and not falls(rows, "accuracy")
    assert plain(unit(rows, "lag")) == " ms" and unit(rows, "accuracy") == ""


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
    assert tiles["Value of what was found"] == ("40", "validation accuracy, %, the largest of 3 scores")
    assert tiles["Scores"] == ("3", "in one search, 3 s")


def test_tiles_of_soft_gates_show_the_end_not_the_luckiest_batch():
    tiles = {what: (number, detail) for what, number, detail in findings.tiles(told(method="darts"))}
    assert tiles["Value at the end"] == ("30", "validation accuracy, %, median of 3")
    assert "Value of what was found" not in tiles


def fail(story, *at, failure=None, value=-math.inf):
    """Let scores of a story fail."""
    for i in at:
        old = story.main.records[i]
        story.main.records[i] = Record(old.step, old.arch, value, {"failed": 1.0}, failure)
    return story


def test_failed_evaluations_are_counted():
    story = fail(told(), 0, 2)
    tiles = {what: (number, detail) for what, number, detail in findings.tiles(story)}
    assert tiles["Scores"] == ("1", "in one search, 3 s; 2 more failed")
    assert tiles["Value of what was found"][0] == "40"
    assert findings.verdict(story).endswith("the largest of 1 score. It is not tested.")
    assert findings.verdict(fail(told(), 0, 1, 2)) == "3 of 3 evaluations failed: there is no result."


def test_a_last_stage_says_its_mean_and_not_its_luckiest_training():
    story = told(result={"value": 35.0})
    assert story.valued == (35.0, "the mean of its trainings in the last stage")
    assert "of 35, the mean of its trainings in the last stage" in findings.verdict(story)
    assert {what: number for what, number, _ in findings.tiles(story)}["Value of what was found"] == "35"


def test_a_failed_evaluation_with_a_value_is_no_best():
    """A domain's chance, say."""
    story = fail(told(), 1, value=99.0)
    assert story.main.best == 30.0 and story.value_name == "validation accuracy, %"
    soft = fail(told(method="darts"), 0, 1, 2)
    assert "Value at the end" not in {what for what, *_ in findings.tiles(soft)}
