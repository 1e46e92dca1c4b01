import numpy as np
import pytest
from test_findings import ARCH, row, told

from appnas.report import diagram, figures
from appnas.space import Choice
from appnas.spaces import Bench201

EDGES = diagram.edges_of(Bench201())


def cube(snapshots=2):
    return np.full((snapshots, 6, 5), 0.2)


def test_pictures_say_what_they_show():
    (plot,) = figures.trained(told([row("found", 90, 92), row("random", 80, 82)]))
    assert plot.name == "controls"
    assert plot.alt.replace("\N{NO-BREAK SPACE}", " ") == (
        "test accuracy, % against parameters. found: 1 k parameters, 91.0 ± 1.4 %; random: 1 k parameters, 81.0 ± 1.4 %"
    )
    assert plot.caption.endswith("Bars: standard deviation.")
    assert figures.trained(told()) == []


def test_held_out_examples_are_shown_side_by_side():
    maps = {name: np.eye(4) for name in ("pin", "label", "prediction")}
    (plot,) = figures.shown(told(shown={"mul8-000": maps, "cam8-001": maps}))
    assert plot.name == "showcase"
    assert plot.alt == "Maps of the held-out examples mul8-000, cam8-001: pin, label, prediction"
    assert figures.shown(told()) == []


def test_cells_list_their_operations_and_name_what_is_idle():
    (plot,) = figures.cells(told(best=(0, 3, 3, 3, 3, 3)), EDGES)
    assert plot.name == "cell-cell"
    assert "in to 2: nor_conv_3x3" in plot.alt
    assert plot.caption == "<b>cell</b>. Faded parts carry nothing to the output: 1."
    (plot,) = figures.cells(told(best=ARCH), EDGES)
    assert plot.caption == "<b>cell</b>"
    assert figures.cells(told(space=False), []) == []


def test_progress_against_evaluations_and_time():
    plots = figures.progress(told())
    assert [plot.name for plot in plots] == ["progress-evaluations", "progress-seconds"]
    assert plots[0].alt == "validation accuracy, % against evaluations: best so far 40"
    assert [plot.name for plot in figures.progress(told(method="darts"))] == ["progress-steps", "progress-seconds"]


@pytest.mark.parametrize(("cost", "words"), [("parameters", "parameters"), ("macs", "multiply-adds")])
def test_costs_of_scores_are_traded_against_their_value(cost, words):
    story = told()
    for i, record in enumerate(story.main.records):
        record.metrics[cost] = 100.0 * i
    trade = figures.progress(story)[-1]
    assert trade.name == "trade"
    assert f"against {words} of 3 evaluations" in trade.alt
    story.main.records[0].metrics.clear()
    assert "trade" not in [plot.name for plot in figures.progress(story)]


def test_a_cost_among_the_objectives_is_traded_first():
    """Of several that all scores tell, the one that was searched for."""
    story = told()
    for i, record in enumerate(story.main.records):
        record.metrics.update(parameters=100.0 * i, latency_ms=2.0 * i)
    first = figures.traded(story)[0]
    story.config["config"]["objectives"] = ["value:max", "parameters:min"]
    assert figures.traded(story)[0] == "parameters" != first
    story.config["config"]["objectives"] = ["value:max", "latency_ms:min"]
    assert figures.traded(story)[0] == "latency_ms"


def test_distributions_are_shown_by_choice():
    plots = figures.distribution(told(cubes=[cube()]), EDGES)
    assert [plot.name for plot in plots] == ["alphas-cell", "collapse", "masses"]
    assert "At the end: " in plots[2].alt
    assert plots[1].alt.replace("\N{NO-BREAK SPACE}", " ") == "At the end: entropy 100 % of its maximum, 0 % skips"
    assert figures.distribution(told(), EDGES) == []


def test_without_a_space_options_go_by_number():
    plots = figures.distribution(told(space=False, cubes=[cube()], result={"named": {"mine": ["a"] * 6}}), [])
    assert plots[0].name == "alphas-mine"
    assert "option 0, option 1" in plots[0].alt
    assert plots[1].alt == "At the end: entropy 100\N{NO-BREAK SPACE}% of its maximum"


def test_choices_of_one_decision_share_a_picture():
    a, b = ("x", "y"), ("x", "y", "z")
    choices = (Choice("c", a, 3), Choice("d", a), Choice("e", a), Choice("f", b), Choice("g", b, 2))
    assert list(figures.panels(choices)) == [[0], [1, 2], [3], [4]]
    assert list(figures.panels(())) == []
