import numpy as np
import pytest
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from appnas.domains.rl import Catch, CatchOptions
from appnas.domains.rl.blind import Floor, Same, VecBlind
from appnas.domains.rl.vectors import Catch as CatchEnv
from appnas.domains.rl.vectors import vector

SMALL = {"side": 4, "envs": 4, "rollout": 8, "batch": 16, "epochs": 1, "episodes": 64}


def test_a_floor_by_hand():
    """A paddle of 3 in a frame of 4: it stands left or right. Any single action catches at least as the wall does."""
    domain = Catch(CatchOptions(**SMALL))
    floor = domain.floor()
    left = domain.evaluate(Same(4, 0), "score")["return"]
    assert floor.constant >= left and floor.action in range(3) and -1 <= floor.any <= 1
    assert left == pytest.approx(0.5, abs=0.3)  # three of four columns are above the paddle at the left wall
    assert Floor(0.2, 0.1, 0).best == 0.2
    assert domain.floor(64) == floor, "it is the same at every call"
    assert Catch(CatchOptions(**SMALL, algorithm="dqn")).floor().constant == pytest.approx(floor.constant)


def test_black_frames():
    env = VecBlind(vector(lambda: CatchEnv(4), 2, 0))
    assert not env.reset().any() and env.observation_space.shape == (4, 4, 1)
    steps = [env.step(np.ones(2, int)) for _ in range(3)]
    assert not any(frames.any() for frames, *_ in steps)
    assert not steps[-1][3][0]["terminal_observation"].any() and abs(steps[-1][1]).sum() == 2
    told = VecBlind(DummyVecEnv([lambda: Told()]))
    assert not told.reset()["image"].any()


class Told(CatchEnv):
    """Catch in a dictionary."""

    def __init__(self):
        super().__init__(4)
        self.observation_space = spaces.Dict(image=self.observation_space)

    def _frame(self):
        return {"image": super()._frame()}


def test_a_blind_twin_is_trained_and_scored_on_black_frames():
    seen = []

    class Watch(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(16, 4)

        def forward(self, x):
            seen.append(float(x.abs().max()))
            return self.out(x.flatten(1))

    twin = Catch(CatchOptions(**{**SMALL, "episodes": 4}, blind=True))
    net = Watch()
    twin.fit(net, 32)
    twin.score(net)
    assert len(seen) > 10 and set(seen) == {0.0} and not twin.example(2)[0].any()
    assert twin.fingerprint != Catch(CatchOptions(**{**SMALL, "episodes": 4})).fingerprint
