import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from appnas.report import plots


def figure(build, *args, **more):
    """The figure itself, before it becomes an image."""
    return build.__wrapped__(*args, **more)


def lines(shown) -> dict:
    """The lines of a figure's only axes, by label: (x, y)."""
    (axes,) = shown.axes
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def pixels(image, path):
    path.write_bytes(image.png)
    return imread(path)


def test_progress_of_one_search_shows_every_score_and_the_best():
    shown = lines(figure(plots.progress, [([1, 2, 3], [0.5, 0.25, 0.75])], "evaluations", "accuracy", False))
    assert shown == {"each score": ([1, 2, 3], [0.5, 0.25, 0.75]), "best so far": ([1, 2, 3], [0.5, 0.5, 0.75])}


def test_progress_of_soft_gates_adds_the_median():
    shown = lines(figure(plots.progress, [([1, 2, 3], [0.0, 8.0, 4.0])], "steps", "value", True))
    assert shown["moving median of 3"] == ([1, 2, 3], [4, 4, 6])


def test_progress_of_several_searches_is_their_mean_in_a_band():
    shown = figure(plots.progress, [([1, 2], [1.0, 3.0]), ([1, 2], [2.0, 1.0])], "evaluations", "value", False)
    assert lines(shown)["best so far, mean"] == ([1, 2], [1.5, 2.5])
    corners = shown.axes[0].collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == 1
    assert corners[:, 1].max() == 3


def test_progress_says_how_many_low_scores_it_leaves_out():
    shown = figure(plots.progress, [(range(100), [-1000.0, -900.0, *range(98)])], "evaluations", "value", False)
    assert [text.get_text() for text in shown.axes[0].texts] == ["2 lower scores not shown"]
    assert shown.axes[0].get_ylim()[0] > -100


def test_progress_of_a_single_score():
    assert plots.progress([([1], [0.5])], "evaluations", "value", True).png.startswith(b"\x89PNG")
    assert plots.progress([([1], [0.5]), ([1], [0.5])], "seconds", "value", False).png.startswith(b"\x89PNG")


def test_a_long_search_is_thinned_and_its_curves_are_not():
    values = np.random.default_rng(0).normal(size=60_000)
    values[40_000] = 9.0
    shown = lines(figure(plots.progress, [(range(60_000), values)], "steps", "value", True))
    assert 4_500 < len(shown["each score"][0]) <= 5_000 and 9.0 in shown["each score"][1]
    best = np.maximum.accumulate(values)
    assert set(shown["best so far"][1]) == set(best.tolist())
    assert len(shown["moving median of 3,000"][0]) == 2_000


def test_minus_infinity_and_nan_are_not_drawn_and_squash_nothing():
    bad = [-np.inf, 1.0, np.nan, 2.0, -np.inf, 3.0]
    shown = figure(plots.progress, [(range(6), bad)], "evaluations", "value", True)
    assert shown.axes[0].get_ylim() == pytest.approx((1.1 - 0.06 * 1.9, 3 + 0.06 * 1.9))
    assert lines(shown)["each score"] == ([1, 3, 5], [1, 2, 3])
    np.testing.assert_array_equal(lines(shown)["best so far"][1], [np.nan, 1, 1, 2, 2, 3])
    shown = figure(plots.progress, [(range(6), bad), (range(6), [2.0] * 6)], "evaluations", "value", False)
    np.testing.assert_array_equal(lines(shown)["best so far, mean"][1], [np.nan, 1.5, 1.5, 2, 2, 2.5])
    assert plots.progress([(range(2), [-np.inf, np.nan])] * 2, "evaluations", "value", True).png.startswith(b"\x89PNG")


@pytest.mark.parametrize("huge", [1e308, -1e308])
@pytest.mark.parametrize(
    "draw",
    [
        lambda huge: (plots.progress, [([1, 2, 3], [1.0, huge, 2.0])], "evaluations", "value", False),
        lambda huge: (plots.progress, [([1, 2], [1.0, huge]), ([1, 2], [1.0, -huge])], "steps", "value", True),
        lambda huge: (plots.trade, [1, 2, 3], [1.0, huge, 2.0], 1, "parameters", "value"),
        lambda huge: (plots.trade, [1, abs(huge), 3], [1.0, 3.0, 2.0], 1, "parameters", "value", abs(huge)),
        lambda huge: (plots.rivals, ["a", "b"], [1, 2], [1.0, huge], [0.0, abs(huge)], "parameters", "value"),
    ],
)
def test_numbers_beyond_what_axes_can_show_are_drawn_at_the_largest_and_it_is_said(draw, huge, tmp_path):
    build, *given = draw(huge)
    assert pixels(build(*given), tmp_path / "a.png").std() > 0
    (axes,) = figure(build, *given).axes
    assert axes.get_title(loc="right") == "drawn at 1e+300: what is beyond"


