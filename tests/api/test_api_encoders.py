import json

import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import appnas
from appnas.agent import load_encoder, make_policy_kwargs
from appnas.domains.rl import Catch, CatchOptions
from appnas.run import domain
from appnas.spaces import Encoder

SPACE = Encoder(channels=(4,), width=(4,), nodes=2, cells=1, depth=1, hidden=16)
CATCH = CatchOptions(side=8, envs=4, rollout=8, batch=32, epochs=1, episodes=4)


class Stopper:
    """Ends a search after two steps, and looks at what is there then."""

    def __init__(self, path):
        self.path, self.seen = path, []

    def start(self, loop):
        pass

    def step(self, loop, record):
        self.seen.append(json.loads((self.path / "encoder.json").read_text())["found"]["step"])
        return loop.step == 2

    def end(self, loop):
        pass


def test_a_run_of_an_agent_keeps_its_encoder(tmp_path):
    """At every snapshot, and at the end that of the result; an agent takes the directory."""
    out = tmp_path / "run"
    stopper = Stopper(out)
    appnas.search(SPACE, domain("catch", CATCH), "rl_darts", steps=128, out=out, callbacks=[stopper])
    assert stopper.seen == [1, 2]
    result = appnas.resume(out)
    found = json.loads((out / "encoder.json").read_text())["found"]
    assert (found["by"], found["step"], found["of"], found["seed"]) == ("rl_darts", 2, len(result.history), 0)
    assert found["config"]["steps"] == 128 and found["domain"]["options"]["side"] == 8
    assert load_encoder(out) == (SPACE, result.best)
    assert make_policy_kwargs(out)["features_extractor_kwargs"]["arch"] == result.best


def test_other_methods_and_several_seeds(tmp_path):
    """The encoder is that of the best; a run of anything else has none."""
    task = Catch(CATCH)
    result = appnas.search(SPACE, task, "random", evaluations=2, budget=32, out=tmp_path / "a")
    assert load_encoder(tmp_path / "a") == (SPACE, result.best)
    result = appnas.search(SPACE, task, "rl_darts", steps=64, seeds=2, out=tmp_path / "b")
    assert load_encoder(tmp_path / "b") == (SPACE, result.best)
    assert all((tmp_path / "b" / f"seed-{seed}" / "encoder.json").exists() for seed in (0, 1))
