import math

import pytest

from appnas.report import page
from appnas.report.page import Check, Plot
from appnas.report.plots import Image


def test_numbers_for_people():
    assert page.number(84.74600219726562) == "84.75"
    assert page.number(-0.75386) == "\N{MINUS SIGN}0.7539"
    assert page.number(math.nan) == "nan"
    assert page.percent(0.1667) == "17\N{NO-BREAK SPACE}%"
    assert page.count(15_625) == "15,625"
    assert page.count(8**14 * 8**14) == "10<sup>25</sup>"


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (56.8646, 6.166, "56.9 ± 6.2"),
        (97.2412, 0.0913, "97.241 ± 0.091"),
        (71.79, 10.76, "72 ± 11"),
        (-0.71934, 0.05372, "\N{MINUS SIGN}0.719 ± 0.054"),
        (812.4, 340.0, "812 ± 340"),
        (1.5, 0.0000004, "1.500 ± 0.000"),
        (12.345678, 0.0, "12.35"),
    ],
)
def test_spread_shows_the_digits_that_count(mean, deviation, text):
    assert page.spread(mean, deviation).replace("\N{NO-BREAK SPACE}", " ") == text
    assert page.spread(mean, deviation, " %").endswith(" %")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0845, "0.085 s"), (16.3, "16 s"), (59.7, "1 min 0 s"), (252, "4 min 12 s"), (7380, "2 h 3 min"),
     (7199, "2 h 0 min")],
)  # fmt: skip
def test_duration(seconds, text):
    assert page.duration(seconds) == text


def test_settings_are_flattened_and_escaped():
    assert page.flat({"a": {"b": {"c": 1}}, "ops": ["x", "y"], "mask": None}) == [
        ("a.b.c", "1"), ("ops", "x, y"), ("mask", "None"),
    ]  # fmt: skip
    text = page.settings({"Domain <b>": {"path": "<script>"}})
    assert "<h3>Domain &lt;b&gt;</h3>" in text
    assert "<code>&lt;script&gt;</code>" in text
    assert "<script" not in text


def test_a_plot_holds_its_picture_and_says_what_it_shows():
    plot = Plot("cell", Image(b"\x89PNG", 300, 200), 'a "quoted" <alt>', "<b>caption</b>", wide=True)
    assert plot.html() == (
        '<figure class="wide" style="width:calc(300px + 2rem + 2px)"><div>'
        '<img alt="a &quot;quoted&quot; &lt;alt&gt;" width="300" height="200" src="data:image/png;base64,iVBORw==">'
        "</div><figcaption><b>caption</b></figcaption></figure>"
    )
    assert page.plots([]) == ""


def test_tables_stress_one_row_and_close_with_a_sum():
    text = page.table(["seed", "value"], [["0", "1.0"], ["1", "3.0"], ["mean", "2.0"]], top=1, foot=True)
    assert "<th>seed</th><th class=n>value</th>" in text
    assert "<tr><td>0</td><td class=n>1.0</td></tr><tr class=top><td>1</td>" in text
    assert "<tr class=foot><td>mean</td><td class=n>2.0</td></tr>" in text


def test_empty_sections_vanish():
    assert page.section("Nothing", "", "") == ""
    assert page.section("A < B", "", "text") == "<section><h2>A &lt; B</h2>\ntext</section>"


def test_checks_are_marked_for_eyes_and_screen_readers():
    text = page.checklist([Check("warn", "One <seed>", "repeat"), Check("todo", "No control", "")])
    assert '<li class=warn><span class=mark role=img aria-label="attention">!</span>' in text
    assert "<b>One &lt;seed&gt;</b>repeat" in text
    assert 'aria-label="not done"' in text


def test_papers_are_linked():
    assert page.linked("A & B (arXiv 1806.09055)") == (
        'A &amp; B (<a href="https://arxiv.org/abs/1806.09055">arXiv 1806.09055</a>)'
    )
    assert page.linked("A report of 1998") == "A report of 1998"


def test_a_page_may_load_and_run_nothing():
    text = page.page("A < B", ["<p>body</p>", ""])
    assert text.startswith("<!DOCTYPE html>")
    assert "<title>A &lt; B</title>" in text
    assert "default-src 'none'; img-src data:" in text
    assert "url(" not in text
    assert "<script" not in text


def test_figures_are_below_a_table_of_many_columns():
    """It would be cut off on a screen of 1280 pixels."""
    few, many = (page.table(["name", *map(str, range(n))], []) for n in (7, 8))
    assert page.beside(few, "<figure>").startswith("<div class=beside>")
    assert page.beside(many, "<figure>") == many + "<figure>"