def test_steps_of_a_long_search_are_counts_for_people():
    shown = figure(plots.progress, [([1, 1_000_000], [0.0, 1.0])], "evaluations", "value", False)
    shown.canvas.draw()
    labels = [tick.get_text() for tick in shown.axes[0].get_xticklabels()]
    assert "200 k" in labels and "1 M" in labels


def test_collapse_is_in_percent():
    shown = lines(figure(plots.collapse, [0, 10], [0.25, 0.5], [1.0, 0.4]))
    assert shown["entropy, of its maximum"] == ([0, 10], [100, 40])
    assert shown["skips among the derived operations"] == ([0, 10], [25, 50])
    assert list(lines(figure(plots.collapse, [0, 10], [], [1.0, 0.4]))) == ["entropy, of its maximum"]


def test_masses_are_in_percent():
    shown = figure(plots.masses, [0, 10], {"skip": [0.5, 0.25], "conv": [0.5, 0.75]})
    (axes,) = shown.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert drawn["skip"] == [50, 25] and drawn["conv"] == [50, 75]


def test_heat_has_a_panel_for_every_decision_and_a_row_for_every_option():
    cube = np.array([[[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]], [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    shown = figure(plots.heat, ["c_{k-1} to 0", "1 to 2"], ["none", "skip", "conv"], [0, 40], cube, (0, 2))
    first, second, _ = shown.axes
    assert first.get_title(loc="left") == "$c_{k-1}$ to 0"
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["none", "skip", "conv"]
    assert first.collections[0].get_array().tolist() == [[0.5, 1.0], [0.5, 0.0], [0.0, 0.0]]  # options by snapshots
    assert second.lines[0].get_ydata()[0] == 2.5  # the triangle at the third option
    assert first.yaxis_inverted()


def test_heat_does_not_blow_up_noise():
    noise = np.full((3, 1, 4), 0.25) + 1e-4 * np.arange(4)
    shown = figure(plots.heat, ["0"], ["a", "b", "c", "d"], [0, 1, 2], noise, None)
    assert shown.axes[0].collections[0].get_clim() == pytest.approx((0.2, 0.3))


def test_trade_marks_the_pareto_front():
    costs, values = [1, 2, 2, 3, 4], [0.1, 0.5, 0.2, 0.4, 0.9]
    shown = lines(figure(plots.trade, costs, values, 4, "parameters", "accuracy"))
    assert shown["Pareto front"] == ([1, 2, 4], [0.1, 0.5, 0.9])
    assert shown["found"] == ([4], [0.9])
    assert "found" not in lines(figure(plots.trade, costs, values, None, "parameters", "accuracy"))


def test_trade_of_many_evaluations_keeps_its_front():
    rng = np.random.default_rng(0)
    costs, values = rng.integers(1, 50, 20_000).astype(float), rng.integers(0, 50, 20_000).astype(float)
    shown = lines(figure(plots.trade, costs, values, None, "parameters", "accuracy"))
    assert len(shown["evaluations"][0]) <= 5_000
    assert shown["Pareto front"] == ([1.0], [49.0])


def test_rivals_have_names_and_bars():
    shown = figure(plots.rivals, ["found", "random"], [10, 20], [90.0, 80.0], [1.0, 2.0], "parameters", "accuracy")
    found, random = shown.axes[0].containers
    assert (found.get_label(), random.get_label()) == ("found", "random")
    assert random[2][0].get_segments()[0].tolist() == [[20, 78], [20, 82]]


def test_an_image_has_twice_the_resolution_and_some_ink(tmp_path):
    image = plots.collapse([0, 1], [0.0, 0.0], [1.0, 0.5])
    shown = pixels(image, tmp_path / "x.png")
    assert shown.shape[:2] == (2 * image.height, 2 * image.width)
    assert shown[..., :3].std() > 0.01


def test_images_do_not_depend_on_the_users_settings():
    before = plots.collapse([0, 1], [0.0, 0.0], [1.0, 0.5])
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "black", "text.usetex": True}):
        assert plots.collapse([0, 1], [0.0, 0.0], [1.0, 0.5]) == before
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize(
    ("count", "text"), [(203_328, "203 k"), (1_930_618, "1.93 M"), (3.2e9, "3.2 G"), (12, "12"), (0, "0")]
)
def test_human(count, text):
    assert plots.human(count) == text


def test_formula_sets_indices_and_nothing_else():
    assert plots.formula("c_{k-2} to c_{k}") == "$c_{k-2}$ to $c_{k}$"
    assert plots.formula("sep_conv_3x3") == "sep_conv_3x3"
    assert plots.formula("5 $ {a_b}") == r"5 \$ {a_b}"


def test_matplotlib_is_imported_late_and_pyplot_never():
    code = (
        "import sys, appnas.report, appnas.report.plots as p\n"
        "assert 'matplotlib' not in sys.modules\n"
        "p.collapse([0, 1], [], [1.0, 0.5])\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
