import itertools
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import appnas
from appnas.loop import Record
from appnas.report import story
from appnas.report.story import Trace
from appnas.spaces import Bench201
from appnas.support import RunError


def small_table() -> appnas.Table:
    """All of NAS-Bench-201's space: the more 3x3 convolutions the better, and the dearer."""
    archs = list(itertools.product(range(5), repeat=6))
    convs = [arch.count(3) + 0.1 * arch.count(2) for arch in archs]
    params = [1000.0 + 900 * arch.count(3) + 100 * arch.count(2) for arch in archs]
    return appnas.Table(archs, {"quality": convs, "params": params, "test": convs}, "quality", withheld=["test"])


@pytest.fixture(scope="module")
def reinforced(tmp_path_factory) -> Path:
    """Two finished searches of a policy on a table."""
    path = tmp_path_factory.mktemp("story") / "run"
    appnas.search(Bench201(), small_table(), "reinforce", evaluations=6, seeds=2, seed=4, control=True, out=path)
    return path


@pytest.fixture
def run(reinforced, tmp_path) -> Path:
    """A copy to damage."""
    return shutil.copytree(reinforced, tmp_path / "run")


def change(file: Path, **fields) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def traced(values, archs=None, cubes=(), steps=()):
    records = [Record(i, arch, v, {}) for i, (v, arch) in enumerate(zip(values, archs or [(0,)] * 9, strict=False))]
    return Trace(0, records, [], list(steps), list(cubes), None, None)


def test_a_run_of_two_seeds(reinforced):
    told = story.read(reinforced)
    assert [trace.seed for trace in told.traces] == [4, 5]
    assert all(len(trace.records) == len(trace.seconds) == 6 for trace in told.traces)
    assert told.arch == tuple(told.result["best"]) == tuple(told.main.result["best"])
    assert told.main.seed == told.result["seed"]
    assert told.value_name == "quality"
    assert told.choices == Bench201().choices
    assert not told.soft
    assert told.rows == []
    for trace in told.traces:
        assert trace.steps == [0, 1, 2, 3, 4, 5, 6]
        assert [cube.shape for cube in trace.cubes] == [(7, 6, 5)]
        assert trace.entropies()[0] == pytest.approx(1.0)
        assert len(trace.skips(told.space)) == 7


def test_the_folder_of_one_seed_is_a_run_of_its_own(reinforced):
    told = story.read(reinforced / "seed-5")
    assert (told.config["seed"], told.config["seeds"], told.config["control"]) == (5, 1, False)
    assert len(told.main.records) == 6


def test_an_unfinished_run_points_to_the_best_so_far(run):
    (run / "result.json").unlink()
    shutil.rmtree(run / "seed-5")
    told = story.read(run)
    assert told.result is None
    assert [trace.seed for trace in told.traces] == [4]
    assert told.arch == max(told.main.records, key=lambda record: record.value).arch


def test_a_run_without_a_score(run):
    (run / "result.json").unlink()
    for seed in ("seed-4", "seed-5"):
        shutil.rmtree(run / seed)
    told = story.read(run)
    assert (told.main, told.arch, told.choices) == (None, None, Bench201().choices)
    assert told.value_name == "value"


def test_a_torn_last_line_is_left_out(run):
    file = run / "seed-4" / "history.jsonl"
    file.write_text(file.read_text()[:-20])
    trace = story.read(run).traces[0]
    assert len(trace.records) == len(trace.seconds) == 5


def test_a_space_of_its_own_keeps_what_the_run_tells(run):
    for file in (run / "config.json", run / "seed-4" / "config.json", run / "seed-5" / "config.json"):
        change(file, space={"name": None, "repr": "Mine()"})
    told = story.read(run)
    assert told.space is None
    (choice,) = told.choices
    assert (choice.name, choice.count) == ("cell", 6)
    assert choice.options == ("option 0", "option 1", "option 2", "option 3", "option 4")


DAMAGE = {
    "no directory": lambda run: shutil.rmtree(run),
    "no config": lambda run: (run / "config.json").unlink(),
    "another format": lambda run: change(run / "config.json", format=99),
    "truncated config": lambda run: (run / "config.json").write_text('{"format": 1, "meth'),
    "a list as config": lambda run: (run / "config.json").write_text("[1]"),
    "config without a key": lambda run: (run / "config.json").write_text('{"format": 1, "method": "darts"}'),
    "unknown method": lambda run: change(run / "config.json", method="drats"),
    "unknown space": lambda run: change(run / "config.json", space={"name": "cels", "fields": {}}),
    "versions gone": lambda run: change(run / "config.json", versions={}),
    "torn line in the middle": lambda run: (run / "seed-4" / "history.jsonl").write_text('{"step": 0,\n{}\n'),
    "line without a value": lambda run: (run / "seed-4" / "history.jsonl").write_text('{"step": 0}\n'),
    "metrics of one number": lambda run: (run / "seed-4" / "history.jsonl").write_text(
        '{"step": 0, "arch": [0,0,0,0,0,0], "value": 1, "metrics": 5}\n'
    ),
    "a failure of words": lambda run: (run / "seed-4" / "history.jsonl").write_text(
        '{"step": 0, "arch": [0,0,0,0,0,0], "value": 1, "metrics": {}, "failure": {"why": "no"}}\n'
    ),
    "an architecture out of range": lambda run: (run / "seed-4" / "history.jsonl").write_text(
        '{"step": 0, "arch": [0,0,0,0,0,5], "value": 1, "metrics": {}}\n'
    ),
    "bytes": lambda run: (run / "seed-4" / "history.jsonl").write_bytes(b"\xff\xfe\n"),
    "clock of words": lambda run: (run / "seed-4" / "clock.jsonl").write_text('{"step": 0, "seconds": "soon"}\n'),
    "ragged snapshots": lambda run: (run / "seed-4" / "alphas.jsonl").write_text(
        '{"step": 0, "distribution": [[[1, 0], [1]]]}\n'
    ),
    "snapshots of another space": lambda run: (run / "seed-4" / "alphas.jsonl").write_text(
        '{"step": 0, "distribution": [[[0.5, 0.5]]]}\n'
    ),
    "result of another space": lambda run: change(run / "result.json", best=[1, 2]),
    "result out of range": lambda run: change(run / "result.json", best=[9] * 6),
    "result of no seed": lambda run: change(run / "result.json", seed=17),
    "truncated result": lambda run: (run / "result.json").write_text('{"best": [1'),
    "trained nothing": lambda run: (run / "retrain.json").write_text('{"epochs": 1}'),
    "trained without a test": lambda run: (run / "retrain.json").write_text(
        '{"epochs": 1, "rows": [{"name": "found", "arch": [0,0,0,0,0,0], "parameters": 1, "macs": 1, "tests": []}]}'
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_one_clear_error(run, damage):
    DAMAGE[damage](run)
    with pytest.raises(RunError, match=str(run)) as caught:
        story.read(run)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_run(tmp_path):
    file = tmp_path / "file"
    file.write_text("text")
    with pytest.raises(RunError, match="is not a run"):
        story.read(file)


def test_best_leaves_nan_out():
    assert traced([0.1, math.nan, 0.3]).best == 0.3
    assert math.isnan(traced([math.nan]).best)


def test_moved_is_the_largest_change():
    first = np.array([[[0.5, 0.5]], [[0.9, 0.1]]])
    second = np.array([[[0.2, 0.8]], [[0.3, 0.7]]])
    assert traced([], cubes=[first, second], steps=[0, 1]).moved() == pytest.approx(0.4)
