"""appnas.run.interrupted: deaths of a process are counted, whatever it left behind."""

import json

import pytest
from misbehaving import InOrder, Misbehaves

from appnas.loop import Loop
from appnas.run.interrupted import FILE, Underway
from appnas.strategy import Draw


def loop(tmp_path, step=0):
    return Loop(InOrder(), Misbehaves(tmp_path / "log", {}), 10, step=step)


def test_a_note_is_there_while_an_evaluation_runs_and_gone_after_it(tmp_path):
    state = loop(tmp_path)
    notes = Underway(tmp_path, state)

    class Looks(Misbehaves):
        def score(self, draw):
            self.seen = json.loads((tmp_path / FILE).read_text())
            return super().score(draw)

    evaluator = Looks(tmp_path / "log", {})
    assert [float(score.value) for score in notes(evaluator, [Draw((4,))])] == [4.0]
    assert evaluator.seen == {"running": [0, [4]], "died": []}
    assert json.loads((tmp_path / FILE).read_text()) == {"running": None, "died": []}
    notes.close()
    assert not (tmp_path / FILE).exists()


def test_deaths_count_for_their_step_and_architecture_alone(tmp_path):
    (tmp_path / FILE).write_text(json.dumps({"running": [3, [4]], "died": [[3, [4], 2]]}))
    state = loop(tmp_path)
    notes = Underway(tmp_path, state)
    assert notes.deaths == {(3, (4,)): 3}
    evaluator = Misbehaves(tmp_path / "log", {})
    assert next(notes(evaluator, [Draw((4,))])).failure is None  # step 0
    state.step = 3
    assert [score.failure and score.failure.kind for score in notes(evaluator, [Draw((5,)), Draw((4,))])] == [
        None,
        "Died",
    ]
    notes.close()
    assert json.loads((tmp_path / FILE).read_text())["died"] == [[3, [4], 3]]
    state.step = 4
    Underway(tmp_path, state).close()
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("left", ["", "{", "[]", "null", '{"running": 3, "died": []}', '{"running": null}'])
def test_half_a_note_is_none(left, tmp_path):
    (tmp_path / FILE).write_text(left)
    assert Underway(tmp_path, loop(tmp_path)).deaths == {}
