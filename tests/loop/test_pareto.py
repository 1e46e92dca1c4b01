"""appnas.loop.pareto: fronts of histories, the archive of a running search, hypervolume."""

import itertools
import math
import random

import pytest

import appnas
from appnas.cost import dominates
from appnas.estimate import Table
from appnas.loop import Loop, Record, front, hypervolume, worth
from appnas.loop.pareto import ParetoFront, objectives
from appnas.methods import baselines
from appnas.run import Run, create
from appnas.testing.method import KilledError, Killer


def record(step, result, **metrics):
    return Record(step, (step,), result, metrics)


HISTORY = [
    record(0, 5.0, ms=3.0), record(1, 4.0, ms=1.0), record(2, 3.0, ms=2.0), record(3, 5.0, ms=3.0),
    record(4, 9.0), record(5, math.nan, ms=0.1), record(6, 6.0, ms=9.0),
]  # fmt: skip


def test_the_front_of_a_history():
    assert [r.step for r in front(HISTORY, ["ms"])] == [1, 0, 6]
    assert front([], ["ms"]) == []


def test_a_reward_is_undone():
    """Where the value is a reward, what was validated is the metric `value`."""
    assert worth(record(0, 0.1, value=7.0)) == 7.0 and worth(record(0, 0.1)) == 0.1
    assert objectives(record(0, 0.1, value=7.0, ms=2.0), ["ms"]) == (7.0, -2.0)


def test_the_archive_is_the_front(bench201):
    rng = random.Random(0)
    full = list(itertools.product(range(5), repeat=6))
    columns = {"valid": [rng.randrange(60) for _ in full], "ms": [rng.randrange(30) for _ in full]}
    archive = ParetoFront("ms")
    result = appnas.search(bench201, Table(full, columns, "valid"), "random", evaluations=60, callbacks=[archive])
    assert sorted(r.step for r in archive.members) == sorted(r.step for r in front(result.history, ["ms"]))
    assert len(archive.members) > 1


def test_the_archive_of_a_resumed_search(chain, regression, tmp_path):
    """What was seen before the kill counts."""
    path = create(tmp_path / "run", {})
    run = Run(path, every=math.inf, events=False)
    settings = baselines.RandomConfig(6, 1)
    with pytest.raises(KilledError):
        baselines.random(chain, regression, settings, callbacks=[run, Killer(run, 3, 4)])
    archive = ParetoFront("parameters")
    result = baselines.random(chain, regression, settings, callbacks=[Run(path, every=math.inf, events=False), archive])
    assert sorted(r.step for r in archive.members) == sorted(r.step for r in front(result.history, ["parameters"]))


def test_hypervolume_by_hand():
    assert hypervolume([(1, 3), (2, 2), (3, 1)], (0, 0)) == 3 + 2 + 1
    assert hypervolume([(1, 3), (2, 2), (1, 1), (2, 2)], (0, 0)) == 5
    assert hypervolume([(-1, 3), (2, -2)], (0, 0)) == 0
    assert hypervolume([(2, 2)], (1, -1)) == 3


def test_an_archive_looks_at_its_members_only(monkeypatch):
    """Whatever was seen before: 3,000 scores of which four are never beaten."""
    compared = []
    monkeypatch.setattr("appnas.loop.pareto.dominates", lambda a, b: compared.append(1) or dominates(a, b))
    history = [record(i, float(i % 4), ms=float(i % 4)) for i in range(3000)]
    archive = ParetoFront("ms")
    for one in history:
        archive.step(None, one)
    assert [r.step for r in archive.members] == [r.step for r in front(history, ["ms"])] == [0, 1, 2, 3]
    assert len(compared) <= 2 * 4 * len(history)
    again = ParetoFront("ms")
    again.start(Loop(None, None, 3000, history=history))
    assert (again.members, again.known) == (archive.members, archive.known)


def test_a_failed_evaluation_is_on_no_front():
    failed = record(7, -math.inf, failed=1.0)
    assert [r.step for r in front([*HISTORY, failed], ["ms"])] == [1, 0, 6]


def test_hypervolume_of_three_by_hand():
    """Two boxes that share one: 1 x 2 x 3 and 2 x 1 x 1 above the origin."""
    assert hypervolume([(1, 2, 3), (2, 1, 1)], (0, 0, 0)) == 6 + 2 - 1
    assert hypervolume([(1, 2, 3), (2, 1, 1), (1, 1, 1), (5, 5, -1), (9, 9, math.nan)], (0, 0, 0)) == 7
    assert hypervolume([(1, 2, 3)], (0, 0, 1)) == 4
    assert hypervolume([(3.0,), (5.0,)], (1.0,)) == 4 and hypervolume([], (0, 0)) == 0
    with pytest.raises(ValueError, match="2 objectives"):
        hypervolume([(1, 2, 3)], (0, 0))


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_hypervolume_is_a_count_of_cells(objectives):
    """Of whole numbers: the unit cells that some point covers."""
    rng = random.Random(objectives)
    for count in range(12):
        points = [tuple(rng.randrange(-1, 6) for _ in range(objectives)) for _ in range(count)]
        inside = [p for p in points if min(p) > 0]
        cells = {c for p in inside for c in itertools.product(*map(range, p))}
        assert hypervolume(points, (0,) * objectives) == len(cells)


def test_of_several_lengths_the_longest_trainings_are_compared():
    rungs = [record(0, 5.0, ms=3.0), record(1, 9.0, ms=1.0), record(2, 6.0, ms=2.0), record(3, 7.0, ms=0.5)]
    history = [told._replace(budget=budget) for told, budget in zip(rungs, (9, 3, 9, 3), strict=True)]
    assert [told.step for told in front(history, ["ms"])] == [2]
    loop, archive = Loop(None, None, 4), ParetoFront("ms")
    archive.start(loop)
    members = []
    for told in history[::-1]:
        archive.step(loop, told)
        members.append([member.step for member in archive.members])
    assert members == [[3], [2], [2], [2]]  # the first of a longer training takes the place of all
    loop.history = history
    archive.start(loop)
    assert [member.step for member in archive.members] == [2]
