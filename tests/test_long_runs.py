"""Reports of long runs, and of runs with failed evaluations: nothing grows faster than the run."""

import json
import re
import runpy
import time
from pathlib import Path

import pytest
from test_writer import Page

from appnas.report import figures, read, write

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "report_speed.py"


@pytest.fixture(scope="module")
def make():
    """Writes the directory of a run: kind, evaluations, path."""
    return runpy.run_path(str(BENCHMARK))["make"]


def spent(run) -> float:
    """CPU seconds of a report, the least of two: what else the machine does takes time too."""
    times = [time.process_time()]
    for _ in range(2):
        write(run)
        times.append(time.process_time())
    return min(times[1] - times[0], times[2] - times[1])


@pytest.mark.parametrize("kind", ["table", "latency"])
def test_a_report_takes_no_quadratic_time(make, tmp_path, kind):
    """Eight times the evaluations of an unfinished run; a single quadratic step took ten times as long, or more."""
    short, long = make(kind, 5_000, tmp_path / "short"), make(kind, 40_000, tmp_path / "long")
    for run in (short, long):
        (run / "result.json").unlink()
    write(short)  # what is imported and filled once
    assert spent(long) < 4 * spent(short)
    assert (long / "report.html").stat().st_size < 2e6


def test_the_page_says_what_is_drawn(make, tmp_path):
    page = Page(write(make("table", 20_000, tmp_path / "run")))
    assert "of 20,000 scores are dots" in page.text and "of 20,000 evaluations. On the line" in page.text
    assert "the largest of 20,000 scores" in page.text


def test_failed_evaluations_are_counted_and_break_no_picture(make, tmp_path):
    run = make("failed", 40, tmp_path / "run")
    page = Page(write(run))
    assert "4 of 40 evaluations failed" in page.text
    assert "RuntimeError: shapes 3 and 3 do not fit (2), RuntimeError: shapes 1 and 3 do not fit (2)." in page.text
    assert "in one search, 12 s; 4 more failed" in page.text
    assert "4 of 40 failed or gave no number, and are not drawn." in page.text
    assert "36 of 40 evaluations. On the line" in page.text  # a failed one tells no cost
    assert (run / "report-trade.png").exists()
    assert not re.search(r"\b(inf|nan)\b", page.text)


def test_a_search_whose_evaluations_all_failed(make, tmp_path):
    run = make("failed", 40, tmp_path / "run")
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    failed = next(line for line in lines if "failure" in line)
    file = "".join(json.dumps(failed | {"step": i}) + "\n" for i in range(40))
    (run / "history.jsonl").write_text(file)
    page = Page(write(run))
    assert "40 of 40 evaluations failed: there is no result." in page.text
    assert not list(run.glob("report-progress*"))
    (run / "result.json").unlink()
    assert read(run).arch is None
    assert "has not scored anything yet" in Page(write(run)).text


def test_a_seed_that_only_failed_leaves_the_mean_out(make, tmp_path):
    run = make("seeds", 30, tmp_path / "run")
    lines = (run / "seed-3" / "history.jsonl").read_text().splitlines()
    bad = [json.dumps(json.loads(line) | {"value": float("-inf"), "metrics": {"failed": 1.0}}) for line in lines]
    (run / "seed-3" / "history.jsonl").write_text("\n".join(bad) + "\n")
    told = json.loads((run / "seed-3" / "result.json").read_text())
    (run / "seed-3" / "result.json").write_text(json.dumps(told | {"value": float("nan")}))
    page = Page(write(run))
    assert "3 of 30 evaluations failed" in page.text and "reason not kept (3)" in page.text
    assert [row[1] for row in page.table("seed") if row[0] == "3"] == ["nan"]
    assert page.table("seed")[-1][0] == "9"
    assert "of 9 searches" in page.text


def test_many_snapshots_are_thinned(make, tmp_path):
    run = make("latency", 1_000, tmp_path / "run")
    line = json.loads((run / "alphas.jsonl").read_text().splitlines()[0])
    (run / "alphas.jsonl").write_text("".join(json.dumps(line | {"step": i}) + "\n" for i in range(1_000)))
    (trace,) = read(run).traces
    assert len(trace.steps) == 200 == len(trace.cubes[0]) and (trace.steps[0], trace.steps[-1]) == (0, 999)
    assert len(figures.distribution(read(run), [])) == 3
