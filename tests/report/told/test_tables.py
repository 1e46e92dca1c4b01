"""The tables: one number under one word, and architectures in words."""

import re

import pytest
from test_findings import row, told

from appnas.report.story import Trace
from appnas.report.told import tables
from appnas.spaces import GNN


def cells(html):
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line) for line in re.findall(r"<tr[^>]*>(.*?)</tr>", html)]


def test_what_the_found_one_is_ahead_by_stands_beside_every_control():
    html = tables.trained(told([row("found", 51.2), row("random", 69.8)])).replace("\N{NO-BREAK SPACE}", " ")
    head, found, random = cells(html)
    place = head.index("found is ahead in accuracy")
    assert (found[place], random[place]) == ("", "\N{MINUS SIGN}18.6, no interval")
    html = tables.trained(told([row("found", 90, 91, 92), row("random", 80, 81, 82)]))
    assert cells(html)[2][place] == "+10 [+7.73, +12.3]" and "there is no winner" in html


def test_a_seed_has_the_value_that_the_command_line_says():
    """And the largest single score of it under other words."""
    runs = [{"seed": 0, "value": 51.6, "best": [3] * 6}, {"seed": 1, "value": 62.0, "best": [3] * 6}]
    story = told(seeds=2, result={"runs": runs, "ranked_by": "mean value of its last stage", "seed": 0})
    first = story.traces[0]
    story.traces.append(Trace(1, first.records, first.seconds, [], [], {"best": [3] * 6, "value": 62.0}, None))
    head, one, two, mean = cells(tables.seeds(story))
    assert head[1:3] == ["mean value of its last stage", "largest single score, validation accuracy, %"]
    assert (one[1:3], two[1:3]) == (["51.6", "40"], ["62", "40"])
    assert mean[1].startswith("56.8")


@pytest.mark.parametrize(
    ("options", "text"), [(["conv"], "conv"), (["a", "a", "b", "a"], "2 \N{MULTIPLICATION SIGN} a, b, a"), ([], "none")]
)
def test_options_keep_their_order(options, text):
    assert tables.runs(options) == text


def test_what_was_found_is_named_in_order():
    space = GNN()
    arch = (1, *(0, 2), *(3, 0), *(0, 1), *(0, 0), *(2, 3))
    html = tables.named(told(best=arch, space=space), drawn=True)
    assert ["heads", "6, 1"] in cells(html) and "<details>" in html and str(list(arch)) in html
    assert "<details>" not in tables.named(told(best=arch, space=space), drawn=False)


def test_points_of_a_front_are_named_in_words():
    story = told()
    for i, record in enumerate(story.main.records):
        record.metrics["macs"] = 1000.0 * (i + 1)
    html = tables.pareto(story)
    first = cells(html)[1]
    assert first[0].startswith("6 \N{MULTIPLICATION SIGN} nor_conv_3x3") and "as indices" in first[0]
    assert 'data-label="multiply-adds"' in html and "class=cards" in html
    gnn = told(best=(1, 0, 2, 3, 0, 0, 1, 0, 0, 2, 3), space=GNN())
    words = tables.short(gnn, gnn.arch)
    assert words.startswith(
        "const hidden 8 heads 6 aggregation sum combine identity activation relu; gat hidden classes"
    )


def test_points_within_a_target_are_counted():
    story = told(config={"cost": "macs", "target": 1500})
    for i, record in enumerate(story.main.records):
        record.metrics["macs"] = 1000.0 * (i + 1)
    assert "1 of 2 keep the target, multiply-adds of at most 1500." in tables.pareto(story)
