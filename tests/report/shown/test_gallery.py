"""Several runs on one page: links that lead to their reports, tables and verdicts."""

import re
import shutil

import pytest
from test_story import small_table

import appnas
from appnas.methods.baselines import EvolutionConfig
from appnas.report import gallery
from appnas.report.shown.gallery import labels
from appnas.spaces import Bench201
from appnas.support import RunError


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    appnas.search(Bench201(), small_table(), "evolution", config=EvolutionConfig(12, 5, 2), out=folder / "a <b>")
    shutil.copytree(folder / "a <b>", folder / "second")
    return folder


def test_a_page_leads_to_every_report(two):
    page = gallery([two / "a <b>", two / "second"])
    assert page == two / "reports.html"
    text = page.read_text()
    links = re.findall(r'href="([^"]*report\.html)"', text)
    assert set(links) == {"a%20%3Cb%3E/report.html", "second/report.html"}
    assert "<h1>2 runs</h1>" in text and "a &lt;b&gt;" in text and text.count("The search found an architecture") == 2
    assert text.count("<img ") == 2  # each found cell is drawn
    assert (two / "second" / "report.html").exists() and "not tested; value" in text


def test_reports_go_into_a_folder_of_ones_own(two, tmp_path):
    page = gallery([two / "a <b>", two / "second"], tmp_path / "all")
    assert page == tmp_path / "all" / "reports.html" and (tmp_path / "all" / "second" / "report.html").exists()


def test_names_are_as_long_as_they_must_be(tmp_path):
    assert labels([tmp_path / "x" / "run", tmp_path / "y" / "run"]) == ["x-run", "y-run"]


def test_what_is_no_run_is_said(two, tmp_path):
    with pytest.raises(ValueError, match="takes different runs"):
        gallery([two / "second", two / "second"])
    with pytest.raises(RunError, match="no such directory"):
        gallery([two / "second", tmp_path / "nowhere"])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        gallery([two / "second", two / "a <b>"], tmp_path / "file")
