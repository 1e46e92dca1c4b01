"""Targets that were missed, and candidates that guess."""

import pytest
from test_findings import row, told

from appnas.report import findings
from appnas.report.told import aims
from appnas.report.told.aims import Aim, near
from appnas.report.told.checks import checks
from appnas.task import Metric

DIGITS = {"name": "digits", "options": {}, "chance": 10.0, "metric": {"name": "accuracy", "unit": "%", "higher": True}}


def titles(story):
    return {item.title: item for item in checks(story)}


def costly(story, name, *costs):
    for record, cost in zip(story.main.records, costs, strict=True):
        record.metrics[name] = cost
    return story


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"cost": "latency_ms", "target": 0.5}, [Aim("latency_ms", 0.5, True)]),
        ({"cost": "latency_ms", "target": 0.0}, []),
        ({"cost": "macs", "reward": "cost_limit", "reference": 1e6}, [Aim("macs", 1e6, True)]),
        ({"cost": "macs", "reward": "mixed", "reference": 1e6}, []),
        ({"limits": ["latency_ms<=20", "value >= 90"]}, [Aim("latency_ms", 20.0, True), Aim("value", 90.0, False)]),
        ({"target": "minmax"}, []),
    ],
)
def test_aims_are_read_off_the_settings(settings, expected):
    assert aims.aims(told(config=settings)) == expected


def test_a_missed_target_is_said_and_a_reached_one_too():
    asked = {"cost": "latency_ms", "target": 0.5}
    story = costly(told(config=asked), "latency_ms", 0.4, 1.2, 1.2)
    assert titles(story)["Target missed"].text == "Asked for: latency, ms of at most 0.5. Found: 1.2 in the search."
    assert findings.verdict(story).endswith("It missed its target, latency, ms of at most 0.5: 1.2 in the search.")
    story = costly(told(config=asked), "latency_ms", 0.4, 0.3, 0.3)
    assert titles(story)["Target reached"].state == "ok" and "target" not in findings.verdict(story)


def test_what_the_retraining_measured_counts_as_well():
    story = told([row("found", 90)], config={"cost": "parameters", "target": 500})
    assert aims.measured(story, aims.aims(story)[0]) == [("after the retraining", 1000.0)]
    assert "1000 after the retraining" in titles(story)["Target missed"].text


@pytest.mark.parametrize(
    ("value", "chance", "percent", "is_near"),
    [
        (12.6, 10, True, True), (18.9, 10, True, True), (19.1, 10, True, False), (54.9, 50, True, True),
        (56, 50, True, False), (1.9, 1, True, True), (2.1, 1, True, False), (0.05, 0.0, False, True),
        (0.2, 0.0, False, False), (-4.5, -4.6, False, True), (-3.0, -4.6, False, False), (0.54, 0.5, False, True),
        (0.6, 0.5, False, False), (1.0, 0.0, True, True),
    ],
)  # fmt: skip
def test_near_chance_by_hand(value, chance, percent, is_near):
    assert near(value, chance, percent) is is_near


def test_candidates_that_guess_cannot_be_ranked():
    story = told(domain=DIGITS)
    assert "Budget too small to rank" not in titles(story)  # 10, 40 and 30 %
    for i, value in enumerate((9.5, 12.6, 40.0)):
        story.main.records[i] = story.main.records[i]._replace(value=value, metrics={})
    del story.main.__dict__["furthest"], story.main.__dict__["scored"]
    text = titles(story)["Budget too small to rank"].text
    assert text.startswith("2 of 3 candidates scored about what guessing does (10)")
    assert "Budget too small to rank" not in titles(told())  # a run that does not tell what guessing is worth


def test_networks_that_learnt_nothing_are_not_compared_in_silence():
    told_metric = Metric("accuracy", "%", higher=True)
    rows = [row("found", 9.8, told=told_metric), row("random", 11.0, told=told_metric)]
    assert titles(told(rows, domain=DIGITS))["Nothing was learnt"].state == "warn"
    rows[1] = row("random", 60.0, told=told_metric)
    assert "Nothing was learnt" not in titles(told(rows, domain=DIGITS))
